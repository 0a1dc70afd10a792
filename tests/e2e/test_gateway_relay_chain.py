"""Plain completions and embeddings take plans, chains, breakers, deadlines and learned limits as chats do."""

from __future__ import annotations

import asyncio

import openai
import pytest
from gateways import entry, gateway
from ledgers import rows
from quotas import key
from upstream import Upstream, hang, raw, status, texts

from outlay.answering import replay
from outlay.config import Config
from outlay.config.plans import PlanEntry
from outlay.config.routes import RouteEntry
from outlay.models import breaker
from outlay.models.breaker import IN_A_ROW
from outlay.store.keys import Scope

CHAIN = PlanEntry(strategy="pass_through", models=("m", "n"))
TEXT = {"model": "both", "prompt": "once"}
VECTOR = {"model": "both", "input": "two words"}


def selling(up, other, plan=CHAIN, **rest):
    models = {"m": entry(up), "n": entry(other, input_usd_per_mtok=10.0)}
    return Config(default="m", models=models, plans={"both": plan}, **rest)


@pytest.mark.parametrize(
    "path, body",
    [
        ("/v1/completions", TEXT),
        ("/v1/completions", {**TEXT, "stream": True}),
        ("/v1/embeddings", VECTOR),
    ],
)
async def test_the_next_model_answers_while_the_first_is_down_which_is_then_left_alone(path, body, monkeypatch):
    monkeypatch.setattr(breaker, "FIRST_S", 60.0)
    async with (
        Upstream(key="another") as up,
        Upstream(model="spare") as other,
        gateway(selling(up, other)) as gate,
    ):
        for _ in range(IN_A_ROW + 2):
            code, told, _ = await gate.post(path, body)
            said = told["outlay"] if "stream" not in body else {"elsewhere": {"spare": 1}, "plan": "both"}
            assert (code, said["elsewhere"], said["plan"]) == (200, {"spare": 1}, "both")
        asked = [call for call in up.other_calls if call.path.endswith(path)]
        trace = await gate.state.outlay.store.trace(gate.log[-1]["trace_id"])
        ledger = await rows(gate.state.outlay.store)
        _, metrics, _ = await gate.get("/metrics")
    assert len(asked) == IN_A_ROW
    assert b'outlay_upstream_breaker{model="m"} 2.0' in metrics
    assert {(r["model"], r["state"]) for r in ledger} == {("fake", "failed"), ("spare", "settled")}
    answer, again = await replay(trace.encode())
    assert (again, answer.elsewhere) == (trace.encode(), {"spare": 1})


async def test_a_failure_that_was_gone_on_from_is_in_the_trace_and_repeats():
    async with Upstream(key="another") as up, Upstream() as other, gateway(selling(up, other)) as gate:
        await gate.post("/v1/embeddings", VECTOR)
        _, told, _ = await gate.get(f"/v1/outlay/traces/{gate.log[-1]['trace_id']}")
        trace = await gate.state.outlay.store.trace(gate.log[-2]["trace_id"])
    assert [(e["event"], e["key"]) for e in told["events"][1:-1]] == [
        ("relay", "embeddings"),
        ("relay", "default.1/embeddings"),
    ]
    assert (await replay(trace.encode()))[1] == trace.encode()


async def test_what_is_wrong_with_the_request_itself_is_asked_of_no_other_model():
    async with Upstream() as up, Upstream() as other, gateway(selling(up, other)) as gate:
        up.always_texts(status(400, "no such field"))
        assert (await gate.post("/v1/completions", TEXT))[0] == 400
        assert other.other_calls == []


async def test_a_stream_that_was_begun_is_never_begun_anew():
    async with Upstream() as up, Upstream() as other, gateway(selling(up, other)) as gate:
        up.always_texts(texts("a b c d", cut_after=2))
        stream = await gate.client().completions.create(model="both", prompt="once", stream=True)
        with pytest.raises(openai.APIError):
            _ = [chunk async for chunk in stream]
        assert other.other_calls == []


async def test_a_next_model_that_the_budget_does_not_admit_leaves_the_first_ones_failure():
    async with Upstream(key="another") as up, Upstream() as other, gateway(selling(up, other)) as gate:
        code, _, _ = await gate.post("/v1/embeddings", {**VECTOR, "outlay": {"max_usd": 0.0001}})
        assert code == 401
        assert [c for c in other.other_calls if c.path.endswith("/embeddings")] == []


