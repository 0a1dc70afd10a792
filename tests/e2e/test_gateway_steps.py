"""Searches over steps over HTTP: a chat server that continues texts, the four searches, and what the reply says."""

from __future__ import annotations

import openai
import pytest
from aiohttp import web
from gateways import config, gateway
from upstream import Call, Upstream, chat

ASKED = [{"role": "user", "content": "17 + 4 - 9?"}]
SEARCHES = {
    "beam_search": {"n": 4, "width": 2},
    "diverse_tree_search": {"n": 4, "width": 2},
    "particle_filter": {"n": 4},
    "astar": {"k": 3, "expansions": 8},
}


async def continues(call: Call) -> web.StreamResponse:
    """A model that goes on with a last assistant message; of its first steps every other one has a slip."""
    last = call.body["messages"][-1]
    if last["role"] != "assistant":
        return await chat("17 + 4 = 21", "17 + 4 = 22")(call)
    if last["content"].startswith("red green"):
        return await chat(" green blue")(call)
    if last["content"].count("\n\n") == 1:
        return await chat("21 - 9 = 12")(call)
    return await chat("Answer: 12" if "= 21" in last["content"] else "Answer: 13")(call)


@pytest.mark.parametrize("name", SEARCHES)
async def test_a_search_is_bought_like_any_strategy(name):
    async with Upstream("llama.cpp", slots=8) as up, gateway(config(up)) as gate:
        up.always(continues)
        options = {"kind": "number", "verifier": "step_rules", "parameters": SEARCHES[name]}
        reply = await gate.client().chat.completions.create(
            model=f"outlay/{name}", messages=ASKED, extra_body={"outlay": options}
        )
        asked = [call.body for call in up.calls]
    account = reply.model_extra["outlay"]
    assert account["answer"] == "12"
    assert reply.choices[0].message.content == "17 + 4 = 21\n\n21 - 9 = 12\n\nAnswer: 12"
    assert account["cost_usd"] > 0
    assert asked[0]["messages"][-1]["content"].startswith("red green")
    steps = asked[1:]
    assert all(body["stop"] == ["\n\n"] for body in steps)
    assert account["calls"] == 1 + sum(body.get("n", 1) for body in steps)


async def test_a_server_that_opens_a_new_turn_is_refused_after_its_probe():
    async with Upstream("vllm") as up, gateway(config(up)) as gate:
        up.always(chat("Answer: 12"))
        options = {"kind": "number", "verifier": "step_rules"}
        with pytest.raises(openai.BadRequestError, match="opens a new turn instead of continuing"):
            await gate.client().chat.completions.create(
                model="outlay/beam_search", messages=ASKED, extra_body={"outlay": options}
            )
        assert up.n_chats == 1
