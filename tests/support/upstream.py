"""A misbehaving fake of a chat server: real HTTP on loopback, scripted per test, no sleeping.

    async with Upstream() as up:
        up.script(status(500), chat("42"))      # the first request fails, the second is answered
        ...                                     # talk to up.base_url
        assert up.n_chats == 2

A reply is any `async def reply(call: Call) -> web.StreamResponse`; `chat`, `status`, `raw`, `document`, `hang`
and `disconnect` make the usual ones. Without a script left, every request is answered by `chat()`.

Tokens are words: a text of k words costs k tokens, so every expected count can be read off a test.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

ReplyMaker = Callable[["Call"], Awaitable[web.StreamResponse]]
OWNERS = {"openai": "openai", "vllm": "vllm", "sglang": "sglang", "llama.cpp": "llamacpp"}


def words(text: str) -> int:
    """Tokens of a text as this server counts them."""
    return len(text.split())


def prompt_words(body: dict[str, Any]) -> int:
    """Tokens of a request's messages."""
    return sum(words(str(m.get("content") or "")) for m in body["messages"])


@dataclass
class Call:
    """One request as it arrived, and the server it arrived at."""

    upstream: Upstream
    request: web.Request
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int
    """Which TCP connection it came over, counted from 0."""

    @property
    def n(self) -> int:
        """Choices asked for."""
        return int(self.body.get("n") or 1)


@dataclass
class Upstream:
    """The server. `flavour` decides what it calls itself, how it counts usage, and its further routes."""

    flavour: str = "openai"
    model: str = "fake"
    key: str = ""
    """If set, requests with another bearer token get a 401."""
    slots: int = 4
    template_caps: dict[str, bool] | None = None
    """What a llama.cpp server says that its chat template can show; None: nothing."""
    context_tokens: int = 4096
    calls: list[Call] = field(default_factory=list)
    """Chat requests, in order of arrival; `other_calls` holds the rest (models, props, tokenize, …)."""
    other_calls: list[Call] = field(default_factory=list)
    n_left: int = 0
    """Clients that closed the connection before their reply was finished."""
    base_url: str = ""

    def __post_init__(self) -> None:
        self._script: deque[ReplyMaker] = deque()
        self._default: ReplyMaker = chat()
        self._texts: ReplyMaker | None = None
        self._connections: dict[int, tuple[int, Any]] = {}
        self._left = asyncio.Event()
        self.arrived = asyncio.Event()
        """Set once a chat request has arrived."""

    @property
    def n_chats(self) -> int:
        """Chat requests that arrived."""
        return len(self.calls)

    @property
    def last(self) -> dict[str, Any]:
        """The body of the latest chat request."""
        return self.calls[-1].body

    def script(self, *replies: ReplyMaker) -> None:
        """Answer the next chat requests with these, in order."""
        self._script.extend(replies)

    def always(self, reply: ReplyMaker) -> None:
        """Answer every chat request that the script does not cover with this."""
        self._default = reply

    def always_texts(self, reply: ReplyMaker) -> None:
        """Answer plain completions with this."""
        self._texts = reply

    async def client_left(self) -> None:
        """Wait until a client has closed its connection in the middle of a reply."""
        async with asyncio.timeout(5):
            await self._left.wait()

    async def __aenter__(self) -> Upstream:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        # The handler is cancelled when its client leaves: that is how `n_left` knows.
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        # The transport is kept with its number, so that no later one can be taken for it.
        number, _ = self._connections.setdefault(
            id(request.transport), (len(self._connections), request.transport)
        )
        body = await request.json() if request.can_read_body else {}
        call = Call(self, request, request.path, dict(request.headers), body, number)
        is_chat = request.path.endswith("/chat/completions")
        (self.calls if is_chat else self.other_calls).append(call)
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "Incorrect API key provided."}}, status=401)
        if not is_chat:
            return await self._watched(self._aside(call))
        self.arrived.set()
        reply = self._script.popleft() if self._script else self._default
        return await self._watched(reply(call))

    async def _watched(self, reply: Awaitable[web.StreamResponse]) -> web.StreamResponse:
        try:
            return await reply
        except (asyncio.CancelledError, ConnectionError):
            self.n_left += 1
            self._left.set()
            raise

    async def _aside(self, call: Call) -> web.StreamResponse:
        path = call.path
        if path.endswith("/models"):
            entry: dict[str, Any] = {"id": self.model, "owned_by": OWNERS[self.flavour]}
            if self.flavour == "llama.cpp":
                entry["meta"] = {"n_ctx": self.context_tokens}
            elif self.flavour != "openai":
                entry["max_model_len"] = self.context_tokens
            return web.json_response({"object": "list", "data": [entry]})
        if self.flavour == "llama.cpp" and path == "/props":
            caps = {} if self.template_caps is None else {"chat_template_caps": self.template_caps}
            return web.json_response({"total_slots": self.slots} | caps)
        if self.flavour == "llama.cpp" and path == "/apply-template":
            return web.json_response({"prompt": " ".join(str(m["content"]) for m in call.body["messages"])})
        if self.flavour == "llama.cpp" and path == "/tokenize":
            return web.json_response({"tokens": list(range(words(call.body["content"])))})
        if path.endswith("/embeddings"):
            return web.json_response(_embeddings(call.body))
        if path.endswith("/completions"):
            if self._texts is not None:
                return await self._texts(call)
            return web.json_response(_completions(call.body))
        return web.json_response({"error": {"message": "no such address"}}, status=404)


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [{"object": "embedding", "index": i, "embedding": [0.5, float(i)]} for i in range(len(texts))]
    read = sum(map(words, texts))
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def _completions(body: dict[str, Any]) -> dict[str, Any]:
    n = body.get("n") or 1
    choices = [{"index": i, "text": f"text {i}", "finish_reason": "stop", "logprobs": None} for i in range(n)]
    usage = {"prompt_tokens": words(body["prompt"]), "completion_tokens": 2 * n, "total_tokens": 2 * n + 1}
    told = {"id": "t", "object": "text_completion", "created": 1, "model": body["model"]}
    return {**told, "choices": choices, "usage": usage}


