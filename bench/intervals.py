"""How often intervals hold the truth, in named regimes with a planted truth, and how fast the bootstrap is.

python bench/intervals.py                    2,000 replications a regime (the power law: 400)
python bench/intervals.py --replications 200 fewer
python bench/intervals.py --speed            10,000 draws over 10,000 questions, and laws of 256 samples, one core
"""

from __future__ import annotations

import argparse
import os
import time
import zlib
from collections.abc import Callable
from typing import NamedTuple

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np
from scipy.special import betaln

from outlay.errors import CannotSay
from outlay.laws import coverage, coverage_beta, judge_scaling, saturation
from outlay.stats.bca import bca_of_means
from outlay.stats.beta_binomial import beta_binomial
from outlay.stats.bootstrap import bootstrap_of_means
from outlay.stats.clopper_pearson import clopper_pearson
from outlay.stats.interval import Interval
from outlay.stats.wilson import wilson

DRAWS = 1000
SLOW = 400
Intervals = dict[str, Interval]


class Regime(NamedTuple):
    """A world with a known truth; `intervals` draws one data set and gives what each method says of it."""

    quantity: str
    name: str
    truth: float
    aimed: str
    """The method that the library takes for this quantity: it is the one that must cover 93 to 97 %."""
    intervals: Callable[[np.random.Generator], Intervals]
    slow: bool = False


def percentile(statistic, *columns_Q: np.ndarray, seed: int) -> Interval:
    return bootstrap_of_means(statistic, *columns_Q, draws=DRAWS, seed=seed)


def mean(m: np.ndarray) -> np.ndarray:
    return m[:, 0]


def ratio(m: np.ndarray) -> np.ndarray:
    return np.divide(m[:, 0], m[:, 1], out=np.full(len(m), np.inf), where=m[:, 1] > 0)


def single_accuracy(questions: int, p: float) -> Regime:
    """One answer a question."""

    def intervals(rng: np.random.Generator) -> Intervals:
        right = int(rng.binomial(questions, p))
        return {"wilson": wilson(right, questions), "clopper_pearson": clopper_pearson(right, questions)}

    return Regime("accuracy", f"{questions} questions, one try, p = {p}", p, "wilson", intervals)


def clustered_accuracy(questions: int, samples: int, alpha: float, beta: float) -> Regime:
    """Several samples a question, whose success rates differ."""

    def intervals(rng: np.random.Generator) -> Intervals:
        right_Q = rng.binomial(samples, rng.beta(alpha, beta, questions)) / samples
        seed = int(rng.integers(2**32))
        said = {
            "percentile": percentile(mean, right_Q, seed=seed),
            "bca": bca_of_means(mean, right_Q, draws=DRAWS, seed=seed),
        }
        return said | {"wilson, wrongly": wilson(right_Q.sum() * samples, questions * samples)}

    name = f"{questions} questions x {samples}, Beta({alpha}, {beta})"
    return Regime("accuracy", name, alpha / (alpha + beta), "percentile", intervals)


def cost_per_right(questions: int, p: float, correlation: float) -> Regime:
    """Exponential costs, dearer on questions that go wrong where `correlation` is above 0."""

    def intervals(rng: np.random.Generator) -> Intervals:
        right_Q = (rng.random(questions) < p).astype(float)
        cost_Q = rng.exponential(size=questions) * (1 + correlation * (1 - right_Q))
        seed = int(rng.integers(2**32))
        said = {"percentile": percentile(ratio, cost_Q, right_Q, seed=seed)}
        try:
            said["bca"] = bca_of_means(ratio, cost_Q, right_Q, draws=DRAWS, seed=seed)
        except CannotSay:
            said["bca"] = said["percentile"]
        return said

    truth = (1 + correlation * (1 - p)) / p
    name = f"{questions} questions, p = {p}, wrong ones {1 + correlation:g} times as dear"
    return Regime("cost-of-pass", name, truth, "percentile", intervals)


