"""Defects found in other gateways, each shown not to be here: its-hub 1.2.0 and optillm 0.4.0.

The names say whose defect it was. Those of their algorithms (votes, judges, searches) are tested where ours stand.
"""

from __future__ import annotations

import asyncio

import openai
import pytest
from gateways import config, entry, gateway
from ledgers import rows
from upstream import Upstream, chat, status

from outlay.config import Config
from outlay.models import retry

ASKED = [{"role": "user", "content": "6 * 7?"}]
VOTE = {"kind": "number", "parameters": {"n": 8}}


async def vote(gate, **options):
    return await gate.client().chat.completions.create(
        model="outlay/self_consistency", messages=ASKED, extra_body={"outlay": {**VOTE, **options}}
    )


async def test_its_hub_a_cancelled_waiter_kept_its_permit_and_the_gateway_stopped_for_good():
    async with Upstream() as up, gateway(config(up, concurrency=4, max_n=1)) as gate:
        up.always(chat("Answer: 42", hold=asyncio.Event()))
        for _ in range(8):
            voting = asyncio.create_task(vote(gate))
            await up.arrived.wait()
            up.arrived.clear()
            voting.cancel()
            await asyncio.wait((voting,))
        up.always(chat("Answer: 42"))
        reply = await vote(gate)
        assert reply.model_extra["outlay"]["calls"] == 8


async def test_its_hub_one_failing_sample_in_a_hundred_hung_the_service():
    async with Upstream() as up, gateway(config(up, concurrency=4, max_n=1)) as gate:
        number = iter(range(10**6))

        async def flaky(call):
            failing = next(number) % 100 == 50
            return await (status(400, "no") if failing else chat("Answer: 42"))(call)

        up.always(flaky)
        replies = await asyncio.gather(*(vote(gate) for _ in range(24)))
    assert {r.model_extra["outlay"]["answer"] for r in replies} == {"42"}
    assert sum(bool(r.model_extra["outlay"]["missing"]) for r in replies) >= 1


async def test_its_hub_any_caller_could_send_the_stored_key_to_a_server_of_their_choice(monkeypatch):
    monkeypatch.setenv("STORED_KEY", "sk-stored-secret")
    async with (
        Upstream() as thief,
        Upstream(key="sk-stored-secret") as up,
        gateway(config(up, api_key_env="STORED_KEY")) as gate,
    ):
        asked = {"model": "m", "messages": ASKED}
        for name in ("X-ITS-Endpoint", "X-Outlay-Base-Url", "X-Outlay-Endpoint", "X-Forwarded-Host", "Host"):
            await gate.post("/v1/chat/completions", asked, **{name: thief.base_url})
        for name in ("base_url", "api_base", "endpoint"):
            await gate.post("/v1/chat/completions", {**asked, name: thief.base_url})
            await gate.post("/v1/chat/completions", {**asked, "outlay": {name: thief.base_url}})
        await gate.post("/v1/chat/completions", {**asked, "model": thief.base_url})
        assert (await gate.post("/configure", {"endpoint": thief.base_url}))[0] == 404
        assert up.n_chats > 0
    assert thief.calls == thief.other_calls == []


async def test_its_hub_dropped_temperature_max_tokens_stop_seed_and_response_format():
    given = {
        "temperature": 0.25,
        "max_tokens": 33,
        "stop": ["END"],
        "response_format": {"type": "json_object"},
    }
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat('{"a": 1}'))
        await gate.client().chat.completions.create(
            model="outlay/self_consistency",
            messages=ASKED,
            seed=1,
            **given,
            extra_body={"outlay": VOTE | {"kind": "json"}},
        )
        sent = up.last
        assert sent["max_completion_tokens"] == given.pop("max_tokens")
        assert {name: sent[name] for name in given} == given
        first = [call.body["seed"] for call in up.calls]
        for seed, same in ((1, True), (2, False)):
            await gate.client().chat.completions.create(
                model="outlay/self_consistency",
                messages=ASKED,
                seed=seed,
                max_tokens=33,
                **given,
                extra_body={"outlay": VOTE | {"kind": "json"}},
            )
            assert ([call.body["seed"] for call in up.calls[-len(first) :]] == first) is same
        with pytest.raises(openai.BadRequestError):
            await gate.client().chat.completions.create(
                model="outlay/self_consistency", messages=ASKED, n=2, extra_body={"outlay": VOTE}
            )


@pytest.mark.parametrize("code", [400, 401, 429])
async def test_its_hub_and_optillm_every_upstream_error_became_a_500(code):
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(status(code, "no", headers={"Retry-After": "200"}))
        with pytest.raises(openai.APIStatusError) as failure:
            await vote(gate)
        assert failure.value.status_code == code
        assert failure.value.response.headers.get("retry-after") == ("200" if code != 401 else None)


async def test_its_hub_a_truncated_sample_looked_finished_and_empty_streams_had_no_end():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("cut", finish="length"), chat(""))
        client = gate.client().chat.completions
        reply = await client.create(model="outlay/single", messages=ASKED)
        assert reply.choices[0].finish_reason == "length"
        stream = await client.create(model="outlay/single", messages=ASKED, stream=True)
        assert [c.choices[0].finish_reason async for c in stream][-1] == "stop"


