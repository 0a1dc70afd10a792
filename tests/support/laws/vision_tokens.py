"""Planted cases of the law of vision tokens."""

import numpy as np
from laws.case import Case

from outlay.laws.vision_tokens import fit

SIZES, TOKENS = (a.ravel() for a in np.meshgrid([0.5, 1.8, 4.0, 7.0], [1.0, 4, 16, 64, 256], indexing="ij"))


def planted(scale, alpha, beta, floor, noise, seed):
    error = scale / (SIZES**alpha * TOKENS**beta) + floor
    return lambda: fit(
        SIZES, TOKENS, error + np.random.default_rng(seed).normal(0, noise, len(error)), seed=seed, draws=20
    )


def cases(seed):
    def truth(n, v):
        return 0.5 / (n**0.3 * v**0.1) + 0.1

    steep = 1 - 0.1 * SIZES**0.25 * TOKENS**0.2
    same = np.full(len(SIZES), 0.5)
    broken = np.where(SIZES > 5, np.nan, same)
    return [
        Case(
            "scenes",
            planted(0.6, 0.08, 0.02, 0.0, 0.002, seed),
            {"ratio": (4.0, 0.8)},
            (((4.0, 64.0), 0.6 / (4**0.08 * 64**0.02), 0.004), ((0.5, 1.0), 0.6 / 0.5**0.08, 0.004)),
            past=(70.0, 64.0),
            grid=tuple((n, 16.0) for n in (0.5, 1.0, 2.0, 4.0, 7.0)),
            direction=-1,
            wrong_form=lambda: fit(SIZES, TOKENS, steep, seed=seed, draws=20),
            unfit=(
                lambda: fit([], [], [], seed=seed),
                lambda: fit(SIZES, TOKENS, same, seed=seed),
                lambda: fit(SIZES, TOKENS, broken, seed=seed),
                lambda: fit([7.0] * 8, np.arange(1.0, 9.0), np.linspace(0.5, 0.4, 8), seed=seed),
                lambda: fit(SIZES[:3], TOKENS[:3], [0.5, 0.4, 0.3], seed=seed),
            ),
        ),
        Case(
            "a floor",
            planted(0.5, 0.3, 0.1, 0.1, 0.0, seed),
            {
                "scale": (0.5, 1e-4),
                "alpha": (0.3, 1e-4),
                "beta": (0.1, 1e-4),
                "floor": (0.1, 1e-4),
                "ratio": (3.0, 1e-3),
            },
            (((2.0, 30.0), truth(2.0, 30.0), 1e-6),),
            past=(2.0, 1000.0),
            grid=tuple((2.0, float(v)) for v in range(1, 256, 20)),
            direction=-1,
        ),
    ]
