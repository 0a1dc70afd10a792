"""What is kept of prompts and replies: with `hashed` and `none` no text of them is in the ledger's files or the log."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import openai
import pytest
from gateways import config, gateway
from ledgers import rows
from upstream import Upstream, chat, status, texts

from outlay import testing
from outlay.answering import replay
from outlay.config import Config
from outlay.config.guard import GuardEntry
from outlay.engine import Outlay
from outlay.errors import UsageError

PROMPT = "zanzibarine marmalade inquiry"
REPLY = "quokkaesque verdict 42"
THOUGHT = "wombatlike deliberation"
ECHO = f"the field messages says: {PROMPT}"
SECRET = ("zanzibarine", "marmalade", "quokkaesque", "wombatlike", "grommetish")
ASKED = [{"role": "system", "content": "grommetish"}, {"role": "user", "content": PROMPT}]
BODY = {"model": "m", "messages": ASKED, "max_completion_tokens": 50}
VOTE = BODY | {"model": "outlay/self_consistency", "outlay": {"kind": "number", "parameters": {"n": 3}}}
TOOL = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"x": "quokkaesque"}'}}


def written(ledger: Path) -> bytes:
    """The bytes of the ledger's file and of what SQLite keeps beside it."""
    return b"".join(path.read_bytes() for path in ledger.parent.glob(f"{ledger.name}*"))


async def busy(up, gate):
    """Every kind of request that has texts, with every kind of end."""
    chatty = "/v1/chat/completions"
    up.always(chat(REPLY, reasoning=THOUGHT, logprobs=True, tool_calls=[TOOL]))
    for body in (BODY, BODY | {"stream": True}, BODY | {"n": 2}, BODY | {"logprobs": True}, VOTE):
        await gate.post(chatty, body)
        await gate.post(chatty, body, Idempotency_Key=f"k{len(json.dumps(body))}")
    judged = {"kind": "number", "verifier": "judge", "parameters": {"n": 2}}
    await gate.post(chatty, BODY | {"model": "outlay/best_of_n", "outlay": judged})
    await gate.post("/v1/outlay/quote", VOTE)
    for failing in (status(400, ECHO), status(500, ECHO), status(429, ECHO), chat(REPLY, cut_after=4)):
        up.script(failing)
        await gate.post(chatty, BODY)
    up.script(chat(REPLY, error={"message": ECHO, "code": 500}))
    await gate.post(chatty, BODY | {"stream": True})
    up.always_texts(texts(REPLY))
    await gate.post("/v1/completions", {"model": "m", "prompt": PROMPT, "stream": True})
    await gate.post("/v1/embeddings", {"model": "m", "input": PROMPT})
    await gate.post(chatty, BODY | {"seed": 7})
    hold = asyncio.Event()
    up.script(chat(REPLY, hold=hold))
    left = asyncio.create_task(gate.post(chatty, BODY))
    await up.arrived.wait()
    left.cancel()
    while gate.state.outlay.budget.in_flight:
        await gate.state.outlay.budget.change()
    await gate.state.outlay.store.flush()


def keeping(up, prompts, **options):
    return msgspec.structs.replace(config(up, **options), prompts=prompts)


@pytest.mark.parametrize("prompts", ["none", "hashed", "kept"])
async def test_no_text_of_a_prompt_or_reply_is_written_unless_prompts_are_kept(tmp_path, prompts):
    ledger = tmp_path / "ledger.db"
    async with Upstream() as up, gateway(keeping(up, prompts), store=ledger) as gate:
        await busy(up, gate)
        found = [word for word in SECRET if word.encode() in written(ledger)]
        log = json.dumps(gate.log)
        n_calls = len(await rows(gate.state.outlay.store))
    after = [word for word in SECRET if word.encode() in written(ledger)]
    assert found == after == ([] if prompts != "kept" else list(SECRET))
    assert not any(word in log for word in SECRET)
    assert n_calls > 20