async def test_a_model_that_only_chats_is_passed_over():
    async with Upstream() as up, Upstream(model="spare") as other, gateway(selling(up, other)) as gate:
        seller = await gate.state.sellers.played_by({"default": ("m", "n")})
        await seller.cards()
        seller._cast.provider("default").relay = None
        code, told, _ = await gate.post("/v1/embeddings", VECTOR)
        trace = await gate.state.outlay.store.trace(told["outlay"]["trace_id"])
    assert (code, told["outlay"]["elsewhere"]) == (200, {"spare": 1})
    assert (await replay(trace.encode()))[1] == trace.encode()


async def test_a_plans_caps_hold_and_a_plan_that_buys_answers_is_refused():
    plan = PlanEntry(strategy="pass_through", models=("m", "n"), max_output_tokens=5, fan_out=2)
    async with Upstream() as up, Upstream() as other:
        config = selling(
            up, other, plan, routes=(RouteEntry(model="r", plan="vote"), RouteEntry("s", plan="both"))
        )
        config.plans["vote"] = PlanEntry(strategy="self_consistency", kind="number")
        async with gateway(config) as gate:
            assert (await gate.post("/v1/completions", {**TEXT, "max_tokens": 50}))[0] == 200
            assert up.other_calls[-1].body["max_tokens"] == 5
            assert (await gate.post("/v1/completions", {**TEXT, "n": 3}))[0] == 403
            code, told, _ = await gate.post("/v1/completions", {**TEXT, "model": "s"})
            assert (code, told["outlay"]["chosen"]) == (200, "a route of this server sets both")
            for model in ("vote", "r", "outlay/single", "outlay/auto"):
                code, told, _ = await gate.post("/v1/completions", {**TEXT, "model": model})
                assert (code, "answers chats only" in told["error"]["message"]) == (400, True)


async def test_a_key_may_name_the_plan_or_needs_every_model_of_it():
    async with Upstream() as up, Upstream() as other, gateway(selling(up, other)) as gate:
        for models, code in ((("both",), 200), (("m", "n"), 200), (("m",), 403)):
            _, secret = await key(gate.state.accounts, scope=Scope(models=models))
            gate.state.keys_asked_s = float("-inf")
            told = await gate.post("/v1/embeddings", VECTOR, authorization=f"Bearer {secret}")
            assert told[0] == code


@pytest.mark.parametrize("path, body", [("/v1/completions", TEXT), ("/v1/embeddings", VECTOR)])
async def test_whoever_could_not_be_served_in_time_is_told_so_unsent(path, body):
    arrived, hold = asyncio.Event(), asyncio.Event()

    async def held(call):
        arrived.set()
        return await hang(hold)(call)

    async with Upstream() as up:
        models = {"m": entry(up, concurrency=1)}
        async with gateway(Config(default="m", models=models)) as gate:
            await gate.post("/v1/completions", {**TEXT, "model": "m"})
            (_, limiter), *_ = gate.state.outlay.limiters
            now = [0.0]
            limiter.clock = lambda: now[0]
            with await limiter.enter():
                now[0] = 100.0
            up.always_texts(held)
            first = asyncio.create_task(gate.post("/v1/completions", {**TEXT, "model": "m"}))
            await arrived.wait()
            before = len(up.other_calls)
            hurried = {**body, "model": "m", "outlay": {"deadline_s": 5.0}}
            code, told, headers = await gate.post(path, hurried)
            hold.set()
            await first
            crowded = [r for r in await rows(gate.state.outlay.store) if "too many" in r["error"]]
        assert (code, told["error"]["code"], len(up.other_calls) - before) == (503, "crowded", 0)
        assert int(headers["retry-after"]) > 5
        assert [(r["state"], r["cost_nusd"]) for r in crowded] == [("failed", 0)]


async def test_a_refusal_for_want_of_capacity_lowers_the_learned_limit():
    async with Upstream() as up:
        models = {"m": entry(up, concurrency=8)}
        async with gateway(Config(default="m", models=models)) as gate:
            up.always_texts(status(429, "slow down", headers={"Retry-After": "3"}))
            code, _, headers = await gate.post("/v1/completions", {**TEXT, "model": "m"})
            (_, limiter), *_ = gate.state.outlay.limiters
            assert (code, headers["retry-after"]) == (429, "3")
            assert limiter.rule.overloads == 1
            assert limiter.rule.limit < 8
            up.always_texts(raw("{}", content_type="application/json"))
            assert (await gate.post("/v1/completions", {**TEXT, "model": "m"}))[0] == 200
            assert limiter.rule.usual_s > 0
