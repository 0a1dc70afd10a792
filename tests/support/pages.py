"""The pages of the documentation, taken apart: code blocks, inline code, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


class Block(NamedTuple):
    """A fenced block: its page, the line it starts in, its language, its text, and what the page says it prints."""

    page: str
    line: int
    language: str
    text: str
    prints: str
    """The text block right after it, or empty."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Every block of all pages in one of these languages, in order."""
    return [b for page in PAGES for b in of_page(page) if b.language in languages]


def of_page(page: Path) -> list[Block]:
    """The blocks of one page."""
    found = []
    text = page.read_text("utf-8")
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", text, re.M | re.S):
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(page.name, line, match[1], match[2], match[3] or ""))
    return found


def inline(page: Path) -> list[str]:
    """The inline code of a page, blocks left out."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    return re.findall(r"`([^`\n]+)`", prose)


def tables(page: Path, first: str) -> list[str]:
    """The inline code in the first cells of the table whose header's first cell is `first`."""
    text = page.read_text("utf-8")
    head = re.search(rf"^\| {re.escape(first)} \|.*\n\|[ -|]+\n((?:\|.*\n)+)", text, re.M)
    assert head, f"{page.name} has no table with the first header cell {first!r}"
    cells = (row.split("|")[1] for row in head[1].splitlines())
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]
