"""The fixture `shell`: a `terminal.Shell` with a server that is up. `pytest_plugins = ("command_line",)`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from terminal import Shell
from upstream import Upstream


@pytest_asyncio.fixture
async def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Shell]:
    """A shell whose server is up; the current folder is its home."""
    for name in ("OPENAI_API_KEY", "OUTLAY_MAX_USD", "OUTLAY_DATABASE_URL", "OUTLAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    async with Upstream() as up:
        monkeypatch.setenv("OPENAI_BASE_URL", up.base_url)
        yield Shell(up, tmp_path, capsys)
