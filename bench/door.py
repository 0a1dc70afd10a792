"""Metered calls per second through `Run` on the scripted model, with the SQLite ledger on, and memory over many calls.

    .venv/bin/python bench/door.py [--calls 200000] [--concurrency 64]

One process pinned to one core: the event loop, the ledger's writer thread and the model share it. Each call passes
every step of the door: bounds, reservation, write-ahead, stream, count, settle, trace. A line every tenth of the way
goes to standard error, one JSON object to standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from outlay.budget import Budget, Limits
from outlay.door.draws import Door
from outlay.door.session import Session
from outlay.models.scripted import scripted
from outlay.run import Run
from outlay.store.sqlite import Sqlite
from outlay.types import Question, Sampling

SAMPLING = Sampling(max_output_tokens=64)


def rss_mb() -> float:
    """Resident memory of this process, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def machine() -> str:
    """The processor and its number of cores."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


async def measure(n_calls: int, concurrency: int, ledger: Path) -> dict[str, object]:
    """Buy `n_calls` single samples, `concurrency` at a time, each an answer of its own."""
    model = scripted(lambda request, index: "The answer is 42 .", shares_prompt=False, keep=False)
    store = await Sqlite.open(ledger)
    session = Session(
        run_id="bench", providers={"default": model}, cards={"default": await model.card()}, store=store
    )
    budget = Budget(Limits(nusd=10**15, calls=2 * n_calls), clock=session.clock)
    numbers = iter(range(n_calls))
    memory: list[float] = []
    every = max(n_calls // 10, 1)

    async def buyer() -> None:
        for number in numbers:
            if number % every == 0:
                memory.append(round(rss_mb(), 1))
                print(f"{number:8} calls, {memory[-1]:.1f} MB", file=sys.stderr)
            question = Question.of("What is 6 times 7 ?", id=f"q{number}", sampling=SAMPLING)
            run = Run(Door(session), budget.fork(), seed=0, question_id=question.id)
            pool = await run.sample(question, n=1)
            assert not pool.failures

    began, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(buyer())
    await store.flush()
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    totals = await store.totals()
    await store.close()
    assert totals.calls == n_calls
    assert totals.cost_nusd == budget.settled["nusd"]
    return {
        "machine": machine(),
        "calls": n_calls,
        "concurrency": concurrency,
        "calls_per_s": round(n_calls / wall_s),
        "calls_per_cpu_s": round(n_calls / cpu_s),
        "rss_mb": [*memory, round(rss_mb(), 1)],
    }


def main() -> None:
    """Print the rate and the memory as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--concurrency", type=int, default=64)
    given = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measure(given.calls, given.concurrency, Path(folder) / "ledger.db"))))


if __name__ == "__main__":
    main()
