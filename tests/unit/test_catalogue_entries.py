"""The catalogue's facts hold together."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from outlay.models.catalogue import CATALOGUE, HUB, Entry, Wheels


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=str)
def test_every_entry_is_pinned_licensed_and_has_a_second_source(entry: Entry):
    assert CATALOGUE[entry.name] is entry
    assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
    assert entry.size_bytes > 10**7
    assert entry.licence
    first, *others = entry.sources
    assert isinstance(first, str)
    assert first.startswith(f"{HUB}/")
    assert urlsplit(first).path.endswith(".gguf")
    assert others


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=str)
def test_every_package_is_pinned_to_one_version(entry: Entry):
    wheels = [source for source in entry.sources if isinstance(source, Wheels)]
    for package in [package for source in wheels for package in source.packages]:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", package)
