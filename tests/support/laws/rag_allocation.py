"""Planted cases of the allocation of a retrieval budget: the published coefficients on the published grid."""

import numpy as np
from laws.case import Case

from outlay.laws.rag_allocation import PUBLISHED, fit

A, B, C = (0.325, 0.101, 0.177), (-0.067, -0.008), -0.730
TASKS = ((0.4, 0.1), (1.2, 0.5), (2.0, 0.9), (1.6, 0.2))
K, M, N, TASK = (
    a.ravel()
    for a in np.meshgrid([0, 1, 5, 20, 100, 500], [0, 1, 4, 16, 64], [1, 3, 5], range(4), indexing="ij")
)
I_DOCUMENT, I_SHOT = np.array(TASKS)[TASK].T


def linear(k, m, n, i_document, i_shot):
    logs = (np.log(np.asarray(v, float) + 0.01) for v in (k, m, n))
    k, m, n = logs
    return (A[0] + B[0] * i_document) * k + (A[1] + B[1] * i_shot) * m + A[2] * n + C


def score(*point):
    return float(PUBLISHED.value(linear(*point)))


def cases(seed):
    x = linear(K, M, N, I_DOCUMENT, I_SHOT)
    noisy = PUBLISHED.value(x + np.random.default_rng(seed).normal(0, 0.1, len(x)))
    bent = PUBLISHED.value(x - 0.02 * np.log(K + 0.01) ** 2)
    settings = (K, M, N, I_DOCUMENT, I_SHOT)
    broken = np.where(K > 100, np.nan, noisy)
    inside = (20, 4, 3, 1.2, 0.5)
    return [
        Case(
            "published coefficients",
            lambda: fit(PUBLISHED.value(x), *settings, squash=PUBLISHED),
            {
                "documents": (0.325, 1e-10),
                "shots": (0.101, 1e-10),
                "iterations": (0.177, 1e-10),
                "documents_slope": (-0.067, 1e-10),
                "shots_slope": (-0.008, 1e-10),
                "constant": (-0.730, 1e-10),
            },
            ((inside, score(*inside), 1e-9),),
            past=(5000, 4, 3, 1.2, 0.5),
            grid=tuple((k, 4, 3, 1.2, 0.5) for k in (0, 1, 2, 10, 100, 500)),
            direction=1,
            wrong_form=lambda: fit(bent, *settings, squash=PUBLISHED),
            unfit=(
                lambda: fit([], [], [], [], [], []),
                lambda: fit(broken, *settings, squash=PUBLISHED),
                lambda: fit([0.5] * len(x), *settings),
                lambda: fit(noisy[:6], *(column[:6] for column in settings)),
                lambda: fit(noisy, K, M, np.ones(len(x)), I_DOCUMENT, I_SHOT),
                lambda: fit(noisy, -1 - K, M, N, I_DOCUMENT, I_SHOT),
            ),
        ),
        Case(
            "noise and an unknown logistic",
            lambda: fit(noisy, *settings),
            {},
            ((inside, score(*inside), 0.1), ((1, 16, 1, 2.0, 0.9), score(1, 16, 1, 2.0, 0.9), 0.1)),
            past=(20, 4, 3, 9.0, 0.5),
            grid=tuple((20, m, 3, 1.2, 0.5) for m in (0, 1, 4, 64)),
            direction=1,
        ),
    ]
