"""The official openai SDK against the gateway, unmodified: a model is passed through as it is."""

from __future__ import annotations

import json

import openai
import pytest
from gateways import config, gateway
from ledgers import rows
from upstream import Upstream, chat, status

ASKED = [{"role": "user", "content": "say two words"}]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
CALL = [
    {"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": ""}},
    {"index": 0, "function": {"arguments": '{"a": 1}'}},
]


async def test_a_completion_comes_back_with_what_was_spent_for_it():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("two words", cached=1))
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED)
        ledger = await rows(gate.state.outlay.store)
    assert reply.object == "chat.completion"
    assert reply.model == "m"
    assert reply.choices[0].message.content == "two words"
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.prompt_tokens == 3
    assert reply.usage.completion_tokens == 2
    assert reply.usage.total_tokens == 5
    assert reply.usage.prompt_tokens_details.cached_tokens == 1
    account = reply.model_extra["outlay"]
    assert account["cost_usd"] == account["paid_usd"] == 11e-6
    assert account["trace_id"]
    assert account["missing"] == []
    (row,) = ledger
    assert (row["state"], row["cost_nusd"], row["input_tokens"], row["output_tokens"]) == (
        "settled",
        11_000,
        3,
        2,
    )


async def test_the_conversation_arrives_as_it_was_written():
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "User: what is this?"}, IMAGE]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{**CALL[0], "function": {"name": "add", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "3"},
        {"role": "user", "content": "and now?"},
    ]
    async with Upstream() as up, gateway(config(up)) as gate:
        await gate.client().chat.completions.create(model="m", messages=messages)  # type: ignore[arg-type]
        assert up.last["messages"] == messages


async def test_every_parameter_of_the_body_is_sent_on():
    given = {
        "n": 2,
        "seed": 2**40,
        "stop": ["END", "STOP"],
        "temperature": 0.25,
        "top_p": 0.5,
        "max_completion_tokens": 77,
        "logprobs": True,
        "top_logprobs": 2,
        "reasoning_effort": "high",
        "verbosity": "low",
        "tools": [TOOL],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "response_format": {"type": "json_object"},
        "presence_penalty": 0.5,
        "frequency_penalty": 0.25,
        "logit_bias": {"50256": -100},
        "metadata": {"team": "search"},
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "service_tier": "flex",
        "user": "u",
        "store": False,
    }
    async with Upstream() as up, gateway(config(up)) as gate:
        await gate.client().chat.completions.create(
            model="m", messages=ASKED, extra_body={"top_k": 5, "min_p": 0.1}, **given
        )
        sent = up.last
    assert {name: sent[name] for name in given} == given
    assert (sent["top_k"], sent["min_p"]) == (5, 0.1)
    assert sent["model"] == "fake"
    assert sent["messages"] == ASKED
    assert "outlay" not in sent


async def test_nothing_is_added_to_a_bare_request_but_its_output_bound():
    async with Upstream(flavour="vllm") as up, gateway(config(up)) as gate:
        await gate.client().chat.completions.create(model="m", messages=ASKED)
        sent = dict(up.last)
    assert sent.pop("max_tokens") > 1000
    assert sent == {
        "model": "fake",
        "messages": ASKED,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }


async def test_choices_come_back_each_with_its_number():
    async with Upstream() as up, gateway(config(up)) as gate:
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED, n=3)
        assert [(c.index, c.message.content) for c in reply.choices] == [
            (0, "answer 0"),
            (1, "answer 1"),
            (2, "answer 2"),
        ]
        assert up.n_chats == 1


async def test_a_server_without_n_is_asked_several_times():
    async with Upstream() as up, gateway(config(up, max_n=1)) as gate:
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED, n=3, seed=5)
        assert len(reply.choices) == 3
        assert sorted(call.body["seed"] for call in up.calls) == [5, 6, 7]
        assert reply.usage.completion_tokens == 6


async def test_logprobs_come_back_with_their_bytes():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("two wörds", logprobs=True))
        reply = await gate.client().chat.completions.create(
            model="m", messages=ASKED, logprobs=True, top_logprobs=2
        )
    first, second = reply.choices[0].logprobs.content
    assert (first.token, first.logprob, bytes(first.bytes)) == ("two", -0.5, b"two")
    assert bytes(second.bytes).decode() == " wörds"
    assert [t.token for t in first.top_logprobs] == ["two", "?"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_tool_calls_come_back_whole(streamed):
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("", tool_calls=CALL, finish="tool_calls"))
        asked = {"model": "m", "messages": ASKED, "tools": [TOOL]}
        if streamed:
            async with gate.client().chat.completions.stream(**asked) as stream:
                reply = await stream.get_final_completion()
        else:
            reply = await gate.client().chat.completions.create(**asked)
    (choice,) = reply.choices
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert (call.id, call.function.name, json.loads(call.function.arguments)) == ("call_1", "add", {"a": 1})
    assert not choice.message.content


