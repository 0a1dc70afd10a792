"""Adaptive concurrency against a real server that takes eight requests at once and refuses the rest."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from gateways import config, gateway
from upstream import Upstream, chat, status

from outlay import testing
from outlay.errors import OutlayError
from outlay.models.limit_rule import LimitRule
from outlay.models.limiter import Limiter
from outlay.models.openai_chat import openai_chat
from outlay.money import FREE
from outlay.types import Question

TAKES = 8


class Storm:
    """A server that answers eight requests at a time and says 429 to all others."""

    def __init__(self):
        self.under_way = self.refused = self.answered = 0

    async def __call__(self, call) -> web.StreamResponse:
        if self.under_way >= TAKES:
            self.refused += 1
            return await status(429, "slow down")(call)
        self.under_way += 1
        try:
            # Others arrive in the meantime.
            for _ in range(40):
                await asyncio.sleep(0)
            self.answered += 1
            return await chat("Answer: 42")(call)
        finally:
            self.under_way -= 1


async def weathered(rule: LimitRule, n: int = 400, strategy: str | None = None) -> tuple[Storm, Limiter]:
    """The storm after `n` requests at once, and the gate they went through."""
    storm, limiter = Storm(), Limiter(rule)
    async with Upstream() as up:
        up.always(storm)
        model = openai_chat("fake", base_url=up.base_url, dialect="openai", price=FREE, limiter=limiter)
        async with testing.shop(model) as outlay:
            questions = [Question.of("6 * 7?", id=f"q{i}") for i in range(n)]
            asked = [
                outlay.ask(q, strategy=strategy, kind="number") if strategy else one(outlay, q)
                for q in questions
            ]
            await asyncio.gather(*asked)
    return storm, limiter


async def one(outlay, question):
    try:
        return await outlay.pass_through(question)
    except OutlayError as refused:
        return refused


async def test_a_storm_of_429s_wastes_far_fewer_requests_than_a_fixed_limit():
    fixed, _ = await weathered(LimitRule(64, least=64))
    adaptive, limiter = await weathered(LimitRule(64))
    assert adaptive.refused < fixed.refused / 2
    assert adaptive.answered > 10 * fixed.answered
    assert TAKES / 2 <= limiter.rule.limit <= 2 * TAKES
    assert (limiter.in_flight, limiter.n_waiting) == (0, 0)


async def test_strategies_wider_than_the_limit_take_turns_and_end():
    async with asyncio.timeout(30):
        storm, limiter = await weathered(LimitRule(2), n=20, strategy="self_consistency:n=8")
    assert storm.refused == 0
    assert (limiter.in_flight, limiter.n_waiting) == (0, 0)


@pytest.mark.parametrize(
    ("reply", "overloads"),
    [(status(429), 5), (status(503), 5), (status(500), 0), (status(400), 0), (chat("42"), 0)],
)
async def test_a_place_is_given_back_however_the_request_ends(reply, overloads):
    limiter = Limiter(LimitRule(2))
    async with Upstream() as up:
        up.always(reply)
        model = openai_chat("fake", base_url=up.base_url, dialect="openai", price=FREE, limiter=limiter)
        async with testing.shop(model) as outlay:
            for _ in range(5):
                await one(outlay, Question.of("6 * 7?"))
    assert (limiter.in_flight, limiter.n_waiting) == (0, 0)
    assert limiter.rule.overloads == overloads


async def test_a_cancelled_stream_gives_its_place_back():
    hold, limiter = asyncio.Event(), Limiter(LimitRule(1))
    async with Upstream() as up:
        up.script(chat("a b c d", hold=hold))
        model = openai_chat("fake", base_url=up.base_url, dialect="openai", price=FREE, limiter=limiter)
        async with testing.shop(model) as outlay:
            begun = asyncio.Event()
            asking = asyncio.create_task(
                outlay.pass_through(Question.of("?"), on_delta=lambda index, delta: begun.set())
            )
            await begun.wait()
            waiting = asyncio.create_task(outlay.pass_through(Question.of("6 * 7?")))
            asking.cancel()
            answer, _ = await waiting
    assert answer.text == "answer 0"
    assert limiter.in_flight == 0


async def test_the_limit_is_one_for_all_who_ask_a_model_and_stands_in_the_metrics():
    async with Upstream() as up, gateway(config(up, concurrency=7)) as gate:
        body = {"messages": [{"role": "user", "content": "?"}], "max_tokens": 5}
        up.script(status(429))
        for model in ("m", "m", "outlay/single"):
            await gate.post("/v1/chat/completions", {"model": model, **body})
        _, told, _ = await gate.get("/metrics")
    lines = told.decode().splitlines()
    # The one refusal took a fortieth, and what is hardly used does not grow.
    assert 'outlay_upstream_limit{model="m"} 6.0' in lines
    assert 'outlay_upstream_overloads{model="m"} 1.0' in lines
    assert 'outlay_upstream_in_flight{model="m"} 0.0' in lines
