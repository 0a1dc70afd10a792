"""What reaches the screen: results on standard output, the rest on standard error, hostile text made safe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

PIPE_WIDTH = 160
"""Columns on a pipe, where nobody should be cut off."""


def safe(text: str) -> str:
    r"""`text` without the control characters that could move a cursor or recolour a terminal; lines stay lines.

    Example:
        >>> safe("a\x1b[31mb\nc")
        'a[31mb\nc'
    """
    return "".join(c for c in text if c in "\n\t" or c.isprintable())


def coloured(stream: TextIO) -> bool:
    """Whether to colour a stream: NO_COLOR and FORCE_COLOR decide, else whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def note(text: str) -> None:
    """Tell people something beside the result: dim, on standard error."""
    line = safe(text)
    sys.stderr.write(f"\x1b[2m{line}\x1b[0m\n" if coloured(sys.stderr) else f"{line}\n")
    sys.stderr.flush()


def rows(title: str, columns: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Print a table on standard output, without markup; the first column stays whole, so that it can be copied."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=i == 0)
    for line in lines:
        table.add_row(*(Text(safe(cell)) for cell in line))
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, markup=False)
    if title:
        console.print(Text(title, style="bold"))
    console.print(table)


def json(value: object) -> None:
    """Print one JSON document on standard output."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
