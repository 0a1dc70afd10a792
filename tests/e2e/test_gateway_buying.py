"""`outlay/<strategy>` and `outlay/auto` over HTTP: what is bought, what is refused, and what a reply says of it."""

from __future__ import annotations

import openai
import pytest
from gateways import config, gateway
from upstream import Upstream, chat, status

ASKED = [{"role": "user", "content": "6 * 7?"}]
NUMBER = {"outlay": {"kind": "number"}}


async def buy(gate, model="outlay/self_consistency", options=None, **more):
    return await gate.client().chat.completions.create(
        model=model, messages=ASKED, extra_body={"outlay": options or {}}, **more
    )


async def test_a_vote_is_bought_and_accounted_for():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("Answer: 42", "Answer: 41", "Answer: 42"))
        reply = await buy(gate, options={"kind": "number", "parameters": {"n": 3}})
        assert up.n_chats == 1
    assert reply.model == "outlay/self_consistency"
    assert reply.choices[0].message.content == "Answer: 42"
    assert reply.usage.completion_tokens == 6
    account = reply.model_extra["outlay"]
    assert account["answer"] == "42"
    assert account["p_correct"] == pytest.approx(2 / 3)
    assert account["p_source"] == "vote share, not calibrated"
    assert account["calls"] == 3
    assert account["stopped"] == "3 samples drawn"
    assert account["candidates"] == [["42", 1.0]]
    assert account["strategy"] == "self_consistency"
    assert account["models"] == {"default": "fake"}


async def test_options_may_come_as_headers_and_the_body_wins():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("Answer: 42"))
        headers = {
            "x-outlay-kind": "text",
            "x-outlay-parameters": "n=2",
            "x-outlay-max-usd": "0.5",
            "x-outlay-tags": "team=search",
        }
        reply = await buy(gate, options={"kind": "number"}, extra_headers=headers)
    assert reply.model_extra["outlay"]["calls"] == 2
    assert reply.model_extra["outlay"]["kind"] == "number"
    assert gate.log[-1]["tags"] == {"team": "search"}


async def test_a_vote_without_an_answer_kind_is_refused_before_anything_is_bought():
    async with Upstream() as up, gateway(config(up)) as gate:
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError, match="needs to know their kind"):
                await buy(gate, stream=stream)
        assert up.n_chats == 0


async def test_auto_without_a_kind_buys_one_sample_and_says_so():
    async with Upstream() as up, gateway(config(up)) as gate:
        reply = await buy(gate, "outlay/auto")
    account = reply.model_extra["outlay"]
    assert account["strategy"] == "single"
    assert "states no answer kind" in account["missing"][-1]


async def test_auto_with_a_kind_draws_until_it_is_sure():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("Answer: 42"))
        reply = await buy(gate, "outlay/auto", NUMBER["outlay"])
    account = reply.model_extra["outlay"]
    assert (account["strategy"], account["calls"], account["answer"]) == ("adaptive", 4, "42")


async def test_the_kind_follows_from_a_response_format():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat('{"a": 1}', '{"a":1}', '{"a": 2}'))
        reply = await buy(gate, options={"parameters": {"n": 3}}, response_format={"type": "json_object"})
        assert up.last["response_format"] == {"type": "json_object"}
        assert up.last["messages"] == ASKED
    assert reply.model_extra["outlay"]["kind"] == "json"
    assert reply.choices[0].message.content == '{"a": 1}'


@pytest.mark.parametrize("stream", [False, True])
async def test_a_vote_over_tool_calls_brings_the_call(stream):
    call = [{"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("", tool_calls=call, finish="tool_calls"))
        options = {"parameters": {"n": 1}}
        if stream:
            async with gate.client().chat.completions.stream(
                model="outlay/self_consistency", messages=ASKED, tools=[tool], extra_body={"outlay": options}
            ) as events:
                reply = await events.get_final_completion()
        else:
            reply = await buy(gate, options=options, tools=[tool])
    (choice,) = reply.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls[0].function.arguments == '{"a": 1}'


async def test_one_sample_is_streamed_while_it_is_written():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("two words"))
        stream = await buy(gate, "outlay/single", stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
    texts = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert texts == ["two", " words"]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.total_tokens == 5


async def test_a_vote_streams_progress_as_comments_and_its_text_once():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("Answer: 42"))
        body = {"model": "outlay/adaptive", "messages": ASKED, "stream": True, **NUMBER}
        code, raw, headers = await gate.post("/v1/chat/completions", body)
    lines = raw.decode().split("\n\n")
    assert code == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert lines[0].startswith(': outlay {"event":"progress"')
    assert sum('"content":"Answer: 42"' in line for line in lines) == 1
    assert lines[-2] == "data: [DONE]"
    assert '"trace_id":"trace_' in lines[-3]


async def test_a_truncated_answer_says_so():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("cut", finish="length"))
        reply = await buy(gate, "outlay/single")
    assert reply.choices[0].finish_reason == "length"
    assert reply.model_extra["outlay"]["missing"] == ["1 of 1 samples were cut at their output bound"]


