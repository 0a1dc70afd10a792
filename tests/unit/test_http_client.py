"""The HTTP client of models over raw sockets: framing, reuse, limits, TLS, proxies, and servers that misbehave."""

import asyncio
import contextlib
import ssl
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from outlay.errors import BadReply, ProviderError, TimedOut, Unreachable, UsageError
from outlay.models import http_pool
from outlay.models.errors_http import Redactor
from outlay.models.http_connection import HELD_BYTES
from outlay.models.openai_http import Http

TLS = Path(__file__).parent.parent / "data" / "tls"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def server(*replies, tls=None):
    """A server that answers the requests of every connection with these bytes in turn; None closes instead."""
    seen, connections = [], []

    async def serve(reader, writer):
        connections.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                seen.append(head + await reader.readexactly(length))
                reply = replies[min(len(seen), len(replies)) - 1]
                if reply is not None:
                    writer.write(reply)
                    await writer.drain()
                if reply is None or b"connection: close" in reply.lower():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with listening:
        yield listening.sockets[0].getsockname()[1], seen, connections
    await ended(connections)


async def ended(writers):
    """Close the server's side, so that nothing of it outlives the test."""
    for writer in writers:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def listening_with(serve):
    writers = []

    async def kept(reader, writer):
        writers.append(writer)
        await serve(reader, writer)

    async with await asyncio.start_server(kept, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]
    await ended(writers)


@asynccontextmanager
async def client(port, *, scheme="http", host="127.0.0.1", headers=None, silence_s=5.0, concurrency=8):
    http = Http(
        f"{scheme}://{host}:{port}/v1",
        headers or {},
        Redactor([]),
        connect_s=2.0,
        silence_s=silence_s,
        concurrency=concurrency,
    )
    try:
        yield http
    finally:
        await http.close()


async def got(http, body=None):
    """The status and the whole body of a request's reply."""
    response = await http.open("POST", f"{http.base_url}/x", body)
    try:
        return response.status, await http.document(response)
    finally:
        response.close()


async def test_what_is_sent():
    async with server(OK) as (port, seen, _), client(port, headers={"Authorization": "Bearer k"}) as http:
        assert await got(http, {"a": 1}) == (200, b"ok")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % port)
    assert b"Authorization: Bearer k" in head
    assert body == b'{"a":1}'


@pytest.mark.parametrize(
    "reply",
    [
        OK,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK,
    ],
)
async def test_every_way_to_say_where_a_body_ends(reply):
    async with server(reply) as (port, _, _), client(port) as http:
        assert [await got(http), await got(http)] == [(200, b"ok")] * 2


@pytest.mark.parametrize("split", range(1, 40))
async def test_a_reply_may_come_in_any_pieces(split):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK[:split])
        await asyncio.sleep(0)
        writer.write(OK[split:])
        await reader.read()
        writer.close()

    async with listening_with(serve) as port, client(port) as http:
        assert await got(http) == (200, b"ok")


async def test_one_connection_serves_requests_in_a_row_and_no_more_than_allowed_are_open():
    async with server(OK) as (port, _, connections), client(port, concurrency=3) as http:
        for _ in range(5):
            await got(http)
        assert len(connections) == 1
        assert await asyncio.gather(*(got(http) for _ in range(20))) == [(200, b"ok")] * 20
        assert len(connections) <= 3
        assert http._pool.n_open == len(connections)
    assert http._pool.n_open == 0


async def test_an_idle_connection_is_closed_after_a_while(monkeypatch):
    monkeypatch.setattr(http_pool, "IDLE_S", 0.0)
    async with server(OK) as (port, _, _), client(port) as http:
        await got(http)
        http._pool._sweep()
        assert http._pool.n_open == 0
        assert await got(http) == (200, b"ok")


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x-pad: " + b"y" * 70_000 + b"\r\n",
    ],
)
async def test_what_is_no_plain_http_is_one_sentence(reply):
    async with server(reply) as (port, _, _), client(port) as http:
        with pytest.raises(BadReply, match="does not speak HTTP"):
            await got(http)
        assert http._pool.n_open == 0


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n9\r\nok",
    ],
)
async def test_a_body_that_breaks_off_gives_what_came_then_fails(reply):
    async with server(reply) as (port, _, _), client(port) as http:
        response = await http.open("POST", f"{http.base_url}/x")
        assert await http.block(response) == b"ok"
        with pytest.raises(ProviderError, match="broke off"):
            await http.block(response)
        response.close()


