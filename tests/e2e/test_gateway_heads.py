"""Requests whose head is too large, too slow or no HTTP at all, over a raw socket: refused in OpenAI's shape."""

from __future__ import annotations

import asyncio
import json

import pytest
from gateways import config, gateway
from upstream import Upstream, chat

from outlay.gateway import heads

GET = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n"


async def answered(port: int, *parts: bytes) -> tuple[int, dict[str, str], dict]:
    """Status, headers and body of what is answered to these bytes, read until the connection closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
        await writer.drain()
        raw = await reader.read()
    finally:
        writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *told = head.decode().split("\r\n")
    return int(line.split()[1]), dict(item.lower().split(": ", 1) for item in told), json.loads(body)


@pytest.mark.parametrize(
    "sent, status, code",
    [
        (b"hello\r\n\r\n", 400, "malformed_http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed_http"),
        (b"GET /v1/models HTTP/9.9\r\n\r\n", 400, "malformed_http"),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400, "malformed_http"),
        (GET + b"a b: 1\r\n\r\n", 400, "malformed_http"),
        (GET + b"Content-Length: -1\r\n\r\n", 400, "malformed_http"),
        (GET + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400, "malformed_http"),
        (b"GET /" + b"a" * heads.MAX_URL_BYTES + b" HTTP/1.1\r\n\r\n", 414, "url_too_long"),
        (GET + b"X: " + b"a" * heads.MAX_BYTES + b"\r\n\r\n", 431, "headers_too_large"),
        (GET + b"X: " + b"a" * 4 * heads.MAX_BYTES, 431, "headers_too_large"),
        (GET + b"a: 1\r\n" * (heads.MAX_HEADERS + 1) + b"\r\n", 431, "headers_too_large"),
        (GET + (b"a: " + b"1" * 900 + b"\r\n") * 80 + b"\r\n", 431, "headers_too_large"),
    ],
)
async def test_what_is_no_request_is_refused_in_openais_shape_and_the_connection_ends(sent, status, code):
    async with Upstream() as up, gateway(config(up)) as gate:
        found, headers, told = await answered(gate.port, sent)
        assert (found, told["error"]["code"]) == (status, code)
        assert told["error"]["type"] == "invalid_request_error"
        assert told["error"]["message"].endswith(".")
        assert (headers["connection"], headers["content-type"]) == ("close", "application/json")
        assert (await gate.get("/v1/models"))[0] == 200


async def test_a_head_within_the_limits_is_answered_however_it_comes_in_pieces():
    whole = GET + b"x: " + b"a" * (heads.MAX_BYTES - 4096) + b"\r\nConnection: close\r\n\r\n"
    async with Upstream() as up, gateway(config(up)) as gate:
        status, _, told = await answered(gate.port, *(whole[i : i + 999] for i in range(0, len(whole), 999)))
    assert (status, told["object"]) == (200, "list")


async def test_a_large_body_is_no_large_head_and_the_connection_goes_on():
    text = "x" * 4 * heads.MAX_BYTES
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    one = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n" % len(body)
    async with Upstream() as up, gateway(config(up, context_tokens=10**6)) as gate:
        sent = one + b"\r\n" + body + one + b"Connection: close\r\n\r\n" + body
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        writer.write(sent)
        raw = await reader.read()
        writer.close()
    assert (raw.count(b"HTTP/1.1 200 OK"), up.n_chats) == (2, 2)


async def test_a_head_that_takes_too_long_is_refused_and_a_silent_connection_closed(monkeypatch):
    monkeypatch.setattr(heads, "HEAD_S", 0.05)
    async with Upstream() as up, gateway(config(up)) as gate:
        status, _, told = await answered(gate.port, GET)
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        silent = await reader.read()
        writer.close()
    assert (status, told["error"]["code"], silent) == (408, "head_too_slow", b"")


async def test_a_connection_that_idles_between_requests_is_not_taken_for_a_slow_one():
    async with Upstream() as up, gateway(config(up)) as gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        (protocol,) = gate.server.server_state.connections
        protocol._since_s -= 10 * heads.HEAD_S
        protocol._look()
        writer.write(GET + b"Connection: close\r\n\r\n")
        again = await reader.read()
        writer.close()
    assert b"HTTP/1.1 200 OK" in again


async def test_a_wish_for_another_protocol_is_answered_in_this_one():
    async with Upstream() as up, gateway(config(up)) as gate:
        upgrade = b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
        status, _, told = await answered(gate.port, GET + upgrade)
    assert (status, told["object"]) == (200, "list")


async def test_a_body_that_stops_arriving_is_refused_and_its_connection_ends(monkeypatch):
    monkeypatch.setattr(heads, "HEAD_S", 0.05)
    post = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"
    async with Upstream() as up, gateway(config(up)) as gate:
        status, _, told = await answered(gate.port, post)
        assert (status, told["error"]["code"]) == (408, "body_too_slow")
        for _ in range(1000):
            await asyncio.sleep(0)
        assert (await gate.get("/health"))[0] == 200
        assert [line["status"] for line in gate.log if line["method"] == "POST"] == [499]


async def test_a_long_answer_is_no_slow_body(monkeypatch):
    monkeypatch.setattr(heads, "HEAD_S", 0.02)
    hold = asyncio.Event()
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("a long answer", hold=hold))
        asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        asking = asyncio.create_task(gate.post("/v1/chat/completions", asked))
        await up.arrived.wait()
        (protocol,) = [p for p in gate.server.server_state.connections if p.cycle is not None]
        protocol._since_s -= 100
        protocol._look()
        hold.set()
        assert (await asking)[0] == 200


@pytest.mark.parametrize(
    "twice",
    [b"Authorization: Bearer a\r\nauthorization: Bearer b", b"x-outlay-max-usd: 1\r\nX-Outlay-Max-Usd: 9"],
)
async def test_a_header_that_decides_who_asks_for_what_stands_once(twice):
    async with Upstream() as up, gateway(config(up)) as gate:
        status, _, told = await answered(gate.port, GET + twice + b"\r\nConnection: close\r\n\r\n")
        assert (status, told["error"]["type"]) == (400, "invalid_request_error")
        assert "stands twice" in told["error"]["message"]
