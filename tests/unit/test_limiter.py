"""The gate before an upstream: order, cancellation, and that no place is ever lost."""

from __future__ import annotations

import asyncio
import random

import pytest

from outlay.models.limit_rule import LimitRule
from outlay.models.limiter import Limiter, Limiters


async def turns(n=5):
    for _ in range(n):
        await asyncio.sleep(0)


async def test_those_who_wait_come_in_order_of_arrival():
    limiter, order = Limiter(LimitRule(1)), []

    async def one(number):
        with await limiter.enter():
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*map(one, range(20)))
    assert order == list(range(20))
    assert (limiter.in_flight, limiter.n_waiting) == (0, 0)


async def test_never_more_than_the_limit_are_under_way():
    limiter, most = Limiter(LimitRule(3)), 0

    async def one():
        nonlocal most
        with await limiter.enter():
            most = max(most, limiter.in_flight)
            await turns(random.Random(1).randrange(4))

    await asyncio.gather(*(one() for _ in range(50)))
    assert most == 3


async def test_a_limit_that_shrinks_lets_nobody_in_until_it_has_room_and_one_that_grows_does_at_once():
    now = 0.0
    limiter = Limiter(LimitRule(4), clock=lambda: now)
    places = [await limiter.enter() for _ in range(4)]
    waiting = asyncio.create_task(limiter.enter())
    await turns()
    places[0].overloaded()
    assert limiter.rule.limit == 3
    places[0].leave()
    await turns()
    assert not waiting.done()
    places[1].leave()
    await turns()
    assert waiting.done()


@pytest.mark.parametrize("seed", range(20))
async def test_a_thousand_cancelled_at_any_moment_leak_no_place(seed):
    rng, limiter = random.Random(seed), Limiter(LimitRule(3))

    async def one():
        with await limiter.enter():
            await turns(3)

    tasks = [asyncio.create_task(one()) for _ in range(50)]
    while any(not task.done() for task in tasks):
        rng.choice(tasks).cancel()
        await asyncio.sleep(0)
    assert (limiter.in_flight, limiter.n_waiting) == (0, 0)
    async with asyncio.timeout(1):
        (await limiter.enter()).leave()


async def test_one_who_comes_while_a_cancelled_one_stands_in_line_is_not_forgotten():
    limiter = Limiter(LimitRule(1))
    place = await limiter.enter()
    gone = asyncio.create_task(limiter.enter())
    await turns()
    gone.cancel()
    place.leave()
    async with asyncio.timeout(1):
        (await limiter.enter()).leave()
    assert limiter.in_flight == 0


async def test_everybody_who_asks_a_model_shares_its_gate():
    limiters = Limiters()
    assert limiters.of("m", 8) is limiters.of("m", 9)
    assert [name for name, _ in limiters] == ["m"]
