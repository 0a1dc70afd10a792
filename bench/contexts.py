"""What contexts cost a server: recognising one, finding one, and leasing jobs.

python bench/contexts.py [--requests 2000] [--contexts 1000] [--jobs 2000]

Prints JSON, times in milliseconds: `recognise` is one request's beginning counted, by length of the request, a
quarter of the requests new and the others coming back, over 64 tenants; `find` is the framing's look-up among a
tenant's contexts; `jobs_per_s` leases with their ends on a file, one after the other and from eight tasks at a
time, `leases_per_s` the leases alone. On a busy machine look at the medians and at the processor's time. Aims:
recognition below 0.2 ms a request, at least 500 leases a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

from outlay.gateway.recurring import MOST_NODES, Recurring
from outlay.store.contexts import Context, context_id
from outlay.store.sqlite import Sqlite

LENGTHS = (500, 5_000, 20_000, 100_000, 400_000)
TENANTS = 64
WORDS = ("the", "box", "holds", "rows", "of", "eggs", "and", "each", "was", "sold", "for", "some", "dollars")


def text_of(length: int, seed: object) -> str:
    """A text of words that another seed shares nothing with."""
    rng = random.Random(f"context {seed}")
    part = " ".join(rng.choice(WORDS) for _ in range(400))
    return f"{seed} " + (part + " ") * (length // len(part) + 1)


def recognised(requests: int) -> dict[str, object]:
    """Milliseconds of one request by length: median and 99th percentile; and how much is remembered at the end."""
    found: dict[str, object] = {}
    for length in LENGTHS:
        seen, rng, taken = Recurring(), random.Random(length), []
        shared = [text_of(length, n)[:length] for n in range(20)]
        for number in range(requests):
            new = rng.random() < 0.25
            text = f"{number} {shared[0]}" if new else f"{rng.choice(shared)} question {number}"
            messages = [{"role": "user", "content": text}]
            start = time.perf_counter()
            seen.saw(f"tenant {number % TENANTS}", messages)
            taken.append(1e3 * (time.perf_counter() - start))
        assert len(seen) <= MOST_NODES
        found[f"{length} characters"] = {
            "median": round(statistics.median(taken), 4),
            "p99": round(sorted(taken)[int(0.99 * len(taken))], 4),
            "remembered": len(seen),
        }
    return found


async def looked_up(folder: Path, contexts: int, requests: int) -> dict[str, float]:
    """Milliseconds of finding the context of a question: among contexts that begin alike, and of no context."""
    store = await Sqlite.open(folder / "contexts.db")
    for number in range(contexts):
        text = f"A handbook of the house, part {number}. " + text_of(4_000, number)
        await store.add_context(Context(context_id(text), "a", f"{number}", text, "added", None, None, 1))
    known = [c.text for c in await store.contexts("a")]
    times = {}
    for name, texts in (
        ("on one", [f"{known[n % len(known)]} How many?" for n in range(requests)]),
        ("on none", [f"Another question {n}, of no context at all" for n in range(requests)]),
    ):
        start = time.perf_counter()
        for text in texts:
            await store.context_of((text,), tenant="a")
        times[name] = round(1e3 * (time.perf_counter() - start) / requests, 4)
    await store.close()
    return times


async def leased(folder: Path, jobs: int, tasks: int) -> dict[str, int]:
    """Jobs leased and ended a second, by the clock and by the processor's time, and leases alone a second."""
    store = await Sqlite.open(folder / f"jobs{tasks}.db")
    await store.set_offline_budget("a", 10**15)
    for number in range(jobs):
        await store.add_job(f"ctx_{number}", "digest_context", "a", "{}", number)
    leasing_s = 0.0

    async def take(n: int) -> None:
        nonlocal leasing_s
        for _ in range(n):
            start = time.perf_counter()
            job = await store.lease_job(store.new_id("claim"), most_nusd=1)
            leasing_s += time.perf_counter() - start
            assert job is not None
            await store.finish_job(job, "done", "")

    start, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(take(jobs // tasks))
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    await store.close()
    found = {"jobs_per_s": round(jobs / seconds), "jobs_per_cpu_s": round(jobs / cpu_s)}
    return found | ({"leases_per_s": round(jobs / leasing_s)} if tasks == 1 else {})


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--contexts", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        told = {
            "recognise_ms": recognised(options.requests),
            "find_ms": await looked_up(place, options.contexts, options.requests),
            "one task": await leased(place, options.jobs, 1),
            "eight tasks": await leased(place, options.jobs, 8),
        }
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