async def test_silence_is_told_from_an_end():
    async with (
        server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok") as (port, _, _),
        client(port, silence_s=0.05) as http,
    ):
        response = await http.open("POST", f"{http.base_url}/x")
        assert await http.block(response) == b"ok"
        with pytest.raises(TimedOut):
            await http.block(response)
        assert http._pool.n_open == 0


async def test_bytes_that_nobody_asked_for_end_the_connection():
    async with server(OK + OK, OK) as (port, _, connections), client(port) as http:
        assert [await got(http), await got(http)] == [(200, b"ok")] * 2
        assert len(connections) == 2


async def test_a_large_body_is_read_no_faster_than_it_is_used():
    size = 64 * HELD_BYTES
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size
    async with server(reply) as (port, _, _), client(port) as http:
        response = await http.open("POST", f"{http.base_url}/x")
        for _ in range(50):
            await asyncio.sleep(0)
        assert response._held < 8 * HELD_BYTES
        assert len(await http.document(response)) == size
        response.close()
        assert await got(http) == (200, b"x" * size)
        assert http._pool.n_open == 1


async def test_leaving_in_the_middle_closes_the_connection_and_frees_its_place():
    async with (
        server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok") as (port, _, _),
        client(port, concurrency=1) as http,
    ):
        for _ in range(3):
            response = await http.open("POST", f"{http.base_url}/x")
            response.close()
        assert http._pool.n_open == 0


async def test_a_request_that_is_cancelled_frees_its_place():
    came = asyncio.Event()

    async def silent(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        came.set()
        await reader.read()
        writer.close()

    async with listening_with(silent) as port, client(port, concurrency=1) as http:
        for _ in range(3):
            asking = asyncio.create_task(got(http))
            await came.wait()
            came.clear()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        assert http._pool.n_open == 0


async def test_closing_the_client_fails_what_is_under_way():
    async with server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok") as (port, _, _), client(port) as http:
        response = await http.open("POST", f"{http.base_url}/x")
        await http.block(response)
        await http.close()
        with pytest.raises(ProviderError, match="broke off"):
            await http.block(response)


def tls_server():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    return context


async def test_tls_with_a_certificate_that_is_trusted(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "cert.pem"))
    async with (
        server(OK, tls=tls_server()) as (port, _, connections),
        client(port, scheme="https", host="localhost") as http,
    ):
        assert [await got(http), await got(http)] == [(200, b"ok")] * 2
        assert len(connections) == 1


async def test_tls_with_a_certificate_that_is_not(monkeypatch):
    async with (
        server(OK, tls=tls_server()) as (port, _, _),
        client(port, scheme="https", host="localhost") as http,
    ):
        with pytest.raises(Unreachable, match="no valid certificate"):
            await got(http)


async def test_a_proxy_is_asked_for_the_whole_address(monkeypatch):
    async with server(OK) as (port, seen, _):
        monkeypatch.setenv("http_proxy", f"http://me:p%40ss@127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        async with client(80, host="models.example") as http:
            assert await got(http) == (200, b"ok")
    assert seen[0].startswith(b"POST http://models.example:80/v1/x HTTP/1.1\r\nHost: models.example:80\r\n")
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==" in seen[0]


@pytest.mark.parametrize("grants", [True, False])
async def test_tls_goes_through_a_tunnel_of_the_proxy(monkeypatch, grants):
    async with server(OK, tls=tls_server()) as (port, _, _):
        asked = []

        async def proxy(reader, writer):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            if not grants:
                writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                writer.close()
                return
            there_reader, there = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

            async def copy(source, target):
                with contextlib.suppress(OSError):
                    while block := await source.read(65_536):
                        target.write(block)
                target.close()

            await asyncio.gather(copy(reader, there), copy(there_reader, writer))
            await ended([there])

        async with listening_with(proxy) as through:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{through}")
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "cert.pem"))
            monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: False)
            monkeypatch.setattr("outlay.models.openai_http._DIRECT", ())
            async with client(port, scheme="https", host="localhost") as http:
                if grants:
                    assert await got(http) == (200, b"ok")
                else:
                    with pytest.raises(Unreachable, match="proxy does not connect"):
                        await got(http)
        assert asked[0].startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % port)


@pytest.mark.parametrize("header", [{"x-a": "1\r\nx-b: 2"}, {"x a\n": "1"}, {"Authorization": "Bearer k\n"}])
def test_a_header_cannot_begin_another(header):
    with pytest.raises(UsageError, match="line break"):
        Http("http://x/v1", header, Redactor([]), connect_s=1, silence_s=1, concurrency=1)
