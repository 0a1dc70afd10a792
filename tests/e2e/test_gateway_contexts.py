"""Contexts over HTTP, recognised by themselves, digested while nobody asks, and used under `outlay/…` alone."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from gateways import config, gateway
from ledgers import rows
from upstream import Upstream, chat

from outlay.gateway import asleep
from outlay.gateway.keys import new_key
from outlay.store.contexts import context_id
from outlay.store.keys import Scope
from outlay.store.quota import Quota

TEXT = "A box holds 6 rows of 7 eggs. " * 4


async def key_of(store, tenant):
    secret, key = new_key(
        store.new_id("key"), tenant, tenant=tenant, role="buyer", scope=Scope(), quota=Quota(), at_us=1
    )
    await store.add_key(key)
    return {"authorization": f"Bearer {secret}"}


def body(asked, model="outlay/single", **more):
    return {"model": model, "messages": [{"role": "user", "content": asked}], "max_tokens": 64, **more}


async def test_a_context_is_kept_shown_replaced_and_deleted_for_its_tenant_alone():
    async with Upstream() as up, gateway(config(up)) as served:
        a, b = [await key_of(served.state.accounts, t) for t in "ab"]
        status, made, _ = await served.post("/v1/contexts", {"text": TEXT, "name": "box", "questions": 9}, **a)
        assert (status, made["id"], made["expected_questions"]) == (200, context_id(TEXT), 9)
        assert (await served.get("/v1/contexts", **a))[1]["data"][0]["name"] == "box"
        assert (await served.get("/v1/contexts", **b))[1]["data"] == []
        assert (await served.get("/v1/contexts/box", **b))[0] == 404
        assert (await served._request("DELETE", "/v1/contexts/box", None, b))[0] == 404
        changed = await served.post("/v1/contexts", {"text": TEXT + "And no more.", "name": "box"}, **a)
        assert changed[1]["id"] != made["id"]
        assert (await served.get(f"/v1/contexts/{made['id']}", **a))[0] == 404
        gone = await served._request("DELETE", f"/v1/contexts/{changed[1]['id']}", None, a)
        assert gone[1]["deleted"]
        assert (await served.get("/v1/contexts", **a))[1]["data"] == []


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"text": ""},
        {"text": "    " * 9},
        {"text": "short"},
        {"text": "x" * 400_001},
        {"text": TEXT, "level": 5},
        {"text": TEXT, "colour": "red"},
        {"text": TEXT, "name": "ctx_mine"},
        {"text": "bytes \x00 of no text at all"},
        b"\xff\xfe not json",
    ],
)
async def test_a_bad_context_is_refused_in_a_sentence(given):
    async with Upstream() as up, gateway(config(up)) as served:
        status, told, _ = await served.post("/v1/contexts", given)
        assert status == 400
        assert told["error"]["message"].endswith(".")
        assert (await served.get("/v1/contexts"))[1]["data"] == []


async def test_notes_are_used_under_outlay_models_and_never_in_pass_through(monkeypatch):
    monkeypatch.setattr(asleep, "CONTROL", 0.0)
    async with Upstream() as up, gateway(config(up)) as served:
        await served.post("/v1/contexts", {"text": TEXT, "name": "box", "questions": 1000})
        store = served.state.accounts
        await store.set_offline_budget("local", 10**9)
        monkeypatch.setattr(asleep, "IDLE_S", 0.0)
        up.script(chat("The box has 42 eggs."), chat("FINISHED"))
        assert await served.state.asleep.doze()
        assert not await served.state.asleep.doze()
        offline = [r for r in await rows(store) if r["phase"] == "offline"]
        assert [r["tenant"] for r in offline] == ["local", "local"]
        assert all("How many" not in str(call.body) for call in up.calls)
        up.always(chat("42"))
        await served.post("/v1/chat/completions", body(TEXT + "How many eggs?"))
        assert "The box has 42 eggs." in up.last["messages"][0]["content"]
        assert up.last["messages"][-1]["content"] == TEXT + "How many eggs?"
        await served.post("/v1/chat/completions", body(TEXT + "How many eggs?", model="m"))
        assert up.last["messages"] == [{"role": "user", "content": TEXT + "How many eggs?"}]
        await served.post("/v1/chat/completions", body("Something else entirely, how many?"))
        assert "42 eggs" not in str(up.last)
        shown = (await served.get("/v1/contexts/box"))[1]
        assert shown["questions_with_notes"] == 1
        assert shown["offline_usd"] == pytest.approx(sum(r["paid_nusd"] for r in offline) / 1e9)


async def test_a_beginning_that_comes_back_becomes_a_context_only_with_an_offline_budget(monkeypatch):
    monkeypatch.setattr(asleep, "BUDGETS_ASKED_EVERY_S", 0.0)
    long = "All about eggs and their boxes. " * 300
    async with Upstream() as up, gateway(config(up)) as served:
        up.always(chat("42"))
        for number in range(6):
            await served.post("/v1/chat/completions", body(long + f"How many are {number}?", model="m"))
        await served.state.asleep.doze()
        assert await served.state.accounts.contexts("local") == []
        await served.state.accounts.set_offline_budget("local", 10**9)
        for number in range(6):
            await served.post("/v1/chat/completions", body(long + f"How many are {number}?", model="m"))
        await served.state.asleep.doze()
        (kept,) = await served.state.accounts.contexts("local")
    assert kept.source == "seen"
    assert long.startswith(kept.text)
    assert len(kept.text) > 8000


async def test_where_prompts_may_not_be_kept_no_context_is_kept_by_itself(monkeypatch):
    monkeypatch.setattr(asleep, "BUDGETS_ASKED_EVERY_S", 0.0)
    async with Upstream() as up, gateway(msgspec.structs.replace(config(up), prompts="none")) as served:
        up.always(chat("42"))
        await served.state.accounts.set_offline_budget("local", 10**9)
        for number in range(6):
            await served.post("/v1/chat/completions", body("All about eggs. " * 600 + f"{number}?", model="m"))
        await served.state.asleep.doze()
        assert await served.state.accounts.contexts("local") == []


async def test_a_caller_names_framings_but_not_what_is_the_operators():
    async with Upstream() as up, gateway(config(up)) as served:
        up.always(chat("42"))
        for named in ("no_such", "sample_framings:reminder", "notes:level=9"):
            status, told, _ = await served.post(
                "/v1/chat/completions", body("2 + 2?", outlay={"framings": [named]})
            )
            assert (status, told["error"]["type"]) == (400, "invalid_request_error"), named
        assert up.calls == []
        await served.post("/v1/contexts", {"text": TEXT, "name": "box"})
        asked = body("How many eggs?", outlay={"framings": ["notes:context=box"]})
        status, _, _ = await served.post("/v1/chat/completions", asked)
        assert status == 200
        assert up.last["messages"][0]["content"].startswith(TEXT)
        refused, _, _ = await served.post(
            "/v1/chat/completions", body("2?", model="m", outlay={"framings": ["notes"]})
        )
        assert refused == 400


async def test_a_quote_counts_the_notes():
    async with Upstream() as up, gateway(config(up)) as served:
        before = (await served.post("/v1/outlay/quote", body(TEXT + "How many?")))[1]
        await served.post("/v1/contexts", {"text": TEXT, "name": "box"})
        after = (await served.post("/v1/outlay/quote", body(TEXT + "How many?")))[1]
        assert after["worst_input_tokens"] > before["worst_input_tokens"]
        assert up.calls == []


@pytest.mark.parametrize(("prompts", "before"), [("kept", 1), ("none", 3)])
async def test_a_request_that_comes_ends_the_job_at_its_next_call(monkeypatch, prompts, before):
    async with Upstream() as up, gateway(msgspec.structs.replace(config(up), prompts=prompts)) as served:
        await served.post("/v1/contexts", {"text": TEXT, "name": "box", "questions": 1000})
        await served.state.accounts.set_offline_budget("local", 10**9)
        monkeypatch.setattr(asleep, "IDLE_S", 0.0)
        hold = asyncio.Event()
        up.script(chat("The box has", hold=hold))
        dozing = asyncio.create_task(served.state.asleep.doze())
        await up.arrived.wait()
        up.always(chat("42"))
        await served.post("/v1/chat/completions", body("2 + 2?", model="m"))
        up.script(chat("The box has 42 eggs."), chat("FINISHED"))
        hold.set()
        assert await dozing
        assert up.n_chats - 1 == before
        await served.state.asleep.doze()
        assert up.n_chats - 1 == 3
        (notes,) = (await served.get("/v1/contexts/box"))[1]["notes"]
        assert notes["text"] == "The box has 42 eggs."