def extrapolated_coverage(
    questions: int, samples: int, alpha: float, beta: float, *, slow: bool = False
) -> Regime:
    """Coverage at four times the samples, success rates from a Beta law: exact for that law alone."""
    k = 4 * samples
    truth = float(-np.expm1(betaln(alpha, beta + k) - betaln(alpha, beta)))

    def intervals(rng: np.random.Generator) -> Intervals:
        right_Q = rng.binomial(samples, rng.beta(alpha, beta, questions))
        if slow:
            fitted = coverage.fit(right_Q, samples, seed=int(rng.integers(2**32)))
            found = fitted.predict(k).interval
            assert found is not None
            return {"power law": found}
        return {"beta law": beta_binomial(right_Q, samples).pass_at_k_interval(k)}

    name = f"{questions} questions x {samples}, Beta({alpha}, {beta})"
    return Regime("coverage at 4x", name, truth, "" if slow else "beta law", intervals, slow)


BETA_WORLDS = (
    (50, 16, 0.3, 2.0),
    (100, 16, 0.3, 2.0),
    (300, 64, 0.3, 2.0),
    (50, 8, 0.8, 0.8),
    (50, 8, 2.0, 6.0),
)
REGIMES = (
    single_accuracy(30, 0.6),
    single_accuracy(100, 0.9),
    single_accuracy(500, 0.735),
    clustered_accuracy(50, 8, 1.0, 1.0),
    clustered_accuracy(100, 16, 0.3, 2.0),
    clustered_accuracy(200, 4, 2.0, 2.0),
    cost_per_right(100, 0.5, 0.0),
    cost_per_right(200, 0.3, 1.0),
    cost_per_right(400, 0.15, 0.5),
    *(extrapolated_coverage(*world) for world in BETA_WORLDS),
    *(extrapolated_coverage(*world, slow=True) for world in BETA_WORLDS[1:3]),
)


def seed_of(name: str) -> int:
    """A seed from the regime's name, so that no seed was chosen."""
    return zlib.crc32(name.encode())


def held(regime: Regime, replications: int) -> dict[str, float]:
    """The share of replications in which each method's interval holds the truth."""
    rng = np.random.default_rng(seed_of(f"{regime.quantity}: {regime.name}"))
    hits: dict[str, int] = {}
    for _ in range(replications):
        for method, interval in regime.intervals(rng).items():
            hits[method] = hits.get(method, 0) + (interval.low <= regime.truth <= interval.high)
    return {method: count / replications for method, count in hits.items()}


def table(replications: int) -> None:
    print(
        f"{replications} replications, power law {min(replications, SLOW)}; 95 % intervals; * taken by the library"
    )
    for regime in REGIMES:
        shares = held(regime, min(replications, SLOW) if regime.slow else replications)
        said = "  ".join(f"{m}{'*' * (m == regime.aimed)} {100 * share:.1f}" for m, share in shares.items())
        print(f"  {regime.quantity:15s} {regime.name:46s} {said}", flush=True)


def speed() -> None:
    x = np.random.default_rng(1).random((10_000, 2))
    start = time.perf_counter()
    bca_of_means(ratio, x[:, 0], x[:, 1], draws=10_000, seed=1)
    print(f"ratio of sums, 10,000 draws over 10,000 questions: {time.perf_counter() - start:.2f} s (aim: 3 s)")
    rng = np.random.default_rng(1)
    right_QS = rng.random((10_000, 256)) < rng.beta(0.3, 2.0, 10_000)[:, None]
    score_QS, right_Q = rng.normal(size=right_QS.shape) + right_QS, right_QS.sum(axis=1)
    laws = {
        "coverage": lambda: coverage.fit(right_Q, 256, seed=1),
        "coverage_beta": lambda: coverage_beta.fit(right_Q, 256, seed=1),
        "saturation": lambda: saturation.fit(right_Q, 256, seed=1),
        "judge_scaling": lambda: judge_scaling.fit(score_QS, right_QS, seed=1),
        "judge_scaling at T = 1": lambda: judge_scaling.fit(score_QS, right_QS, temperature=1.0, seed=1),
    }
    for name, fit in laws.items():
        start = time.perf_counter()
        fit()
        print(f"{name}, 10,000 questions x 256 samples: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--speed", action="store_true")
    asked = parser.parse_args()
    speed() if asked.speed else table(asked.replications)
