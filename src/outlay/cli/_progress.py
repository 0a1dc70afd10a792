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
    line = _Line(unit)
    if not sys.stderr.isatty():
        yield _now_and_then(line)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(24), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(done: float, of: float | None, said: str) -> None:
            bar.update(task, completed=done, total=of, description=line(done, of, said))

        yield show


class _Line:
    """What is told of a state: the count, what is said beside it, and the time left at the pace since the start."""

    def __init__(self, unit: str):
        self._unit = unit
        self._first: tuple[float, float] | None = None

    def __call__(self, done: float, of: float | None, said: str) -> str:
        now_s = time.monotonic()
        first_done, first_s = self._first = self._first or (done, now_s)
        told = [_count(done, of, self._unit), said]
        if of is not None and first_done < done < of:
            left_s = (now_s - first_s) / (done - first_done) * (of - done)
            told.append(f"{int(left_s) // 60}:{int(left_s) % 60:02} left")
        return ", ".join(filter(None, told))


def _now_and_then(line: _Line) -> Show:
    last_s = -EVERY_S

    def show(done: float, of: float | None, said: str) -> None:
        nonlocal last_s
        text, now_s = line(done, of, said), time.monotonic()
        if now_s - last_s >= EVERY_S or (of is not None and done >= of):
            last_s = now_s
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    return show


def _count(done: float, of: float | None, unit: str) -> str:
    if unit == "bytes":
        return f"{done / 1e6:,.0f}{'' if of is None else f' of {of / 1e6:,.0f}'} MB"
    named = unit.removesuffix("s") if done == 1 and of is None else unit
    return f"{done:,.0f}{'' if of is None else f' of {of:,.0f}'} {named}"