def chat(
    *texts: str,
    finish: str | None = "stop",
    usage: bool | str = True,
    prompt_tokens: int | None = None,
    output_tokens: int | None = None,
    cached: int | None = None,
    cut_after: int | None = None,
    newline: str = "\n",
    comments: bool = False,
    block_bytes: int | None = None,
    done: bool = True,
    ignore_n: bool = False,
    hold: asyncio.Event | None = None,
    logprobs: bool = False,
    reasoning: str = "",
    reasoning_field: str = "reasoning_content",
    tool_calls: Sequence[dict[str, Any]] = (),
    error: dict[str, Any] | None = None,
    trailing: str = "",
) -> ReplyMaker:
    """A chat completion, streamed where the request asks for it, a word at a time.

    Args:
        texts: one per choice; fewer are repeated, none gives `answer 0`, `answer 1`, …
        finish: the finish reason of every choice; None never says one.
        usage: whether usage is sent when asked for; a flavour's name sends it in that flavour's way.
        prompt_tokens: bill this many instead of the words (bills more than asked).
        output_tokens: bill this many output tokens a choice instead of the words.
        cached: report this many cached prompt tokens.
        cut_after: end the connection after this many events, without the end of the reply.
        newline: what lines end in.
        comments: send a keep-alive comment before each event.
        block_bytes: write so many bytes at a time, splitting characters and lines anywhere.
        done: whether `[DONE]` is sent.
        ignore_n: send one choice whatever was asked for.
        hold: wait for this event after the first delta (a hang in the middle of a stream).
        logprobs: attach a log-probability of -0.5 and one rival of -1.5 to each token.
        reasoning: reasoning text before each answer, under the name `reasoning_field`.
        tool_calls: fragments of tool calls, one a delta.
        error: an error object that is sent in place of the end of the stream.
        trailing: raw text after everything else.
    """

    async def reply(call: Call) -> web.StreamResponse:
        flavour = usage if isinstance(usage, str) else call.upstream.flavour
        n = 1 if ignore_n else call.n
        shown = [texts[i % len(texts)] if texts else f"answer {i}" for i in range(n)]
        read = prompt_words(call.body) if prompt_tokens is None else prompt_tokens
        written = [words(t) + words(reasoning) if output_tokens is None else output_tokens for t in shown]
        bill = Bill(flavour, read, written, cached, words(reasoning) if reasoning else None)
        pieces = [*_reasoning(reasoning, reasoning_field), *({"tool_calls": [t]} for t in tool_calls)]
        if not call.body.get("stream"):
            return web.json_response(
                _whole(call, shown, finish, bill if usage else None, reasoning, tool_calls)
            )
        asked = (call.body.get("stream_options") or {}).get("include_usage")
        events = _events(shown, pieces, finish, bill if usage and asked else None, logprobs)
        if (call.body.get("stream_options") or {}).get("continuous_usage_stats") and usage:
            _count_along(events, bill)
        if error is not None:
            events = [*events[:2], {"error": error}]
        lines = [json.dumps(e, ensure_ascii=False) for e in events] + (
            ["[DONE]"] if done and error is None else []
        )
        gap = newline * 2
        blocks = [
            f"{': alive' + gap if comments else ''}data: {line}{gap}".encode() for line in lines[:cut_after]
        ]
        return await _write(call, [*blocks, trailing.encode()], block_bytes, hold, cut_after is not None)

    return reply


