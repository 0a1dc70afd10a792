"""A real small model for tests: pulled once and kept in a cache folder that survives.

`OUTLAY_TEST_HOME` chooses the folder; the default is `~/.cache/outlay-tests`. A test module takes the fixture
with `pytest_plugins = ("local_models",)`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outlay.models.pull import pull


def cached(name: str) -> Path:
    """The file of a catalogue model in the tests' own cache, pulled on first use."""
    kept = os.environ.get("OUTLAY_TEST_HOME", "~/.cache/outlay-tests")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTLAY_HOME", str(Path(kept).expanduser()))
        return pull(name).path


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The file of SmolLM2-135M-Instruct, 98 MB."""
    pytest.importorskip("xllamacpp", reason="needs the extra `local`")
    return cached("smollm2-135m")
