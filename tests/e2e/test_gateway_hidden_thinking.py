"""A cap on thinking at a server that hides it: bounded with the answer once it is known, and told in any case."""

from __future__ import annotations

import pytest
from gateways import config, entry, gateway
from upstream import Upstream, chat

from outlay.answering import replay
from outlay.config import Config
from outlay.config.guard import GuardEntry

ASKED = [{"role": "user", "content": "6 * 7?"}]
CAPPED = GuardEntry(reasoning_tokens=10, answer_tokens=20)
LONG = " ".join(["hmm"] * 40)


def guarded(up):
    return Config(default="m", models={"m": entry(up)}, guard=CAPPED)


def unseen(text, thought=LONG, **more):
    """A reply whose thinking is counted in the usage and shown in no field that is read."""
    return chat(text, reasoning=thought, reasoning_field="unread", **more)


async def missing(gate, reply):
    told = reply.model_extra["outlay"]
    trace = await gate.state.outlay.store.trace(told["trace_id"])
    assert (await replay(trace.encode()))[1] == trace.encode()
    return told["missing"]


@pytest.mark.parametrize("model", ["m", "outlay/single"])
async def test_what_could_not_be_ended_is_told_and_the_next_reply_is_bounded_with_its_answer(model):
    async with Upstream() as up, gateway(guarded(up)) as gate:
        client = gate.client()
        up.script(unseen("42"), unseen("", finish="length"))
        first = await client.chat.completions.create(model=model, messages=ASKED, max_completion_tokens=500)
        second = await client.chat.completions.create(model=model, messages=ASKED, max_completion_tokens=500)
        sent = [call.body["max_completion_tokens"] for call in up.calls]
        one, other = await missing(gate, first), await missing(gate, second)
    assert sent[:2] == [500, 30]
    assert "thought for 40 tokens, more than the cap of 10; the server hides thinking" in one[-1]
    assert other[-1].endswith("it could not be ended there and was ended with the answer at 30 tokens")


@pytest.mark.parametrize(("effort", "most"), [("high", 30), ("none", 500)])
async def test_a_request_that_says_how_hard_to_think_is_bounded_at_once(effort, most):
    async with Upstream() as up, gateway(guarded(up)) as gate:
        up.always(unseen("42", "hmm"))
        reply = await gate.client().chat.completions.create(
            model="m", messages=ASKED, max_completion_tokens=500, reasoning_effort=effort
        )
        assert up.last["max_completion_tokens"] == most
        assert await missing(gate, reply) == []


async def test_a_bound_of_the_clients_own_that_is_smaller_stays():
    async with Upstream() as up, gateway(guarded(up)) as gate:
        await gate.client().chat.completions.create(
            model="m", messages=ASKED, max_completion_tokens=7, reasoning_effort="low"
        )
        assert up.last["max_completion_tokens"] == 7


async def test_a_server_that_says_nothing_of_thinking_was_not_watched_and_that_is_told_once():
    async with Upstream() as up, gateway(guarded(up)) as gate:
        asked = {"kind": "number", "parameters": {"n": 3}}
        up.always(chat("Answer: 42"))
        reply = await gate.client().chat.completions.create(
            model="outlay/self_consistency", messages=ASKED, extra_body={"outlay": asked}
        )
        (told,) = await missing(gate, reply)
    assert "neither showed thinking nor said how much there was" in told


@pytest.mark.parametrize("flavour", ["vllm", "llama.cpp"])
async def test_nothing_is_told_where_thinking_is_shown_and_within_the_cap(flavour):
    async with Upstream(flavour=flavour) as up, gateway(guarded(up)) as gate:
        up.always(chat("42", reasoning="so it is"))
        reply = await gate.client().chat.completions.create(
            model="m", messages=ASKED, max_completion_tokens=500
        )
        assert await missing(gate, reply) == []


async def test_without_a_cap_nothing_is_bounded_watched_or_told():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(unseen("42"))
        for _ in range(2):
            reply = await gate.client().chat.completions.create(
                model="m", messages=ASKED, max_completion_tokens=500
            )
            assert await missing(gate, reply) == []
            assert up.last["max_completion_tokens"] == 500
