"""What one right answer costs question by question: of each plan, of all models together, and without each model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from outlay.economics.cost_of_pass import cost_of_pass, essentialness, frontier_value, gain, success_rate
from outlay.money import NUSD
from outlay.report.cells import by_cell
from outlay.report.outcome import Outcome
from outlay.report.resampling import DRAWS, Range, outward
from outlay.report.samples import Samples
from outlay.stats.resampled_means import resampled_means

Floats = NDArray[np.float64]
LEAST_RUNS = 4
"""Runs a question below which nothing is said: the prior would outweigh the data (our choice)."""
LEAST_QUESTIONS = 5
"""Questions below which an interval over questions says nothing (our choice)."""


class Value(Struct, frozen=True):
    """V_D, the mean over questions of the cost of one right answer, in dollars.

    `usd` takes the raw success rates and is None where a question was never solved (there it is infinite);
    `smoothed_usd` takes the rates (right + 1/2) / (runs + 1), which are never 0. `unsolved` counts the questions
    without a right run. The intervals are over questions; the upper end of the smoothed one allows for one more
    question that no run solves, without which it would be far too short where few questions are hard.
    """

    usd: float | None
    interval: Range | None
    smoothed_usd: float
    smoothed_interval: Range
    unsolved: int


class PlanCost(Struct, frozen=True):
    """The value of one plan; a checker's price counts only if the plan paid it."""

    plan: str
    model: str
    value: Value


class ModelCost(Struct, frozen=True):
    """What one model adds to the others, by its plain plan.

    `cheapest_on`: the share of questions on which its right answers are the cheapest. `only`: questions that no
    other model ever solved. `gain_usd`: what the mean cheapest right answer would cost more without it, and
    `essentialness` the same as a share of the cost without it, both by smoothed rates; `raw_essentialness` by raw
    ones, 1 where only this model solves every question.
    """

    model: str
    cheapest_on: float
    only: int
    gain_usd: float
    gain_interval: Range
    essentialness: float
    essentialness_interval: Range
    raw_essentialness: float


class TaskCost(Struct, frozen=True):
    """The costs of right answers on one task from one source, on the questions that all plans have in common.

    `frontier` takes the cheapest model of each question. `models` is empty where there is only one.
    """

    task: str
    source: str
    questions: int
    runs: int
    """The fewest runs of a question under a plan."""
    plans: tuple[PlanCost, ...]
    frontier: Value
    models: tuple[ModelCost, ...]


class _Tried(Struct, frozen=True):
    plan: str
    model: str
    plain: bool
    by_id: dict[str, tuple[int, float, float]]
    """Of each question: runs, right ones, dollars a run."""


def costs_by_question(outcomes: Sequence[Outcome], samples: Sequence[Samples], *, seed: int) -> list[TaskCost]:
    """V_D = mean over questions of C / R of every plan, the frontier over models, and what each model adds.

    Only where a plan ran at least 4 times on each of at least 5 questions, with known prices: recorded samples,
    or repeated outcomes. Other plans are passed over; what the bill divided by right answers is, without repeats,
    stands in the cells. Plans that saw the key are left out. It presumes that a right answer is recognised for
    free, and the choice of the cheapest model of each question is made on the same runs, so a frontier over many
    models looks a little too cheap.

    Args:
        outcomes: in any order; several of a question under one plan are its runs.
        samples: recorded samples; each is a run of the plan `single`.
        seed: seed of the intervals.

    Returns:
        One entry a source and task with such plans.

    Source:
        Cost-of-Pass, Erol et al. 2025 (arXiv 2504.13359), section 2. The smoothed rates, and their intervals over
        questions, are ours.

    Example:
        >>> ids, right = tuple("abcde"), np.array([[1, 1, 0, 0]] * 5, bool)
        >>> found = costs_by_question([], [Samples("sums", "m", ids, right, np.full(5, 0.01))], seed=1)
        >>> print(found[0].frontier.usd)
        0.02
    """
    groups: dict[tuple[str, str], list[_Tried]] = {}
    for key, of in by_cell(o for o in outcomes if not o.oracle).items():
        plan = key.strategy + (f" checked by {key.verifier}" if key.verifier else "")
        plain = key.strategy.split(":")[0] == "single" and not key.verifier
        tried = _Tried(plan, key.model, plain, _runs(of))
        groups.setdefault((key.source, key.task), []).append(tried)
    for s in samples:
        if s.attempt_usd_Q is not None:
            groups.setdefault(("pools", s.task), []).append(_Tried("single", s.model, True, _drawn(s)))
    found = [_task(task, source, group, seed) for (source, task), group in groups.items()]
    return [t for t in found if t is not None]


def _runs(outcomes: Sequence[Outcome]) -> dict[str, tuple[int, float, float]]:
    by_id: dict[str, list[Outcome]] = {}
    for o in outcomes:
        by_id.setdefault(o.question_id, []).append(o)
    return {
        id: (
            len(of),
            float(sum(o.correct and not o.failed for o in of)),
            sum(np.nan if o.cost_nusd is None else o.cost_nusd for o in of) / NUSD / len(of),
        )
        for id, of in by_id.items()
    }


