"""Small pilots with planted truth, for the planner's tests."""

from __future__ import annotations

import numpy as np

from outlay.money import NUSD, Price
from outlay.policies._pilot import Checks, Pilot

CHEAP = Price(NUSD // 10, NUSD // 2)
DEAR = Price(NUSD, 5 * NUSD)


def pilot(
    p_right: float | list[float],
    *,
    questions: int = 30,
    samples: int = 8,
    seed: int = 1,
    model: str = "small",
    price: Price | None = CHEAP,
    wrong_classes: int = 5,
    labels: bool = True,
    verifier: tuple[float, float] | None = None,
    latency_s: float | None = None,
) -> Pilot:
    """A pilot whose questions are solved with these probabilities; wrong answers are spread evenly.

    `verifier` is (share of right answers accepted, share of wrong ones accepted); its verdicts cost a micro-dollar.
    """
    rng = np.random.default_rng(seed)
    p_Q = np.resize(np.asarray(p_right, float), questions)
    right = rng.random((questions, samples)) < p_Q[:, None]
    codes = np.where(right, 0, rng.integers(1, wrong_classes + 1, right.shape))
    checks = None
    if verifier is not None:
        accepted = rng.random(right.shape) < np.where(right, *verifier)
        checks = Checks("check", accepted * 0.9, accepted, np.full(right.shape, 1e-6))
    return Pilot(
        model,
        tuple(f"q{i}" for i in range(questions)),
        codes,
        right if labels else None,
        np.full(questions, 100),
        np.full(right.shape, 100),
        price,
        latency_s_QS=None if latency_s is None else latency_s * rng.exponential(size=right.shape),
        checks=checks,
    )