async def test_a_refusal_and_reasoning_keep_their_own_fields():
    refusing = chat("I will not", reasoning="let me think")
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(refusing)
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED)
    assert reply.choices[0].message.model_extra["reasoning_content"] == "let me think"
    assert reply.choices[0].message.content == "I will not"
    assert reply.usage.completion_tokens_details.reasoning_tokens == 3


async def test_a_truncated_reply_says_so():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("cut", finish="length"), chat("cut", finish="length"))
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED)
        assert reply.choices[0].finish_reason == "length"
        stream = await gate.client().chat.completions.create(model="m", messages=ASKED, stream=True)
        chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices[0].finish_reason == "length"


async def test_a_stream_brings_role_text_finish_usage_and_account():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("two words"))
        stream = await gate.client().chat.completions.create(
            model="m", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert {c.object for c in chunks} == {"chat.completion.chunk"}
    assert len({c.id for c in chunks}) == 1
    assert [c.choices[0].delta.role for c in chunks if c.choices] == ["assistant", None, None]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "two words"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 5
    assert chunks[-1].model_extra["outlay"]["cost_usd"] == 11e-6


async def test_without_include_usage_every_chunk_has_a_choice():
    async with Upstream() as up, gateway(config(up)) as gate:
        stream = await gate.client().chat.completions.create(model="m", messages=ASKED, stream=True)
        chunks = [chunk async for chunk in stream]
    assert all(c.choices for c in chunks)
    assert chunks[-1].usage is None
    assert chunks[-1].model_extra["outlay"]["trace_id"]


async def test_empty_content_is_a_whole_reply():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat(""), chat(""))
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED)
        assert reply.choices[0].message.content == ""
        stream = await gate.client().chat.completions.create(model="m", messages=ASKED, stream=True)
        chunks = [chunk async for chunk in stream]
    assert [c.choices[0].finish_reason for c in chunks] == ["stop"]
    assert chunks[0].choices[0].delta.role == "assistant"


@pytest.mark.parametrize(
    ("code", "kind", "expected"),
    [
        (400, openai.BadRequestError, "invalid_request_error"),
        (401, openai.AuthenticationError, "authentication_error"),
        (403, openai.PermissionDeniedError, "permission_error"),
        (404, openai.NotFoundError, "not_found_error"),
        (422, openai.UnprocessableEntityError, "invalid_request_error"),
        (429, openai.RateLimitError, "rate_limit_error"),
        (500, openai.InternalServerError, "api_error"),
        (503, openai.InternalServerError, "api_error"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_upstream_error_keeps_its_status_and_is_made_once(code, kind, expected, streamed):
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(status(code, "no such luck", type="some_code", param="some", headers={"Retry-After": "7"}))
        with pytest.raises(kind) as failure:
            await gate.client().chat.completions.create(model="m", messages=ASKED, stream=streamed)
        assert up.n_chats == 1
    error = failure.value
    assert error.status_code == code
    assert (error.type, error.code, error.param) == (expected, "some_code", "some")
    assert "no such luck" in error.message
    if code in (429, 503):
        assert error.response.headers["retry-after"] == "7"
    assert gate.state.outlay.budget.reserved["calls"] == 0


async def test_a_dead_upstream_is_a_502():
    async with Upstream() as up:
        settings = config(up)
        async with gateway(settings) as gate:
            await gate.client().chat.completions.create(model="m", messages=ASKED)
            await up._runner.cleanup()
            with pytest.raises(openai.InternalServerError) as failure:
                await gate.client().chat.completions.create(model="m", messages=ASKED)
            assert failure.value.status_code == 502


async def test_the_models_are_listed_with_the_ways_to_buy():
    async with Upstream() as up, gateway(config(up)) as gate:
        listed = [m.id async for m in gate.client().models.list()]
        assert listed[:2] == ["m", "outlay/auto"]
        assert "outlay/self_consistency" in listed
        assert (await gate.client().models.retrieve("outlay/auto")).id == "outlay/auto"
        with pytest.raises(openai.NotFoundError):
            await gate.client().models.retrieve("local/other")
