"""The public names: each can be imported, is documented, and none loads anything heavy by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

import outlay


def test_the_list_and_the_places_agree():
    assert sorted(outlay.__all__) == sorted(name for names in outlay._HOME.values() for name in names)


@pytest.mark.parametrize("name", outlay.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(outlay, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_here"):
        outlay.nothing_here  # noqa: B018


def test_import_outlay_loads_nothing_heavy():
    code = (
        "import outlay, sys; print([m for m in ('numpy', 'aiohttp', 'sqlite3', 'msgspec') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
