"""Planted coverage: success rates from a Beta law, whose coverage is known in closed form for every k."""

from functools import partial

import numpy as np
from laws.case import Case
from scipy.special import betaln

from outlay.laws import coverage

ALPHA, BETA, SAMPLES, QUESTIONS = 0.3, 2.0, 64, 2000


def true_coverage(k, alpha=ALPHA, beta=BETA):
    return float(-np.expm1(betaln(alpha, beta + k) - betaln(alpha, beta)))


def cases(seed):
    rng = np.random.default_rng(seed)
    right = rng.binomial(SAMPLES, rng.beta(ALPHA, BETA, size=QUESTIONS))
    equal = rng.binomial(SAMPLES, 0.2, size=300)
    fit = partial(coverage.fit, seed=seed)
    return [
        Case(
            name="beta-tail",
            fit=partial(fit, right[:400], SAMPLES),
            # Least squares through the exact coverage of Beta(0.3, 2) on k <= 64.
            truth={"a": (-2.04, 0.2), "b": (-0.39, 0.04)},
            predicted=tuple(((k,), true_coverage(k), 0.04) for k in (1, 8, 64, 512)),
            past=(SAMPLES * 11,),
            grid=tuple((k,) for k in (0.5, 1, 2, 16, 100, 1000, 1e6)),
            direction=+1,
            inverts=((1,), (20,), (700,)),
            wrong_form=partial(fit, equal, SAMPLES),
            unfit=(
                partial(fit, [3], 8),
                partial(fit, [0] * 30, 8),
                partial(fit, [8] * 30, 8),
                partial(fit, [1, 2, float("nan")], 8),
                partial(fit, [1, 9], 8),
                partial(fit, [1, 0, 2, 1], 2),
            ),
        )
    ]
