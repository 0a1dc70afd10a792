"""What goes wrong around the gateway: clients that leave, streams that break, bodies that are none."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import openai
import pytest
from gateways import config, gateway
from ledgers import rows
from upstream import Upstream, chat, document, raw

from outlay.gateway import body
from outlay.gateway.live import EventStream

ASKED = [{"role": "user", "content": "say two words"}]
BODY = {"model": "m", "messages": ASKED}


async def settled(gate) -> list[dict]:
    """The ledger once nothing is in flight any more."""
    async with asyncio.timeout(5):
        while gate.state.outlay.budget.in_flight:
            await gate.state.outlay.budget.change()
    return await rows(gate.state.outlay.store)


async def drained(stream, chunks: list) -> None:
    """Read a stream to its end, keeping what came."""
    async for chunk in stream:
        chunks.append(chunk)


async def healthy(gate) -> None:
    """The next request succeeds and the ledger balances."""
    reply = await gate.client().chat.completions.create(model="m", messages=ASKED)
    assert reply.choices[0].finish_reason == "stop"
    ledger = await settled(gate)
    assert {row["state"] for row in ledger} <= {"settled", "failed"}
    assert sum(row["cost_nusd"] for row in ledger) == gate.state.outlay.budget.settled["nusd"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", ["m", "outlay/single", "outlay/self_consistency"])
async def test_a_client_that_leaves_stops_generation_and_pays_what_was_written(streamed, model):
    async with Upstream(flavour="vllm") as up, gateway(config(up)) as gate:
        up.always(chat("two words", hold=asyncio.Event()))
        asked = {**BODY, "model": model, "stream": streamed, "outlay": {}}
        if model == "outlay/self_consistency":
            asked["outlay"] = {"kind": "number", "parameters": {"n": 2}}
        asking = asyncio.create_task(gate.post("/v1/chat/completions", asked))
        await up.arrived.wait()
        asking.cancel()
        async with asyncio.timeout(1):
            await up.client_left()
        ledger = await settled(gate)
        assert [row["state"] for row in ledger] == ["settled"]
        up.always(chat("two words"))
        await healthy(gate)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_client_that_leaves_is_counted_and_no_defect(streamed, caplog):
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("two words", hold=asyncio.Event()))
        asking = asyncio.create_task(gate.post("/v1/chat/completions", {**BODY, "stream": streamed}))
        await up.arrived.wait()
        asking.cancel()
        await up.client_left()
        await settled(gate)
        await healthy(gate)
        _, text, _ = await gate.get("/metrics")
    assert "outlay_clients_left_total 1.0" in text.decode().splitlines()
    assert gate.log[0]["status"] in ((200, 499) if streamed else (499,))
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == []


async def test_a_client_that_leaves_a_counted_model_pays_its_tokens_not_its_bound():
    async with Upstream(flavour="llama.cpp") as up, gateway(config(up)) as gate:
        up.script(chat("two words more", hold=asyncio.Event()))
        client = gate.client()
        stream = await client.chat.completions.create(model="m", messages=ASKED, stream=True)
        assert (await anext(aiter(stream))).choices[0].delta.content == "two"
        await stream.close()
        await up.client_left()
        (row,) = await settled(gate)
        assert (row["mark"], row["input_tokens"], row["output_tokens"]) == ("counted", 3, 1)
        await healthy(gate)


async def test_many_cancelled_requests_leave_nothing_behind():
    async with Upstream() as up, gateway(config(up, concurrency=8)) as gate:
        up.always(chat("two words", hold=asyncio.Event()))
        before = len(asyncio.all_tasks())
        for _ in range(10):
            async with aiohttp.ClientSession() as session:
                asking = [
                    asyncio.create_task(session.post(f"{gate.root}/v1/chat/completions", json=BODY))
                    for _ in range(20)
                ]
                await up.arrived.wait()
                up.arrived.clear()
                for one in asking:
                    one.cancel()
                await asyncio.wait(asking)
        await settled(gate)
        assert gate.state.outlay.budget.reserved == dict.fromkeys(gate.state.outlay.budget.reserved, 0)
        up.always(chat("two words"))
        await healthy(gate)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) <= before + 4


@pytest.mark.parametrize(
    "broken",
    [
        chat("two words", cut_after=2),
        chat("two words", error={"message": "out of memory", "code": 500}),
        chat("two words", finish=None),
    ],
    ids=["reset", "error event", "no end"],
)
async def test_a_stream_that_breaks_is_told_as_an_error_and_not_as_an_end(broken):
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(broken, broken)
        stream = await gate.client().chat.completions.create(model="m", messages=ASKED, stream=True)
        chunks: list = []
        with pytest.raises(openai.APIError):
            await drained(stream, chunks)
        assert [c.choices[0].finish_reason for c in chunks] == [None] * len(chunks) != []
        with pytest.raises(openai.InternalServerError):
            await gate.client().chat.completions.create(model="m", messages=ASKED)
        await healthy(gate)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "reply",
    [raw("data: {nonsense\n\n"), raw("<html>"), raw(b"data: \xff\xfe\n\n"), raw(b"")],
    ids=["no JSON", "a page", "no text", "nothing"],
)
async def test_a_reply_that_is_none_is_a_502(reply, streamed):
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(reply)
        with pytest.raises(openai.InternalServerError) as failure:
            await gate.client().chat.completions.create(model="m", messages=ASKED, stream=streamed)
        assert failure.value.status_code == 502
        await healthy(gate)


async def test_a_server_that_does_not_stream_is_streamed_all_the_same():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(document(chat("two words")))
        stream = await gate.client().chat.completions.create(model="m", messages=ASKED, stream=True)
        chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.content == "two words"
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_a_silent_stream_says_that_it_lives_and_still_tells_its_failure():
    sent = []
    going = asyncio.Event()

    async def work(emit):
        await going.wait()
        emit(b"data: {}\n\n")

    async def send(message):
        sent.append(message.get("body"))
        if len(sent) == 4:
            going.set()

    async def receive():
        await asyncio.Event().wait()

    await EventStream(work, heartbeat_s=0.001)({"type": "http"}, receive, send)
    assert sent[1:4] == [b": alive\n\n"] * 3
    assert sent[-1] == b"data: {}\n\ndata: [DONE]\n\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b'{"model": "m", "messages": [{"role": "user", "content": "\xff"}]}', 400),
        (b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}', 400),
        (b'{"model": "m", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"model": "m", "messages": [{"role": "user", "content": ' + b"[" * 70 + b"]" * 70 + b"}]}", 400),
        (b'{"model": "m", "messages": ["text"]}', 400),
        (b'{"model": "m", "messages": []}', 400),
        (b'{"model": "m"}', 400),
        (b'{"messages": [{"role": "user", "content": "hi"}]}', 400),
        (json.dumps({**BODY, "n": 0}).encode(), 400),
        (json.dumps({**BODY, "n": "two"}).encode(), 400),
        (json.dumps({**BODY, "n": 10**9}).encode(), 400),
        (json.dumps({**BODY, "seed": 2**70}).encode(), 400),
        (json.dumps({**BODY, "max_tokens": -1}).encode(), 400),
        (json.dumps({**BODY, "max_tokens": 1, "max_completion_tokens": 2}).encode(), 400),
        (json.dumps({**BODY, "stream": "yes"}).encode(), 400),
        (json.dumps({**BODY, "temperature": "hot"}).encode(), 400),
        (json.dumps({**BODY, "top_logprobs": 2}).encode(), 400),
        (json.dumps({**BODY, "outlay": []}).encode(), 400),
        (json.dumps({**BODY, "outlay": {"kind": "number"}}).encode(), 400),
        (json.dumps({**BODY, "modalities": ["text", "audio"]}).encode(), 400),
        (json.dumps({**BODY, "n_predict": 10**6}).encode(), 400),
        (json.dumps({**BODY, "service_tier": "priority"}).encode(), 400),
        (json.dumps({**BODY, "functions": []}).encode(), 400),
    ],
)
async def test_a_body_that_is_not_in_order_is_a_4xx_in_openais_shape(sent, status):
    async with Upstream() as up, gateway(config(up)) as gate:
        code, told, _ = await gate.post("/v1/chat/completions", sent)
        assert up.n_chats == 0
    assert code == status
    assert set(told["error"]) == {"message", "type", "param", "code"}
    assert told["error"]["type"] == "invalid_request_error"


async def test_a_body_beyond_the_limit_is_refused_said_or_sent(monkeypatch):
    monkeypatch.setattr(body, "MAX_BYTES", 1000)
    large = json.dumps({**BODY, "user": "u" * 1000}).encode()

    async def in_pieces():
        yield large[:600]
        yield large[600:]

    async with Upstream() as up, gateway(config(up)) as gate:
        assert (await gate.post("/v1/chat/completions", large))[0] == 413
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{gate.root}/v1/chat/completions", data=in_pieces()) as reply,
        ):
            assert reply.status == 413
        assert (await gate.post("/v1/chat/completions", BODY))[0] == 200
        assert up.n_chats == 1


async def test_addresses_and_methods_that_are_not_there_have_openais_shape_too():
    async with Upstream() as up, gateway(config(up)) as gate:
        code, told, _ = await gate.get("/v1/nothing")
        assert (code, told["error"]["type"]) == (404, "not_found_error")
        code, told, headers = await gate.get("/v1/chat/completions")
        assert (code, told["error"]["type"], headers["allow"]) == (405, "invalid_request_error", "POST")


async def test_requests_are_counted_and_logged_with_an_id_and_without_their_text():
    async with Upstream() as up, gateway(config(up)) as gate:
        _, _, headers = await gate.post("/v1/chat/completions", BODY, x_request_id="mine-1")
        assert headers["x-request-id"] == "mine-1"
        _, _, other = await gate.post("/v1/chat/completions", BODY, x_request_id="bad id\t{}")
        assert other["x-request-id"].startswith("req_")
        await gate.get("/v1/nothing/at/all")
        code, text, _ = await gate.get("/metrics")
    line = gate.log[0]
    assert (line["request_id"], line["status"], line["route"]) == ("mine-1", 200, "/v1/chat/completions")
    assert line["cost_nusd"] == 11_000
    assert "say two words" not in json.dumps(gate.log)
    assert code == 200
    lines = text.decode().splitlines()
    assert 'outlay_requests_total{route="/v1/chat/completions",status="200"} 2.0' in lines
    assert 'outlay_requests_total{route="unknown",status="404"} 1.0' in lines
    assert 'outlay_tokens_total{model="m",side="output",strategy="pass_through"} 4.0' in lines
    assert not any("at/all" in one for one in lines)
