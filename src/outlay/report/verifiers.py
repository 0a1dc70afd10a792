"""What a checker is worth, from recorded checks of labelled samples: its errors, its price, and a vote beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from outlay.economics.solve_vs_verify import best_of_k
from outlay.economics.sub_pools import vote_curve
from outlay.economics.verifier_audit import Measured, audit
from outlay.report.checked_tries import check_usd
from outlay.report.resampling import DRAWS, Range, outward
from outlay.report.samples import Samples
from outlay.stats.resampled_means import resampled_means


class Rate(Struct, frozen=True):
    """A measured share or price with its 95 % interval, and the number of samples that it rests on."""

    value: float
    interval: Range
    samples: int


class Versus(Struct, frozen=True):
    """At one price: the best-scored of `solutions` checked samples, and the vote of `votes` unchecked ones.

    `difference` is checked minus voted, in shares of right answers, paired over questions.
    """

    solutions: int
    votes: int
    checked: float
    voted: float
    difference: float
    interval: Range


class Verifying(Struct, frozen=True):
    """A checker on one model's samples of one task. What is None is not known; `cannot_say` gives the reasons.

    `completeness`: the share of right samples accepted. `soundness`: the share of wrong ones rejected.
    `repeats_right`, `repeats_wrong`: the correlation of repeated checks of one sample. `price_usd`: of one check.
    `check_cost`: the same in samples. `informs`: whether it accepts right samples oftener than wrong ones beyond
    doubt. `checked`, `samples`: how many samples were checked, of how many.
    """

    task: str
    model: str
    verifier: str
    checked: int
    samples: int
    failed: int
    """Checks that gave no verdict; they are paid, and in none of the rates."""
    completeness: Rate | None
    soundness: Rate | None
    repeats_right: Rate | None
    repeats_wrong: Rate | None
    price_usd: Rate | None
    check_cost: float | None
    informs: bool
    versus: tuple[Versus, ...]
    cannot_say: tuple[str, ...]


def verifying(samples: Sequence[Samples], *, seed: int) -> list[Verifying]:
    """The audit of every checker, and what its checks bring beside a vote that costs the same.

    The comparison is at equal cost: S samples with their checks cost S (1 + lambda), for which floor(S (1 + lambda))
    samples can be voted over; lambda is the mean price of a check over that of a sample alone. It needs a check of
    every sample that states an answer, and known prices. A sample is taken by the score of its first check, ties
    shared.

    Args:
        samples: recorded samples with their checks; those without are passed over.
        seed: seed of the intervals, and of votes that are too large to count.

    Returns:
        One entry a pool and checker.

    Source:
        Rates: `economics.verifier_audit`. Checked samples: `economics.solve_vs_verify` (Singhi et al. 2025, arXiv
        2504.01005, sections 3 and 4). Checks that failed are no verdicts and score 0.

    Example:
        >>> from outlay.models.recording import Checked
        >>> right = np.array([[1, 1, 0, 0]] * 30, bool)
        >>> one = right[:, :, None]
        >>> said = Checked("tests", one | True, one.astype(float), one, one * 1e-6)
        >>> ids = tuple(map(str, range(30)))
        >>> pool = Samples("t", "m", ids, right, np.full(30, 1e-6), right, "tests", right * 1, said)
        >>> found, = verifying([pool], seed=1)
        >>> print(found.completeness.value, found.soundness.value, found.informs)
        1.0 1.0 True
    """
    return [_one(s, seed) for s in samples if s.checks is not None]


def _one(s: Samples, seed: int) -> Verifying:
    checks = s.checks
    assert checks is not None
    had, spoke = checks.had_QSC, ~np.isnan(checks.score_QSC)
    rows, columns = np.nonzero(spoke.any(axis=2))
    priced = not np.isnan(checks.usd_QSC[had]).any()
    said: list[str] = []
    found = None
    if len(rows):
        found = audit(
            (checks.accepted_QSC & spoke)[rows, columns].sum(axis=1),
            spoke[rows, columns].sum(axis=1),
            s.correct_QS[rows, columns],
            cost_P=np.where(had, checks.usd_QSC, 0.0)[rows, columns].sum(axis=1) if priced else None,
            question_P=rows,
        )
        said += [reason for reason in found.cannot_say if priced or not reason.startswith("price")]
    else:
        said.append("every check failed, so nothing is known of its errors")
    if not priced:
        said.append("price: some checks have no known price")
    ratio = _check_cost(s)
    versus = _versus(s, ratio, seed, said)
    return Verifying(
        task=s.task,
        model=s.model,
        verifier=s.verifier,
        checked=int(had.any(axis=2).sum()),
        samples=had.shape[0] * had.shape[1],
        failed=int((had & ~spoke).sum()),
        completeness=_rate(found and found.completeness),
        soundness=_rate(found and found.soundness),
        repeats_right=_rate(found and found.correlation_right),
        repeats_wrong=_rate(found and found.correlation_wrong),
        price_usd=_rate(found and found.price),
        check_cost=ratio,
        informs=bool(found and found.informs),
        versus=versus,
        cannot_say=tuple(said),
    )


def _rate(m: Measured | None) -> Rate | None:
    return None if m is None else Rate(m.value, (m.interval.low, m.interval.high), m.n)


def _check_cost(s: Samples) -> float | None:
    usd = check_usd(s)
    if usd is None or s.attempt_usd_Q is None or not float(s.attempt_usd_Q.mean()) > 0:
        return None
    return usd / float(s.attempt_usd_Q.mean())


def _versus(s: Samples, ratio: float | None, seed: int, said: list[str]) -> tuple[Versus, ...]:
    """The comparison at each power of two whose equal vote the samples can still show."""
    if s.accepted_QS is None or s.checks is None or s.class_QS is None:
        said.append("checking against voting: not every sample that states an answer was checked")
        return ()
    if ratio is None:
        said.append("checking against voting at equal cost: a price is not known, or samples cost nothing")
        return ()
    size = s.correct_QS.shape[1]
    pairs = [(k, int(k * (1 + ratio) + 1e-9)) for k in (2**i for i in range(size.bit_length()))]
    pairs = [(k, n) for k, n in pairs if k > 1 and n <= size]
    if not pairs:
        said.append("checking against voting at equal cost: the vote would need more samples than there are")
        return ()
    # What states no answer is never chosen while anything does.
    score_QS = np.where(s.class_QS >= 0, np.nan_to_num(s.checks.score_QSC[:, :, 0]), -1.0)
    checked_QK = best_of_k(s.correct_QS & (s.class_QS >= 0), score_QS, [k for k, _ in pairs])
    voted_QK = vote_curve(s.class_QS, s.correct_QS, [n for _, n in pairs], seed=seed).value_QK
    means_DK = resampled_means(checked_QK - voted_QK, draws=DRAWS, seed=seed)
    return tuple(
        Versus(k, n, float(a.mean()), float(b.mean()), float((a - b).mean()), outward(means_D))
        for (k, n), a, b, means_D in zip(pairs, checked_QK.T, voted_QK.T, means_DK.T, strict=True)
    )
