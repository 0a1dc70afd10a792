"""Cost against accuracy of an agent over budgets of its tool, with and without a budget that it sees.

    .venv/bin/python bench/agent.py [--worlds 200]
    .venv/bin/python bench/agent.py --live local/qwen2.5-coder-0.5b [--questions 2]

The first is a scripted world (`tests/support/clue_world.py`) with scripted agents: it shows what a budget lets an agent
do that heeds it. A call costs $0.001, a million tokens of the agent $1 (read) or $4 (written). --live asks a real model
with the Python tool, whose budget is 3: whether it calls, what it costs, and whether it is right.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import clue_world

from outlay.engine import Outlay
from outlay.money import Price
from outlay.testing import scripted, shop
from outlay.types import Question, Sampling

BUDGETS = (3, 5, 10, 20, 30, 100)
AGENTS = {"unaware": (False, False), "unaware, thorough": (False, True), "tracker": (True, False)}
PRICE = Price(1_000_000_000, 4_000_000_000, source="bench", date="2026-11-25")
LIVE = (
    ("What is the sum of all primes below 200?", "4227"),
    ("How many days are there from 1 March to 4 July?", "125"),
)


def spec(budget: int, tracker: bool) -> str:
    """The strategy: ReAct with one tool, its budget shown or not."""
    plain = f"verify=false,planning=false,turns=100,tracker={str(tracker).lower()}"
    return f"budget_aware_agent:tools='clue_world:search:usd=0.001',budget={budget},{plain}"


async def measured(worlds: int, budget: int, tracker: bool, thorough: bool) -> tuple[float, float, float]:
    """The share of right answers, and means a question: searches, and cents."""
    right = calls = nusd = 0
    async with shop(scripted(clue_world.script, price=PRICE, keep=False)) as outlay:
        for world in range(worlds):
            asked = clue_world.question(world, thorough=thorough)
            answer = await outlay.ask(asked, strategy=spec(budget, tracker))
            right += answer.key == clue_world.truth(world)
            calls += int(answer.stopped.split()[0])
            nusd += answer.cost_nusd or 0
    return right / worlds, calls / worlds, nusd / worlds / 1e7


async def scripted_worlds(worlds: int) -> None:
    """Print the table over budgets."""
    print(f"{worlds} worlds; standard error of an accuracy at most {0.5 / worlds**0.5:.3f}\n")
    print("| budget | " + " | ".join(f"{name}: right | searches | cents" for name in AGENTS) + " |")
    print("|---|" + "---|" * 3 * len(AGENTS))
    for budget in BUDGETS:
        cells = [await measured(worlds, budget, *which) for which in AGENTS.values()]
        told = " | ".join(f"{right:.3f} | {calls:.2f} | {cents:.3f}" for right, calls, cents in cells)
        print(f"| {budget} | {told} |")


async def live(model: str, questions: int) -> None:
    """Print what a real model does with the Python tool, with and without the tracker."""
    async with Outlay(model, store=":memory:", what="bench agent") as outlay:
        for text, truth in LIVE[:questions]:
            asked = Question.of(text, kind="number", sampling=Sampling(max_output_tokens=256, temperature=0.0))
            for tracker in (True, False):
                plain = f"verify=false,planning=false,turns=4,tracker={str(tracker).lower()}"
                answer = await outlay.ask(asked, strategy=f"budget_aware_agent:tools=python,budget=3,{plain}")
                print(f"tracker {tracker}: {answer.key} (right: {truth}); {answer.calls} calls, "
                      f"{answer.usage.input_tokens} + {answer.usage.output_tokens} tokens, "
                      f"{answer.latency_s:.1f} s; {answer.stopped}")  # fmt: skip


if __name__ == "__main__":
    asks = argparse.ArgumentParser()
    asks.add_argument("--worlds", type=int, default=200)
    asks.add_argument("--live", default="")
    asks.add_argument("--questions", type=int, default=2)
    given = asks.parse_args()
    asyncio.run(live(given.live, given.questions) if given.live else scripted_worlds(given.worlds))