def _drawn(s: Samples) -> dict[str, tuple[int, float, float]]:
    runs, usd_Q = s.correct_QS.shape[1], s.attempt_usd_Q
    assert usd_Q is not None
    right_Q = s.correct_QS.sum(axis=1)
    return {id: (runs, float(r), float(c)) for id, r, c in zip(s.ids, right_Q, usd_Q, strict=True)}


def _task(task: str, source: str, group: Sequence[_Tried], seed: int) -> TaskCost | None:
    often = [
        t
        for t in group
        if t.by_id
        and min(n for n, _, _ in t.by_id.values()) >= LEAST_RUNS
        and np.isfinite([usd for _, _, usd in t.by_id.values()]).all()
    ]
    ids = sorted(set.intersection(*(set(t.by_id) for t in often))) if often else []
    if len(ids) < LEAST_QUESTIONS:
        return None
    table_PQ3 = np.array([[t.by_id[i] for i in ids] for t in often])
    runs, right, usd = table_PQ3[..., 0], table_PQ3[..., 1], table_PQ3[..., 2]
    raw_PQ = cost_of_pass(usd, success_rate(right, runs))
    smooth_PQ = cost_of_pass(usd, success_rate(right, runs, smoothed=True))
    models = list(dict.fromkeys(t.model for t in often))
    own = [_plain([p for p, t in enumerate(often) if t.model == m], often, usd) for m in models]
    never_P = cost_of_pass(usd.mean(axis=1), success_rate(0, runs.mean(axis=1), smoothed=True))
    frontier = _value(
        frontier_value(raw_PQ[own]), frontier_value(smooth_PQ[own]), float(never_P[own].min()), seed
    )
    plans = tuple(
        PlanCost(t.plan, t.model, _value(raw_PQ[p], smooth_PQ[p], float(never_P[p]), seed))
        for p, t in enumerate(often)
    )
    adds = tuple(
        _model(m, i, raw_PQ[own], smooth_PQ[own], never_P[own], seed)
        for i, m in enumerate(models)
        if len(models) > 1
    )
    return TaskCost(task, source, len(ids), int(runs.min()), plans, frontier, adds)


def _plain(rows: Sequence[int], often: Sequence[_Tried], usd_PQ: Floats) -> int:
    """The plain plan of a model, else its cheapest."""
    return min(rows, key=lambda p: (not often[p].plain, usd_PQ[p].mean()))


def _value(raw_Q: Floats, smooth_Q: Floats, never: float, seed: int) -> Value:
    """`never`: the smoothed value of a question that no run solves."""
    solved = np.isfinite(raw_Q)
    known = bool(solved.all())
    columns = np.column_stack([smooth_Q, raw_Q if known else smooth_Q])
    means_DC = resampled_means(columns, draws=DRAWS, seed=seed)
    return Value(
        usd=float(raw_Q.mean()) if known else None,
        interval=outward(means_DC[:, 1]) if known else None,
        smoothed_usd=float(smooth_Q.mean()),
        smoothed_interval=_upward(outward(means_DC[:, 0]), smooth_Q[:, None], [never], seed),
        unsolved=int((~solved).sum()),
    )


def _upward(plain: Range, columns_QC: Floats, never_C: Sequence[float], seed: int) -> Range:
    """The interval of a mean or a share of means, its upper end with one more question: the dearest kind.

    A few questions that hardly any run solves hold much of such a mean, and a sample may hold none of them.
    """
    means_DC = resampled_means(np.vstack([columns_QC, never_C]), draws=DRAWS, seed=seed)
    high = outward(means_DC[:, 0] if len(never_C) == 1 else _shares(means_DC))[1]
    return plain[0], None if plain[1] is None or high is None else max(plain[1], high)


def _model(model: str, i: int, raw_MQ: Floats, smooth_MQ: Floats, never_M: Floats, seed: int) -> ModelCost:
    others = np.arange(len(raw_MQ)) != i
    gain_Q = gain(smooth_MQ[[i]], smooth_MQ[others])
    without_Q = frontier_value(smooth_MQ[others])
    columns_QC = np.column_stack([gain_Q, without_Q])
    means_DC = resampled_means(columns_QC, draws=DRAWS, seed=seed)
    never = float(never_M[others].min())
    spared = never - float(frontier_value(smooth_MQ).mean())
    return ModelCost(
        model=model,
        cheapest_on=float((gain_Q > 0).mean()),
        only=int((np.isfinite(raw_MQ[i]) & ~np.isfinite(raw_MQ[others]).any(axis=0)).sum()),
        gain_usd=float(gain_Q.mean()),
        gain_interval=_upward(outward(means_DC[:, 0]), gain_Q[:, None], [spared], seed),
        essentialness=essentialness(smooth_MQ, ~others),
        essentialness_interval=_upward(outward(_shares(means_DC)), columns_QC, [spared, never], seed),
        raw_essentialness=essentialness(raw_MQ, ~others),
    )


def _shares(means_DC: Floats) -> Floats:
    """The first column's part of the second; 0 where that is 0."""
    return np.divide(means_DC[:, 0], means_DC[:, 1], out=np.zeros(len(means_DC)), where=means_DC[:, 1] > 0)
