"""Writes docs/commands.md from the command line's own help, so that the two cannot differ (`make docs`)."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from outlay.cli import application, commands, main

PAGE = Path(__file__).parent / "commands.md"


def page() -> str:
    """The whole page: the help of outlay and of each command, 100 columns wide, without colour."""
    parts = ["# Commands\n\nThis page is the command line's own help (`make docs` writes it).\n"]
    for words in ([], *(words for name in commands() for words in _with_its_own(name))):
        title = " ".join(["outlay", *words])
        parts.append(f"## {title}\n\n```text\n{_help(words)}\n```\n")
    return "\n".join(parts)


def _with_its_own(name: str) -> list[list[str]]:
    """A command and the commands under it."""
    return [[name], *([name, under] for under in application()[name] if not under.startswith("-"))]


def _help(words: list[str]) -> str:
    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        main([*words, "--help"])
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
