"""Plain completions and embeddings through the gateway: the server's own reply, bounded and in the ledger."""

from __future__ import annotations

import asyncio

import openai
import pytest
from gateways import config, gateway
from ledgers import rows
from upstream import Upstream, texts

from outlay.answering import replay


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

        async def hang(path, body, *, left_s):
            held.set()
            await asyncio.Event().wait()

        seller._cast.provider("default").relay = hang
        asking = asyncio.create_task(gate.post("/v1/embeddings", {"model": "m", "input": "text"}))
        await held.wait()
        asking.cancel()
        while gate.state.outlay.budget.in_flight:
            await gate.state.outlay.budget.change()
        (row,) = await rows(gate.state.outlay.store)
    assert (row["state"], row["mark"]) == ("settled", "unreconciled")
    assert row["input_tokens"] == row["bound_input_tokens"]


STREAM = {"model": "m", "prompt": "once upon", "max_tokens": 9, "stream": True}


async def test_streamed_completions_come_as_the_server_made_them_and_are_metered():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always_texts(texts("a b c", "d e", extra={"system_fingerprint": "fp_1"}))
        stream = await gate.client().completions.create(
            model="m", prompt="once upon", n=2, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        (row,) = await rows(gate.state.outlay.store)
        (sent,) = [call.body for call in up.other_calls if call.path.endswith("/completions")]
    said = {i: "".join(c.text for k in chunks for c in k.choices if c.index == i) for i in (0, 1)}
    assert said == {0: "a b c", 1: "d e"}
    assert {c.model for c in chunks} == {"m"}
    assert {c.system_fingerprint for c in chunks} == {"fp_1"}
    last = chunks[-1]
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (2, 5)
    assert last.model_extra["outlay"]["cost_usd"] == 22e-6
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})
    assert (row["state"], row["input_tokens"], row["output_tokens"], row["mark"]) == ("settled", 2, 5, "")


async def test_usage_that_was_not_asked_for_is_not_sent():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always_texts(texts("a b c"))
        stream = await gate.client().completions.create(model="m", prompt="once upon", stream=True)
        chunks = [chunk async for chunk in stream]
    assert [c.usage for c in chunks if c.usage] == []
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].model_extra["outlay"]["calls"] == 1


async def test_a_server_that_does_not_stream_completions_gives_them_at_once():
    async with Upstream() as up, gateway(config(up)) as gate:
        stream = await gate.client().completions.create(model="m", prompt="once", stream=True)
        assert "".join([c.choices[0].text async for c in stream]) == "text 0"
        (row,) = await rows(gate.state.outlay.store)
    assert (row["output_tokens"], row["mark"]) == (2, "")


@pytest.mark.parametrize(
    ("flavour", "usage", "expected"),
    [
        ("openai", False, (9, "unreconciled")),
        ("llama.cpp", False, (2, "counted")),
        ("vllm", True, (2, "")),
    ],
)
async def test_a_client_that_leaves_a_stream_is_settled_at_what_was_written(flavour, usage, expected):
    hold = asyncio.Event()
    async with Upstream(flavour=flavour) as up, gateway(config(up)) as gate:
        up.always_texts(texts("a b c d", hold=hold, running_usage=usage))
        stream = await gate.client().completions.create(
            model="m", prompt="once upon", max_tokens=9, stream=True
        )
        assert (await anext(stream)).choices[0].text == "a"
        assert (await anext(stream)).choices[0].text == " b"
        await stream.close()
        await up.client_left()
        while gate.state.outlay.budget.in_flight:
            await gate.state.outlay.budget.change()
        (row,) = await rows(gate.state.outlay.store)
    assert (row["output_tokens"], row["mark"]) == expected
    if row["mark"] == "counted":
        assert row["input_tokens"] == 3


async def test_a_stream_that_breaks_off_says_so_in_an_error_event():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always_texts(texts("a b c d", cut_after=2))
        stream = await gate.client().completions.create(model="m", prompt="once", stream=True)
        with pytest.raises(openai.APIError, match="broke off"):
            [chunk async for chunk in stream]
        (row,) = await rows(gate.state.outlay.store)
    assert (row["state"], row["mark"]) == ("settled", "unreconciled")


async def test_a_stream_that_fails_at_once_keeps_its_status():
    async with Upstream(key="right") as up, gateway(config(up)) as gate:
        with pytest.raises(openai.AuthenticationError):
            await gate.client().completions.create(model="m", prompt="once", stream=True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"model": "m", "prompt": "once"}),
        ("/v1/completions", {"model": "m", "prompt": "once", "stream": True}),
        ("/v1/embeddings", {"model": "m", "input": "text"}),
    ],
)
async def test_the_same_key_and_body_are_bought_once(path, body):
    async with Upstream() as up, gateway(config(up)) as gate:
        first = await gate.post(path, body, Idempotency_Key="k")
        again = await gate.post(path, body, Idempotency_Key="k")
        other = await gate.post(path, body | {"user": "x"}, Idempotency_Key="k")
        asked = [call for call in up.other_calls if call.path.endswith(path.removeprefix("/v1"))]
    assert first[0] == again[0] == 200
    assert first[1] == again[1]
    assert ("idempotent-replayed" in first[2], again[2]["idempotent-replayed"]) == (False, "true")
    assert (other[0], other[1]["error"]["code"]) == (409, "idempotency_key_reused")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"model": "m", "prompt": "once"}),
        ("/v1/completions", {"model": "m", "prompt": "once", "stream": True}),
        ("/v1/embeddings", {"model": "m", "input": "text"}),
    ],
)
async def test_a_trace_is_kept_and_repeats_byte_for_byte(path, body):
    async with Upstream() as up, gateway(config(up)) as gate:
        await gate.post(path, body)
        trace_id = gate.log[-1]["trace_id"]
        code, told, _ = await gate.get(f"/v1/outlay/traces/{trace_id}")
        kept = (await gate.state.outlay.store.trace(trace_id)).encode()
    assert code == 200
    assert [e["event"] for e in told["events"]] == ["open", "relay", "answer"]
    answer, again = await replay(kept)
    assert again == kept
    assert answer.text == ("text 0" if "prompt" in body else "")


async def test_a_model_that_only_chats_says_so():
    async with Upstream() as up, gateway(config(up)) as gate:
        seller = await gate.state.sellers.of("m")
        await seller.card()
        seller._cast.provider("default").relay = None
        code, told, _ = await gate.post("/v1/embeddings", {"model": "m", "input": "text"})
    assert (code, told["error"]["code"]) == (400, "missing_ability")
