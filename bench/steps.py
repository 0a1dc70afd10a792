"""What searching over steps costs beside the model: controller time, memory, and how full it keeps a server.

    .venv/bin/python bench/steps.py [overhead|pairs|memory|slots]

overhead: CPU time a step of each search on a scripted model, and of the same draws without a controller.
pairs:    the same of strategies in which a small and a large model share a chain: a step is one of the finished chain,
          whatever was drafted, peeked at and graded for it.
memory:   64 particles of 40 steps in one question: live memory by depth.
slots:    100 searches at once against a server of 16 slots and 20 ms a step: the share of slot time for which there
          was work, and in which it was done (which on a busy machine includes waiting for the processor).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from stepping import run_on
from toy_worlds import QUESTION, Scorer, Tree, noisy
from two_models import ASK, digit, flat, is_grade, is_probe, step

from outlay import plugins
from outlay.models.provider import Card
from outlay.models.scripted import scripted
from outlay.testing import FIXED, shop
from outlay.types import Completion, Delta, Request, Sampling, Usage

SEARCHES = (
    "particle_filter:n=16", "beam_search:n=16,width=4", "diverse_tree_search:n=16,width=4", "astar:k=4,expansions=64"
)  # fmt: skip
PAIRS = ("speculative_reasoning:tau=5", "glimpse:tau=1", "arbitrage:tau=0.5")
ROLES = ("default", "small", "large")
REPEATS, CHAIN = 20, 41
SLOTS, STEP_S, AT_ONCE = 16, 0.020, 100


async def search_cpu_s(spec: str) -> tuple[float, list[tuple[str, int]], int]:
    """CPU seconds of a few searches, the (prefix, n) of every request they made, and their steps."""
    chosen, requests, steps, cpu_s = plugins.spec("strategy", spec), [], 0, 0.0
    for seed in range(REPEATS):
        model = scripted(Tree(20, 0.9).script(), max_n=16)
        async with run_on(model, seed=seed, verifier=Scorer(noisy)) as run:
            start_s = time.process_time()
            await chosen.target(run, QUESTION, **chosen.parameters)
            cpu_s += time.process_time() - start_s
        requests += [(r.prefix or "", r.n) for r in model.requests]
        steps += sum(r.n for r in model.requests)
    return cpu_s, requests, steps


async def draws_cpu_s(requests: list[tuple[str, int]]) -> float:
    """CPU seconds of the same requests made one after the other, without a controller."""
    model = scripted(Tree(20, 0.9).script(), max_n=16)
    sampling = Sampling(max_output_tokens=512, stop=("\n\n",))
    async with run_on(model) as run:
        start_s = time.process_time()
        for number, (prefix, n) in enumerate(requests):
            await run.attempts(
                QUESTION.messages,
                role="default",
                label=f"{number}",
                n=n,
                sampling=sampling,
                prefix=prefix or None,
            )
        return time.process_time() - start_s


async def overhead() -> None:
    print("| search | steps | steps a request | CPU a step | of it the controller |")
    print("|---|---|---|---|---|")
    for spec in SEARCHES:
        cpu_s, requests, steps = await search_cpu_s(spec)
        plain_s = await draws_cpu_s(requests)
        width = steps / len(requests)
        own_us = (cpu_s - plain_s) / steps * 1e6
        print(f"| `{spec}` | {steps} | {width:.1f} | {cpu_s / steps * 1e6:.0f} us | {own_us:.0f} us |")


def writes(request: Request, index: int) -> Completion:
    """Either model of a pair: 40 steps of a chain, every other one of which is graded low, peeked open and unsure."""
    if is_grade(request):
        return digit(8.0 if request.messages[-2]["content"].count("\n\n") % 2 else 2.0)
    at = (request.prefix or "").count("\n\n")
    if is_probe(request):
        return flat(1 + at % 2 * 10)
    if at == CHAIN - 1:
        return step("Answer: 42", last=True)
    return step(f"the step {at} of a chain of thought", 0.9 if at % 2 else 0.3)


async def pair_cpu_s(spec: str, seed: int) -> tuple[float, list[tuple[str, Request]]]:
    """CPU seconds of one chain of a pair, and every request in order with its role."""
    chosen, requests = plugins.spec("strategy", spec), []
    question = msgspec.structs.replace(ASK, sampling=Sampling(max_output_tokens=4096))

    def of(role: str) -> scripted:
        def says(request: Request, index: int) -> Completion:
            requests.append((role, request))
            return writes(request, index)

        return scripted(says, name=role)

    async with run_on({role: of(role) for role in ROLES}, seed=seed) as run:
        start_s = time.process_time()
        answer = await chosen.target(run, question, **chosen.parameters)
        cpu_s = time.process_time() - start_s
    assert answer.key == "42", answer.stopped
    return cpu_s, requests


async def calls_cpu_s(requests: list[tuple[str, Request]]) -> float:
    """CPU seconds of the same requests of two models made one after the other, without a controller."""
    async with run_on({role: scripted(writes, name=role) for role in ROLES}) as run:
        start_s = time.process_time()
        for number, (role, request) in enumerate(requests):
            await run.attempts(
                request.messages,
                role=role,
                label=f"{number}",
                sampling=request.sampling,
                prefix=request.prefix,
            )
        return time.process_time() - start_s


async def pairs() -> None:
    print(
        f"| pair, median of {REPEATS} chains of {CHAIN} steps | calls a step | CPU a step | of it the controller |"
    )
    print("|---|---|---|---|")
    for spec in PAIRS:
        whole, own, calls = [], [], 0
        for seed in range(REPEATS):
            cpu_s, requests = await pair_cpu_s(spec, seed)
            whole.append(cpu_s)
            own.append(cpu_s - await calls_cpu_s(requests))
            calls += len(requests)
        whole_us, own_us = (median(found) / CHAIN * 1e6 for found in (whole, own))
        print(f"| `{spec}` | {calls / REPEATS / CHAIN:.1f} | {whole_us:.0f} us | {own_us:.0f} us |")


async def memory() -> None:
    found: dict[int, tuple[int, int]] = {}
    model = scripted(Tree(40, 0.98).script(), max_n=64, keep=False)
    chosen = plugins.spec("strategy", "particle_filter:n=64,steps=40")
    tracemalloc.start()
    async with run_on(model, verifier=Scorer(noisy)) as run:

        def listen(event: dict) -> None:
            if event["event"] == "progress" and event["depth"] in (1, 10, 20, 30, 39):
                gc.collect()
                whole = tracemalloc.get_traced_memory()[0]
                run.door.trace.events.clear()
                gc.collect()
                found[event["depth"]] = whole, tracemalloc.get_traced_memory()[0]

        run._listener = listen
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        answer = await chosen.target(run, QUESTION, **chosen.parameters)
    print(f"64 particles x 40 steps: {run.spent.calls} steps, {answer.stopped}")
    print("| depth | live memory beyond the start, the trace since the last row cleared |\n|---|---|")
    for depth, (_, rest) in found.items():
        print(f"| {depth} | {(rest - before) / 1e6:.2f} MB |")
    traced = sum(whole - rest for whole, rest in found.values())
    print(f"the trace: {traced / 1e6:.2f} MB, {traced / (64 * 39):.0f} bytes a step")


class slotted:
    """A server of `SLOTS` slots in which each choice takes one for `STEP_S`; it adds up how its slots fare."""

    def __init__(self) -> None:
        self._free, self._script = asyncio.Semaphore(SLOTS), Tree().script()
        self._asked, self._used, self._at_s = 0, 0, time.perf_counter()
        self.asked_s = self.used_s = 0.0
        """Slot seconds in which there was work for a slot, and in which it did it."""

    def _change(self, asked: int, used: int) -> None:
        now_s = time.perf_counter()
        self.asked_s += min(self._asked, SLOTS) * (now_s - self._at_s)
        self.used_s += self._used * (now_s - self._at_s)
        self._asked, self._used, self._at_s = self._asked + asked, self._used + used, now_s

    async def card(self) -> Card:
        """A model that continues texts."""
        abilities = frozenset({"chat", "prefix", "n", "seed"})
        return Card(
            "slotted", "bench/slotted", abilities, FIXED, max_n=SLOTS, shares_prompt=True, concurrency=SLOTS
        )

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The choices, when all have had their slot."""
        self._change(request.n, 0)
        for delta in await asyncio.gather(
            *(self._choice(request, c, i) for c, i in enumerate(request.sample_indices))
        ):
            yield delta
        yield Delta(choice=None, usage=Usage(9, 3 * request.n))

    async def _choice(self, request: Request, choice: int, index: int) -> Delta:
        async with self._free:
            self._change(0, 1)
            await asyncio.sleep(STEP_S)
            self._change(-1, -1)
        text, _, rest = str(self._script(request, index)).partition("\n\n")
        return Delta(
            choice, text, finish_reason="stop", stopped_by="\n\n" if rest or text[:6] != "Answer" else ""
        )

    async def count_input(self, request: Request) -> int | None:
        """As many as any."""
        return 9

    async def count_text(self, text: str) -> int | None:
        """As many as any."""
        return 3

    async def close(self) -> None:
        """Nothing to release."""


