"""Whatever the order of asking, settling, cancelling and forking: no cap is ever passed and nothing is kept."""

import asyncio
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.budget import DIMENSIONS, Amount, Budget, Limits
from outlay.errors import BudgetExceeded

ROLES = ("default", "judge")
CAPS = st.one_of(st.none(), st.integers(0, 60))
LIMITS = st.builds(
    Limits,
    nusd=CAPS,
    input_tokens=CAPS,
    output_tokens=CAPS,
    calls=CAPS,
    calls_by_role=st.one_of(st.just({}), st.fixed_dictionaries({"judge": st.integers(0, 4)})),
)
AMOUNTS = st.builds(Amount, st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 3))


def watch(scopes):
    for b in scopes:
        for d in DIMENSIONS:
            cap = getattr(b.limits, d)
            assert b.settled[d] >= 0
            assert b.reserved[d] >= 0
            assert cap is None or b.settled[d] + b.reserved[d] <= cap
        for role, most in b.limits.calls_by_role.items():
            assert b.settled_by_role.get(role, 0) + b.reserved_by_role.get(role, 0) <= most


def part(rng, amount):
    return Amount(*(rng.randint(0, getattr(amount, d)) for d in DIMENSIONS))


@given(
    st.lists(LIMITS, min_size=1, max_size=4), st.lists(AMOUNTS, min_size=1, max_size=14), st.integers(0, 2**32)
)
@settings(max_examples=250, deadline=None)
def test_any_schedule_keeps_every_cap_and_leaves_nothing_reserved(limits, amounts, seed):
    asyncio.run(schedule(limits, amounts, Random(seed)))


async def schedule(limits, amounts, rng):
    scopes = [Budget(limits[0])]
    for more in limits[1:]:
        scopes.append(rng.choice(scopes).fork(more))
    bought = dict.fromkeys(DIMENSIONS, 0)

    async def buy(index, amount):
        budget, role = rng.choice(scopes), rng.choice(ROLES)
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)
        claim = await budget.reserve(amount, role=role, order=(index,))
        watch(scopes)
        try:
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0)
        finally:
            if rng.random() < 0.3:
                budget.release(claim)
            else:
                real = part(rng, amount)
                assert budget.settle(claim, real) == 0
                for d in DIMENSIONS:
                    bought[d] += getattr(real, d)
            watch(scopes)

    tasks = [asyncio.create_task(buy(i, a)) for i, a in enumerate(amounts)]
    for _ in range(rng.randrange(6)):
        await asyncio.sleep(0)
        rng.choice(tasks).cancel()
    done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert all(d is None or isinstance(d, (BudgetExceeded, asyncio.CancelledError)) for d in done), done
    assert all(set(b.reserved.values()) == {0} for b in scopes)
    assert all(not any(b.reserved_by_role.values()) for b in scopes)
    assert scopes[0].settled == bought
    assert not scopes[0]._waiters


@given(st.integers(2, 12), st.integers(1, 4), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_waiters_are_served_in_sample_order_whatever_order_they_came_in(n, at_once, seed):
    served = asyncio.run(queue(n, at_once, Random(seed)))
    assert served == sorted(served)


async def queue(n, at_once, rng):
    budget, served = Budget(Limits(calls=None, nusd=at_once)), []
    held = [await budget.reserve(Amount(1)) for _ in range(at_once)]

    async def wait(index):
        claim = await budget.reserve(Amount(1), order=(index,))
        served.append(index)
        budget.release(claim)

    order = list(range(n))
    rng.shuffle(order)
    tasks = [asyncio.create_task(wait(i)) for i in order]
    await asyncio.sleep(0)
    for claim in held:
        budget.release(claim)
    await asyncio.gather(*tasks)
    return served