def texts(
    *said: str,
    hold: asyncio.Event | None = None,
    cut_after: int | None = None,
    running_usage: bool = False,
    extra: dict[str, Any] | None = None,
) -> ReplyMaker:
    """A streamed plain completion, a word at a time, choice after choice.

    Args:
        said: one text a choice.
        hold: wait for this event after the second word.
        cut_after: end the connection after this many events.
        running_usage: each event carries the usage so far.
        extra: further fields of each event.
    """

    async def reply(call: Call) -> web.StreamResponse:
        read, written, events = words(call.body["prompt"]), 0, []
        for index, text in enumerate(said):
            for piece in _pieces(text):
                written += 1
                choice: dict[str, Any] = {"index": index, "text": piece, "finish_reason": None}
                events.append(_text_event(call, choice, extra))
                if running_usage:
                    events[-1]["usage"] = Bill("openai", read, [written], None, None).of(written)
            events.append(_text_event(call, {"index": index, "text": "", "finish_reason": "stop"}, extra))
        usage = Bill("openai", read, [written], None, None).of(written)
        events.append({**_text_event(call, None, extra), "usage": usage})
        blocks = [f"data: {json.dumps(e)}\n\n".encode() for e in events] + [b"data: [DONE]\n\n"]
        return await _write(call, blocks[:cut_after], None, hold, cut_after is not None)

    return reply


def _text_event(call: Call, choice: dict[str, Any] | None, extra: dict[str, Any] | None) -> dict[str, Any]:
    told = {"id": "t", "object": "text_completion", "created": 1, "model": call.body["model"]}
    return {**told, **(extra or {}), "choices": [] if choice is None else [choice]}


def status(
    code: int, message: str = "the server says no", *, headers: dict[str, str] | None = None, **error: Any
) -> ReplyMaker:
    """A failure with a JSON error object; further keywords go into it (`code`, `param`, `type`)."""

    async def reply(call: Call) -> web.StreamResponse:
        return web.json_response({"error": {"message": message, **error}}, status=code, headers=headers)

    return reply


def raw(body: bytes | str, *, content_type: str = "text/event-stream", code: int = 200) -> ReplyMaker:
    """Any bytes as the body."""

    async def reply(call: Call) -> web.StreamResponse:
        data = body.encode() if isinstance(body, str) else body
        return web.Response(body=data, content_type=content_type, status=code)

    return reply


def document(reply: ReplyMaker) -> ReplyMaker:
    """`reply`, but from a server that ignores `stream` and answers in one piece."""

    async def unstreamed(call: Call) -> web.StreamResponse:
        call.body.pop("stream", None)
        return await reply(call)

    return unstreamed


def hang(until: asyncio.Event) -> ReplyMaker:
    """Nothing at all until the event is set, then a 503."""

    async def reply(call: Call) -> web.StreamResponse:
        await until.wait()
        return web.json_response({"error": {"message": "woke up"}}, status=503)

    return reply


def disconnect() -> ReplyMaker:
    """The connection is closed before the first byte of a reply."""

    async def reply(call: Call) -> web.StreamResponse:
        assert call.request.transport is not None
        call.request.transport.close()
        return web.Response()

    return reply


def no_stream(message: str = "streaming is not supported", **error: Any) -> ReplyMaker:
    """A server that refuses `stream` (or, by another message, `stream_options`) and answers everything else."""

    async def reply(call: Call) -> web.StreamResponse:
        refused = call.body.get("stream_options") if "stream_options" in message else call.body.get("stream")
        return await (status(400, message, **error) if refused else chat())(call)

    return reply


