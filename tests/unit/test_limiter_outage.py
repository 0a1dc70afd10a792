"""The line before an upstream under overload and after an outage, on a clock that jumps."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
import virtual_time

from outlay.errors import Crowded
from outlay.models.limit_rule import LimitRule
from outlay.models.limiter import Limiter

DEADLINE_S = 2.0


class World:
    """Clients that come at random and leave at their deadline, before an upstream with a storm and hangs."""

    def __init__(self, rule, *, service_s, hangs=0.0, storm_s=(0.0, 0.0), tells=True):
        self.service_s, self.hangs, self.storm_s, self.tells = service_s, hangs, storm_s, tells
        self.loop, self.dice = asyncio.get_running_loop(), random.Random(0)
        self.limiter, self.said = Limiter(rule, clock=self.loop.time), Counter()
        self.told_after_s = []

    async def lasts(self, seconds, rate):
        clients = set()
        while self.loop.time() < seconds:
            clients.add(asyncio.create_task(self.client()))
            await asyncio.sleep(self.dice.expovariate(rate))
        await asyncio.wait(clients)
        assert (self.limiter.in_flight, self.limiter.n_waiting, self.limiter._lost) == (0, 0, 0)
        return self.said

    async def client(self):
        came_s = self.loop.time()
        try:
            async with asyncio.timeout(DEADLINE_S):
                with await self.limiter.enter(DEADLINE_S if self.tells else None) as place:
                    self.said[await self.served(place)] += 1
        except TimeoutError:
            self.said["late"] += 1
        except Crowded:
            self.told_after_s.append(self.loop.time() - came_s)
            self.said["crowded"] += 1

    async def served(self, place):
        place.sent()
        if self.storm_s[0] <= self.loop.time() < self.storm_s[1]:
            await asyncio.sleep(0.02)
            place.overloaded()
            return "refused"
        await asyncio.sleep(3600 if self.dice.random() < self.hangs else 0.8 * self.service_s)
        place.answered()
        await asyncio.sleep(0.4 * self.service_s * self.dice.random())
        return "whole"


def test_under_overload_as_many_are_served_as_can_be_and_nobody_expires_in_line():
    async def four_times_too_much():
        world = World(LimitRule(2, least=2), service_s=0.08)
        return await world.lasts(20, rate=100), sorted(world.told_after_s)

    said, told_after_s = virtual_time.run(four_times_too_much())
    assert said["whole"] > 0.95 * 20 * 2 / 0.08
    assert said["late"] < 0.01 * said["whole"]
    # Most are turned away at the door, and not after they have waited.
    assert told_after_s[int(0.9 * len(told_after_s))] == 0.0


def test_those_who_do_not_say_how_long_they_have_are_never_turned_away():
    async def four_times_too_much():
        return await World(LimitRule(2, least=2), service_s=0.08, tells=False).lasts(10, rate=100)

    said = virtual_time.run(four_times_too_much())
    assert said["crowded"] == 0
    # In order of arrival each gets its turn just before it leaves: this is what the deadline is told for.
    assert said["late"] > 10 * said["whole"]


@pytest.mark.parametrize(("service_s", "rate"), [(0.025, 100), (0.2, 100), (0.4, 200)])
def test_after_an_outage_everybody_is_served_again_within_seconds_although_some_requests_hang(service_s, rate):
    async def storm():
        world = World(LimitRule(1024), service_s=service_s, hangs=0.02, storm_s=(10.0, 12.0))
        await world.lasts(18, rate)
        world.said.clear()
        return await world.lasts(28, rate)

    said = virtual_time.run(storm())
    assert said["crowded"] == said["refused"] == 0
    assert said["late"] < 0.04 * said["whole"]


def test_a_request_that_hangs_is_taken_for_lost_and_counts_again_once_it_is_heard_of():
    async def one_hangs():
        loop = asyncio.get_running_loop()
        limiter = Limiter(LimitRule(2), clock=loop.time)
        with await limiter.enter() as first:
            first.sent()
            await asyncio.sleep(0.1)
            first.answered()
        limiter.rule.overloaded(sent_s=1.0, now_s=1.0, in_flight=1)
        assert limiter.rule.limit == 1
        hanging = await limiter.enter()
        hanging.sent()
        begun_s = loop.time()
        next_one = await limiter.enter()
        waited_s = loop.time() - begun_s
        hanging.answered()
        limiter.rule.overloaded(sent_s=10.0, now_s=10.0, in_flight=1)
        waiting = asyncio.create_task(limiter.enter())
        next_one.leave()
        await asyncio.sleep(0)
        assert not waiting.done()
        hanging.leave()
        (await waiting).leave()
        return waited_s, limiter.in_flight

    waited_s, in_flight = virtual_time.run(one_hangs())
    assert (round(waited_s, 6), in_flight) == (0.8, 0)


def test_those_who_hang_are_never_more_than_the_most():
    async def all_hang():
        limiter = Limiter(LimitRule(3), clock=asyncio.get_running_loop().time)
        with await limiter.enter() as first:
            first.sent()
            await asyncio.sleep(0.1)
            first.answered()
        for _ in range(3):
            (await limiter.enter()).sent()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100):
                await limiter.enter()
        return limiter.in_flight, limiter.n_waiting

    assert virtual_time.run(all_hang()) == (3, 0)
