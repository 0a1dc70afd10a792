"""What one right answer costs question by question: of each plan, of all models together, and without each model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from outlay.economics.cost_of_pass import cost_of_pass, essentialness, frontier_value, gain, success_rate
from outlay.money import NUSD
from outlay.report.cells import by_cell
from outlay.report.cost_intervals import drawn_anew, saving_range, share_range, value_range
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
    without a right run. The intervals are over questions; the smoothed one draws their runs anew too, without which
    it would be far too short where few questions are hard.
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
    tried = _Costs(
        raw_PQ=cost_of_pass(usd, success_rate(right, runs)),
        smooth_PQ=cost_of_pass(usd, success_rate(right, runs, smoothed=True)),
        anew_PN=_anew(right, runs, usd, seed),
        never_P=cost_of_pass(usd.mean(axis=1), success_rate(0, runs.mean(axis=1), smoothed=True)),
        always_PQ=cost_of_pass(usd, success_rate(runs, runs, smoothed=True)),
    )
    models = list(dict.fromkeys(t.model for t in often))
    own = tried.of([_plain([p for p, t in enumerate(often) if t.model == m], often, usd) for m in models])
    return TaskCost(
        task,
        source,
        len(ids),
        int(runs.min()),
        plans=tuple(PlanCost(t.plan, t.model, _value(tried.of([p]), seed)) for p, t in enumerate(often)),
        frontier=_value(own, seed),
        models=tuple(_model(m, i, own, seed) for i, m in enumerate(models) if len(models) > 1),
    )


class _Costs(Struct, frozen=True):
    """Dollars of a right answer under each plan: by raw rates, smoothed ones, and those of runs drawn anew.

    `never_P` is that of a question that no run solves, `always_PQ` those if every run solved every question.
    """

    raw_PQ: Floats
    smooth_PQ: Floats
    anew_PN: Floats
    never_P: Floats
    always_PQ: Floats

    def of(self, rows: Sequence[int] | NDArray[np.int64]) -> _Costs:
        """Those of some plans."""
        return _Costs(*(getattr(self, name)[rows] for name in self.__struct_fields__))


def _anew(right_PQ: Floats, runs_PQ: Floats, usd_PQ: Floats, seed: int) -> Floats:
    right_PN = drawn_anew(right_PQ, runs_PQ, seed=seed)
    copies = right_PN.shape[1] // right_PQ.shape[1]
    rate_PN = success_rate(right_PN, np.tile(runs_PQ, copies), smoothed=True)
    return cost_of_pass(np.tile(usd_PQ, copies), rate_PN)


def _plain(rows: Sequence[int], often: Sequence[_Tried], usd_PQ: Floats) -> int:
    """The plain plan of a model, else its cheapest."""
    return min(rows, key=lambda p: (not often[p].plain, usd_PQ[p].mean()))


def _value(plans: _Costs, seed: int) -> Value:
    """Of the cheapest plan of each question."""
    raw_Q, smooth_Q = frontier_value(plans.raw_PQ), frontier_value(plans.smooth_PQ)
    known = bool(np.isfinite(raw_Q).all())
    return Value(
        usd=float(raw_Q.mean()) if known else None,
        interval=outward(resampled_means(raw_Q, draws=DRAWS, seed=seed)[:, 0]) if known else None,
        smoothed_usd=float(smooth_Q.mean()),
        smoothed_interval=value_range(
            smooth_Q,
            frontier_value(plans.anew_PN),
            least=float(frontier_value(plans.always_PQ).mean()),
            dearest=float(plans.never_P.min()),
            seed=seed,
        ),
        unsolved=int((~np.isfinite(raw_Q)).sum()),
    )


def _model(model: str, i: int, own: _Costs, seed: int) -> ModelCost:
    mine, rest = own.of([i]), own.of(np.flatnonzero(np.arange(len(own.never_P)) != i))
    gain_Q, without_Q = gain(mine.smooth_PQ, rest.smooth_PQ), frontier_value(rest.smooth_PQ)
    anew_N, without_N = gain(mine.anew_PN, rest.anew_PN), frontier_value(rest.anew_PN)
    never = float(rest.never_P.min())
    spared = never - float(frontier_value(own.smooth_PQ).mean())
    this_M = np.arange(len(own.never_P)) == i
    return ModelCost(
        model=model,
        cheapest_on=float((gain_Q > 0).mean()),
        only=int((np.isfinite(mine.raw_PQ[0]) & ~np.isfinite(rest.raw_PQ).any(axis=0)).sum()),
        gain_usd=float(gain_Q.mean()),
        gain_interval=saving_range(gain_Q, anew_N, dearest=spared, seed=seed),
        essentialness=essentialness(own.smooth_PQ, this_M),
        essentialness_interval=share_range(
            gain_Q, without_Q, np.stack([anew_N, without_N]), dearest=(spared, never), seed=seed
        ),
        raw_essentialness=essentialness(own.raw_PQ, this_M),
    )
