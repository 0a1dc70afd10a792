"""Runs `outlay` against the fake upstream: in a thread of this process, with a home of its own.

    async def test_it(shell):
        shell.up.script(status(500))
        assert await shell("ask", "17 * 23?") == 1
        assert "failed (500)" in shell.err

`shell.config(...)` prices the fake model; without it no price is known.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from upstream import Call, Upstream, chat

from outlay.cli import main

FREE = "free = true"
PRICED = "input_usd_per_mtok = 1.0\noutput_usd_per_mtok = 2.0"


class Shell:
    """One user's terminal: a home, a server, and what the last command said."""

    def __init__(self, up: Upstream, home: Path, capsys: pytest.CaptureFixture[str]):
        self.up, self.home, self._capsys = up, home, capsys
        self.out = self.err = ""

    async def __call__(self, *words: object) -> int:
        """The exit code of a command; `out` and `err` hold what it wrote."""
        code = await asyncio.to_thread(main, [str(w) for w in words])
        self.out, self.err = self._capsys.readouterr()
        return code

    def config(self, lines: str = PRICED, *, base_url: str | None = None) -> None:
        """Write an outlay.toml whose model `fake` is the upstream's."""
        url = base_url or self.up.base_url
        text = f'default = "fake"\n[models.fake]\nmodel = "fake"\nbase_url = "{url}"\n{lines}\n'
        (self.home / "outlay.toml").write_text(text)

    def saved(self, folder: str = "d") -> bytes:
        """The outcomes of an experiment's folder."""
        return (self.home / folder / "outcomes.jsonl").read_bytes()

    @property
    def sentence(self) -> str:
        """The one sentence of a failure: the only line of standard error that outlay begins."""
        told = [line for line in self.err.splitlines() if line.startswith("outlay: ")]
        assert len(told) == 1, self.err
        assert "Traceback" not in self.err
        return told[0].removeprefix("outlay: ")

    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


async def adder(call: Call) -> web.StreamResponse:
    """Answers a sum: rightly where the seed is even, one too many where it is odd."""
    asked = str(call.body["messages"][-1]["content"]).partition("problem: ")[2].partition("=")[0]
    total = sum(int(term.replace(" ", "")) for term in re.findall(r"(?:[+-] )?\d+", asked))
    off = int(call.body.get("seed") or 0) % 2
    return await chat(f"Answer: {total + off}")(call)
