"""The published figures of repeated sampling, saturation, judges, best-of-majority and equivalence, computed here.

python bench/coverage_judges.py                 all of them
python bench/coverage_judges.py --trials 2000   the toy table of best-of-majority with more trials a cell (default 300)
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from math import sqrt

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np

from outlay.economics.cost_per_right import cost_per_right
from outlay.laws import coverage, coverage_beta, judge_scaling, saturation
from outlay.selection.best_of_majority import best_of_majority
from outlay.stats.beta_binomial import BetaBinomial
from outlay.stats.equivalence import tost
from outlay.stats.pass_at_k import pass_at_k
from outlay.stats.wilson import wilson
from outlay.types import Pool, Sample, Verdict

MONEY = (("DeepSeek", 0.0072, 5, 0.2962), ("GPT-4o", 0.13, 1, 0.24), ("Claude 3.5 Sonnet", 0.17, 1, 0.267))
"""SWE-bench Lite, 300 problems: price of a try, tries, share solved (Brown et al. 2024, table 1)."""
PROBLEMS = 300


def money() -> Iterator[tuple[str, float, float]]:
    """Model, dollars in all, dollars a solved problem."""
    for model, usd_per_try, tries, solved in MONEY:
        cost_Q = np.full(PROBLEMS, usd_per_try * tries)
        yield (
            model,
            float(cost_Q.sum()),
            cost_per_right(cost_Q, np.full(PROBLEMS, solved), seed=1, draws=10).value,
        )


def toy_pool(rng: np.random.Generator, n: int) -> Pool:
    """A right answer of 0.12 and reward 0.9 among a modal wrong one, ten small ones and 4,000 rare ones."""
    share = np.r_[0.12, 0.30, np.full(10, 0.02), np.full(4000, 0.38 / 4000)]
    reward = np.r_[0.9, 0.4, np.full(10, 0.4), np.full(80, 0.99), np.full(3920, 0.4)]
    drawn = rng.choice(len(share), size=n, p=share / share.sum())
    samples = (
        Sample(i, key=str(c), verdict=Verdict(float(reward[c]), True)) for i, c in enumerate(drawn.tolist())
    )
    return Pool("toy", None, tuple(samples))


def toy(n: int, trials: int, seed: int) -> dict[str, float]:
    """Share of trials whose returned answers contain the right one."""
    rng = np.random.default_rng(seed)
    alpha = max(0.03, 2 / n) if n < 100 else 0.03
    rules = {"BoM k=1": (1, alpha), "BoM k=3": (3, alpha), "BoN k=1": (1, 0.0), "BoN k=3": (3, 0.0)}
    # Nothing passes a threshold above 1, and then the places go to the most frequent answers.
    rules |= {"vote k=1": (1, 1.1), "vote k=3": (3, 1.1)}
    hits = dict.fromkeys(rules, 0.0)
    for _ in range(trials):
        pool = toy_pool(rng, n)
        for name, (k, least) in rules.items():
            choice = best_of_majority(pool, k=k, alpha=least)
            # Each of the places that are filled is a mass of 1 / places; ties share them.
            places = min(k, len({sample.key for sample in pool.samples}))
            hits[name] += places * dict(choice.p).get("0", 0.0)
    return {name: hit / trials for name, hit in hits.items()}


def monkeys() -> None:
    print("repeated sampling (arXiv 2407.21787)")
    print(
        "  10 samples, 3 right, pass@1, 2, 5, 8:", ", ".join(f"{pass_at_k(10, 3, k):.6f}" for k in (1, 2, 5, 8))
    )
    curve = {k: np.exp(-1.8 * k**-0.35) for k in (1, 16, 1024, 10_000)}
    a, b = coverage.power_law(list(curve), list(curve.values()))
    print("  exp(-1.8 k^-0.35) at 1, 16, 1024, 10000:", ", ".join(f"{c:.6f}" for c in curve.values()))
    print(f"  and back: a = {a:.6f}, b = {b:.6f}")
    law = BetaBinomial(0.3, 2, (0, 0, 0, 0), 1, 1)
    print("  Beta(0.3, 2) at 1, 8, 64, 512:", ", ".join(f"{law.pass_at_k(k):.3f}" for k in (1, 8, 64, 512)))
    k_G = np.unique(np.geomspace(1, 64, 40).round())
    a, b = coverage.power_law(k_G, [law.pass_at_k(k) for k in k_G])
    print(f"  its power law on k <= 64: a = {a:.2f}, b = {b:.2f}, at 512 {np.exp(a * 512**b):.3f}")
    slope = np.log(np.log(law.pass_at_k(512)) / np.log(law.pass_at_k(8))) / np.log(64)
    print(f"  its log-log slope between 8 and 512: {slope:.2f}")
    right = np.random.default_rng(1).binomial(64, 0.2, size=300)
    print(f"  equal questions (p = 0.2), power law: {coverage.fit(right, 64, seed=1).form.words}")
    print(f"  equal questions, Beta law: {coverage_beta.fit(right, 64, seed=1).form.words}")
    for model, usd, per_solved in money():
        print(f"  SWE-bench Lite, {model}: ${usd:.2f} in all, ${per_solved:.3f} a solved problem")


def stopping() -> None:
    print("saturation (arXiv 2505.20522)")
    for rate, top, gain in ((0.3, 0.9, 0.01), (0.1, 0.8, 0.01), (0.05, 0.6, 0.005), (0.5, 1.0, 0.01)):
        n = saturation.saturation_point(top, rate, gain)
        print(
            f"  rate {rate}, ceiling {top}, gain {gain}: N* = {n}, gain there {top * rate * (1 - rate) ** n:.6f}"
        )
    found = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        fit = saturation.fit(
            rng.binomial(32, np.where(rng.random(300) < 0.9, 0.2, 0.0)), 32, seed=seed, draws=50
        )
        found.append((fit.ceiling, fit.rate))
    (top, rate), (top_sd, rate_sd) = np.mean(found, axis=0), np.std(found, axis=0)
    print(
        f"  300 questions x 32, 0.2 on 90 %: ceiling {top:.3f} (sd {top_sd:.3f}), rate {rate:.3f} (sd {rate_sd:.3f})"
    )


def judges() -> None:
    print("judges (arXiv 2512.19905), answers Normal(0.5, 1), truth 0")
    for centre, ks in (
        (0.0, (1, 2, 4, 8, 16, 32, 256)),
        (-0.8, (1, 2, 3, 4, 5, 6, 8, 32)),
        (-1.5, (1, 2, 3, 4, 256)),
    ):
        curve = [judge_scaling.best_of_k_error(k, mean=0.5, spread=1.0, centre=centre) for k in ks]
        print(f"  centre {centre}: " + ", ".join(f"{k}: {e:.6g}" for k, e in zip(ks, curve, strict=True)))
    y = np.random.default_rng(1).normal(0.5, 1, size=(20_000, 256))
    for k in (4, 32, 256):
        taken = np.take_along_axis(y[:, :k], (y[:, :k] ** 2).argmin(axis=1)[:, None], axis=1)[:, 0] ** 2
        print(
            f"  k = {k}: k^2 error simulated {k**2 * taken.mean():.3f} +- {k**2 * taken.std() / sqrt(len(y)):.3f}, "
            f"exact {k**2 * judge_scaling.best_of_k_error(k, mean=0.5, spread=1.0, centre=0.0):.4f}, "
            f"limit {k**2 * judge_scaling.perfect_judge_error(k, mean=0.5, spread=1.0):.4f}"
        )
    for centre in (-0.8, -1.5):
        best = judge_scaling.best_temperature(mean=0.5, spread=1.0, centre=centre)
        error = judge_scaling.many_answers_error(best, mean=0.5, spread=1.0, centre=centre)
        print(f"  centre {centre}, many answers: best temperature {best:.5f}, error {error:.6f}")
    series = [
        judge_scaling.warm_judge_error(k, 20.0, mean=0.5, spread=1.0, centre=0.0) for k in (1, 2, 4, 8, 32)
    ]
    print("  series at T = 20, k = 1, 2, 4, 8, 32: " + ", ".join(f"{e:.5f}" for e in series))
    r = judge_scaling.remaining_variance(d=10, n=10_000, s=1.0, sigma=1e-4, gamma=1e-3)
    print(f"  what 10,000 training pairs leave unknown in 10 dimensions: {r:.4e}")


def equivalence() -> None:
    print("equivalence (arXiv 2510.25933)")
    for share in (0.735, 0.727):
        ends = wilson(500 * share, 500)
        print(f"  Wilson, {share} of 500: {ends.low:.4f} to {ends.high:.4f}")
    for margin in (0.03, 0.05):
        said = tost(0.008, 0.039 / 1.959964, margin)
        print(
            f"  difference 0.008 +- 0.039, margin {margin}: {'shown' if said.shown else 'not shown'}, p = "
            f"{said.p_value:.4f}, 90 % interval {said.interval.low:.4f} to {said.interval.high:.4f}"
        )


def majority(trials: int) -> None:
    print(f"best-of-majority (arXiv 2510.03199), toy with exact truth, {trials} trials a row")
    for n in (10, 30, 100, 300, 1000):
        row = toy(n, trials, seed=n)
        print(f"  N = {n:4d}: " + "  ".join(f"{name} {hit:.2f}" for name, hit in row.items()), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=300)
    trials = parser.parse_args().trials
    monkeys()
    stopping()
    judges()
    equivalence()
    majority(trials)
