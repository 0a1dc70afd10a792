"""How far trying again under an erring checker goes, from recorded samples with verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from outlay.economics.imperfect_verifier import best_tries_from, ceiling_from, tries
from outlay.economics.imperfect_verifier.best_tries import LEAST_QUESTIONS
from outlay.errors import UsageError
from outlay.report.resampling import Range
from outlay.report.samples import Samples


class CheckedTries(Struct, frozen=True):
    """Draw until accepted, at most K times: the ceiling of accepted answers, and the best K.

    `wrong` is what a wrong answer costs, `try_cost` what one sample and its check cost, both in worths of a right one;
    a `try_cost` of 0 leaves the price of the tries out of the reward. `ceiling` is the accuracy of accepted answers at
    any budget, None where too little was accepted to say; questions without an accepted sample (`never`, a share)
    have none. `reward` is at `tries`, `rewards` at `ks`. `at_limit`: the best K may be beyond the samples.
    """

    task: str
    model: str
    verifier: str
    questions: int
    samples: int
    single: float
    """The share of right samples, unchecked."""
    ceiling: float | None
    ceiling_interval: Range | None
    never: float
    wrong: float
    try_cost: float
    tries: int
    tries_interval: tuple[int, int]
    reward: float
    reward_interval: Range
    abstained: float
    at_limit: bool
    ks: tuple[int, ...]
    rewards: tuple[float, ...]


def checked_tries(
    samples: Sequence[Samples], *, wrong: float = 1.0, value_usd: float | None = None, seed: int
) -> list[CheckedTries]:
    """The ceiling and the best number of tries of every pool with verdicts on at least 5 questions.

    Args:
        samples: recorded samples; those without verdicts are passed over.
        wrong: what handing out a wrong answer costs, from 0, in worths of a right one.
        value_usd: what a right answer is worth, in dollars above 0, so that each try has its price; None leaves it
            out, as does a pool whose prices are not known.
        seed: seed of the intervals.

    Returns:
        One entry a pool with verdicts.

    Raises:
        UsageError: `wrong` is negative or not finite, or `value_usd` not above 0.

    Source:
        As in `outlay.economics.imperfect_verifier`.

    Example:
        >>> import numpy as np
        >>> right = np.array([[1, 1, 1], [1, 0, 0]] * 10, bool)
        >>> pool = Samples("t", "m", tuple(map(str, range(20))), right, accepted_QS=right, verifier="tests")
        >>> found, = checked_tries([pool], seed=1)
        >>> print(found.ceiling, found.tries)
        1.0 3
    """
    if value_usd is not None and not 0 < value_usd < float("inf"):
        raise UsageError(f"A right answer must be worth something, not {value_usd} dollars.")
    return [
        _checked(s, wrong, value_usd, seed)
        for s in samples
        if s.accepted_QS is not None and len(s.ids) >= LEAST_QUESTIONS
    ]


def _checked(s: Samples, wrong: float, value_usd: float | None, seed: int) -> CheckedTries:
    assert s.accepted_QS is not None
    size = s.correct_QS.shape[1]
    usd = try_usd(s)
    try_cost = 0.0 if value_usd is None or usd is None else usd / value_usd
    best = best_tries_from(s.accepted_QS, s.correct_QS, wrong=wrong, try_cost=try_cost, seed=seed)
    ks = [k for k in (2**i for i in range(size.bit_length())) if k <= size]
    rewards_QK = tries(s.accepted_QS, s.correct_QS, ks).reward_QK(wrong=wrong, try_cost=try_cost)
    try:
        top = ceiling_from(s.accepted_QS, s.correct_QS, seed=seed)
    except UsageError:
        top = None
    return CheckedTries(
        task=s.task,
        model=s.model,
        verifier=s.verifier,
        questions=len(s.ids),
        samples=size,
        single=float(s.correct_QS.mean()),
        ceiling=top and top.value,
        ceiling_interval=top and (top.interval.low, top.interval.high),
        never=float((~s.accepted_QS.any(axis=1)).mean()),
        wrong=wrong,
        try_cost=try_cost,
        tries=best.tries,
        tries_interval=(int(best.interval.low), int(best.interval.high)),
        reward=best.reward,
        reward_interval=(best.reward_interval.low, best.reward_interval.high),
        abstained=best.abstained,
        at_limit=best.at_limit,
        ks=tuple(ks),
        rewards=tuple(map(float, rewards_QK.mean(axis=0))),
    )


def try_usd(s: Samples) -> float | None:
    """What one sample and its first check cost on average, in dollars; None where either price is unknown."""
    check = check_usd(s)
    return None if s.attempt_usd_Q is None or check is None else float(s.attempt_usd_Q.mean()) + check


def check_usd(s: Samples) -> float | None:
    """What the first check of a sample costs on average over all samples, unchecked ones at 0; None: not known."""
    if s.checks is None:
        return None
    had_QS, usd_QS = s.checks.had_QSC[:, :, 0], s.checks.usd_QSC[:, :, 0]
    return None if np.isnan(usd_QS[had_QS]).any() else float(np.where(had_QS, usd_QS, 0.0).mean())
