"""Planted saturation: one success rate on the questions that can be solved, none on the others."""

from functools import partial

import numpy as np
from laws.case import Case

from outlay.laws import saturation


def cases(seed):
    rng = np.random.default_rng(seed)
    right = rng.binomial(32, np.where(rng.random(300) < 0.9, 0.2, 0.0))
    fit = partial(saturation.fit, seed=seed)
    parallel = Case(
        name="parallel",
        fit=partial(fit, right, 32),
        truth={"ceiling": (0.9, 0.06), "rate": (0.2, 0.02)},
        predicted=tuple(((n,), 0.9 * (1 - 0.8**n), 0.06) for n in (1, 4, 16, 64)),
        past=(33,),
        grid=tuple((n,) for n in (0.5, 1, 2, 16, 100, 1000)),
        direction=+1,
        inverts=((1,), (5,), (20,)),
        wrong_form=partial(fit, rng.binomial(32, rng.beta(0.4, 1, size=300)), 32),
        unfit=(
            partial(fit, [3], 8),
            partial(fit, [0] * 30, 8),
            partial(fit, [8] * 30, 8),
            partial(fit, [1, 2, float("nan")], 8),
            partial(fit, [1, 0, 2, 1], 2),
            partial(fit, [0, 0, 0, 1, 0, 1, 0, 0] * 30, 3000),
        ),
    )
    rounds = rethought(rng, 600, 12, repair=0.3, spoil=0.1)
    again = partial(saturation.fit_rounds, seed=seed)
    sequential = Case(
        name="sequential",
        fit=partial(again, rounds),
        truth={"ceiling": (0.75, 0.03), "rate": (0.4, 0.05)},
        predicted=tuple(((n,), 0.75 * (1 - 0.6**n), 0.05) for n in (1, 3, 11, 30)),
        past=(13,),
        grid=tuple((n,) for n in (0.5, 1, 2, 16, 100, 1000)),
        direction=+1,
        inverts=((1,), (5,)),
        unfit=(
            partial(again, np.ones((30, 6))),
            partial(again, np.zeros((30, 6))),
            partial(again, rounds[:, :3]),
            partial(again, np.full((3, 5), np.nan)),
            partial(again, [0, 1, 1]),
        ),
    )
    return [parallel, sequential]


def rethought(rng, questions, rounds, *, repair, spoil):
    """A chain that starts wrong and is repaired or spoiled in each round."""
    right_QR = np.zeros((questions, rounds + 1))
    for r in range(rounds):
        luck = rng.random(questions)
        right_QR[:, r + 1] = np.where(right_QR[:, r] == 1, luck >= spoil, luck < repair)
    return right_QR
