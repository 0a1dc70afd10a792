"""Quotes, feedback, traces, and who may see what."""

from __future__ import annotations

import openai
import pytest
from gateways import config, gateway
from ledgers import rows
from upstream import Upstream, chat

from outlay.answering import replay
from outlay.gateway.keys import new_key
from outlay.store.keys import Scope
from outlay.store.quota import Quota

ASKED = [{"role": "user", "content": "6 * 7?"}]
BODY = {"model": "m", "messages": ASKED}
VOTE = {
    "model": "outlay/self_consistency",
    "messages": ASKED,
    "max_completion_tokens": 10,
    "outlay": {"kind": "number", "parameters": {"n": 4}},
}
FREE, UNLIMITED = Scope(), Quota()


async def key_of(gate, tenant: str, *, scope: Scope = FREE, quota: Quota = UNLIMITED) -> str:
    """A new key of this gateway, as it is sent."""
    accounts = gate.state.accounts
    secret, key = new_key(
        accounts.new_id("key"), tenant, tenant=tenant, role="buyer", scope=scope, quota=quota, at_us=1
    )
    await accounts.add_key(key)
    gate.state.keys_asked_s = float("-inf")
    return f"Bearer {secret}"


async def test_a_quote_buys_nothing_and_bounds_what_the_purchase_costs():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("Answer: 42"))
        code, quote, _ = await gate.post("/v1/outlay/quote", VOTE)
        assert (code, up.n_chats) == (200, 0)
        assert await rows(gate.state.outlay.store) == []
        _, reply, _ = await gate.post("/v1/chat/completions", VOTE)
        _, again, _ = await gate.post("/v1/outlay/quote", VOTE)
    assert quote["worst_calls"] == 3 * 4
    assert quote["worst_output_tokens"] == 3 * 4 * 10
    assert quote["worst_usd"] >= reply["outlay"]["cost_usd"] > 0
    assert (quote["expected_usd"], quote["calls_seen"]) == (None, 0)
    assert (again["calls_seen"], again["worst_usd"]) == (4, quote["worst_usd"])
    assert 0 < again["expected_usd"] < again["worst_usd"]
    assert quote["models"] == {"default": "fake"}


async def test_a_quote_keeps_within_the_caps_of_its_request():
    capped = {**VOTE, "outlay": {**VOTE["outlay"], "max_usd": 0.000001, "max_tokens": 7}}
    async with Upstream() as up, gateway(config(up)) as gate:
        _, quote, _ = await gate.post("/v1/outlay/quote", capped)
    assert (quote["worst_usd"], quote["worst_output_tokens"]) == (0.000001, 7)


async def test_a_quote_of_a_plan_with_a_judge_counts_the_judge():
    asked = {**VOTE, "model": "outlay/best_of_n", "outlay": {**VOTE["outlay"], "verifier": "judge"}}
    async with Upstream() as up, gateway(config(up)) as gate:
        _, without, _ = await gate.post("/v1/outlay/quote", VOTE)
        code, quote, _ = await gate.post("/v1/outlay/quote", asked)
    assert code == 200
    assert quote["worst_calls"] == 2 * without["worst_calls"]
    assert quote["worst_usd"] > without["worst_usd"]


async def test_a_quote_of_a_model_without_a_price_is_null_and_not_zero():
    async with Upstream() as up, gateway(config(up, input_usd_per_mtok=None, output_usd_per_mtok=None)) as gate:
        _, quote, _ = await gate.post("/v1/outlay/quote", BODY)
        _, reply, _ = await gate.post("/v1/chat/completions", BODY)
    assert quote["worst_usd"] is None
    assert reply["outlay"]["cost_usd"] is None


async def test_a_trace_shows_what_happened_and_replays():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("Answer: 42"))
        _, reply, _ = await gate.post("/v1/chat/completions", VOTE)
        trace_id = reply["outlay"]["trace_id"]
        code, trace, _ = await gate.get(f"/v1/outlay/traces/{trace_id}")
        recorded = await gate.state.outlay.store.trace(trace_id)
    assert code == 200
    assert [e["event"] for e in trace["events"]] == ["open", "ask", "grant", "settle", "answer"]
    assert (await replay(recorded.encode()))[1] == recorded.encode()


