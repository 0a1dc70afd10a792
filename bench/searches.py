"""Searches over steps against best of n with the same scorer, at equal tokens: one command that can be resumed.

    .venv/bin/python bench/searches.py DIR [--questions 100] [--model PATH_OR_NAME] [--seed 0]
    .venv/bin/python bench/searches.py DIR --table

Two tasks: sums, whose steps `step_rules` can check, and counting letters, where it has nothing to check and scores 0.5.
The tasks take turns and each question is bought by all arms before the next one, so that a run which is stopped leaves
a balanced table. The table sets each search beside best of n at the search's own mean of output tokens, the scorer's
included: a mixture of the two neighbouring n, question by question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import msgspec
from arms import Arm, Row, arguments, balanced, buy, rows, share
from hints import STEPS, hinted

from outlay.stats.paired import paired
from outlay.types import Question, Sampling

TASKS = ("chain_sum?min_terms=3&max_terms=4&min_digits=2&max_digits=2", "letter_count")
BEST = tuple(f"best_of_n:n={n}" for n in (1, 2, 4, 8))
SHAPE = r"steps=16,step_tokens=64,separator=\n"
SEARCHES = (
    "beam_search:n=4,width=2",
    "diverse_tree_search:n=4,width=2",
    "particle_filter:n=4",
    "astar:k=2,expansions=24",
    "step_rejection:redraws=8",
)
SAMPLING = Sampling(temperature=0.8, max_output_tokens=256)
HINTS = {
    "chain_sum": STEPS,
    "letter_count": "Work in steps, one letter a line.",
}
"""Without them small models state an answer outright, and there is no step to look at."""


def drawn(question: Question) -> Question:
    hint = HINTS[question.id.partition("-")[0]]
    return msgspec.structs.replace(hinted(question, hint), sampling=SAMPLING)


ARMS = (*(Arm(s, s, drawn) for s in BEST), *(Arm(s, f"{s},{SHAPE}", drawn) for s in SEARCHES))


def mean_tokens(of: Sequence[Row]) -> float:
    return sum(r.output_tokens for r in of) / len(of)


def best_at(tokens: float, by_arm: dict[str, list[Row]]) -> list[float] | None:
    """The chance of best of n at so many output tokens, for each question; None beyond the n that were bought."""
    for low, high in pairwise(sorted((by_arm[name] for name in BEST), key=mean_tokens)):
        a, b = mean_tokens(low), mean_tokens(high)
        if a <= tokens <= b and b > a:
            part = (tokens - a) / (b - a)
            return [(1 - part) * one.right + part * more.right for one, more in zip(low, high, strict=True)]
    return None


def table(task: str, found: Sequence[Row]) -> None:
    """One task's arms, and what each search gains on best of n at its tokens."""
    by_arm = balanced(found, [arm.name for arm in ARMS])
    n = len(by_arm[BEST[0]])
    print(f"\n### {task}, {n} questions\n")
    if not n:
        return
    print(
        "| plan | right (95 %) | tokens out | tokens in | cost | best of n at its tokens | gain (paired, 95 %) |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, of in by_arm.items():
        best = None if name in BEST else best_at(mean_tokens(of), by_arm)
        beside = gain = "–"
        if best is not None:
            told = paired(best, [float(r.right) for r in of], seed=0)
            beside = f"{sum(best) / n:.3f}"
            gain = f"{told.difference:+.3f} ({told.interval.low:+.3f} … {told.interval.high:+.3f})"
        cost = sum(r.cost_nusd for r in of) / n / 1e9
        print(
            f"| `{name}` | {share([r.right for r in of])} | {mean_tokens(of):.0f} "
            f"| {sum(r.input_tokens for r in of) / n:.0f} | ${cost:.6f} | {beside} | {gain} |"
        )


def main() -> None:
    given = arguments(__doc__, questions=100, model="qwen-0.5b.gguf").parse_args()
    if not given.table:
        asyncio.run(buy(given, TASKS, ARMS, verifier="step_rules"))
    found = rows(given.dir)
    for task in TASKS:
        table(task, [r for r in found if r.task == task])


if __name__ == "__main__":
    main()
