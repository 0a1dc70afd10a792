"""A request whose turn would come after its deadline is refused at once: nothing is sent, and it costs nothing."""

from __future__ import annotations

import asyncio

import pytest
from gateways import config, entry, gateway
from ledgers import rows
from upstream import Upstream, chat

from outlay.config import Config
from outlay.config.plans import PlanEntry

BODY = {"model": "m", "messages": [{"role": "user", "content": "say two words"}]}


async def crowd(gate, up, deadline_s=5.0, **body):
    """The reply to a request in a hurry while the model's one place, usually held for 10 s, is taken."""
    await gate.post("/v1/chat/completions", BODY)
    (_, limiter), *_ = [found for found in gate.state.outlay.limiters if found[0] == "m"]
    now = [0.0]
    limiter.clock = lambda: now[0]
    with await limiter.enter():
        now[0] = 100.0
    release = asyncio.Event()
    up.arrived.clear()
    up.always(chat("two words", hold=release))
    first = asyncio.create_task(gate.post("/v1/chat/completions", BODY))
    await up.arrived.wait()
    try:
        return await gate.post("/v1/chat/completions", {**BODY, **body, "outlay": {"deadline_s": deadline_s}})
    finally:
        release.set()
        assert (await first)[0] == 200
        assert (limiter.in_flight, limiter.n_waiting) == (0, 0)


@pytest.mark.parametrize("model", ["m", "outlay/single"])
async def test_it_is_a_503_that_says_when_to_come_back_and_costs_nothing(model):
    async with Upstream(flavour="vllm") as up, gateway(config(up, concurrency=1)) as gate:
        status, told, headers = await crowd(gate, up, model=model)
        ledger = await rows(gate.state.outlay.store)
        _, metrics, _ = await gate.get("/metrics")
    assert (status, told["error"]["code"], told["error"]["type"]) == (503, "crowded", "api_error")
    assert int(headers["retry-after"]) > 5
    assert up.n_chats == 2
    assert sorted((row["state"], row["cost_nusd"]) for row in ledger) == [
        ("failed", 0),
        ("settled", 11_000),
        ("settled", 11_000),
    ]
    assert 'outlay_upstream_crowded_out{model="m"} 1.0' in metrics.decode().splitlines()


async def test_the_next_model_of_a_chain_is_asked_instead_and_the_breaker_learns_nothing():
    async with Upstream(flavour="vllm") as up, Upstream(flavour="vllm") as other:
        models = {"m": entry(up, concurrency=1), "n": entry(other)}
        plans = {"either": PlanEntry(models=("m", "n"))}
        async with gateway(Config(default="m", models=models, plans=plans)) as gate:
            status, told, _ = await crowd(gate, up, model="either")
            states = {name: breaker.state for name, breaker in gate.state.outlay.breakers}
    assert (status, other.n_chats) == (200, 1)
    assert told["outlay"]["elsewhere"] == {"fake": 1}
    assert set(states.values()) == {"closed"}
