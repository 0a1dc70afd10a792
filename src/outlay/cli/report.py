"""Show what an experiment found: tables and advice, or one HTML page."""

from __future__ import annotations

from pathlib import Path


def report(folder: Path, *, json: bool = False, html: Path | None = None) -> None:
    """Show an experiment: how often each plan was right, and what it cost.

    It ends in what to buy for which worth of a right answer. Nothing is bought
    by it; an unfinished experiment is shown as far as it came.

    Example: outlay report sums --html sums.html

    Parameters
    ----------
    folder:
        The folder that a bench wrote.
    json:
        Print a JSON array with one object a cell instead of the tables.
    html:
        Also write one self-contained HTML page with the pictures.
    """
    from outlay.cli import _results
    from outlay.cli._terminal import note

    _results.show(folder, json=json)
    if html is not None:
        from outlay.report.html import write

        write(_results.read(folder), html)
        note(f"The page is {html}.")
