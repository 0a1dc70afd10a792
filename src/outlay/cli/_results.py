"""The result of an experiment's folder: the same one however often the experiment was interrupted."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outlay.experiments.experiment import Spec
    from outlay.models.recording import Recording
    from outlay.policies._worth import Worth
    from outlay.report.outcome import Outcome
    from outlay.report.summary import PriceLine, Report


def show(out: Path, *, json: bool) -> None:
    """Print an experiment: tables and advice, or the JSON array of its cells.

    Raises:
        UsageError: the folder holds no experiment, or no answers yet.
    """
    tell(read(out), json=json)


def tell(report: Report, *, json: bool) -> None:
    """Print a report: tables and advice, or the JSON array of its cells."""
    if json:
        from outlay.cli import _terminal

        _terminal.json(report.cells)
        return
    from outlay.report import table

    table.write(report, sys.stdout)


def recorded(out: Path) -> list[Recording]:
    """The recordings that a bench wrote into its folder, those with several samples of every question.

    Raises:
        UsageError: a file there is no recording.
    """
    from outlay.models.recording_file import read as opened

    found = [opened(path) for path in sorted((out / "recordings").glob("*.json"))]
    return [
        r for r in found if len({len(q.samples) for q in r.questions}) == 1 and len(r.questions[0].samples) > 1
    ]


def read(
    out: Path,
    recordings: Sequence[Recording] = (),
    worth: Worth | None = None,
    without: Path | None = None,
    offline_usd: float | None = None,
) -> Report:
    """The report of an experiment's folder, with recordings beside it, for what answers are worth if that is said.

    `without`: the folder of the same experiment without the offline work that this one uses; `offline_usd`: what that
    work cost, None for all offline work in the ledger.

    Raises:
        UsageError: a folder holds no experiment, or no answers yet; or the offline work has no known price.
    """
    from outlay.cli import _ledger_sums
    from outlay.errors import UsageError
    from outlay.experiments.experiment import read_outcomes, read_spec
    from outlay.experiments.pool_cells import pool_cells
    from outlay.policies._worth import Worth
    from outlay.report.samples import by_verifier
    from outlay.report.summary import Provenance, summarise

    manifest = read_spec(out)
    outcomes = _ordered(read_outcomes(out), manifest.spec)
    if not outcomes:
        raise UsageError(f"{out} holds no answers yet; run its bench again.")
    finished = (out / "outcomes.jsonl").stat().st_mtime
    return summarise(
        outcomes,
        [cell for r in recordings for cell in pool_cells(r, seed=manifest.spec.seed)],
        samples=[s for r in recordings for s in by_verifier(r)],
        worth=worth or Worth(),
        bills=_ledger_sums.bills(manifest.run_id) if manifest.run_id else (),
        without=[] if without is None else read_outcomes(without),
        offline_usd=0.0
        if without is None
        else _ledger_sums.offline_usd()
        if offline_usd is None
        else offline_usd,
        seed=manifest.spec.seed,
        provenance=Provenance(
            date=datetime.fromtimestamp(finished, UTC).date().isoformat(),
            machine=_machine(),
            seed=manifest.spec.seed,
            command=_command(manifest.spec, out),
            versions={"outlay": manifest.version, "python": platform.python_version()},
            prices=_prices(manifest.spec),
        ),
    )


def _ordered(outcomes: Sequence[Outcome], spec: Spec) -> list[Outcome]:
    """As the experiment lists its parts, in whatever order answers came, so that intervals repeat exactly."""
    strategies = {s: i for i, s in enumerate(dict.fromkeys(o.strategy for o in outcomes))}

    def place(o: Outcome) -> tuple[int, int, int, str]:
        return spec.models.index(o.model), spec.tasks.index(o.task), strategies[o.strategy], o.question_id

    return sorted(outcomes, key=place)


def _machine() -> str:
    from outlay.models.cores import cores

    return f"{platform.system()} on {platform.machine()}, {cores()} cores"


def _command(spec: Spec, out: Path) -> str:
    import shlex

    words = [
        "outlay",
        "bench",
        *spec.tasks,
        "--model",
        *spec.models,
        *(f"{r}={m}" for r, m in spec.roles.items()),
        "--strategy",
        *spec.strategies,
        "--questions",
        str(spec.questions),
        "--seed",
        str(spec.seed),
    ]
    for name in ("verifier", "kind", "temperature", "max_output_tokens", "max_usd"):
        if (value := getattr(spec, name)) is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join([*words, "--out", str(out)])


def _prices(spec: Spec) -> tuple[PriceLine, ...]:
    from outlay import config
    from outlay.cli._prices import known
    from outlay.money import usd
    from outlay.report.summary import PriceLine

    lines = []
    for model in dict.fromkeys((*spec.models, *spec.roles.values())):
        price = known(model, config.read())
        lines.append(
            PriceLine(model)
            if price is None
            else PriceLine(
                model, usd(price.input_nusd_per_mtok), usd(price.output_nusd_per_mtok), price.source, price.date
            )
        )
    return tuple(lines)
