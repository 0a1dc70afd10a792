"""The first guard over HTTP: caps on requests, and runaway thinking that ends in an answer, seen as one stream."""

from __future__ import annotations

import asyncio

import openai
import pytest
from gateways import config, entry, gateway
from ledgers import rows
from quotas import key
from upstream import Upstream, chat, status

from outlay.answering import replay
from outlay.config import Config
from outlay.config.guard import GuardEntry
from outlay.config.plans import PlanEntry
from outlay.store.keys import Scope

ASKED = [{"role": "user", "content": "6 * 7?"}]
LONG = " ".join(["hmm"] * 40)
CAPPED = GuardEntry(reasoning_tokens=10, answer_tokens=20)


def guarded(up, guard=CAPPED, **options):
    return Config(default="m", models={"m": entry(up, **options)}, guard=guard)


async def settled(gate):
    while gate.state.outlay.budget.in_flight:
        await gate.state.outlay.budget.change()
    return sorted(await rows(gate.state.outlay.store), key=lambda row: row["reserved_us"])


@pytest.mark.parametrize("stream", [False, True])
async def test_runaway_reasoning_is_closed_and_the_answer_continued(stream):
    async with Upstream(flavour="vllm") as up, gateway(guarded(up)) as gate:
        up.script(
            chat("", reasoning=LONG),
            chat(" green"),  # the probe of the ability to continue a text
            chat("Answer: 42"),
        )
        asked = {"model": "m", "messages": ASKED, "max_completion_tokens": 500}
        if stream:
            chunks = [c async for c in await gate.client().chat.completions.create(**asked, stream=True)]
            text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
            thought = "".join(c.choices[0].delta.model_extra.get("reasoning_content", "") for c in chunks)
            finish = [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason]
            account = chunks[-1].model_extra["outlay"]
        else:
            reply = await gate.client().chat.completions.create(**asked)
            text, thought = reply.choices[0].message.content, reply.choices[0].message.reasoning_content
            finish, account = [reply.choices[0].finish_reason], reply.model_extra["outlay"]
        first, probe, answer = await settled(gate)
        sent = [call.body for call in up.calls]
    assert (text, finish) == ("Answer: 42", ["stop"])
    assert thought == " ".join(["hmm"] * 11)
    assert sent[2]["messages"] == [
        *ASKED,
        {"role": "assistant", "content": f"<think>\n{thought}\n</think>\n\n"},
    ]
    assert (sent[2]["max_tokens"], sent[2]["continue_final_message"]) == (20, True)
    # The server counts along, so thinking that was cut costs what was written of it.
    assert sent[0]["stream_options"]["continuous_usage_stats"] is True
    assert [(r["mark"], r["output_tokens"]) for r in (first, answer)] == [("", 11), ("", 2)]
    assert account["calls"] == 3
    assert account["cost_usd"] == pytest.approx(sum(row["cost_nusd"] for row in (first, probe, answer)) / 1e9)
    assert "thinking was ended at 10 tokens" in account["missing"][0]


async def test_generation_stops_upstream_when_thinking_is_cut():
    hold = asyncio.Event()
    async with (
        Upstream(flavour="llama.cpp") as up,
        gateway(guarded(up, GuardEntry(reasoning_tokens=1))) as gate,
    ):
        # The server holds after its second event: nothing but the cut ends this stream.
        up.script(chat("", reasoning="aaaaaaaaaaaaaaaa b c", hold=hold), chat(" green"), chat("42"))
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED)
        await up.client_left()
        first, *_ = await settled(gate)
    assert reply.choices[0].message.content == "42"
    assert (first["mark"], first["output_tokens"]) == ("counted", 1)


async def test_thinking_between_tags_in_the_text_is_closed_there():
    async with Upstream(flavour="vllm") as up, gateway(guarded(up)) as gate:
        up.script(chat(f"<think> {LONG}"), chat(" green"), chat("Answer: 42"))
        stream = await gate.client().chat.completions.create(model="m", messages=ASKED, stream=True)
        text = "".join([c.choices[0].delta.content or "" async for c in stream])
        again = up.calls[2].body["messages"][-1]["content"]
    assert text == f"{again}Answer: 42"
    assert again.startswith("<think> hmm")
    assert again.endswith("hmm\n</think>\n\n")


async def test_a_model_that_does_not_continue_a_text_is_asked_for_its_best_answer():
    async with Upstream(flavour="openai") as up, gateway(guarded(up)) as gate:
        up.script(chat("", reasoning=LONG), chat("42"))
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED, temperature=0.3)
        sent = up.calls[1].body
    assert reply.choices[0].message.content == "42"
    assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "user"]
    assert sent["messages"][1]["content"] == " ".join(["hmm"] * 11)
    assert "at most 20 tokens" in sent["messages"][2]["content"]
    assert (sent["max_completion_tokens"], sent["temperature"]) == (20, 0.3)


async def test_a_probe_that_comes_out_badly_leads_to_the_question_too():
    async with Upstream(flavour="vllm") as up, gateway(guarded(up)) as gate:
        up.script(chat("", reasoning=LONG), chat("a new turn"), chat("42"))
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED)
        trace = await gate.state.outlay.store.trace(reply.model_extra["outlay"]["trace_id"])
        assert [m["role"] for m in up.calls[2].body["messages"]] == ["user", "assistant", "user"]
    assert reply.choices[0].message.content == "42"
    assert (await replay(trace.encode()))[1] == trace.encode()


