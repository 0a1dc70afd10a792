"""An `Idempotency-Key` over HTTP: one purchase, the same bytes, whoever left or failed in between."""

from __future__ import annotations

import asyncio

import pytest
from gateways import config, gateway
from ledgers import rows
from quotas import key
from upstream import Upstream, chat, hang, status

from outlay.errors import OverQuota

ASKED = [{"role": "user", "content": "6 * 7?"}]
BODY = {"model": "m", "messages": ASKED, "max_completion_tokens": 10}
VOTE = BODY | {"model": "outlay/self_consistency", "outlay": {"kind": "number", "parameters": {"n": 3}}}


@pytest.fixture
async def shop():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("Answer: 42"))
        yield up, gate


def ask(gate, body=BODY, once="k", **headers):
    return gate.post("/v1/chat/completions", body, Idempotency_Key=once, **headers)


@pytest.mark.parametrize("body", [BODY, VOTE, BODY | {"stream": True}, VOTE | {"stream": True}])
async def test_the_same_request_is_bought_once_and_answered_with_the_same_bytes(shop, body):
    up, gate = shop
    first = await ask(gate, body)
    bought = up.n_chats
    again = await ask(gate, body)
    assert first[0] == again[0] == 200
    assert first[1] == again[1]
    assert first[2]["content-type"] == again[2]["content-type"]
    assert ("idempotent-replayed" in first[2], again[2]["idempotent-replayed"]) == (False, "true")
    assert up.n_chats == bought > 0
    assert ["replayed" in line for line in gate.log] == [False, True]
    assert len(await rows(gate.state.outlay.store)) == bought


async def test_without_a_key_or_with_another_one_the_same_request_is_bought_again(shop):
    up, gate = shop
    for once in ("a", "b"):
        await ask(gate, once=once)
    await gate.post("/v1/chat/completions", BODY)
    assert up.n_chats == 3


async def test_another_body_is_a_409_in_openais_shape(shop):
    _, gate = shop
    await ask(gate)
    code, told, _ = await ask(gate, BODY | {"temperature": 0.5})
    assert (code, told["error"]["code"], told["error"]["type"]) == (
        409,
        "idempotency_key_reused",
        "conflict_error",
    )


async def test_other_options_in_headers_are_another_request(shop):
    _, gate = shop
    first = await ask(gate, VOTE, x_outlay_seed="1")
    code, told, _ = await ask(gate, VOTE, x_outlay_seed="2")
    assert (code, told["error"]["code"]) == (409, "idempotency_key_reused")
    assert (await ask(gate, VOTE, x_outlay_seed="1"))[1] == first[1]


async def test_many_at_once_are_one_purchase(shop):
    up, gate = shop
    replies = await asyncio.gather(*(ask(gate, VOTE) for _ in range(12)))
    assert {r[0] for r in replies} == {200}
    assert len({str(r[1]) for r in replies}) == 1
    assert sum(r["n"] for r in await rows(gate.state.outlay.store)) == 3
    assert up.n_chats <= 3


async def test_a_failure_is_not_kept_and_the_next_try_goes_on(shop):
    up, gate = shop
    up.always(status(400, "not now"))
    code, _, _ = await ask(gate)
    assert code == 400
    up.always(chat("Answer: 42"))
    assert (await ask(gate))[0] == 200
    assert (await ask(gate, BODY | {"n": 0}, once="other"))[0] == 400


async def test_a_key_that_is_none_is_a_400(shop):
    _, gate = shop
    code, told, _ = await ask(gate, once="x" * 256)
    assert code == 400
    assert "idempotency key" in told["error"]["message"]


async def test_tenants_do_not_see_each_others_replies(shop):
    up, gate = shop
    secrets = [(await key(gate.state.accounts, tenant, tenant=tenant))[1] for tenant in ("acme", "other")]
    gate.state.keys_asked_s = float("-inf")
    replies = [await ask(gate, Authorization=f"Bearer {secret}") for secret in secrets]
    assert [r[0] for r in replies] == [200, 200]
    assert replies[0][1]["id"] != replies[1][1]["id"]
    assert up.n_chats == 2
    assert (await ask(gate))[0] == 401


async def test_a_client_that_leaves_frees_its_key_and_the_next_try_is_answered(shop):
    up, gate = shop
    arrived, never = asyncio.Event(), asyncio.Event()

    async def held(call):
        arrived.set()
        await hang(never)(call)

    up.always(held)
    asking = asyncio.create_task(ask(gate))
    await arrived.wait()
    asking.cancel()
    up.always(chat("Answer: 42"))
    assert (await asyncio.wait_for(ask(gate), 10))[0] == 200


async def test_over_quota_is_a_429_that_names_the_limit_and_says_when(shop):
    _, gate = shop
    _, secret = await key(gate.state.accounts, requests_per_minute=1)
    gate.state.keys_asked_s = float("-inf")
    bearer = {"Authorization": f"Bearer {secret}"}
    assert (await gate.post("/v1/chat/completions", BODY, **bearer))[0] == 200
    code, told, headers = await gate.post("/v1/chat/completions", BODY, **bearer)
    assert (code, told["error"]["code"]) == (OverQuota.status, "requests_per_minute")
    assert 1 <= int(headers["retry-after"]) <= 61
