"""How fast recorded pools are evaluated, and what the shipped ones hold.

python bench/pools.py              1,000 questions x 32 samples x 8 selections x 6 budgets, timed on one core
python bench/pools.py --published  pass@1, majority and pass@k of the shipped recordings
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np

from outlay.economics import sub_pools
from outlay.models.recording_file import read, shipped

QUESTIONS, SAMPLES, BUDGETS = 1000, 32, (1, 2, 4, 8, 16, 32)


def machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.machine()
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}"


def planted(seed: int) -> tuple[np.ndarray, ...]:
    """Pools with eight answer classes a question, a tenth of the samples without a vote, and a noisy scorer."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(8, 0.6), size=QUESTIONS)
    drawn = (rng.random((QUESTIONS, SAMPLES, 1)) > share.cumsum(axis=1)[:, None, :-1]).sum(axis=2)
    class_QS = np.where(rng.random(drawn.shape) < 0.1, -1, drawn)
    correct_QS = class_QS == 0
    score_QS = np.clip(0.4 + 0.2 * correct_QS + 0.2 * rng.normal(size=drawn.shape), 0, 1)
    return (
        class_QS,
        correct_QS,
        score_QS,
        -rng.exponential(size=drawn.shape),
        rng.integers(20, 200, drawn.shape),
    )


def timed() -> None:
    class_QS, correct_QS, score_QS, mean_logp_QS, tokens_QS = planted(seed=1)
    ks = list(BUDGETS)
    selections: dict[str, Callable[[], object]] = {
        "pass_at_k": lambda: sub_pools.pass_at_k(correct_QS, ks),
        "vote": lambda: sub_pools.vote(class_QS, correct_QS, ks),
        "weighted": lambda: sub_pools.weighted(class_QS, correct_QS, score_QS, ks, seed=1),
        "best_of": lambda: sub_pools.best_of(class_QS, correct_QS, score_QS, ks),
        "best_of_majority": lambda: sub_pools.best_of_majority(class_QS, correct_QS, score_QS, ks, seed=1),
        "first_accepted": lambda: sub_pools.first_accepted(class_QS, correct_QS, score_QS > 0.5, ks),
        "likelihood": lambda: sub_pools.best_of(class_QS, correct_QS, mean_logp_QS, ks),
        "likelihood (sum)": lambda: sub_pools.best_of(class_QS, correct_QS, mean_logp_QS * tokens_QS, ks),
    }
    print(machine())
    print(
        f"{QUESTIONS} questions x {SAMPLES} samples x {len(selections)} selections x {len(ks)} budgets, "
        "one core"
    )
    total = 0.0
    for name, evaluate in selections.items():
        start = time.perf_counter()
        result = evaluate()
        seconds = time.perf_counter() - start
        total += seconds
        error = ""
        if isinstance(result, sub_pools.Estimate):
            error = f"  (Monte Carlo, standard error of the mean at most {result.mean_error_K.max():.4f})"
        print(f"  {name:17s} {seconds:6.2f} s{error}")
    print(f"  {'all':17s} {total:6.2f} s (aim: at most 10 s)")


def published() -> None:
    print(f"{'recording':26s} {'k':>3s} {'pass@1':>7s} {'maj@k':>7s} {'pass@k':>7s}")
    for name in shipped():
        arrays = read(name).arrays()
        k = arrays.correct_QS.shape[1]
        one, every = sub_pools.pass_at_k(arrays.correct_QS, [1, k]).mean(axis=0)
        majority = sub_pools.vote(arrays.class_QS, arrays.correct_QS, [k]).mean()
        print(f"{name:26s} {k:3d} {one:7.4f} {majority:7.4f} {every:7.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", action="store_true", help="what the shipped recordings hold")
    published() if parser.parse_args().published else timed()
