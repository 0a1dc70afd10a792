"""Planted judges: right answers score Normal(1, 1), wrong ones Normal(0, 1) or, rarely, far higher."""

from functools import partial

import numpy as np
from laws.case import Case
from scipy.integrate import quad
from scipy.stats import norm

from outlay.laws import judge_scaling

RIGHT = 0.4


def pools(rng, questions, samples, *, bait=0.0):
    """Every question has success rate 0.4; a share `bait` of all samples is wrong and scores 6."""
    luck = rng.random((questions, samples))
    right, baited = luck < RIGHT, luck > 1 - bait
    score = rng.normal(size=luck.shape) + right
    return np.where(baited, 6.0, score), right


def accuracy(k):
    """P(the best-scored of k is right): k RIGHT times the integral of its density times the others' below."""
    value, _ = quad(
        lambda x: (
            k * RIGHT * norm.pdf(x - 1) * (RIGHT * norm.cdf(x - 1) + (1 - RIGHT) * norm.cdf(x)) ** (k - 1)
        ),
        -8,
        10,
    )
    return value


def cases(seed):
    rng = np.random.default_rng(seed)
    fit = partial(judge_scaling.fit, seed=seed)
    good, baited = pools(rng, 500, 24), pools(rng, 400, 24, bait=0.05)
    score, right = good
    return [
        Case(
            name="good-judge",
            fit=partial(fit, *good),
            truth={"single": (RIGHT, 0.02)},
            predicted=tuple(((k,), accuracy(k), 0.05) for k in (1, 2, 8, 24)),
            past=(25,),
            grid=tuple((k,) for k in (1, 2, 3, 5, 8)),
            direction=+1,
            wrong_form=partial(fit, *baited),
            unfit=(
                partial(fit, score[:1], right[:1]),
                partial(fit, score[:, :1], right[:, :1]),
                partial(fit, np.where(right, np.nan, score), right),
                partial(fit, score, right[:, :3]),
                partial(fit, score, right, temperature=-1.0),
            ),
        )
    ]
