"""What a bench's folder tells about plans: its samples as pilots, and the plans that it ran as they ran."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from outlay import plugins
from outlay.errors import UsageError
from outlay.experiments.experiment import read_outcomes, read_spec
from outlay.experiments.record import record
from outlay.models.recording_file import read
from outlay.money import NUSD
from outlay.policies._menu import Beliefs, Entry, menu_of
from outlay.policies._pilot import FEWEST_QUESTIONS, Pilot, of_recording
from outlay.report.offer import named
from outlay.report.outcome import Outcome
from outlay.store.protocol import Store
from outlay.types import Plan


class Benched(Struct, frozen=True):
    """The plans of one task that an experiment can tell about, on the questions that all of them answered."""

    task: str
    menu: tuple[Entry, ...]
    beliefs: Beliefs
    pilots: tuple[Pilot, ...]
    left_out: tuple[str, ...]


async def benched(
    out: Path, *, value_usd: float | None = None, seed: int = 0, store: Store | None = None
) -> list[Benched]:
    """One menu a task of an experiment's folder; nothing is bought.

    Samples become pilots (by the recordings that `outlay bench --record` writes, made here if need be), so that
    plans compete which were never run; a plan that was run and that no pool tells about (one with a verifier, say)
    stands as it ran. Oracle plans never compete. Where the ledger no longer holds the samples, only what was run
    competes.

    Args:
        out: the folder of a bench.
        value_usd: the worth of a right answer that `adaptive` weighs.
        seed: of the orders on which sequential rules are played.
        store: the ledger; None is the one in outlay's home.

    Raises:
        UsageError: the folder holds no experiment, or too few questions of every task.
    """
    spec, outcomes = read_spec(out).spec, [o for o in read_outcomes(out) if not o.oracle]
    if spec.framings:
        raise UsageError(
            f"{out} asked within framings, which a planned purchase has not; bench without --framing."
        )
    said: list[str] = []
    pilots: list[tuple[str, Pilot]] = []
    try:
        for made in await record(out, store=store):
            if made.samples > 1 and made.questions >= FEWEST_QUESTIONS:
                pilots.append((made.task, of_recording(made.model, read(made.path))))
    except UsageError as missing:
        said.append(f"Only the plans that were run compete: {missing}")
    found = []
    for task in spec.tasks:
        mine = [o for o in outcomes if o.task == task]
        own = [p for t, p in pilots if t == task]
        if len({o.question_id for o in mine}) >= FEWEST_QUESTIONS:
            found.append(_of_task(task, mine, own, said, value_usd, seed))
    if not found:
        raise UsageError(
            f"{out} holds fewer than {FEWEST_QUESTIONS} answered questions of every task; go on with it."
        )
    return found


def _of_task(
    task: str,
    outcomes: Sequence[Outcome],
    pilots: Sequence[Pilot],
    said: Sequence[str],
    value_usd: float | None,
    seed: int,
) -> Benched:
    several = len({o.model for o in outcomes}) > 1
    cells: dict[str, list[Outcome]] = {}
    for o in outcomes:
        cells.setdefault(named(o.strategy, o.verifier) + (f" on {o.model}" if several else ""), []).append(o)
    sets = [{o.question_id for o in cell} for cell in cells.values()] + [set(p.ids) for p in pilots]
    ids = tuple(sorted(set.intersection(*sets)))
    if len(ids) < FEWEST_QUESTIONS:
        raise UsageError(
            f"The plans of {task} have only {len(ids)} questions in common, and a plan needs "
            f"{FEWEST_QUESTIONS}; run the bench to its end."
        )
    common = [p.rows(np.array([p.ids.index(i) for i in ids])) for p in pilots]
    menu, beliefs = menu_of(common, value_usd=value_usd, seed=seed) if common else ((), None)
    rows = {name: [{o.question_id: o for o in cell}[i] for i in ids] for name, cell in cells.items()}
    menu = tuple(replace(e, name=_with_model(e, several)) for e in menu)
    beliefs = None if beliefs is None else _timed(menu, beliefs, rows)
    extra = [name for name in rows if name not in {e.name for e in menu}]
    entries = tuple(_entry(name, rows[name][0]) for name in extra)
    ran = [_as_run(rows[name]) for name in extra]
    whole = _joined(beliefs, ran)
    return Benched(task, menu + entries, whole, tuple(common), tuple(said))


def _with_model(entry: Entry, several: bool) -> str:
    """The name as the outcomes are called, also where only one of several models has a pilot."""
    suffix = f" on {' then '.join(entry.models)}"
    return entry.name if not several or entry.name.endswith(suffix) else entry.name + suffix


def _entry(name: str, outcome: Outcome) -> Entry:
    spec = plugins.spec("strategy", outcome.strategy, beside=("verifier",))
    plan = Plan(spec.name, spec.parameters, outcome.verifier or None, None, {"default": outcome.model})
    return Entry(name, plan, (outcome.model,), int(spec.parameters.get("n", 1)))


def _as_run(cell: Sequence[Outcome]) -> tuple[np.ndarray, ...]:
    right = np.array([float(o.correct) for o in cell])
    answered = np.array([float(o.answer is not None or o.correct) for o in cell])
    usd = np.array([np.nan if o.cost_nusd is None else o.cost_nusd / NUSD for o in cell])
    return right, answered, usd, _seconds(cell)


def _seconds(cell: Sequence[Outcome]) -> np.ndarray:
    live = all(o.source == "live" for o in cell)
    return np.array([o.latency_s if live else np.nan for o in cell])


def _timed(menu: Sequence[Entry], beliefs: Beliefs, rows: dict[str, list[Outcome]]) -> Beliefs:
    """Recordings keep no times; what was run live has them."""
    latency = beliefs.latency_s_QP.copy()
    for j, entry in enumerate(menu):
        if entry.name in rows:
            latency[:, j] = _seconds(rows[entry.name])
    return replace(beliefs, latency_s_QP=latency)


def _joined(beliefs: Beliefs | None, ran: Sequence[tuple[np.ndarray, ...]]) -> Beliefs:
    columns = [np.column_stack([r[i] for r in ran]) if ran else None for i in range(4)]
    known = (
        [None] * 4
        if beliefs is None
        else [beliefs.right_QP, beliefs.answered_QP, beliefs.usd_QP, beliefs.latency_s_QP]
    )
    right, answered, usd, seconds = (
        np.column_stack([part for part in (a, b) if part is not None])
        for a, b in zip(known, columns, strict=True)
    )
    most = [] if beliefs is None else list(beliefs.most_usd_P)
    most += [float(np.max(r[2])) for r in ran]
    return Beliefs(right, answered, usd, seconds, np.array(most))
