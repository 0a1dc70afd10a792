"""Show what an experiment found: tables and advice, or one HTML page."""

from __future__ import annotations

from pathlib import Path


def report(folder: Path, *, json: bool = False, html: Path | None = None, data: Path | None = None) -> None:
    """Show an experiment: how often each plan was right, and what it cost.

    It ends in what to buy for which worth of a right answer. Nothing is bought
    by it; an unfinished experiment is shown as far as it came. Where the bench
    recorded its samples (--record), it also says where more samples stop paying.

    Example: outlay report sums --html sums.html

    Parameters
    ----------
    folder:
        The folder that a bench wrote.
    json:
        Print a JSON array with one object a cell instead of the tables.
    html:
        Also write one self-contained HTML page with the pictures.
    data:
        Also write everything that the page shows as one JSON file.
    """
    from outlay.cli import _results
    from outlay.cli._terminal import note

    found = _results.read(folder, _results.recorded(folder))
    _results.tell(found, json=json)
    if html is not None:
        from outlay.report.html import write

        write(found, html)
        note(f"The page is {html}.")
    if data is not None:
        from outlay.report.data import write as write_data

        write_data(found, data)
        note(f"The data are {data}.")