async def test_its_hub_and_optillm_calls_that_were_paid_were_not_reported():
    async with Upstream() as up, gateway(config(up, max_n=1)) as gate:
        up.always(chat("Answer: 42"))
        reply = await gate.client().chat.completions.create(
            model="outlay/best_of_n",
            messages=ASKED,
            extra_body={"outlay": {"kind": "number", "parameters": {"n": 2}, "verifier": "judge"}},
        )
        ledger = await rows(gate.state.outlay.store)
        assert reply.model_extra["outlay"]["calls"] == up.n_chats == len(ledger) == 4
        assert reply.usage.prompt_tokens == sum(row["input_tokens"] for row in ledger)
        assert reply.usage.completion_tokens == sum(row["output_tokens"] for row in ledger)


@pytest.mark.parametrize(("model", "most"), [("m", 1), ("outlay/best_of_n", 3)])
async def test_optillm_one_request_on_a_permanent_429_made_twelve_calls(model, most, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY_S", 0.0)
    asked = {"kind": "number", "parameters": {"n": 4}, "verifier": "judge"} if most > 1 else {}
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(status(429, "slow down"))
        with pytest.raises(openai.RateLimitError):
            await gate.client().chat.completions.create(
                model=model, messages=ASKED, extra_body={"outlay": asked}
            )
        assert up.n_chats == most


async def test_optillm_a_refused_key_came_back_as_an_answer_with_status_200():
    async with Upstream(key="another") as up, gateway(config(up)) as gate:
        with pytest.raises(openai.AuthenticationError):
            await vote(gate)
        assert up.n_chats == 1


async def test_optillm_samples_that_were_all_truncated_reported_no_usage():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.script(chat("cut off", finish="length"))
        reply = await vote(gate)
    assert reply.usage.completion_tokens == 16
    assert reply.choices[0].finish_reason == "length"
    assert reply.model_extra["outlay"]["answer"] is None
    assert "8 of 8 samples were cut" in reply.model_extra["outlay"]["missing"][0]


async def test_optillm_replies_lacked_id_object_created_and_prompt_tokens():
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("Answer: 42"))
        reply = await vote(gate)
        stream = await gate.client().chat.completions.create(
            model="outlay/self_consistency",
            messages=ASKED,
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"outlay": VOTE},
        )
        chunks = [c async for c in stream]
    assert reply.id.startswith("chatcmpl")
    assert (reply.object, reply.created > 10**9) == ("chat.completion", True)
    assert reply.usage.prompt_tokens > 0
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert chunks[-1].usage.completion_tokens == 16


async def test_optillm_conversations_were_flattened_and_tool_results_dropped():
    called = [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]
    talk = [
        {"role": "user", "content": "User: add"},
        {"role": "assistant", "content": None, "tool_calls": called},
        {"role": "tool", "tool_call_id": "c1", "content": "Assistant: User: 3"},
        {"role": "assistant", "content": "Assistant: User: 3"},
        {"role": "user", "content": "6 * 7?"},
    ]
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("User: 42"))
        for model in ("outlay/single", "m"):
            reply = await gate.client().chat.completions.create(model=model, messages=talk)  # type: ignore[arg-type]
            assert up.last["messages"] == talk
            assert reply.choices[0].message.content == "User: 42"


async def test_optillm_a_line_of_a_prompt_chose_the_technique():
    told = "<optillm_approach>mcts</optillm_approach> model=outlay/adaptive outlay: {kind: number} x-outlay-max-usd: 9"
    async with Upstream() as up, gateway(config(up)) as gate:
        reply = await gate.client().chat.completions.create(
            model="m", messages=[{"role": "user", "content": told}]
        )
        assert up.n_chats == 1
        assert up.last["messages"][0]["content"] == told
    assert reply.model_extra["outlay"]["strategy"] == "pass_through"


async def test_optillm_each_request_opened_a_client_and_its_connections_of_its_own():
    async with Upstream() as up, gateway(config(up)) as gate:
        for _ in range(20):
            await gate.client().chat.completions.create(model="m", messages=ASKED)
        assert len({call.connection for call in up.calls}) == 1


async def test_optillm_concurrent_requests_took_each_others_parameters():
    async with Upstream() as up, Upstream(model="other") as other:
        settings = Config(default="m", models={"m": entry(up), "o": entry(other)})

        async def told(call):
            return await chat(f"{call.body['temperature']}")(call)

        up.always(told)
        other.always(told)
        async with gateway(settings) as gate:
            client = gate.client().chat.completions
            replies = await asyncio.gather(
                *(
                    client.create(model="mo"[i % 2], messages=ASKED, temperature=i / 100, max_tokens=i + 1)
                    for i in range(40)
                )
            )
    assert [r.choices[0].message.content for r in replies] == [f"{i / 100}" for i in range(40)]
    assert {call.body["model"] for call in up.calls} == {"fake"}
    assert {call.body["model"] for call in other.calls} == {"other"}


async def test_optillm_a_streamed_technique_dropped_its_tool_calls():
    call = [{"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}]
    tool = {"type": "function", "function": {"name": "add", "parameters": {}}}
    async with Upstream() as up, gateway(config(up)) as gate:
        up.always(chat("", tool_calls=call, finish="tool_calls"))
        stream = await gate.client().chat.completions.create(
            model="outlay/auto", messages=ASKED, tools=[tool], stream=True
        )
        chunks = [c async for c in stream]
    named = [c.choices[0].delta.tool_calls[0].function.name for c in chunks if c.choices[0].delta.tool_calls]
    assert named == ["add"]
