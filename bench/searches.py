"""Searches over steps against best of n with the same scorer, at equal tokens: one command that can be resumed.

    .venv/bin/python bench/searches.py DIR [--questions 100] [--model local/qwen2.5-coder-0.5b] [--seed 0]
    .venv/bin/python bench/searches.py DIR --table

Two tasks: sums, whose steps `step_rules` can check, and counting letters, where it has nothing to check and scores 0.5.
Everything is saved in DIR as it comes; the call cache serves what arms have in common. The table sets each search
beside best of n at the search's own mean of output tokens: a mixture of the two neighbouring n, question by question.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from itertools import pairwise
from pathlib import Path

from outlay import experiment
from outlay.experiment import Outcome, Spec
from outlay.stats.paired import paired
from outlay.stats.wilson import wilson

TASKS = ("chain_sum?min_terms=4&max_terms=6", "letter_count")
BEST = tuple(f"best_of_n:n={n}" for n in (1, 2, 4, 8, 16))
SHAPE = r"steps=16,step_tokens=64,separator=\n"
SEARCHES = (
    f"beam_search:n=4,width=2,{SHAPE}",
    f"diverse_tree_search:n=4,width=2,{SHAPE}",
    f"particle_filter:n=4,{SHAPE}",
    f"particle_filter:n=4,weights=incremental,resampling=systematic,ess=0.5,{SHAPE}",
    f"astar:k=2,expansions=24,{SHAPE}",
)


def asked_for() -> argparse.Namespace:
    asked = argparse.ArgumentParser()
    asked.add_argument("dir", type=Path)
    asked.add_argument("--questions", type=int, default=100)
    asked.add_argument("--model", default="local/qwen2.5-coder-0.5b")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--table", action="store_true", help="print the table of what is there and buy nothing")
    return asked.parse_args()


async def buy(options: argparse.Namespace) -> None:
    """Buy what is missing."""
    spec = Spec(
        tasks=TASKS,
        models=(options.model,),
        strategies=(*BEST, *SEARCHES),
        verifier="step_rules",
        questions=options.questions,
        seed=options.seed,
        temperature=0.8,
        max_output_tokens=256,
    )

    def tell(done: int, of: int, outcome: Outcome) -> None:
        if done % 20 == 0:
            print(f"{done} of {of}: {outcome.task} {outcome.strategy.partition(':')[0]}", file=sys.stderr)

    await experiment.run(spec, options.dir, on_outcome=tell)


def short(strategy: str) -> str:
    """The strategy without the shape that all searches share."""
    return ",".join(p for p in strategy.split(",") if not p.startswith(("steps", "step_tokens", "separator")))


def mean_tokens(found: dict[str, Outcome]) -> float:
    return sum(o.output_tokens for o in found.values()) / len(found)


def best_at(tokens: float, arms: dict[str, dict[str, Outcome]], questions: list[str]) -> list[float] | None:
    """The chance of best of n at so many output tokens, for each question; None beyond the n that were bought."""
    bests = [arms[name] for name in arms if name.startswith("best_of_n")]
    for low, high in pairwise(sorted(bests, key=mean_tokens)):
        a, b = mean_tokens(low), mean_tokens(high)
        if a <= tokens <= b and b > a:
            share = (tokens - a) / (b - a)
            return [(1 - share) * low[q].correct + share * high[q].correct for q in questions]
    return None


def table(task: str, outcomes: list[Outcome]) -> None:
    """One task's arms, and what each search gains on best of n at its tokens."""
    arms: dict[str, dict[str, Outcome]] = {}
    for o in outcomes:
        arms.setdefault(o.strategy, {})[o.question_id] = o
    questions = sorted(set.intersection(*(set(found) for found in arms.values())))
    print(f"\n### {task}, {len(questions)} questions\n")
    print(
        "| plan | right | 95 % | tokens out | tokens in | cost | best of n at its tokens | gain (paired, 95 %) |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for strategy, found in arms.items():
        of = [found[q] for q in questions]
        right, inside = sum(o.correct for o in of), wilson(sum(o.correct for o in of), len(of))
        best = None if strategy.startswith("best") else best_at(mean_tokens(found), arms, questions)
        gain = "–"
        if best is not None:
            told = paired(best, [float(o.correct) for o in of], seed=0)
            gain = f"{told.difference:+.3f} ({told.interval.low:+.3f} … {told.interval.high:+.3f})"
        costs = [o.cost_nusd or 0 for o in of]
        beside = "–" if best is None else f"{sum(best) / len(best):.3f}"
        print(
            f"| `{short(strategy)}` | {right / len(of):.3f} | {inside.low:.3f} … {inside.high:.3f} "
            f"| {sum(o.output_tokens for o in of) / len(of):.0f} | {sum(o.input_tokens for o in of) / len(of):.0f} "
            f"| ${sum(costs) / len(costs) / 1e9:.6f} | {beside} | {gain} |"
        )


def main() -> None:
    options = asked_for()
    if not options.table:
        asyncio.run(buy(options))
    outcomes = experiment.read_outcomes(options.dir)
    for task in dict.fromkeys(o.task for o in outcomes):
        table(task, [o for o in outcomes if o.task == task])


if __name__ == "__main__":
    main()
