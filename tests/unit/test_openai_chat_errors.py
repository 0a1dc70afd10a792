"""Failing servers: each failure is one sentence with the host, without the key, and says what may be done."""

import asyncio

import pytest
from drawing import Drawn, ask, draw, opened
from upstream import Upstream, chat, disconnect, hang, raw, status

from outlay.errors import AuthError, BadReply, BadRequest, ProviderError, RateLimited, TimedOut, Unreachable

KEY = "sk-very-secret-key"


async def failure(up, *, into=None, request=None, **settings):
    """The error that a draw ends in."""
    async with opened(up, api_key=KEY, **settings) as provider:
        with pytest.raises(ProviderError) as caught:
            await draw(provider, request or ask(), into)
    error = caught.value
    assert KEY not in str(error)
    assert "127.0.0.1" in str(error)
    assert error.__suppress_context__ or error.__context__ is None
    return error


async def test_the_key_is_redacted_from_what_the_server_says():
    async with Upstream() as up:
        up.script(status(401, f"Incorrect API key provided: {KEY}"))
        error = await failure(up)
    assert isinstance(error, AuthError)
    assert error.fatal
    assert "[redacted]" in str(error)


@pytest.mark.parametrize(
    "code, kind, retryable",
    [(400, BadRequest, False), (403, AuthError, False), (404, BadRequest, False), (422, BadRequest, False),
     (429, RateLimited, True), (500, ProviderError, True), (503, ProviderError, True)],
)  # fmt: skip
async def test_statuses(code, kind, retryable):
    async with Upstream() as up:
        up.script(status(code, "because of that"))
        error = await failure(up)
    assert (type(error), error.retryable, error.billed) == (kind, retryable, False)
    assert "because of that" in str(error)
    assert up.n_chats == 1


async def test_a_long_message_is_cut():
    async with Upstream() as up:
        up.script(status(400, "x" * 200_000))
        assert len(str(await failure(up))) < 500


async def test_retry_after_is_read():
    async with Upstream() as up:
        up.script(status(429, "slow", headers={"Retry-After": "7"}))
        assert (await failure(up)).retry_after_s == 7.0


async def test_a_redirect_is_not_followed():
    async with Upstream() as up:
        up.script(status(307, headers={"Location": "http://127.0.0.1:9/steal"}))
        error = await failure(up)
    assert isinstance(error, BadRequest)
    assert up.n_chats == 1


async def test_a_stream_that_breaks_off():
    drawn = Drawn()
    async with Upstream() as up:
        up.script(chat("a b c d", cut_after=3))
        error = await failure(up, into=drawn)
    assert isinstance(error, BadReply)
    assert (error.billed, error.retryable) == (True, True)
    assert drawn.texts == {0: "a b"}


async def test_a_stream_that_ends_well_but_never_says_why():
    async with Upstream() as up:
        up.script(chat("a b c d", finish=None))
        error = await failure(up)
    assert isinstance(error, BadReply)
    assert error.billed


@pytest.mark.parametrize(
    "body",
    [
        b"data: {broken\n\n",
        b'data: {"choices": "no"}\n\n',
        b'data: {"choices": [{"delta": {"content": 7}}]}\n\n',
        b'data: "\xff\xfe"\n\n',
        b"data: [1, 2]\n\n",
        b'data: {"choices": [{"index": 5, "delta": {}, "finish_reason": "stop"}]}\n\n',
        b'data: {"choices": [{"index": -1, "delta": {}, "finish_reason": "stop"}]}\n\n',
        b"data: [DONE]\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"",
    ],
)
async def test_malformed_streams(body):
    async with Upstream() as up:
        up.script(raw(body))
        error = await failure(up)
    assert isinstance(error, BadReply)
    assert error.billed


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"{", b'{"choices": []}', b"null"])
async def test_malformed_documents(body):
    async with Upstream() as up:
        up.script(raw(body, content_type="text/html"))
        assert isinstance(await failure(up), BadReply)


async def test_an_error_inside_a_stream():
    drawn = Drawn()
    async with Upstream() as up:
        up.script(chat("a b c", error={"message": f"overloaded, says {KEY}", "code": 503}))
        error = await failure(up, into=drawn)
    assert (error.retryable, error.billed) == (True, True)
    assert "overloaded" in str(error)
    assert drawn.texts == {0: "a"}


async def test_an_error_in_place_of_a_reply():
    async with Upstream() as up:
        up.script(raw('{"error": {"message": "too long", "code": 400}}', content_type="application/json"))
        error = await failure(up)
    assert isinstance(error, BadRequest)
    assert not error.billed


async def test_silence_before_the_first_byte():
    never = asyncio.Event()
    async with Upstream() as up:
        up.script(hang(never))
        error = await failure(up, silence_s=0.05)
        await up.client_left()
    assert isinstance(error, TimedOut)
    assert (error.retryable, error.billed) == (True, True)


async def test_silence_in_the_middle():
    async with Upstream() as up:
        up.script(chat("a b c", hold=asyncio.Event()))
        error = await failure(up, silence_s=0.05)
        await up.client_left()
    assert isinstance(error, TimedOut)
    assert error.billed


async def test_a_kept_connection_that_was_closed_is_replaced_once_at_once():
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("1"), disconnect(), chat("2"), chat("3"))
        assert (await draw(provider, ask())).texts == {0: "1"}
        assert (await draw(provider, ask())).texts == {0: "2"}
        assert [c.connection for c in up.calls] == [0, 0, 1]
        assert (await draw(provider, ask())).texts == {0: "3"}
        assert up.n_chats == 4


async def test_a_kept_connection_is_replaced_only_once():
    async with Upstream() as up, opened(up) as provider:
        up.script(chat("1"), disconnect(), disconnect(), chat("2"))
        await draw(provider, ask())
        with pytest.raises(Unreachable) as caught:
            await draw(provider, ask())
        assert (up.n_chats, caught.value.retryable, caught.value.billed) == (3, True, True)


async def test_a_new_connection_that_is_closed_is_not_retried():
    async with Upstream() as up:
        up.script(disconnect(), chat("never"))
        error = await failure(up)
    assert isinstance(error, Unreachable)
    assert error.billed
    assert up.n_chats == 1


async def test_a_dead_server_is_fatal():
    async with Upstream() as up:
        pass
    error = await failure(up)
    assert isinstance(error, Unreachable)
    assert (error.fatal, error.retryable, error.billed) == (True, False, False)


async def test_what_is_no_http():
    async def shout(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello, this is not HTTP\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with server:
        up = Upstream(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        error = await failure(up)
    assert isinstance(error, BadReply)
