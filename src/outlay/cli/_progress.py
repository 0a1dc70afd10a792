"""How far something has come, on standard error: a bar on a terminal, a line now and then on a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY_S = 5.0
"""Seconds between lines on a pipe."""

Show = Callable[[float, float | None, str], None]
"""Is told (done, of or None, what to say beside it)."""


@contextmanager
def progress(unit: str) -> Iterator[Show]:
    """A function to tell how far things are, while the block runs.

    Args:
        unit: what is counted, such as `answers`; `bytes` are shown as MB.
    """
    if not sys.stderr.isatty():
        yield _lines(unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    columns = (
        BarColumn(24),
        TextColumn("{task.fields[count]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, count="", said="")

        def show(done: float, of: float | None, said: str) -> None:
            bar.update(task, completed=done, total=of, count=_count(done, of, unit), said=Text(said).plain)

        yield show


def _lines(unit: str) -> Show:
    last_s = -EVERY_S

    def show(done: float, of: float | None, said: str) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s >= EVERY_S or (of is not None and done >= of):
            last_s = now_s
            sys.stderr.write(f"{_count(done, of, unit)}{'; ' if said else ''}{said}\n")
            sys.stderr.flush()

    return show


def _count(done: float, of: float | None, unit: str) -> str:
    if unit == "bytes":
        return f"{done / 1e6:,.0f}{'' if of is None else f' of {of / 1e6:,.0f}'} MB"
    return f"{done:,.0f}{'' if of is None else f' of {of:,.0f}'} {unit}"
