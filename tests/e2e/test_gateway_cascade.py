"""A cascade over HTTP: two models and hashed words, learning from what the large one answered; no code by request."""

from __future__ import annotations

import openai
import pytest
from gateways import entry, gateway
from upstream import Upstream, chat

from outlay.config import Config
from outlay.gateway.keys import new_key
from outlay.store.keys import Scope
from outlay.store.quota import Quota

STRATEGY = {"kind": "number", "parameters": {"audit": 0.0}}


def selling(small: Upstream, large: Upstream) -> Config:
    roles = {"small": "s", "large": "l", "embed": "words/384"}
    return Config(
        default="l",
        roles=roles,
        models={"s": entry(small), "l": entry(large, input_usd_per_mtok=40, output_usd_per_mtok=160)},
    )


async def buy(gate, text, **options):
    asked = [{"role": "user", "content": text}]
    extra = {"outlay": {**STRATEGY, **options}}
    return await gate.client("none").chat.completions.create(
        model="outlay/cascade", messages=asked, extra_body=extra
    )


async def test_what_the_large_model_solved_is_shown_to_the_small_one_with_the_next_question():
    async with Upstream() as small, Upstream() as large, gateway(selling(small, large)) as gate:
        small.script(chat("Answer: 0", "Answer: 1", "Answer: 2"))
        large.always(chat("Answer: 42"))
        first = await buy(gate, "How much is 6 * 7?")
        small.always(chat("Answer: 48"))
        second = await buy(gate, "How much is 6 * 8?")
        shown = str(small.calls[-1].body["messages"])
    assert (first.model_extra["outlay"]["answer"], second.model_extra["outlay"]["answer"]) == ("42", "48")
    assert large.n_chats == 1
    assert "How much is 6 * 7?" in shown
    assert "Answer: 42" in shown


async def test_a_request_cannot_name_an_environment_to_import():
    async with Upstream() as small, Upstream() as large, gateway(selling(small, large)) as gate:
        with pytest.raises(openai.BadRequestError, match="the operator's to set"):
            await buy(gate, "Bring the key.", parameters={"environment": "os:system"})
        assert small.n_chats == large.n_chats == 0


async def test_a_model_that_only_embeds_answers_clients_of_the_gateway_too_and_no_chat():
    async with Upstream() as up:
        models = {"m": entry(up), "e": entry(up, embeds=True)}
        async with gateway(Config(default="m", models=models)) as gate:
            reply = await gate.client("none").embeddings.create(model="e", input=["a text", "another"])
            with pytest.raises(openai.APIStatusError, match="answers no chat"):
                await gate.client("none").chat.completions.create(
                    model="e", messages=[{"role": "user", "content": "?"}]
                )
        assert len(reply.data) == 2
        assert up.n_chats == 0


async def key_of(store, tenant, role="buyer"):
    name = f"{tenant} {role}"
    secret, key = new_key(
        store.new_id("key"), name, tenant=tenant, role=role, scope=Scope(), quota=Quota(), at_us=1
    )
    await store.add_key(key)
    return {"authorization": f"Bearer {secret}"}


async def learn(gate, small, asked, **headers):
    small.script(chat("Answer: 0", "Answer: 1", "Answer: 2"))
    body = {"model": "outlay/cascade", "messages": [{"role": "user", "content": asked}], "outlay": STRATEGY}
    return (await gate.post("/v1/chat/completions", body, **headers))[1]["outlay"]["trace_id"]


async def test_a_tenant_reads_and_forgets_what_is_kept_of_it_and_of_nobody_else():
    async with Upstream() as small, Upstream() as large, gateway(selling(small, large)) as gate:
        large.always(chat("Answer: 42"))
        a, b = [await key_of(gate.state.accounts, t) for t in "ab"]
        reader = await key_of(gate.state.accounts, "a", role="reader")
        for asked in ("How much is 6 * 7?", "How much is 21 * 2?"):
            await learn(gate, small, asked, **a)
        newest, first = (await gate.get("/v1/demonstrations", **reader))[1]["data"]
        assert (first["goal"], first["action"]) == ("How much is 6 * 7?", "42")
        assert (await gate.get("/v1/demonstrations?limit=1", **a))[1]["data"] == [newest]
        assert (await gate.get("/v1/demonstrations", **b))[1]["data"] == []
        path = f"/v1/demonstrations/{first['source']}"
        assert (await gate._request("DELETE", path, None, b))[0] == 404
        assert (await gate._request("DELETE", path, None, reader))[0] == 403
        assert (await gate._request("DELETE", path, None, a))[1]["deleted"] == 1
        assert (await gate._request("DELETE", path, None, a))[1]["error"]["code"] == "demonstration_not_found"
        assert (await gate._request("DELETE", "/v1/demonstrations", None, b))[1]["deleted"] == 0
        assert (await gate._request("DELETE", "/v1/demonstrations", None, a))[1]["deleted"] == 1
        assert (await gate.get("/v1/demonstrations", **a))[1]["data"] == []


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many", "", "²", "9" * 5000])
async def test_a_limit_that_is_none_is_refused_in_a_sentence(limit):
    async with Upstream() as up, gateway(selling(up, up)) as gate:
        status, told, _ = await gate.get(f"/v1/demonstrations?limit={limit}")
        assert (status, told["error"]["param"]) == (400, "limit")


async def test_what_a_caller_finds_wrong_is_shown_to_nobody_again():
    async with Upstream() as small, Upstream() as large, gateway(selling(small, large)) as gate:
        large.always(chat("Answer: 42"))
        right, wrong = [await learn(gate, small, f"How much is 6 * {n}?") for n in (7, 9)]
        await gate.post("/v1/outlay/feedback", {"trace_id": right, "score": 1.0})
        await gate.post("/v1/outlay/feedback", {"trace_id": wrong, "score": 0.0})
        (kept,) = (await gate.get("/v1/demonstrations"))[1]["data"]
        assert kept["trace_id"] == right
        small.always(chat("Answer: 48"))
        await buy(gate, "How much is 6 * 8?")
        shown = str(small.calls[-1].body["messages"])
    assert "How much is 6 * 7?" in shown
    assert "How much is 6 * 9?" not in shown


async def test_a_later_answer_found_wrong_takes_back_what_an_earlier_one_taught():
    async with Upstream() as small, Upstream() as large, gateway(selling(small, large)) as gate:
        large.always(chat("Answer: 42"))
        await learn(gate, small, "How much is 6 * 7?")
        await learn(gate, small, "How much is 21 * 2?")
        small.always(chat("Answer: 42"))
        agreed = (await buy(gate, "How much is 6 * 7?")).model_extra["outlay"]["trace_id"]
        await gate.post("/v1/outlay/feedback", {"trace_id": agreed, "score": 0.0})
        (kept,) = (await gate.get("/v1/demonstrations"))[1]["data"]
    assert kept["goal"] == "How much is 21 * 2?"
