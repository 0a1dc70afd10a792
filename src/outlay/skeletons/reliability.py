"""What is known of a scorer of prefixes: how well it told right chains from wrong ones at each depth, and where.

`outlay scorer` writes it into `scorers.json` in outlay's home, one entry a scorer and model; searches read it and
say where what they chose was a guess.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from outlay import config
from outlay.run import Run
from outlay.skeletons.findings import keep_finding, read_findings
from outlay.stats.depth_calibration import Depth

FILE, WHAT = "scorers.json", "calibrations of scorers"
UNKNOWN = "score of the chain, not calibrated (`outlay scorer` does that)"


class Reliability(Struct, frozen=True):
    """A scorer's calibration on the chains of one model."""

    scorer: str
    model: str
    """The model's identity."""
    task: str
    questions: int
    depths: tuple[Depth, ...]


def told(found: Reliability) -> tuple[str, str]:
    """What to say of a scorer: the source of its scores, and a warning that is empty where it beats chance throughout.

    Example:
        >>> told(Reliability("step_rules", "m", "sums", 40, (Depth(1, 80, 40, 0.25, 0.5, 0.38, 0.62),)))[1][:52]
        'step_rules is not shown to beat chance at depth 1 (A'
    """
    on = f"on {found.questions} questions of {found.task}"
    weak = [d for d in found.depths if not d.beats_chance]
    source = f"score of the chain, not calibrated; its scorer's reliability by depth is known {on}"
    if not weak:
        return source, ""
    shown = ", ".join(str(d.depth) for d in weak)
    aucs = ", ".join("none" if d.auc is None else f"{d.auc:.2f}" for d in weak)
    depths = "depth" if len(weak) == 1 else "depths"
    return source, (
        f"{found.scorer} is not shown to beat chance at {depths} {shown} (AUC {aucs} {on}): "
        "what it chose there may be a guess"
    )


async def look_up(run: Run) -> tuple[str, str]:
    """The source of this run's scores and a warning, by what is kept of its verifier and model; traced for replay.

    Raises:
        UsageError: the file is there and cannot be read.
    """
    name = run.verifier_name
    if not name:
        return UNKNOWN, ""

    async def look() -> dict[str, Any]:
        found = find(name, run.card().identity)
        return {} if found is None else msgspec.to_builtins(found)

    seen = await run.observe("reliability", look)
    return told(msgspec.convert(seen, Reliability)) if seen else (UNKNOWN, "")


def path() -> Path:
    """Where reliabilities are kept."""
    return config.home() / FILE


def read() -> list[Reliability]:
    """Every reliability that is kept; none where there is no file.

    Raises:
        UsageError: the file is not what it should be.
    """
    return read_findings(path(), Reliability, WHAT)


def find(scorer: str, model: str) -> Reliability | None:
    """What is known of a scorer on a model, or None."""
    return next((r for r in read() if _place(r) == (scorer, model)), None)


def keep(new: Reliability) -> Path:
    """Write a reliability in the place of an older one of its scorer and model; returns the file.

    Raises:
        StoreError: it cannot be written.
    """
    return keep_finding(path(), new, WHAT, _place)


def _place(of: Reliability) -> tuple[str, str]:
    return of.scorer, of.model
