"""Is a plan really better? Each cell against a baseline, question by question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from outlay.report.cells import Cell, Key, by_cell, right_by_question
from outlay.report.outcome import Outcome
from outlay.report.resampling import Range
from outlay.stats.paired import paired

SIGNIFICANT = 0.05
"""The p-value below which a difference is called established."""


class Comparison(Struct, frozen=True):
    """How much oftener `plan` is right than `against` on the questions that both answered.

    `why`: `baseline` (against the plain plan), `model` (one model's plain plan against another's) or `vote` (a
    plan with a verifier against the vote of the same model).
    """

    task: str
    source: str
    plan: Key
    against: Key
    why: str
    questions: int
    difference: float
    interval: Range
    p_value: float
    same_questions: bool
    """Whether the two answered exactly the same questions; otherwise only the common ones were compared."""

    @property
    def established(self) -> bool:
        """Whether these questions show a difference: p below 0.05 and an interval without 0."""
        low, high = self.interval
        return self.p_value < SIGNIFICANT and (low > 0 or (high is not None and high < 0))


def comparisons(outcomes: Sequence[Outcome], found: Sequence[Cell], *, seed: int) -> list[Comparison]:
    """Each plan against its model's baseline, baselines against the cheapest, verifiers against the vote.

    The baseline of a model is its `single`, else its cheapest plan. Oracle cells are compared with nothing.
    The p-values are those of each comparison alone: with m of them, one in twenty falls below 0.05 by chance.

    Args:
        outcomes: as given to `cells`.
        found: the cells of these outcomes.
        seed: seed of the paired bootstrap and permutation.

    Returns:
        The comparisons, by task and source.
    """
    right = {key: right_by_question(of) for key, of in by_cell(outcomes).items()}
    result: list[Comparison] = []
    for group in _groups(found):
        baselines = [
            _baseline([c for c in group if c.model == m]) for m in dict.fromkeys(c.model for c in group)
        ]
        cheapest = _baseline(baselines)
        for cell in group:
            own = next(b for b in baselines if b.model == cell.model)
            pairs = (
                [(own, "baseline")] if cell is not own else [(cheapest, "model")] if own is not cheapest else []
            )
            pairs += [(vote, "vote") for vote in [_vote(cell, group)] if vote is not None]
            compared = (compare(right, cell.key, other.key, why, seed=seed) for other, why in pairs)
            result += [c for c in compared if c is not None]
    return result


def compare(
    right: Mapping[Key, Mapping[str, float]], plan: Key, against: Key, why: str, *, seed: int
) -> Comparison | None:
    """The paired difference of two cells on their common questions, None where they share none."""
    common = [q for q in right[plan] if q in right[against]]
    if not common:
        return None
    test = paired([right[against][q] for q in common], [right[plan][q] for q in common], seed=seed)
    return Comparison(
        task=plan.task,
        source=plan.source,
        plan=plan,
        against=against,
        why=why,
        questions=len(common),
        difference=test.difference,
        interval=(max(test.interval.low, -1.0), min(test.interval.high, 1.0)),
        p_value=test.p_value,
        same_questions=right[plan].keys() == right[against].keys(),
    )


def _groups(found: Sequence[Cell]) -> list[list[Cell]]:
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in found:
        if not cell.oracle:
            groups.setdefault((cell.source, cell.task), []).append(cell)
    return list(groups.values())


def _baseline(group: Sequence[Cell]) -> Cell:
    plain = [c for c in group if c.strategy.split(":")[0] == "single" and not c.verifier]
    return min(plain or group, key=lambda c: float("inf") if c.cost_usd is None else c.cost_usd)


def _vote(cell: Cell, group: Sequence[Cell]) -> Cell | None:
    """The vote of the same model with the calls nearest to those of a plan with a verifier."""
    if not cell.verifier:
        return None
    votes = [c for c in group if c.model == cell.model and c.strategy.split(":")[0] == "self_consistency"]
    return min(votes, key=lambda c: abs(c.calls - cell.calls), default=None)