async def test_feedback_is_kept_for_a_trace_that_is_there():
    async with Upstream() as up, gateway(config(up)) as gate:
        _, reply, _ = await gate.post("/v1/chat/completions", BODY)
        trace_id = reply["outlay"]["trace_id"]
        code, kept, _ = await gate.post(
            "/v1/outlay/feedback", {"trace_id": trace_id, "score": 1.0, "why": "right"}
        )
        assert (code, kept["trace_id"]) == (200, trace_id)
        assert (await gate.post("/v1/outlay/feedback", {"trace_id": "trace_0", "score": 1.0}))[0] == 404
        assert (await gate.post("/v1/outlay/feedback", {"trace_id": trace_id, "score": 2}))[0] == 400
        assert (await gate.get("/v1/outlay/traces/trace_0"))[0] == 404


async def test_no_key_sees_another_tenants_traces_or_judges_its_answers():
    async with Upstream() as up, gateway(config(up)) as gate:
        mine, theirs = await key_of(gate, "acme"), await key_of(gate, "other")
        _, reply, _ = await gate.post("/v1/chat/completions", BODY, authorization=mine)
        trace_id = reply["outlay"]["trace_id"]
        judged = {"trace_id": trace_id, "score": 0}
        assert (await gate.get(f"/v1/outlay/traces/{trace_id}", authorization=mine))[0] == 200
        assert (await gate.get(f"/v1/outlay/traces/{trace_id}", authorization=theirs))[0] == 404
        assert (await gate.post("/v1/outlay/feedback", judged, authorization=theirs))[0] == 404
        (row,) = await rows(gate.state.outlay.store)
    assert row["tenant"] == "acme"


async def test_once_there_is_a_key_everybody_needs_one():
    async with Upstream() as up, gateway(config(up)) as gate:
        assert (await gate.post("/v1/chat/completions", BODY))[0] == 200
        key = await key_of(gate, "acme")
        for path in ("/v1/chat/completions", "/v1/outlay/quote", "/v1/outlay/feedback"):
            assert (await gate.post(path, BODY))[0] == 401
        for path in ("/v1/models", "/v1/models/m", "/v1/outlay/traces/t", "/metrics"):
            assert (await gate.get(path))[0] == 401
        assert (await gate.get("/metrics", authorization=key))[0] == 403
        assert (await gate.get("/health"))[0] == (await gate.get("/ready"))[0] == 200
        assert (await gate.post("/v1/chat/completions", BODY, authorization=key))[0] == 200


async def test_a_key_is_held_to_what_it_may_ask_for():
    scope = Scope(models=("m",), strategies=("single",), fan_out=2, max_output_tokens=20)
    async with Upstream() as up, gateway(config(up)) as gate:
        key = await key_of(gate, "acme", scope=scope)
        _, listed, _ = await gate.get("/v1/models", authorization=key)
        assert [m["id"] for m in listed["data"]] == ["m", "outlay/auto", "outlay/single"]
        for body in (VOTE, {**BODY, "n": 3}, {**BODY, "max_tokens": 21}):
            code, told, _ = await gate.post("/v1/chat/completions", body, authorization=key)
            assert (code, told["error"]["type"]) == (403, "permission_error")
        assert up.n_chats == 0
        assert (await gate.post("/v1/chat/completions", BODY, authorization=key))[0] == 200
        assert up.last["max_completion_tokens"] == 20


async def test_the_calls_of_a_verifier_count_as_fan_out():
    asked = {**VOTE, "model": "outlay/best_of_n", "outlay": {**VOTE["outlay"], "verifier": "generative:v=3"}}
    async with Upstream() as up, gateway(config(up)) as gate:
        narrow = await key_of(gate, "acme", scope=Scope(fan_out=4 + 4 * 3 - 1))
        wide = await key_of(gate, "acme", scope=Scope(fan_out=4 + 4 * 3))
        code, told, _ = await gate.post("/v1/chat/completions", asked, authorization=narrow)
        assert (code, up.n_chats) == (403, 0)
        assert "16 calls" in told["error"]["message"]
        up.always(chat("Answer: 42"))
        assert (await gate.post("/v1/chat/completions", asked, authorization=wide))[0] == 200


async def test_over_quota_is_a_429_that_says_which_limit():
    async with Upstream() as up, gateway(config(up)) as gate:
        key = await key_of(gate, "acme", quota=Quota(requests_per_minute=1))
        client = gate.client(key.removeprefix("Bearer "))
        await client.chat.completions.create(model="m", messages=ASKED)
        with pytest.raises(openai.RateLimitError) as failure:
            await client.chat.completions.create(model="m", messages=ASKED)
        assert up.n_chats == 1
    assert failure.value.code == "requests_per_minute"
    assert 1 <= int(failure.value.response.headers["retry-after"]) <= 61
