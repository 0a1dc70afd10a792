"""CPU per streamed call through outlay against bare aiohttp making the same calls in the same run.

    .venv/bin/python bench/http_cpu.py [--calls 2000] [--words 32] [--concurrency 32]

The server is the tests' fake upstream in a process of its own, so only the client's CPU is counted. `bare`
posts the same body and throws the bytes of the reply away; `decoded` also splits its lines and decodes each
with msgspec, which is the least that any client must do. `Run` is the whole door over that provider: bounds,
reservation, SQLite ledger written ahead, stream, count, settle, trace. Medians of alternating rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from outlay.budget import Budget, Limits
from outlay.door.draws import Door
from outlay.door.session import Session
from outlay.models.openai_chat import openai_chat
from outlay.money import Price
from outlay.run import Run
from outlay.store.sqlite import Sqlite
from outlay.types import Question, Request, Sampling

UPSTREAM = Path(__file__).parent.parent / "tests" / "support" / "upstream.py"
BODY = {
    "model": "fake",
    "messages": [{"role": "user", "content": "What is 6 times 7?"}],
    "max_completion_tokens": 64,
    "stream": True,
    "stream_options": {"include_usage": True},
}
Call = Callable[[], Awaitable[None]]


@asynccontextmanager
async def upstream(words: int) -> AsyncIterator[str]:
    """The base URL of a fake server in another process, whose replies have this many words."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(UPSTREAM), str(words), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


async def cpu_us_per_call(call: Call, n_calls: int, concurrency: int) -> float:
    """Microseconds of this process's CPU for each of `n_calls` calls, `concurrency` of them at a time."""
    left = iter(range(n_calls))

    async def worker() -> None:
        for _ in left:
            await call()

    began = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(worker())
    return (time.process_time() - began) / n_calls * 1e6


async def compare(calls: dict[str, Call], n_calls: int, concurrency: int, rounds: int = 5) -> dict[str, float]:
    """Median CPU per call of each kind, in microseconds; the kinds take turns, after one unmeasured round."""
    measured: dict[str, list[float]] = {name: [] for name in calls}
    for round_number in range(rounds + 1):
        for name, call in calls.items():
            cpu_us = await cpu_us_per_call(call, n_calls // rounds, concurrency)
            if round_number:
                measured[name].append(cpu_us)
    return {name: statistics.median(values) for name, values in measured.items()}


def bare(session: aiohttp.ClientSession, base_url: str, *, decode: bool) -> Call:
    """The same call with nothing but aiohttp (and, if asked, msgspec)."""
    data = msgspec.json.encode(BODY)
    decoder = msgspec.json.Decoder()

    async def call() -> None:
        async with session.post(f"{base_url}/chat/completions", data=data) as response:
            async for block in response.content.iter_any():
                if decode:
                    for line in block.split(b"\n"):
                        if line.startswith(b"data: {"):
                            decoder.decode(line[6:])

    return call


def provider_call(provider: openai_chat) -> Call:
    """One streamed call through the provider, every delta read."""
    request = Request(messages=tuple(BODY["messages"]), max_output_tokens=64)

    async def call() -> None:
        async for _ in provider.stream(request):
            pass

    return call


def metered_call(session: Session, budget: Budget) -> Call:
    """One sample bought through `Run`, an answer of its own."""
    numbers = itertools.count()

    async def call() -> None:
        text = BODY["messages"][0]["content"]
        question = Question.of(text, id=f"q{next(numbers)}", sampling=Sampling(max_output_tokens=64))
        run = Run(Door(session), budget.fork(), seed=0, question_id=question.id)
        pool = await run.sample(question, n=1)
        assert not pool.failures

    return call


async def metered(provider: openai_chat, ledger: Path) -> Session:
    """A session that buys from this provider alone."""
    card = msgspec.structs.replace(await provider.card(), price=Price(150_000_000, 600_000_000))
    store = await Sqlite.open(ledger)
    return Session(run_id="bench", providers={"default": provider}, cards={"default": card}, store=store)


async def run(n_calls: int, words: int, concurrency: int, folder: Path) -> dict[str, float]:
    """CPU per call, in microseconds, by kind: `bare`, `decoded`, `openai_chat` and `Run`."""
    async with upstream(words) as base_url:
        connector = aiohttp.TCPConnector(limit=concurrency)
        provider = openai_chat("fake", base_url=base_url, dialect="openai", concurrency=concurrency)
        session_of_run = await metered(provider, folder / "ledger.db")
        budget = Budget(Limits(nusd=10**15), clock=session_of_run.clock)
        async with aiohttp.ClientSession(connector=connector) as session:
            calls = {
                "bare": bare(session, base_url, decode=False),
                "decoded": bare(session, base_url, decode=True),
                "openai_chat": provider_call(provider),
                "Run": metered_call(session_of_run, budget),
            }
            try:
                return await compare(calls, n_calls, concurrency)
            finally:
                await provider.close()
                await session_of_run.store.close()


def main() -> None:
    """Print CPU per call and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--words", type=int, default=32)
    parser.add_argument("--concurrency", type=int, default=32)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(run(given.calls, given.words, given.concurrency, Path(folder)))
    for name, cpu_us in found.items():
        print(
            f"{name:12} {cpu_us:8.0f} us of CPU per streamed call, {cpu_us / found['bare']:.2f} x bare aiohttp"
        )


if __name__ == "__main__":
    main()
