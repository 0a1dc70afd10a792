"""Show what an experiment found: tables and advice, or one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outlay.policies._worth import Worth


def report(
    folder: Path,
    *,
    value_usd: str | None = None,
    wrong_usd: str | None = None,
    usd_per_s: str | None = None,
    without: Path | None = None,
    offline_usd: str | None = None,
    record: bool = False,
    json: bool = False,
    html: Path | None = None,
    data: Path | None = None,
) -> None:
    """Show an experiment: how often each plan was right, and what it cost.

    It ends in what to buy for which worth of a right answer. Nothing is bought
    by it; an unfinished experiment is shown as far as it came. Where the bench
    recorded its samples (--record), it also says where more samples stop paying,
    and, if a verifier checked them, what its checks are worth.

    Example: outlay report sums --html sums.html

    Parameters
    ----------
    folder:
        The folder that a bench wrote.
    value_usd:
        What a right answer is worth, in dollars: the best number of checked tries then counts their price.
    wrong_usd:
        What a wrong answer costs, in dollars; 0 unless given (the best number of tries then takes a right one's worth).
    usd_per_s:
        What a second of waiting costs, in dollars; 0 unless given.
    without:
        The folder of the same bench without the offline work that FOLDER uses: says when that work has paid back.
    offline_usd:
        What that work cost, in dollars; all offline work in the ledger unless given.
    record:
        First write the samples into FOLDER/recordings, as the bench does with --record; they come from the ledger.
    json:
        Print a JSON array with one object a cell instead of the tables.
    html:
        Also write one self-contained HTML page with the pictures.
    data:
        Also write everything that the page shows as one JSON file.
    """
    from outlay.cli import _results
    from outlay.cli._terminal import note

    worth = _worth(value_usd, wrong_usd, usd_per_s)
    if record:
        from outlay.cli.bench import write_recordings

        write_recordings(folder)
    offline = _offline(without, offline_usd)
    found = _results.read(folder, _results.recorded(folder), worth, without, offline)
    _results.tell(found, json=json)
    if html is not None:
        from outlay.report.html import write

        write(found, html)
        note(f"The page is {html}.")
    if data is not None:
        from outlay.report.data import write as write_data

        write_data(found, data)
        note(f"The data are {data}.")


def _offline(without: Path | None, offline_usd: str | None) -> float | None:
    from outlay.errors import UsageError
    from outlay.experiments.experiment import read_spec
    from outlay.money import NUSD, nusd

    if without is None:
        if offline_usd is not None:
            raise UsageError("--offline-usd needs the same bench without the offline work (--without DIR).")
        return None
    read_spec(without)
    return None if offline_usd is None else nusd(offline_usd) / NUSD


def _worth(value_usd: str | None, wrong_usd: str | None, usd_per_s: str | None) -> Worth:
    from outlay.errors import UsageError
    from outlay.money import NUSD, nusd
    from outlay.policies._worth import Worth

    value, wrong, waiting = (None if t is None else nusd(t) / NUSD for t in (value_usd, wrong_usd, usd_per_s))
    if value is not None and value <= 0:
        raise UsageError("A right answer must be worth something (--value-usd above 0).")
    return Worth(value, wrong or 0.0, waiting or 0.0).checked()
