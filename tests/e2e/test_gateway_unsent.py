"""A request that ends before it was sent upstream, waiting for its turn or a connection, costs nothing."""

from __future__ import annotations

import asyncio

import pytest
from gateways import config, gateway
from ledgers import rows
from upstream import Upstream, chat

BODY = {"model": "m", "messages": [{"role": "user", "content": "say two words"}]}
PLAIN = {"model": "m", "prompt": "say two words"}


@pytest.mark.parametrize("model", ["m", "outlay/single"])
@pytest.mark.parametrize("ends", ["deadline", "client"])
async def test_a_chat_that_never_got_its_turn_is_free(model, ends):
    await _one_waits("/v1/chat/completions", {**BODY, "model": model}, ends)


@pytest.mark.parametrize("ends", ["deadline", "client"])
async def test_a_relayed_request_that_never_got_its_turn_is_free(ends):
    await _one_waits("/v1/completions", PLAIN, ends)


async def _one_waits(path, body, ends):
    release = asyncio.Event()
    async with Upstream(flavour="vllm") as up, gateway(config(up, concurrency=1)) as gate:
        up.always(chat("two words", hold=release))
        first = asyncio.create_task(gate.post("/v1/chat/completions", BODY))
        await up.arrived.wait()
        limits = {"outlay": {"deadline_s": 0.05}} if ends == "deadline" else {}
        second = asyncio.create_task(gate.post(path, {**body, **limits}))
        if ends == "client":
            (_, limiter), *_ = gate.state.outlay.limiters
            for _ in range(100_000):
                if limiter.n_waiting:
                    break
                await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
        else:
            assert (await second)[0] == 504
        async with asyncio.timeout(5):
            while gate.state.outlay.budget.reserved["calls"] > 1:
                await gate.state.outlay.budget.change()
        release.set()
        assert (await first)[0] == 200
        assert up.n_chats == 1
        ledger = await rows(gate.state.outlay.store)
    assert sorted((row["state"], row["cost_nusd"]) for row in ledger) == [("failed", 0), ("settled", 11_000)]


async def test_a_deadline_that_has_passed_is_a_504_and_nothing_is_sent():
    async with Upstream(flavour="vllm") as up, gateway(config(up)) as gate:
        code, told, _ = await gate.post("/v1/chat/completions", {**BODY, "outlay": {"deadline_s": 1e-9}})
        assert (code, told["error"]["code"], up.n_chats) == (504, "deadline_passed", 0)
        assert await rows(gate.state.outlay.store) == []