async def test_runaway_thinking_leaves_no_text_either(tmp_path):
    ledger = tmp_path / "ledger.db"
    async with Upstream() as up:
        known = msgspec.structs.replace(keeping(up, "none"), guard=GuardEntry(reasoning_tokens=1))
        async with gateway(known, store=ledger) as gate:
            up.script(chat("", reasoning=f"{THOUGHT} {THOUGHT}"), chat(REPLY))
            code, told, _ = await gate.post("/v1/chat/completions", BODY)
    assert (code, told["choices"][0]["message"]["content"]) == (200, REPLY)
    assert not any(word.encode() in written(ledger) for word in SECRET)


@pytest.mark.parametrize("prompts", ["none", "hashed"])
async def test_a_trace_without_texts_keeps_the_account_and_says_that_it_cannot_be_replayed(prompts):
    async with Upstream() as up, gateway(keeping(up, prompts)) as gate:
        up.always(chat(REPLY))
        _, told, _ = await gate.post("/v1/chat/completions", VOTE)
        account = told["outlay"]
        _, trace, _ = await gate.get(f"/v1/outlay/traces/{account['trace_id']}")
        kept = await gate.state.outlay.store.trace(account["trace_id"])
        feedback = {"trace_id": account["trace_id"], "score": 1}
        assert (await gate.post("/v1/outlay/feedback", feedback))[0] == 200
    first, last = trace["events"][0], trace["events"][-1]
    assert first["texts"] == prompts
    assert [e["event"] for e in trace["events"]].count("settle") == 1
    assert last["answer"]["cost_nusd"] / 1e9 == account["cost_usd"]
    assert ("messages" in first["question"]) == (prompts == "hashed")
    with pytest.raises(UsageError, match="cannot be replayed"):
        await replay(kept.encode())


async def test_equal_prompts_have_equal_hashes_and_different_ones_different():
    async with Upstream() as up, gateway(keeping(up, "hashed")) as gate:
        hashes = []
        for text in (PROMPT, PROMPT, "another"):
            body = BODY | {"messages": [{"role": "user", "content": text}]}
            _, told, _ = await gate.post("/v1/chat/completions", body)
            _, trace, _ = await gate.get(f"/v1/outlay/traces/{told['outlay']['trace_id']}")
            hashes.append(trace["events"][0]["question"]["messages"])
    assert hashes[0] == hashes[1] != hashes[2]


async def test_a_request_with_a_key_is_bought_once_though_its_reply_is_not_kept(tmp_path):
    ledger = tmp_path / "ledger.db"
    async with Upstream() as up:
        async with gateway(keeping(up, "none"), store=ledger) as gate:
            first = await gate.post("/v1/chat/completions", BODY, Idempotency_Key="k")
            again = await gate.post("/v1/chat/completions", BODY, Idempotency_Key="k")
            assert first[1] == again[1]
            assert again[2]["idempotent-replayed"] == "true"
        async with gateway(keeping(up, "none"), store=ledger) as gate:
            code, told, _ = await gate.post("/v1/chat/completions", BODY, Idempotency_Key="k")
        assert (code, up.n_chats) == (409, 1)
    assert "its reply was not kept" in told["error"]["message"]


async def test_an_experiment_that_needs_the_call_cache_is_refused():
    with pytest.raises(UsageError, match="prompts = 'kept'"):
        Outlay(testing.scripted(lambda request, index: "42"), config=Config(prompts="none"), cache=True)


async def test_the_client_sees_everything_all_the_same():
    async with Upstream() as up, gateway(keeping(up, "none")) as gate:
        up.script(status(400, ECHO))
        with pytest.raises(openai.BadRequestError, match="marmalade"):
            await gate.client().chat.completions.create(model="m", messages=ASKED)
        (row,) = await rows(gate.state.outlay.store)
    assert row["error"] == "not kept"
