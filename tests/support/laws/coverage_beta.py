"""Planted Beta-distributed success rates with few samples a question."""

from functools import partial

import numpy as np
from laws.case import Case
from scipy.special import betaln

from outlay.laws import coverage_beta


def cases(seed):
    rng = np.random.default_rng(seed)
    fit = partial(coverage_beta.fit, seed=seed)
    clumps = np.where(rng.random(300) < 0.5, 0.05, 0.8)
    unfit = (
        partial(fit, [3], 8),
        partial(fit, [0] * 30, 8),
        partial(fit, [8] * 30, 8),
        partial(fit, [1, 2, float("nan")], 8),
        partial(fit, [1, 9], 8),
        partial(fit, [0, 1, 1, 0], 1),
    )
    return [
        Case(
            name=f"beta-{alpha}-{beta}",
            fit=partial(fit, rng.binomial(16, rng.beta(alpha, beta, size=600)), 16),
            truth={"alpha": (alpha, 0.15 * alpha + 0.03), "beta": (beta, 0.4 * beta)},
            predicted=tuple(
                ((k,), float(-np.expm1(betaln(alpha, beta + k) - betaln(alpha, beta))), 0.06)
                for k in (1, 4, 16, 64)
            ),
            past=(161,),
            grid=tuple((k,) for k in (0.5, 1, 2, 16, 100, 1000, 1e6)),
            direction=+1,
            inverts=((1,), (20,), (150,)),
            wrong_form=partial(fit, rng.binomial(64, clumps), 64),
            unfit=unfit,
        )
        for alpha, beta in ((0.3, 2.0), (1.0, 1.0), (2.0, 6.0))
    ]
