"""Fields of a server's reply that outlay does not read reach the client that is passed through as they came."""

from __future__ import annotations

import json

from gateways import config, gateway
from upstream import Upstream, raw

ASKED = [{"role": "user", "content": "6 * 7?"}]
CITED = {"type": "url_citation", "url_citation": {"url": "https://example.org", "start_index": 0}}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def events(*parts):
    return raw("".join(f"data: {json.dumps(part)}\n\n" for part in parts) + "data: [DONE]\n\n")


def chunk(delta, finish=None, **beside):
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **beside}
    return {
        "id": "c",
        "system_fingerprint": "fp_1",
        "service_tier": "flex",
        "vendor": {"a": 1},
        "choices": [choice],
    }


REPLY = events(
    chunk({"role": "assistant", "content": "", "note": "a"}),
    chunk({"content": "forty"}, matched=[1]),
    chunk({"content": " two", "annotations": [CITED], "note": "b"}),
    chunk({}, "stop", stop_reason=151645),
    {"id": "c", "choices": [], "usage": USAGE},
)


async def test_a_whole_reply_carries_what_the_stream_held():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(REPLY)
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED)
    assert (reply.system_fingerprint, reply.service_tier) == ("fp_1", "flex")
    assert reply.model_extra["vendor"] == {"a": 1}
    (choice,) = reply.choices
    assert choice.message.annotations[0].url_citation.url == "https://example.org"
    assert choice.message.model_extra["note"] == "ab"
    assert (choice.model_extra["stop_reason"], choice.model_extra["matched"]) == (151645, [1])
    assert (choice.message.content, reply.model, reply.usage.total_tokens) == ("forty two", "m", 5)


async def test_a_stream_carries_each_in_its_own_chunk():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(REPLY)
        stream = await gate.client().chat.completions.create(model="m", messages=ASKED, stream=True)
        chunks = [c async for c in stream]
    assert {c.system_fingerprint for c in chunks} == {"fp_1"}
    assert {c.service_tier for c in chunks} == {"flex"}
    choices = [c.choices[0] for c in chunks if c.choices]
    assert [c.delta.content for c in choices if c.delta.content] == ["forty", " two"]
    assert [c.delta.model_extra["annotations"] for c in choices if "annotations" in c.delta.model_extra] == [
        [CITED]
    ]
    assert [c.model_extra.get("stop_reason") for c in choices if c.finish_reason] == [151645]
    assert [c.model_extra["matched"] for c in choices if "matched" in c.model_extra] == [[1]]


async def test_names_that_are_the_gateways_own_stay_its_own():
    hostile = chunk({"content": "42"}, "stop", delta_extra=1) | {"outlay": {"cost_usd": 0}, "usage": USAGE}
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(events(hostile))
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED)
        up.script(events(hostile))
        stream = await gate.client().chat.completions.create(model="m", messages=ASKED, stream=True)
        last = [c async for c in stream][-1]
    for told in (reply, last):
        assert told.model_extra["outlay"]["cost_usd"] == 1.1e-5
        assert told.id.startswith("chatcmpl")


async def test_a_bought_answer_carries_none_of_it():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(REPLY)
        reply = await gate.client().chat.completions.create(model="outlay/single", messages=ASKED)
    assert reply.system_fingerprint is None
    assert "vendor" not in reply.model_extra