@dataclass(frozen=True)
class Bill:
    """What a reply costs, and in whose way it is told."""

    flavour: str
    read: int
    written: list[int]
    cached: int | None
    reasoning: int | None

    def of(self, written: int, read: int | None = None) -> dict[str, Any]:
        """A usage object for this many output tokens."""
        read = self.read if read is None else read
        told: dict[str, Any] = {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        }
        told["prompt_tokens_details"] = None if self.cached is None else {"cached_tokens": self.cached}
        if self.reasoning is not None:
            told["completion_tokens_details"] = {"reasoning_tokens": self.reasoning * len(self.written)}
        return told


def _reasoning(text: str, name: str) -> Iterable[dict[str, Any]]:
    return ({name: piece} for piece in _pieces(text))


def _pieces(text: str) -> list[str]:
    """The words of a text with the spaces before them."""
    found = text.split(" ")
    return [w if i == 0 else f" {w}" for i, w in enumerate(found)] if text else []


def _event(*choices: dict[str, Any], usage: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "choices": list(choices), "usage": usage}


def _events(
    shown: list[str], pieces: list[dict[str, Any]], finish: str | None, bill: Bill | None, logprobs: bool
) -> list[dict[str, Any]]:
    """The events of a stream: the choices take turns, as servers that batch them do."""
    queues = []
    for i, text in enumerate(shown):
        deltas = [{"role": "assistant", "content": None}, *pieces, *({"content": p} for p in _pieces(text))]
        queue = [_event(_choice(i, d, logprobs)) for d in deltas]
        if finish is not None:
            queue.append(_event({"index": i, "delta": {}, "finish_reason": finish}))
        if bill and bill.flavour == "llama.cpp":
            queue.append(_event(usage=bill.of(bill.written[i])))
        queues.append(deque(queue))
    events = []
    while any(queues):
        for queue in queues:
            if queue:
                events.append(queue.popleft())
            # A usage without a choice follows at once the event that ended its choice.
            if queue and not queue[0]["choices"]:
                events.append(queue.popleft())
    if bill and bill.flavour != "llama.cpp":
        events.append(_event(usage=bill.of(sum(bill.written))))
    return events


def _count_along(events: list[dict[str, Any]], bill: Bill) -> None:
    """Each event with a choice carries the usage so far, a token a piece."""
    written = 0
    for event in events:
        for choice in event["choices"]:
            written += sum(bool(choice["delta"].get(name)) for name in ("content", "reasoning_content"))
            event["usage"] = bill.of(written)


def _choice(index: int, delta: dict[str, Any], logprobs: bool) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": index, "delta": delta, "finish_reason": None}
    if logprobs and delta.get("content"):
        rival = [{"token": delta["content"], "logprob": -0.5}, {"token": "?", "logprob": -1.5}]
        choice["logprobs"] = {"content": [{"token": delta["content"], "logprob": -0.5, "top_logprobs": rival}]}
    return choice


def _whole(
    call: Call,
    shown: list[str],
    finish: str | None,
    bill: Bill | None,
    reasoning: str,
    tool_calls: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """A reply in one piece; llama.cpp's repeats the given prefix and counts one choice only."""
    last = call.body["messages"][-1]
    prefix = last["content"] if last["role"] == "assistant" and call.upstream.flavour == "llama.cpp" else ""
    told = None
    if bill:
        told = bill.of(bill.written[0] if bill.flavour == "llama.cpp" else sum(bill.written))
    extra = {"reasoning_content": reasoning} if reasoning else {}
    if tool_calls:
        extra["tool_calls"] = list(tool_calls)  # type: ignore[assignment]
    choices = [
        {"index": i, "finish_reason": finish, "message": {"role": "assistant", "content": prefix + t, **extra}}
        for i, t in enumerate(shown)
    ]
    return {"id": "c", "object": "chat.completion", "choices": choices, "usage": told}


async def _write(
    call: Call, blocks: list[bytes], block_bytes: int | None, hold: asyncio.Event | None, cut: bool
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(call.request)
    if block_bytes:
        joined = b"".join(blocks)
        blocks = [joined[i : i + block_bytes] for i in range(0, len(joined), block_bytes)]
    for i, block in enumerate(blocks):
        if block:
            await response.write(block)
        if hold is not None and i == 1:
            await hold.wait()
    if cut:
        assert call.request.transport is not None
        call.request.transport.close()
    else:
        await response.write_eof()
    return response


async def _serve() -> None:
    """Serve `chat()` until stdin closes; prints the base URL first. For benches that need another process."""
    texts = " ".join(["word"] * int(sys.argv[1])) if len(sys.argv) > 1 else "answer"
    async with Upstream() as up:
        up.always(chat(texts))
        print(up.base_url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
