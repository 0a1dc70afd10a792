"""The cascade in a text environment with scripted models: success, deferral and cost as its store grows.

python bench/cascade_rooms.py [--episodes 60]

Six rooms, ten things (tests/support/rooms.py): the teacher's scripted policy errs at 3 % of its steps, the student
copies the most alike step it is shown and else takes any allowed action. Prices: the teacher's token costs 40 times the
student's, embeddings are free. Prints JSON; a quarter is a quarter of the episodes, in their order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
from rooms import goal_of, student, teacher

from outlay.money import FREE, Price
from outlay.testing import FIXED, embedder, scripted, shop
from outlay.types import Answer, Question, Sampling

DEAR = Price(40 * FIXED.input_nusd_per_mtok, 40 * FIXED.output_nusd_per_mtok)
ONE = "cascade:environment=rooms:Rooms,k=0,n=1,audit=0"
METHOD = "cascade:environment=rooms:Rooms,k=4,audit=0"


async def play(strategy: str, small: tuple, large: tuple, n: int) -> list[Answer]:
    """The answers of n episodes; each model is its script and its price."""
    models = {
        "default": scripted(lambda request, index: "unused"),
        "small": scripted(small[0], name="small", price=small[1], keep=False),
        "large": scripted(large[0], name="large", price=large[1], keep=False),
        "embed": embedder(128, price=FREE),
    }
    async with shop(models) as outlay:
        sampling = Sampling(max_output_tokens=40)
        asked = [Question.of(goal_of(Random(f"goal {i}")), id=f"e{i}", sampling=sampling) for i in range(n)]
        return [await outlay.ask(question, strategy=strategy) for question in asked]


def told(answers: list[Answer]) -> dict[str, float]:
    steps = sum(len(a.text.splitlines()) for a in answers)
    asked = sum(int(found) for a in answers for found in re.findall(r"(\d+) (?:deferred|outright)", a.stopped))
    return {
        "success": round(sum(a.answer == "success" for a in answers) / len(answers), 3),
        "steps": round(steps / len(answers), 1),
        "asked_the_large_model": round(asked / steps, 3),
        "usd": round(sum(a.cost_nusd or 0 for a in answers) / len(answers) / 1e9, 5),
    }


async def compare(n: int) -> dict:
    method = await play(METHOD, (student, FIXED), (teacher, DEAR), n)
    quarters = [method[i * n // 4 : (i + 1) * n // 4] for i in range(4)]
    return {
        # Alone: the same model in both parts, of which one sample is always trusted.
        "teacher": told(await play(ONE, (teacher, DEAR), (teacher, DEAR), n)),
        "student": told(await play(ONE, (student, FIXED), (student, FIXED), n)),
        "cascade": told(method),
        "cascade_by_quarters": [told(quarter) for quarter in quarters],
    }


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--episodes", type=int, default=60)
    print(json.dumps(asyncio.run(compare(options.parse_args().episodes)), indent=2))


if __name__ == "__main__":
    main()
