"""How long the report's numerics take on one core, and how much memory, on planted outcomes and one planted pool.

python bench/report_speed.py                   10,000 questions: 20 plans as run, and 256 samples of each question
python bench/report_speed.py --questions 2500  a quarter of them: the time is linear in questions
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np

from outlay.economics import sub_pools
from outlay.report.cells import cells
from outlay.report.comparisons import comparisons
from outlay.report.cost_by_question import costs_by_question
from outlay.report.market import markets
from outlay.report.more_samples import more_samples
from outlay.report.outcome import Outcome, PoolCell
from outlay.report.resampling import DRAWS, outward
from outlay.report.samples import Samples
from outlay.report.stated_beliefs import stated_beliefs
from outlay.stats.interval import Interval
from outlay.stats.resampled_means import resampled_means

PLANS, SAMPLES = 20, 256
BUDGETS = (1, 2, 3, 4, 8, 16, 32, 64, 128, 256)
"""Ten budgets under two selections: 20 plan-budget cells."""


def outcomes(questions: int) -> list[Outcome]:
    """20 plans of one model, each dearer and righter than the one before, that state what they believe."""
    rng = np.random.default_rng(1)
    easy_Q = rng.beta(0.5, 0.5, size=questions)
    found = []
    for plan in range(PLANS):
        p_Q = easy_Q ** (1 / (1 + plan / 5))
        right_Q = rng.random(questions) < p_Q
        nusd_Q = rng.integers(1_000, 9_000, size=questions) * (plan + 1)
        found += [
            Outcome(
                "t",
                "m",
                f"plan{plan}",
                f"q{q}",
                right,
                float(right),
                p_correct=p,
                cost_nusd=n,
                paid_nusd=n // 2,
            )
            for q, (right, p, n) in enumerate(zip(right_Q.tolist(), p_Q.tolist(), nusd_Q.tolist(), strict=True))
        ]
    return found


def pool(questions: int) -> tuple[Samples, np.ndarray]:
    """Right flags and answer classes: class 0 is right, the wrong ones fall into five others."""
    rng = np.random.default_rng(2)
    right_QS = rng.random((questions, SAMPLES)) < rng.beta(0.4, 0.8, size=questions)[:, None]
    class_QS = np.where(right_QS, 0, rng.integers(1, 6, size=right_QS.shape))
    ids = tuple(f"q{q}" for q in range(questions))
    return Samples("t", "m", ids, right_QS, np.full(questions, 1e-4)), class_QS


def interval(means_D: np.ndarray) -> Interval:
    low, high = outward(means_D)
    return Interval(low, high or 1.0)


def pool_cells(s: Samples, class_QS: np.ndarray) -> list[PoolCell]:
    accuracy = {
        "vote": sub_pools.vote_curve(class_QS, s.correct_QS, BUDGETS, seed=1).value_QK,
        "oracle": sub_pools.pass_at_k(s.correct_QS, BUDGETS),
    }
    n = len(s.ids)
    return [
        PoolCell("t", "m", name, k, n, float(right_Q.mean()), interval(means_D), 1e5 * k, 1.0, 1.0,
                 oracle=name == "oracle", accuracy_Q=tuple(right_Q.tolist()))
        for name, right_QK in accuracy.items()
        for k, right_Q, means_D in zip(
            BUDGETS, right_QK.T, resampled_means(right_QK, draws=DRAWS, seed=1).T, strict=True)
    ]  # fmt: skip


def timed(name: str, work: Callable[[], Any]) -> Any:
    start, before = time.perf_counter(), time.process_time()
    result = work()
    wall, core = time.perf_counter() - start, time.process_time() - before
    print(f"  {name:22s} {wall:6.2f} s on the clock, {core:6.2f} s of one core", flush=True)
    return result


def main(questions: int) -> None:
    print(f"{questions:,} questions, {PLANS} plans as run, {SAMPLES} samples under 2 x {len(BUDGETS)} budgets")
    ran, (samples, class_QS) = outcomes(questions), pool(questions)
    start, before = time.perf_counter(), time.process_time()
    found = timed("cells", lambda: cells(ran, seed=1))
    timed("comparisons", lambda: comparisons(ran, found, seed=1))
    timed("markets", lambda: markets(ran, found, seed=1))
    timed("stated beliefs", lambda: stated_beliefs(ran))
    pools = timed("pools, 20 cells", lambda: pool_cells(samples, class_QS))
    timed("market of pools", lambda: markets([], [], pools, seed=1))
    timed("cost by question", lambda: costs_by_question([], [samples], seed=1))
    timed("more samples", lambda: more_samples([samples], pools, seed=1))
    wall, core = time.perf_counter() - start, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"  {'all':22s} {wall:6.2f} s on the clock, {core:6.2f} s of one core; {peak:.2f} GiB at most")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=10_000)
    main(parser.parse_args().questions)
