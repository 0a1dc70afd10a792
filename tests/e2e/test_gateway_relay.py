"""Plain completions and embeddings through the gateway: the server's own reply, bounded and in the ledger."""

from __future__ import annotations

import asyncio

import openai
import pytest
from gateways import config, gateway
from ledgers import rows
from upstream import Upstream


async def test_embeddings_come_back_as_the_server_made_them_and_are_metered():
    async with Upstream() as up, gateway(config(up)) as gate:
        reply = await gate.client().embeddings.create(
            model="m", input=["two words", "three more words"], dimensions=2, encoding_format="float"
        )
        (row,) = await rows(gate.state.outlay.store)
        (sent,) = [call.body for call in up.other_calls if call.path.endswith("/embeddings")]
    assert [d.embedding for d in reply.data] == [[0.5, 0.0], [0.5, 1.0]]
    assert (reply.model, reply.usage.prompt_tokens) == ("m", 5)
    assert reply.model_extra["outlay"]["cost_usd"] == 5e-6
    assert (row["state"], row["input_tokens"], row["output_tokens"], row["mark"]) == ("settled", 5, 0, "")
    assert (sent["model"], sent["dimensions"], sent["encoding_format"]) == ("fake", 2, "float")


async def test_plain_completions_come_back_with_every_parameter_sent_on():
    async with Upstream() as up, gateway(config(up)) as gate:
        reply = await gate.client().completions.create(
            model="m", prompt="once", n=2, temperature=0.5, seed=3, stop="END", echo=False
        )
        (row,) = await rows(gate.state.outlay.store)
        (sent,) = [call.body for call in up.other_calls if call.path.endswith("/completions")]
    assert [c.text for c in reply.choices] == ["text 0", "text 1"]
    assert (row["n"], row["output_tokens"], row["bound_output_tokens"]) == (2, 4, 32)
    assert sent == {
        "model": "fake",
        "prompt": "once",
        "n": 2,
        "temperature": 0.5,
        "seed": 3,
        "stop": "END",
        "echo": False,
        "max_tokens": 16,
    }


async def test_what_cannot_be_honoured_or_paid_is_refused_unsent():
    async with Upstream() as up, gateway(config(up)) as gate:
        before = len(up.other_calls)
        for more in (
            {"stream": True},
            {"best_of": 9},
            {"n_predict": 9},
            {"n": 0},
            {"outlay": {"kind": "number"}},
        ):
            code, told, _ = await gate.post("/v1/completions", {"model": "m", "prompt": "once", **more})
            assert (code, told["error"]["type"]) == (400, "invalid_request_error")
        capped = {"model": "m", "input": "word " * 1000, "outlay": {"max_usd": 0.000001}}
        assert (await gate.post("/v1/embeddings", capped))[0] == 402
        assert len(up.other_calls) == before
        assert await rows(gate.state.outlay.store) == []


async def test_a_failure_keeps_its_status_and_costs_nothing():
    async with Upstream(key="right") as up, gateway(config(up)) as gate:
        with pytest.raises(openai.AuthenticationError):
            await gate.client().embeddings.create(model="m", input="text")
        (row,) = await rows(gate.state.outlay.store)
        assert (row["state"], row["cost_nusd"]) == ("failed", 0)
        assert not gate.state.outlay.budget.in_flight


async def test_a_client_that_leaves_is_settled_at_the_bound():
    async with Upstream() as up, gateway(config(up)) as gate:
        held = asyncio.Event()
        seller = await gate.state.sellers.of("m")
        await seller.card()

        async def hang(path, body):
            held.set()
            await asyncio.Event().wait()

        seller._provider("default").relay = hang
        asking = asyncio.create_task(gate.post("/v1/embeddings", {"model": "m", "input": "text"}))
        await held.wait()
        asking.cancel()
        while gate.state.outlay.budget.in_flight:
            await gate.state.outlay.budget.change()
        (row,) = await rows(gate.state.outlay.store)
    assert (row["state"], row["mark"]) == ("settled", "unreconciled")
    assert row["input_tokens"] == row["bound_input_tokens"]


async def test_a_model_that_only_chats_says_so():
    async with Upstream() as up, gateway(config(up)) as gate:
        seller = await gate.state.sellers.of("m")
        await seller.card()
        seller._provider("default").relay = None
        code, told, _ = await gate.post("/v1/embeddings", {"model": "m", "input": "text"})
    assert (code, told["error"]["code"]) == (400, "missing_ability")
