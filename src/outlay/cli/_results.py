"""The result of an experiment's folder: the same one however often the experiment was interrupted."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outlay.experiment import Spec
    from outlay.report.outcome import Outcome, PoolCell
    from outlay.report.summary import PriceLine, Report


def show(out: Path, *, json: bool, pools: Sequence[PoolCell] = ()) -> None:
    """Print an experiment, beside recorded pools: tables and advice, or the JSON array of its cells.

    Raises:
        UsageError: the folder holds no experiment, or no answers yet.
    """
    report = read(out, pools)
    if json:
        from outlay.cli import _terminal

        _terminal.json(report.cells)
        return
    from outlay.report import table

    table.write(report, sys.stdout)


def read(out: Path, pools: Sequence[PoolCell] = ()) -> Report:
    """The report of an experiment's folder, with recorded pools beside it.

    Raises:
        UsageError: the folder holds no experiment, or no answers yet.
    """
    from outlay.errors import UsageError
    from outlay.experiment import read_outcomes, read_spec
    from outlay.report.summary import Provenance, summarise

    manifest = read_spec(out)
    outcomes = _ordered(read_outcomes(out), manifest.spec)
    if not outcomes:
        raise UsageError(f"{out} holds no answers yet; run its bench again.")
    finished = (out / "outcomes.jsonl").stat().st_mtime
    return summarise(
        outcomes,
        pools,
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
