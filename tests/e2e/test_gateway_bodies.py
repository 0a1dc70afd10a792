"""Bodies of every wrong shape: a 4xx in one plain sentence, nothing bought, and the connection goes on."""

from __future__ import annotations

import json

import aiohttp
import pytest
from gateways import config, gateway
from upstream import Upstream, status

MESSAGE = {"role": "user", "content": "6 * 7?"}
BODY = {"model": "m", "messages": [MESSAGE]}
CHAT = "/v1/chat/completions"


def said(*messages: object, **fields: object) -> bytes:
    """The bytes of a chat request with these messages and fields."""
    return json.dumps({**BODY, "messages": messages or [MESSAGE], **fields}).encode()


@pytest.mark.parametrize(
    "sent, words, param",
    [
        (b"", "The body is empty; send a JSON object.", None),
        (
            b'{"model": "m", "messages": [{"role": "user", "content": "\xff"}]}',
            "The body is not valid UTF-8.",
            None,
        ),
        (b'{"model": "m", "x": 1e400}', "out of range", None),
        (b'{"model": "m", "x": NaN}', "not valid JSON", None),
        (b'{"model": "m", "x": ' + b"9" * 100_000 + b"}", "out of range", None),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nests deeper than 64 levels", None),
        (said({"content": "no role"}), "needs a role", "messages[0].role"),
        (said({"role": 1, "content": "hi"}), "needs a role", "messages[0].role"),
        (said(MESSAGE, {"role": "user", "content": 1}), "list of parts", "messages[1].content"),
        (said({"role": "user", "content": {}}), "list of parts", "messages[0].content"),
        (said({"role": "user", "content": [1]}), "list of parts", "messages[0].content"),
        (said({"role": "user", "content": ["text"]}), "list of parts", "messages[0].content"),
        (said(outlay={"max_usd": "1"}), "not in order", "outlay.max_usd"),
        (said(model="smal", outlay={"model": "m"}), "no model 'smal' here; there are: m", "model"),
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/outlay/quote"])
async def test_a_wrong_body_is_told_in_a_sentence_and_the_same_connection_goes_on(path, sent, words, param):
    async with Upstream() as up, gateway(config(up)) as gate, aiohttp.ClientSession() as session:
        async with session.post(gate.root + path, data=sent) as reply:
            told = (await reply.json())["error"]
        assert reply.status in (400, 404)
        assert (words in told["message"], told["param"]) == (True, param), told
        assert up.n_chats == 0
        async with session.post(gate.root + CHAT, json=BODY) as healthy:
            assert healthy.status == 200


async def test_every_failure_is_told_in_one_whole_sentence():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(status(400, "no such thing."))
        for model in ("m", "outlay/single", "smal", "outlay/singel"):
            _, told, _ = await gate.post(CHAT, {**BODY, "model": model})
            said = told["error"]["message"]
            assert said.endswith((".", "?")), said
            assert not {"..", "?."} & {said[-2:]}, said


@pytest.mark.parametrize(
    "sent, name",
    [
        (b'{"model": "m", "n": 128, "n": 1, "messages": [{"role": "user", "content": "hi"}]}', "n"),
        (b'{"model": "m", "m\\u006fdel": "m", "messages": [{"role": "user", "content": "hi"}]}', "model"),
        (b'{"model": "m", "messages": [{"role": "system", "role": "user", "content": "hi"}]}', "role"),
        (b'{"model": "m", "outlay": {"max_usd": 1, "max_usd": 9}, "messages": []}', "max_usd"),
        (b'{"model": "m", "tools": [{"a": {"b": [1, {"c": 1, "c": 1}]}}], "messages": []}', "c"),
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/outlay/quote", "/v1/completions", "/v1/contexts"])
async def test_a_key_that_stands_twice_is_refused_by_name_at_any_depth(path, sent, name):
    async with Upstream() as up, gateway(config(up)) as gate:
        code, told, _ = await gate.post(path, sent)
        assert (code, told["error"]["param"], told["error"]["code"]) == (400, name, "duplicate_key")
        assert (up.n_chats, up.other_calls) == (0, [])


async def test_the_same_key_in_several_objects_or_in_a_text_is_no_key_twice():
    text = json.dumps({"a": 1}) + '{"a": 1, "a": 2, "n": 1, "n": 2}'
    async with Upstream() as up, gateway(config(up)) as gate:
        code, _, _ = await gate.post(CHAT, said({"role": "user", "content": text}, MESSAGE, n=1))
        assert (code, up.last["messages"][0]["content"]) == (200, text)


@pytest.mark.parametrize(
    "path, sent, param",
    [
        ("/v1/embeddings", {"model": "m"}, "input"),
        ("/v1/embeddings", {"model": "m", "input": []}, "input"),
        ("/v1/embeddings", {"model": "m", "input": 1}, "input"),
        ("/v1/completions", {"model": "outlay/single", "prompt": "hi"}, "model"),
        ("/v1/outlay/feedback", {"trace_id": "t", "score": 2}, "score"),
        ("/v1/outlay/feedback", {"score": 1}, "trace_id"),
        ("/v1/contexts", {"text": 1}, "text"),
    ],
)
async def test_further_addresses_name_the_field_too(path, sent, param):
    async with Upstream() as up, gateway(config(up)) as gate:
        code, told, _ = await gate.post(path, sent)
        assert (code, told["error"]["param"]) == (400, param)
        assert up.other_calls == []


async def test_a_prompt_that_fills_the_context_is_a_400_in_openais_words():
    async with Upstream() as up, gateway(config(up, context_tokens=256)) as gate:
        for model in ("m", "outlay/single"):
            code, told, _ = await gate.post(
                CHAT, {**BODY, "model": model, "messages": [{**MESSAGE, "content": "x" * 900}]}
            )
            assert (code, told["error"]["code"]) == (400, "context_length_exceeded")
        assert up.n_chats == 0


async def test_a_long_prompt_does_not_shorten_the_answer_that_was_asked_for():
    long = {**MESSAGE, "content": "word " * 100}
    async with Upstream() as up, gateway(config(up, context_tokens=256)) as gate:
        await gate.post(CHAT, {**BODY, "messages": [long], "max_completion_tokens": 100})
        assert up.last["max_completion_tokens"] == 100
        code, _, _ = await gate.post(CHAT, {**BODY, "messages": [long]})
        assert (code, up.last["max_completion_tokens"]) == (200, 256 - -(-(up_bytes(long)) // 3))


def up_bytes(message: dict[str, str]) -> int:
    """The most input tokens of one message: its bytes, and 16."""
    return len(json.dumps(message, separators=(",", ":"))) + 16
