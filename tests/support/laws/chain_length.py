"""Planted cases of the chain-length rule."""

from math import log, sqrt

import numpy as np
from laws.case import Case

from outlay.laws.chain_length import fit

N, EPSILON = (a.ravel() for a in np.meshgrid([4.0, 16, 64, 256], [0.2, 0.1, 0.05, 0.01]))


def cases(seed):
    noise = np.random.default_rng(seed).lognormal(0, 0.1, len(N))
    k = 12.0 * np.sqrt(N) * np.log(1 / EPSILON)

    def true(n, epsilon):
        return 12.0 * sqrt(n) * log(1 / epsilon)

    return [
        Case(
            "a tenth of noise",
            lambda: fit(N, EPSILON, k * noise),
            {"c": (12.0, 0.8)},
            (((32.0, 0.05), true(32, 0.05), 12.0), ((100.0, 0.1), true(100, 0.1), 20.0)),
            past=(10_000.0, 0.05),
            grid=tuple((n, 0.05) for n in (4.0, 8.0, 64.0, 256.0)),
            direction=1,
            wrong_form=lambda: fit(N, EPSILON, 3.0 * N * np.log(1 / EPSILON) * noise),
            unfit=(
                lambda: fit([], [], []),
                lambda: fit([4.0], [0.1], [50.0]),
                lambda: fit([4.0, 9.0], [0.1, 0.1], [0.0, 0.0]),
                lambda: fit([4.0, 9.0], [0.1, 1.0], [50.0, 60.0]),
                lambda: fit([4.0, 9.0], [0.1, 0.1], [50.0, float("nan")]),
                lambda: fit([4.0, 0.0], [0.1, 0.1], [50.0, 60.0]),
                lambda: fit([4.0, 9.0], [0.1], [50.0, 60.0]),
            ),
        ),
        Case(
            "no noise",
            lambda: fit(N, EPSILON, k),
            {"c": (12.0, 1e-9)},
            (((16.0, 0.2), true(16, 0.2), 1e-9),),
            past=(16.0, 1e-6),
            grid=tuple((16.0, e) for e in (0.2, 0.1, 0.02)),
            direction=1,
        ),
    ]