async def test_the_same_seed_draws_with_the_same_seeds_and_none_does_not():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("Answer: 42"))
        for seed in (1, 1, 2, None, None):
            await buy(gate, options={"kind": "number", "parameters": {"n": 2}, "seed": seed})
        sent = [call.body["seed"] for call in up.calls]
    assert sent[0] == sent[1]
    assert len(set(sent)) == 4


@pytest.mark.parametrize(
    ("options", "more", "param"),
    [
        ({"kind": "number"}, {"n": 2}, "n"),
        ({"kind": "number"}, {"logprobs": True}, "logprobs"),
        ({"kind": "numbr"}, {}, "outlay.kind"),
        ({"kind": "os:path"}, {}, "outlay.kind"),
        ({"kind": "number", "verifier": "command:rm"}, {}, "outlay.verifier"),
        ({"kind": "number", "verifier": "os:system"}, {}, "outlay.verifier"),
        ({"kind": "number", "verifier": "reference"}, {}, "outlay.verifier"),
        ({"kind": "number", "strategy": "adaptive"}, {}, "outlay.strategy"),
        ({"kind": "number", "value_usd": 1.0}, {}, "outlay.value_usd"),
        ({"kind": "number", "budget": 3}, {}, "outlay.budget"),
        ({"kind": "number", "max_usd": -1}, {}, "outlay.max_usd"),
        ({"kind": "number", "parameters": {"n": 0}}, {}, "outlay.parameters"),
        ({"kind": "number", "parameters": {"m": 1}}, {}, "outlay.parameters"),
    ],
)
async def test_what_cannot_be_honoured_is_a_400_that_names_it(options, more, param):
    async with Upstream() as up, gateway(config(up)) as gate:
        with pytest.raises(openai.BadRequestError) as failure:
            await buy(gate, options=options, **more)
        assert up.n_chats == 0
    assert failure.value.param == param


@pytest.mark.parametrize(
    "model", ["local/other.gguf", "local//etc/passwd", "os:path", "gpt-5", "openai/gpt-5", "recorded/x.json"]
)
async def test_a_caller_can_name_only_what_is_offered(model):
    async with Upstream() as up, gateway(config(up)) as gate:
        with pytest.raises(openai.NotFoundError):
            await gate.client().chat.completions.create(model=model, messages=ASKED)
        with pytest.raises(openai.NotFoundError):
            await buy(gate, options={"kind": "number", "model": model})
        assert up.calls == up.other_calls == []


@pytest.mark.parametrize("model", ["outlay/os:path", "outlay/nothing", "outlay/_pool", "outlay/"])
async def test_a_caller_can_name_only_strategies_that_are_listed(model):
    async with Upstream() as up, gateway(config(up)) as gate:
        with pytest.raises(openai.BadRequestError) as failure:
            await buy(gate, model, {"kind": "number"})
    assert failure.value.param == "outlay.strategy"


async def test_a_request_never_spends_beyond_its_cap():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("Answer: 42"))
        options = {"kind": "number", "parameters": {"n": 64}, "max_usd": 0.002}
        reply = await buy(gate, options=options, max_completion_tokens=16)
        with pytest.raises(openai.APIStatusError) as failure:
            await buy(gate, options={**options, "max_usd": 0.000001})
    account = reply.model_extra["outlay"]
    assert 0 < account["cost_usd"] <= 0.002
    assert 1 < account["calls"] < 64
    assert "too small" in account["refused"]
    assert (failure.value.status_code, failure.value.code) == (402, "budget_exceeded")


@pytest.mark.parametrize("stream", [False, True])
async def test_when_no_sample_comes_the_upstream_says_why(stream):
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(status(429, "slow down", headers={"Retry-After": "300"}))
        with pytest.raises(openai.RateLimitError) as failure:
            await buy(gate, options={"kind": "number", "parameters": {"n": 4}}, stream=stream)
        assert up.n_chats == 1
    assert failure.value.response.headers["retry-after"] == "300"


async def test_a_deadline_is_kept():
    async with Upstream() as up, gateway(config(up)) as gate:
        import asyncio

        up.always(chat("two words", hold=asyncio.Event()))
        with pytest.raises(openai.APIStatusError) as failure:
            await gate.client().chat.completions.create(
                model="m", messages=ASKED, extra_body={"outlay": {"deadline_s": 0.05}}
            )
        assert gate.state.outlay.budget.in_flight is False
    assert failure.value.status_code == 504