async def searched(spec: str, model: slotted) -> tuple[int, float, tuple[float, float]]:
    """Steps and seconds of many searches at once, and when the first of them was over, with the work until then."""
    ends: list[tuple[float, float]] = []
    async with shop(model) as outlay:
        plan = await outlay.plan(spec)

        async def one(number: int) -> int:
            question = QUESTION.of(QUESTION.messages[0]["content"], id=f"q{number}", kind="number")
            answer = await outlay.buy(question, plan, verifier=Scorer(noisy))
            ends.append((time.perf_counter(), model.asked_s))
            return answer.calls

        start_s = time.perf_counter()
        calls = sum(await asyncio.gather(*(one(i) for i in range(AT_ONCE))))
    return calls, time.perf_counter() - start_s, (ends[0][0] - start_s, ends[0][1])


async def slots() -> None:
    print(f"{AT_ONCE} searches at once, {SLOTS} slots, {STEP_S * 1e3:.0f} ms a step")
    print("| search | steps | wall | slots with work | before the first search is over | slots at work |")
    print("|---|---|---|---|---|---|")
    for spec in (
        "beam_search:n=8,width=4",
        "particle_filter:n=8",
        "diverse_tree_search:n=8,width=4",
        "astar:k=4",
    ):
        model = slotted()
        calls, wall_s, (first_s, first_asked_s) = await searched(spec, model)
        full, used = model.asked_s / (SLOTS * wall_s), model.used_s / (SLOTS * wall_s)
        early = first_asked_s / (SLOTS * first_s)
        print(f"| `{spec}` | {calls} | {wall_s:.1f} s | {full:.1%} | {early:.1%} | {used:.1%} |")


def main() -> None:
    parts = {"overhead": overhead, "pairs": pairs, "memory": memory, "slots": slots}
    asked = argparse.ArgumentParser()
    asked.add_argument("part", nargs="?", choices=parts)
    part = asked.parse_args().part
    for name, run in parts.items():
        if part in (None, name):
            asyncio.run(run())
            print()


if __name__ == "__main__":
    main()
