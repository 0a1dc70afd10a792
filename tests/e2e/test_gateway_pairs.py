"""A small and a large model on one chain over HTTP: configured roles, accounts, a quote; budgets of thinking."""

from __future__ import annotations

import pytest
from aiohttp import web
from gateways import entry, gateway
from upstream import Call, Upstream, chat

from outlay.config import Config

ASKED = [{"role": "user", "content": "17 + 4 - 9?"}]


def answers(slip: bool):
    """A model that works the sum out in three steps; the small one slips at the second."""

    async def continues(call: Call) -> web.StreamResponse:
        last = call.body["messages"][-1]
        text = last["content"] if last["role"] == "assistant" else ""
        if text.startswith("red green"):
            return await chat(" green blue")(call)
        if text.startswith("I think the quality score"):
            said = call.body["messages"][-3]["content"]
            return await chat("2" if "= 13" in said else "9", logprobs=True)(call)
        if text.startswith("<think>"):
            return await chat("Answer: 12" if "</think>" in text else "17 + 4 = 21")(call)
        if "\n\n" not in text:
            return await chat("17 + 4 = 21", logprobs=True)(call)
        if text.count("\n\n") == 1:
            return await chat("21 - 9 = 13" if slip else "21 - 9 = 12", logprobs=True)(call)
        return await chat(f"Answer: {text.rstrip().split()[-1]}", logprobs=True)(call)

    return continues


def config(small: Upstream, large: Upstream) -> Config:
    return Config(default="m", roles={"small": "s"}, models={"m": entry(large), "s": entry(small)})


async def bought(gate, name, **parameters):
    options = {"kind": "number", "parameters": parameters}
    return await gate.client().chat.completions.create(
        model=f"outlay/{name}", messages=ASKED, extra_body={"outlay": options}
    )


@pytest.mark.parametrize(
    ("name", "parameters", "answer", "told"),
    [
        ("speculative_reasoning", {"tau": 5}, "12", "2 by the small model, 1 by the large one"),
        ("speculative_reasoning", {"tau": 0}, "13", "3 by the small model, 0 by the large one"),
        ("glimpse", {"tau": 0}, "12", "0 by the small model, 3 by the large one"),
        ("glimpse", {"tau": 3, "answer_by_large": False}, "13", "3 by the small model"),
        ("arbitrage", {"tau": 1}, "13", "3 by the small model"),
    ],
)
async def test_a_pair_is_bought_like_any_strategy(name, parameters, answer, told):
    async with Upstream("vllm") as small, Upstream("vllm") as large, gateway(config(small, large)) as gate:
        small.always(answers(slip=True))
        large.always(answers(slip=False))
        reply = await bought(gate, name, **parameters)
    account = reply.model_extra["outlay"]
    assert account["answer"] == answer
    assert told in account["stopped"]
    assert account["models"] == {"default": "fake", "small": "fake"}
    assert account["calls"] == small.n_chats + large.n_chats
    assert account["cost_usd"] > 0


async def test_both_servers_are_given_the_same_text():
    async with Upstream("vllm") as small, Upstream("vllm") as large, gateway(config(small, large)) as gate:
        small.always(answers(slip=True))
        large.always(answers(slip=False))
        await bought(gate, "speculative_reasoning", tau=5)
    prefixes = [call.body["messages"][-1]["content"] for call in small.calls[2:]]
    assert prefixes == ["17 + 4 = 21\n\n", "17 + 4 = 21\n\n21 - 9 = 12\n\n"]
    written = large.calls[3].body["messages"]
    assert written[-1] == {"role": "assistant", "content": "17 + 4 = 21\n\n"}


async def test_a_quote_counts_both_models():
    async with Upstream("vllm") as small, Upstream("vllm") as large, gateway(config(small, large)) as gate:
        asked = {"model": "outlay/glimpse", "messages": ASKED, "max_tokens": 100, "outlay": {"kind": "number"}}
        _, told, _ = await gate.post("/v1/outlay/quote", asked)
    assert told["worst_usd"] > 0
    assert told["worst_calls"] > 48
    assert small.n_chats == large.n_chats == 0


@pytest.mark.parametrize("name", ["elastic", "budget_forcing"])
async def test_thinking_with_a_budget_is_bought_like_any_strategy(name):
    async with Upstream("vllm") as small, Upstream("vllm") as large, gateway(config(small, large)) as gate:
        large.always(answers(slip=False))
        reply = await bought(gate, name, thinking=64, answer=16)
    assert reply.choices[0].message.content == "Answer: 12"
    assert "thinking:" in reply.model_extra["outlay"]["stopped"]