async def test_an_answer_that_cannot_be_bought_leaves_a_cut_reply():
    async with Upstream() as up, gateway(guarded(up)) as gate:
        up.script(chat("", reasoning=LONG), status(500), status(500), status(500))
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED)
    assert (reply.choices[0].finish_reason, reply.choices[0].message.content) == ("length", "")
    assert "could not be bought" in reply.model_extra["outlay"]["missing"][0]


async def test_an_output_bound_without_room_for_an_answer_leaves_a_cut_reply():
    async with Upstream() as up, gateway(guarded(up)) as gate:
        up.script(chat("", reasoning=LONG))
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED, max_completion_tokens=10)
        assert up.n_chats == 1
    assert reply.choices[0].finish_reason == "length"


async def test_one_choice_that_runs_away_does_not_touch_the_others():
    thinking = f"<think> {LONG}"
    async with Upstream() as up, gateway(guarded(up)) as gate:
        up.script(chat(thinking, "Answer: 42"), chat("7"))
        reply = await gate.client().chat.completions.create(model="m", messages=ASKED, n=2)
    texts = [c.message.content for c in reply.choices]
    assert texts[0].endswith("</think>\n\n7")
    assert texts[1] == "Answer: 42"


@pytest.mark.parametrize("strategy", ["single", "self_consistency"])
async def test_a_strategys_samples_are_capped_too_and_the_trace_repeats(strategy):
    async with Upstream() as up, gateway(guarded(up)) as gate:
        samples = 1 if strategy == "single" else 3
        up.script(chat("", reasoning=LONG))
        up.always(chat("Answer: 42"))
        body = {"kind": "number", "parameters": {"n": 3} if samples > 1 else {}}
        reply = await gate.client().chat.completions.create(
            model=f"outlay/{strategy}", messages=ASKED, extra_body={"outlay": body}
        )
        account = reply.model_extra["outlay"]
        trace = await gate.state.outlay.store.trace(account["trace_id"])
        spent = await settled(gate)
    assert account["answer"] == "42"
    assert account["cost_usd"] == pytest.approx(sum(row["cost_nusd"] or 0 for row in spent) / 1e9)
    assert (await replay(trace.encode()))[1] == trace.encode()


async def test_a_quote_counts_the_answers_after_the_thinking():
    async with Upstream() as up, gateway(config(up)) as free, gateway(guarded(up)) as capped:
        body = {"model": "m", "messages": ASKED, "max_completion_tokens": 100}
        (_, plain, _), (_, told, _) = [await g.post("/v1/outlay/quote", body) for g in (free, capped)]
    assert (plain["worst_calls"], told["worst_calls"]) == (1, 3)
    assert told["worst_output_tokens"] == 100 + 20 + 4


async def test_a_keys_own_cap_is_the_smaller_one_that_binds():
    async with Upstream() as up, gateway(guarded(up)) as gate:
        _, secret = await key(gate.state.accounts, scope=Scope(reasoning_tokens=3, answer_tokens=5))
        up.script(chat("", reasoning=LONG), chat("42"))
        reply = await gate.client(secret).chat.completions.create(model="m", messages=ASKED)
    assert reply.choices[0].message.reasoning_content == "hmm hmm hmm hmm"
    assert up.calls[1].body["max_completion_tokens"] == 5


async def test_caps_of_the_server_refuse_what_is_beyond_them():
    guard = GuardEntry(max_output_tokens=100, fan_out=2)
    async with Upstream() as up, gateway(guarded(up, guard)) as gate:
        client = gate.client()
        for more in ({"max_completion_tokens": 101}, {"n": 3}):
            with pytest.raises(openai.PermissionDeniedError, match="are allowed a"):
                await client.chat.completions.create(model="m", messages=ASKED, **more)
        assert up.n_chats == 0
        await client.chat.completions.create(model="m", messages=ASKED)
        assert up.last["max_completion_tokens"] == 100


async def test_a_named_plans_own_cap_holds_for_its_requests():
    plan = PlanEntry(strategy="pass_through", reasoning_tokens=3, answer_tokens=5)
    async with (
        Upstream() as up,
        gateway(Config(default="m", models={"m": entry(up)}, plans={"short": plan})) as gate,
    ):
        up.script(chat("", reasoning=LONG), chat("42"), chat("7", reasoning=LONG))
        client = gate.client()
        capped = await client.chat.completions.create(model="short", messages=ASKED)
        free = await client.chat.completions.create(model="m", messages=ASKED)
    assert capped.choices[0].message.reasoning_content == "hmm hmm hmm hmm"
    assert capped.choices[0].message.content == "42"
    assert free.choices[0].message.reasoning_content == LONG


@pytest.mark.parametrize("n", [1, 3])
async def test_what_is_spent_stays_within_the_quote_though_every_sample_is_cut(n):
    async with Upstream(flavour="vllm") as up, gateway(guarded(up)) as gate:
        up.script(chat("", reasoning=LONG), chat(" green"))
        up.always(chat("Answer: 42 and more words than the answer needs"))
        body = {"model": "outlay/self_consistency", "messages": ASKED, "max_completion_tokens": 60}
        body["outlay"] = {"kind": "number", "parameters": {"n": n}}
        _, quote, _ = await gate.post("/v1/outlay/quote", body)
        _, told, _ = await gate.post("/v1/chat/completions", body)
    tries = 3
    assert told["outlay"]["calls"] == 2 * n + 1 <= quote["worst_calls"] / tries
    assert told["usage"]["prompt_tokens"] <= quote["worst_input_tokens"] / tries
    assert told["usage"]["completion_tokens"] <= quote["worst_output_tokens"] / tries
