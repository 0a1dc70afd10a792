"""Coverage of the intervals of verifiers' economics in planted worlds, and the published figures beside ours.

python bench/verifiers.py                the figures (seconds)
python bench/verifiers.py --coverage     the coverage tables, 2,000 replications a regime (minutes)
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.stats import beta

from outlay.economics import sub_pools
from outlay.economics.allocation import (
    SCHEDULES,
    level_budget,
    remaining,
    shares,
    shares_as_printed,
    word_budgets,
)
from outlay.economics.imperfect_verifier import (
    TwoTypes,
    best_tries,
    best_tries_as_printed,
    best_tries_from,
    break_even_wrong,
    ceiling,
    reward,
    reward_as_printed,
    reward_limit,
)
from outlay.economics.solve_vs_verify import Checker, best_split, fit_split_law
from outlay.economics.verifier_audit import audit

TESTS = Path(__file__).parent.parent / "tests"
DATA = TESTS / "data"
sys.path.insert(0, str(TESTS / "support"))

from checked_samples import AUDIT_WORLDS, TRIES_WORLDS, seed_of  # noqa: E402

REPLICATIONS = 2000
REGIMES = {
    "0.82 / 0.63, correlation 0.7": Checker(0.82, 0.63, 0.7, 0.7),
    "0.82 / 0.63, correlation 0": Checker(0.82, 0.63),
    "0.90 / 0.30, correlation 0.5": Checker(0.90, 0.30, 0.5, 0.5),
    "0.95 / 0.05, correlation 0": Checker(0.95, 0.05),
}


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def imperfect_verifier() -> None:
    models = {r["model"]: r for r in rows("inference-scaling-flaws/humaneval_plus_models.csv")}
    x = np.array([float(r["pass_at_1_plus"]) for r in models.values()])
    y = np.array([float(r["p_plus_given_base"]) for r in models.values()])
    slope, intercept = np.polyfit(x, y, 1)
    below = sum(
        float(r["p_plus_given_base"]) < float(models["GPT-4o"]["pass_at_1_plus"]) for r in models.values()
    )
    print(f"fit over {len(x)} models: {slope:.5f} x + {intercept:.5f}, R2 {np.corrcoef(x, y)[0, 1] ** 2:.5f}")
    print(f"ceilings below GPT-4o's single try: {below} of {len(x)}")
    types = TwoTypes(0.58, 0.87, 0.13, 1.0, 0.75)
    ks = np.array([1, 2, 3, 5, 10, 15])
    print("illustration, wrong = 1, K =", ks.tolist())
    print("  printed  ", reward_as_printed(types, 15, wrong=1.0)[ks - 1].round(4))
    print("  corrected", reward(types, ks, wrong=1.0).round(4), f"limit {reward_limit(types, wrong=1.0):.6f}")
    print("  ceilings ", ceiling([0.87, 0.13], completeness=1.0, soundness=0.75).round(5))
    print(f"  unbounded below wrong = {break_even_wrong(types):.4f}")
    for wrong in (0.5, 0.6, 0.7, 1.0, 2.0):
        print(
            f"  wrong {wrong}: K {best_tries(types, wrong=wrong)}, printed {best_tries_as_printed(types, wrong=wrong)}"
        )


def solve_vs_verify() -> None:
    p = beta.ppf((np.arange(400) + 0.5) / 400, 1.0, 1.2)
    for name, checker in REGIMES.items():
        print(name)
        for budget in (4, 16, 64, 128):
            vote, checked = best_split(
                p, 1 / np.arange(1, 7), checker, budget, check_cost=1.0, seed=seed_of(name)
            )
            assert checked is not None
            split = f"S {checked.solutions:2d}, V {checked.checks:2d}"
            print(f"  C {budget:3d}: vote {vote.success:.3f}, checked {checked.success:.3f} ({split})")
    budgets = (4, 8, 16, 32, 64, 128)
    splits = [best_split(p, [1.0], Checker(0.95, 0.05), c, check_cost=1.0, seed=1)[1] for c in budgets]
    assert all(splits)
    law = fit_split_law(budgets, [s.solutions for s in splits if s], [s.checks for s in splits if s])
    print(f"  law under the last checker: S grows as C^{law.a:.2f}, V as C^{law.b:.2f}; intervals "
          f"{law.a_interval.low:.2f} to {law.a_interval.high:.2f}, "
          f"{law.b_interval.low:.2f} to {law.b_interval.high:.2f}")  # fmt: skip
    checker = Checker(0.817, 0.628, 0.78, 0.72)
    print(f"wrong solutions accepted by 24 of 24: {checker.accepts(24, right=False)[-1]:.3f}, "
          f"independent {Checker(0.817, 0.628).accepts(24, right=False)[-1]:.1e}")  # fmt: skip
    print("log-odds that 4, 8, 24 accepts add beyond the first:",
          *([round(c.evidence(n, n) - c.evidence(1, 1), 2) for n in (4, 8, 24)]
            for c in (checker, Checker(0.817, 0.628))))  # fmt: skip


def allocations() -> None:
    rng = np.random.default_rng(seed_of("plan and budget"))
    worst, below_equal, instances = 1.0, 0, 2000
    for _ in range(instances):
        m = int(rng.integers(2, 6))
        c, a = rng.uniform(0.1, 5, m), rng.uniform(0.05, 2, m)
        exact, printed, equal = (
            remaining(c, a, b)
            for b in (shares(c, a, 300.0), shares_as_printed(c, a, 300.0), np.full(m, 300 / m))
        )
        worst, below_equal = max(worst, printed / exact), below_equal + (printed > equal)
    print(f"printed closed form: up to {worst:.2f} times the least uncertainty, "
          f"worse than equal shares in {below_equal / instances:.0%}")  # fmt: skip
    questions = rows("plan-and-budget/math500_credits.csv")
    budgets = [level_budget(int(r["level"])) for r in questions]
    print(f"MATH-500: {len(questions)} questions, mean budget {np.mean(budgets):.1f} words")
    for schedule in SCHEDULES:
        given = [
            word_budgets([int(x) for x in r["credits"].split()], budget, schedule)
            for r, budget in zip(questions, budgets, strict=True)
        ]
        assert [sum(g) for g in given] == budgets
        first = np.mean([g[0] / sum(g) for g in given])
        last = np.mean([g[-1] / sum(g) for g in given])
        print(f"  {schedule:12s} first {first:.3f}, last {last:.3f}")


def pool() -> None:
    lines = (DATA / "arbitrage/math100_n8_rm.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    codes = [[sorted(set(q["pred"])).index(a) for a in q["pred"]] for q in found]
    correct, score = [q["correct"] for q in found], [q["rm_score"] for q in found]
    first = [q["correct"][q["pred"].index(Counter(q["pred"]).most_common(1)[0][0])] for q in found]
    shared = sub_pools.vote(codes, correct, [8])[:, 0]
    split = (shared > 0) & (shared < 1)
    print(f"100 questions x 8: mean {100 * np.mean(correct):.1f}, "
          f"maj@8 {100 * shared.mean():.1f} (first seen {100 * np.mean(first):.1f}), "
          f"rm@8 {100 * sub_pools.best_of(codes, correct, score, [8]).mean():.1f}, "
          f"pass@8 {100 * sub_pools.pass_at_k(correct, [8]).mean():.1f}")  # fmt: skip
    print(
        f"ties with a right answer among them: {split.sum()}, the first seen right in {np.array(first)[split].sum()}"
    )


def coverage() -> None:
    print("best number of tries, 95 % interval: covered (mean width)")
    for world in TRIES_WORLDS:
        cells = []
        for questions in (20, 60, 150):
            rng = np.random.default_rng(seed_of(f"{world.name} {questions}"))
            hits, width, best = 0, 0.0, world.best()
            for i in range(REPLICATIONS):
                accepted, correct = world.draw(rng, questions)
                found = best_tries_from(
                    accepted, correct, wrong=world.wrong, try_cost=world.try_cost, seed=i, draws=300
                ).interval
                hits += found.low <= best <= found.high
                width += found.high - found.low
            cells.append(f"{questions}: {hits / REPLICATIONS:.3f} ({width / REPLICATIONS:.1f})")
        print(f"  {world.name:26s} best {best:2d}; questions " + ", ".join(cells), flush=True)
    print("audit, 95 % intervals: covered (of audits that say something)")
    for world in AUDIT_WORLDS:
        rng = np.random.default_rng(seed_of(world.name))
        truth = {
            "completeness": world.accepts_right,
            "soundness": 1 - world.accepts_wrong,
            "correlation_right": world.correlation,
            "correlation_wrong": world.correlation,
        }
        said, hits = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
        for _ in range(REPLICATIONS):
            found = audit(**world.draw(rng))
            for name, value in truth.items():
                if (measured := getattr(found, name)) is not None:
                    said[name] += 1
                    hits[name] += measured.interval.low <= value <= measured.interval.high
        cells = [
            f"{name} {hits[name] / said[name]:.3f} ({said[name]})" if said[name] else f"{name} -"
            for name in truth
        ]
        print(f"  {world.name}: " + ", ".join(cells), flush=True)


if __name__ == "__main__":
    if "--coverage" in sys.argv[1:]:
        coverage()
    else:
        for part in (imperfect_verifier, solve_vs_verify, allocations, pool):
            print(f"## {part.__name__}")
            part()
