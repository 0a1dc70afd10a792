"""Two local models at work at once on the same cores: in turns, side by side, and one after the other.

python bench/turns.py [--small PATH_OR_NAME] [--large PATH_OR_NAME] [--rounds 2]

The small model has 16 pieces of work for six of the large one; two of each are in flight. A piece reads a prompt of
about 120 tokens that was never read and writes 20. Side by side is what happens without turns: every wait is 0 seconds.
Each way once a round; prints the medians in seconds until both were done, and their ratio to one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from contextlib import aclosing
from pathlib import Path

import outlay.models.local as local_module
from outlay.models.local import local
from outlay.models.turns import WAIT_S, Turns
from outlay.types import Request, Sampling

MODELS = Path.home() / ".cache/outlay-test-models"
WAYS = {"one after the other": 0.0, f"in turns, {WAIT_S:.0f} s at most": WAIT_S, "side by side": 0.0}
PIECES_SMALL, PIECES_LARGE, AT_ONCE = 8, 3, 2


async def work(model: local, pieces: int) -> None:
    async def one() -> None:
        for _ in range(pieces):
            words = " ".join(str(random.randrange(10**6)) for _ in range(15))
            asked = Request(
                ({"role": "user", "content": f"Repeat: {words}"},),
                20,
                sampling=Sampling(extra={"ignore_eos": True}),
            )
            async with aclosing(model.stream(asked)) as deltas:  # pyright: ignore[reportArgumentType]
                async for _ in deltas:
                    pass

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one())


async def seconds(way: str, small: local, large: local) -> float:
    shared = Turns(WAYS[way])
    local_module.turns = lambda: shared
    start = time.perf_counter()
    if way == "one after the other":
        await work(small, PIECES_SMALL)
        await work(large, PIECES_LARGE)
    else:
        await asyncio.gather(work(small, PIECES_SMALL), work(large, PIECES_LARGE))
    return time.perf_counter() - start


async def main(given: argparse.Namespace) -> None:
    small, large = local(given.small), local(given.large)
    await work(small, 1)
    await work(large, 1)
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(given.rounds):
        for way, times in taken.items():
            times.append(await seconds(way, small, large))
    await small.close()
    await large.close()
    least = statistics.median(taken["one after the other"])
    for way, times in taken.items():
        middle = statistics.median(times)
        print(f"{way:24} {middle:6.1f} s  {middle / least:.2f} x")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--small", default=MODELS / "qwen-0.5b.gguf")
    parser.add_argument("--large", default=MODELS / "qwen-1.5b.gguf")
    parser.add_argument("--rounds", type=int, default=2)
    asyncio.run(main(parser.parse_args()))
