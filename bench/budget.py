"""Random concurrent schedules through `Run`: whatever happens, no cap is passed and the books agree.

    python bench/budget.py [--schedules 10000] [--seed 0]

Each schedule draws pools of several questions at once, in forks with caps of their own, on models that are slow (a
seeded scheduler decides who is answered next), fail, break off, send no usage, or bill more than was asked for; draws
are cancelled in between. Checked at every step and in every scope: settled + reserved <= cap, in each dimension, as
long as no provider overbilled. Checked at the end: nothing is reserved, what is settled is the exact sum of the ledger,
and after an overrun it is recorded in full and not one further call is admitted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time

from outlay.budget import DIMENSIONS, Budget, Limits
from outlay.door.draws import Door
from outlay.door.session import Session
from outlay.errors import BudgetExceeded, ProviderError
from outlay.models.scripted import scripted
from outlay.money import Price
from outlay.run import Run
from outlay.store.protocol import Store
from outlay.store.sqlite import Sqlite
from outlay.testing import Clock, Gates
from outlay.types import Question, Request, Sampling

STEPS = 400
"""Scheduler steps after which everything held is let through."""


def model(rng: random.Random, gates: Gates, *, overbills: bool) -> scripted:
    """A model of random habits: shared prompts or not, usage or not, failures, long answers."""
    failing = rng.random() * 0.6

    def say(request: Request, index: int) -> str | ProviderError:
        dice = random.Random(f"{request.seed}/{index}/{rng.random()}")
        if dice.random() < failing:
            return ProviderError("it failed", retryable=dice.random() < 0.7, billed=dice.random() < 0.5)
        return " ".join(["42"] * dice.randint(1, 40))

    return scripted(
        say,
        price=Price(rng.randint(0, 9) * 10**8, rng.randint(1, 9) * 10**8),
        gate=gates,
        usage=rng.random() < 0.7,
        shares_prompt=rng.random() < 0.5,
        max_n=rng.randint(1, 4),
        hides_reasoning=rng.random() < 0.3,
        overbill=rng.randint(30, 500) if overbills else 0,
    )


def limits(rng: random.Random) -> Limits:
    """Random caps, tight enough to bind more often than not."""

    def some(most: int) -> int | None:
        return rng.randint(0, most) if rng.random() < 0.5 else None

    by_role = {"default": rng.randint(0, 20)} if rng.random() < 0.3 else {}
    return Limits(some(400_000), some(150), some(400), some(25), by_role)


def check(scopes: list[Budget]) -> None:
    """No scope holds more than its cap, in any dimension."""
    for budget in scopes:
        for d in DIMENSIONS:
            cap = getattr(budget.limits, d)
            held = budget.settled[d] + budget.reserved[d]
            assert cap is None or held <= cap, f"{d}: {held} of {cap}"
        for role, cap in budget.limits.calls_by_role.items():
            held = budget.settled_by_role.get(role, 0) + budget.reserved_by_role.get(role, 0)
            assert held <= cap, f"calls of {role}: {held} of {cap}"


async def drive(
    rng: random.Random, tasks: list[asyncio.Task[None]], gates: Gates, scopes: list[Budget], *, capped: bool
) -> None:
    """Let replies through in a random order, cancel now and then, and check every scope at each step."""
    step = 0
    while not all(task.done() for task in tasks):
        step += 1
        await asyncio.sleep(0)
        if capped:
            check(scopes)
        if gates.waiting and (step > STEPS or rng.random() < 0.4):
            gates.open(lambda held: rng.randrange(len(held)))
        if step < STEPS and rng.random() < 0.02:
            rng.choice(tasks).cancel()


async def schedule(seed: int, store: Store) -> dict[str, int]:
    """One schedule; returns what it saw: calls settled, draws refused, draws cancelled, overruns."""
    rng = random.Random(seed)
    overbills, gates, clock = rng.random() < 0.25, Gates(), Clock()
    provider = model(rng, gates, overbills=overbills)
    session = Session(
        run_id=f"schedule-{seed}",
        providers={"default": provider},
        cards={"default": await provider.card()},
        store=store,
        clock=clock,
        sleep=clock.sleep,
    )
    root = Budget(limits(rng), clock=clock)
    scopes = [root]
    seen = {"refused": 0, "cancelled": 0}

    async def buyer(number: int) -> None:
        question = Question.of("six times seven is", id=f"q{number}", sampling=Sampling(max_output_tokens=20))
        scope = root.fork(limits(rng) if rng.random() < 0.5 else None)
        scopes.append(scope)
        run = Run(Door(session), scope, seed=seed, question_id=question.id)
        drawn = 0
        try:
            while drawn < 6:
                n = rng.randint(1, 4)
                await run.sample(question, n=n, start=drawn)
                drawn += n
        except BudgetExceeded:
            seen["refused"] += 1
        except asyncio.CancelledError:
            seen["cancelled"] += 1

    tasks = [asyncio.create_task(buyer(i)) for i in range(rng.randint(1, 5))]
    await drive(rng, tasks, gates, scopes, capped=not overbills)
    for task in tasks:
        if not task.cancelled():
            task.result()
    assert all(set(b.reserved.values()) == {0} for b in scopes), "something stayed reserved"
    await agrees(store, session.run_id, root)
    if root.closed:
        await closed(session, root, provider, gates)
    return {**seen, "calls": root.settled["calls"], "overruns": int(root.overrun_nusd > 0)}


async def agrees(store: Store, run_id: str, root: Budget) -> None:
    """What the budget settled is the exact sum of the ledger."""
    totals = await store.totals(run_id)
    booked = {
        "nusd": totals.paid_nusd,
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "calls": totals.calls,
    }
    assert booked == root.settled, f"ledger {booked}, budget {root.settled}"
    assert totals.overrun_nusd == root.overrun_nusd
    assert totals.lost_calls == 0


async def closed(session: Session, root: Budget, provider: scripted, gates: Gates) -> None:
    """After an overrun nothing more is bought, and the refusal says why."""
    before = len(provider.requests)
    run = Run(Door(session), root.fork(), seed=0, question_id="late")
    said = ""
    try:
        await run.sample(Question.of("once more", sampling=Sampling(max_output_tokens=1)), n=1)
    except BudgetExceeded as refusal:
        said = str(refusal)
    assert "billed more than was asked for" in said, "a call was admitted after an overrun"
    assert len(provider.requests) == before
    assert not gates.waiting


async def many(schedules: int, seed: int) -> dict[str, int]:
    """Sums over that many schedules, on one ledger."""
    store = await Sqlite.open(":memory:")
    sums: dict[str, int] = {}
    for number in range(schedules):
        for name, value in (await schedule(seed + number, store)).items():
            sums[name] = sums.get(name, 0) + value
    await store.close()
    return {"schedules": schedules, **sums}


def main() -> None:
    """Print what was seen as JSON; an assertion names the first thing that does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    began = time.perf_counter()
    found = asyncio.run(many(given.schedules, given.seed))
    print(json.dumps({**found, "seconds": round(time.perf_counter() - began, 1)}))


if __name__ == "__main__":
    main()
