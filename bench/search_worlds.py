"""The toy worlds of the sheets at scale: what each search gets right, for how many steps.

    .venv/bin/python bench/search_worlds.py [--runs 300]

World: a chain of 8 steps; a good step follows a good one with probability 0.7, a bad chain recovers with 0.03. The
scorer is sigmoid(±1.2 + N(0, 1)). In the misleading worlds it takes good for bad up to the stated depth.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from stepping import run_on
from toy_worlds import QUESTION, RIGHT, Scorer, Tree, misled, noisy

from outlay import plugins
from outlay.models.scripted import scripted

STRATEGIES = (
    "best_of_n:n=8", "best_of_n:n=16", "particle_filter:n=4", "particle_filter:n=8", "particle_filter:n=16",
    "particle_filter:n=8,weights=incremental", "particle_filter:n=8,resampling=systematic,ess=0.5",
    "particle_filter:n=8,weights=incremental,ess=0.5", "particle_filter:n=4,rounds=2",
    "beam_search:n=8,width=4", "beam_search:n=16,width=4", "diverse_tree_search:n=8,width=4",
    "step_rejection:redraws=8", "step_rejection:redraws=24",
    "astar:k=4,expansions=32,edge_cost=zero", "astar:k=4,expansions=32", "astar:k=4,expansions=32,edge_cost=pathmax",
)  # fmt: skip
SCORERS = {"noisy": noisy, "misled to 1": misled(1), "misled to 3": misled(3)}


async def share_right(spec: str, score, runs: int) -> tuple[float, float]:
    """The share of right answers and the mean number of steps of a strategy in a world."""
    chosen = plugins.spec("strategy", spec)
    model = scripted(Tree().script(), keep=False)
    right = steps = 0
    for seed in range(runs):
        async with run_on(model, seed=seed, verifier=Scorer(score)) as run:
            answer = await chosen.target(run, QUESTION, **chosen.parameters)
            right += answer.key == RIGHT
            steps += run.spent.calls * (8 if spec.startswith("best") else 1)
    return right / runs, steps / runs


async def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--runs", type=int, default=300)
    runs = asked.parse_args().runs
    print(f"{runs} runs each; standard error at most {0.5 / runs**0.5:.3f}\n")
    print(f"| strategy | {' | '.join(f'{name}: right | steps' for name in SCORERS)} |")
    print("|---|" + "---|" * 2 * len(SCORERS))
    for spec in STRATEGIES:
        cells = [await share_right(spec, score, runs) for score in SCORERS.values()]
        print(f"| `{spec}` | " + " | ".join(f"{right:.3f} | {steps:.1f}" for right, steps in cells) + " |")


if __name__ == "__main__":
    asyncio.run(main())
