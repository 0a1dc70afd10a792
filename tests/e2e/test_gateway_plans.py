"""Named plans, chains of models, routes and `outlay/auto` over HTTP, with the official client."""

from __future__ import annotations

import re

import openai
import pytest
from gateways import entry, gateway
from upstream import Upstream, chat, status

from outlay.answering import replay
from outlay.config import Config
from outlay.config.plans import PlanEntry
from outlay.config.routes import RouteEntry
from outlay.errors import UsageError
from outlay.gateway.app import app
from outlay.gateway.keys import new_key
from outlay.models import breaker
from outlay.models.breaker import IN_A_ROW
from outlay.store.keys import Scope
from outlay.store.quota import Quota

ASKED = [{"role": "user", "content": "6 * 7?"}]
FREE = Scope()
VOTE = PlanEntry(strategy="self_consistency", parameters={"n": 3}, kind="number")


async def buy(gate, model, options=None, key="none", **more):
    return await gate.client(key).chat.completions.create(
        model=model, messages=ASKED, extra_body={"outlay": options or {}}, **more
    )


def account(reply):
    return reply.model_extra["outlay"]


async def key_of(gate, name: str, tenant: str, scope: Scope = FREE) -> str:
    accounts = gate.state.accounts
    secret, key = new_key(
        accounts.new_id("key"), name, tenant=tenant, role="buyer", scope=scope, quota=Quota(), at_us=1
    )
    await accounts.add_key(key)
    gate.state.keys_asked_s = float("-inf")
    return secret


def selling(up: Upstream, other: Upstream | None = None, **rest) -> Config:
    models = {"m": entry(up)} | ({"n": entry(other)} if other else {})
    return Config(default="m", models=models, **rest)


async def test_a_plan_is_a_model_of_the_list_and_is_bought_under_its_name():
    async with Upstream() as up, gateway(selling(up, plans={"sums": VOTE})) as gate:
        up.always(chat("Answer: 42"))
        listed = [model.id async for model in gate.client().models.list()]
        reply = await buy(gate, "sums")
        told = account(reply)
        wider = account(await buy(gate, "sums", {"parameters": {"n": 2}, "kind": "text"}))
    assert listed.count("sums") == 1
    assert (reply.model, told["plan"], told["strategy"], told["answer"]) == (
        "sums",
        "sums",
        "self_consistency",
        "42",
    )
    assert (told["calls"], wider["calls"], wider["kind"]) == (3, 2, "text")


@pytest.mark.parametrize(
    ("options", "more", "told"),
    [
        ({"strategy": "single"}, {}, "bought with self_consistency here"),
        ({"verifier": "command:true"}, {}, "the operator's to set"),
        ({"kind": "os:path"}, {}, "There is no answer kind"),
        ({"model": "nobody"}, {}, "no model 'nobody'"),
        ({"parameters": {"m": 3}}, {}, "no parameter 'm'"),
        ({}, {"n": 2}, "one answer, not n choices"),
    ],
)
async def test_what_a_plan_cannot_honour_is_refused_and_nothing_is_bought(options, more, told):
    async with Upstream() as up, gateway(selling(up, plans={"sums": VOTE})) as gate:
        with pytest.raises(openai.APIStatusError, match=told) as refused:
            await buy(gate, "sums", options, **more)
        assert up.n_chats == 0
    assert refused.value.status_code in (400, 404)


async def test_of_caps_the_smaller_binds_whoever_sets_it():
    plan = PlanEntry(
        strategy="self_consistency",
        parameters={"n": 2},
        kind="number",
        max_usd=1e-9,
        max_output_tokens=7,
        fan_out=4,
    )
    loose = PlanEntry(strategy="single", max_output_tokens=7)
    async with Upstream() as up, gateway(selling(up, plans={"p": plan, "loose": loose})) as gate:
        for options in ({}, {"max_usd": 5.0}):
            with pytest.raises(openai.APIStatusError, match="budget") as refused:
                await buy(gate, "p", options)
            assert refused.value.status_code == 402
        with pytest.raises(openai.PermissionDeniedError, match="8 calls and the plan p allows 4"):
            await buy(gate, "p", {"parameters": {"n": 8}})
        assert up.n_chats == 0
        for asked, sent in ((None, 7), (5, 5), (100, 7)):
            more = {} if asked is None else {"max_completion_tokens": asked}
            await buy(gate, "loose", **more)
            assert (up.last.get("max_completion_tokens") or up.last.get("max_tokens")) == sent


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("strategy", ["single", "pass_through"])
async def test_a_chain_answers_while_its_first_model_is_down_and_uses_it_again_when_it_returns(
    strategy, stream, monkeypatch
):
    monkeypatch.setattr(
        breaker, "FIRST_S", 60.0
    )  # the test says when the back-off is over, not the machine's load
    plan = PlanEntry(strategy=strategy, models=("m", "n"))

    async def text(gate):
        reply = await buy(gate, "both", stream=stream)
        if not stream:
            return reply.choices[0].message.content, account(reply)
        chunks = [chunk async for chunk in reply]
        said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        return said, account(chunks[-1])

    async with (
        Upstream() as up,
        Upstream(model="spare") as other,
        gateway(selling(up, other, plans={"both": plan})) as gate,
    ):
        up.always(status(401, "key revoked"))
        other.always(chat("from n"))
        for _ in range(IN_A_ROW + 2):
            said, told = await text(gate)
            assert (said, told["elsewhere"], told["plan"]) == ("from n", {"spare": 1}, "both")
        assert up.n_chats == IN_A_ROW
        assert (await gate.get("/ready"))[1] == {"status": "ready", "models_failing": 1}
        _, raw, _ = await gate.get("/metrics")
        assert re.search(rb'outlay_upstream_breaker\{model="m"\} 2\.0', raw)
        assert re.search(rb'outlay_upstream_breaker\{model="n"\} 0\.0', raw)

        trace = await gate.state.outlay.store.trace(told["trace_id"])
        answer, again = await replay(trace.encode())
        assert again == trace.encode()
        assert answer.elsewhere == {"spare": 1}

        up.always(chat("from m"))
        gate.state.outlay.breakers.of("m")._until = 0.0  # the back-off is over
        said, told = await text(gate)
        assert (said, told["elsewhere"], told["models"]["default"]) == ("from m", {}, "fake")
        assert (await gate.get("/ready"))[1]["models_failing"] == 0


async def test_a_role_may_have_a_chain_of_its_own():
    judged = PlanEntry(
        strategy="best_of_n", parameters={"n": 2}, kind="number", verifier="judge", roles={"judge": ("n", "m")}
    )
    async with (
        Upstream() as up,
        Upstream(model="spare") as other,
        gateway(selling(up, other, plans={"p": judged})) as gate,
    ):
        other.always(status(503, "down"))
        up.script(chat("Answer: 41"), chat("Answer: 42"))
        up.always(chat("Score: 7"))
        told = account(await buy(gate, "p"))
        trace = await gate.state.outlay.store.trace(told["trace_id"])
    assert told["models"] == {"judge": "spare", "judge.1": "fake", "default": "fake"}
    assert told["elsewhere"] == {"fake": 2}
    assert other.n_chats > 0
    assert (await replay(trace.encode()))[1] == trace.encode()


async def test_a_stream_that_was_begun_is_never_begun_anew_by_another_model():
    plan = PlanEntry(strategy="pass_through", models=("m", "n"))
    async with Upstream() as up, Upstream() as other, gateway(selling(up, other, plans={"p": plan})) as gate:
        up.script(chat("one two three", cut_after=2))
        stream = await buy(gate, "p", stream=True)
        with pytest.raises(openai.APIError):
            _ = [chunk async for chunk in stream]
        assert other.n_chats == 0


@pytest.mark.parametrize("strategy", ["single", "self_consistency"])
async def test_a_reply_that_broke_off_unseen_is_bought_from_the_next_model(strategy):
    plan = PlanEntry(strategy=strategy, kind="number", models=("m", "n"))
    async with Upstream() as up, Upstream() as other, gateway(selling(up, other, plans={"p": plan})) as gate:
        up.always(chat("Answer: 1 and more", cut_after=2))
        other.always(chat("Answer: 42"))
        told = account(await buy(gate, "p"))
    assert told["answer"] == "42"
    assert other.n_chats > 0
    assert told["cost_usd"] > 0


async def test_a_quote_of_a_chain_counts_every_model_that_may_be_asked():
    body = {"messages": ASKED, "max_completion_tokens": 10, "model": "p"}
    chained, alone = PlanEntry(models=("m", "n")), PlanEntry(model="m")
    async with (
        Upstream() as up,
        Upstream() as other,
        gateway(selling(up, other, plans={"p": chained, "q": alone})) as gate,
    ):
        _, both, _ = await gate.post("/v1/outlay/quote", body)
        _, one, _ = await gate.post("/v1/outlay/quote", {**body, "model": "q"})
    assert both["worst_calls"] == 2 * one["worst_calls"]
    assert both["worst_usd"] == pytest.approx(2 * one["worst_usd"])
    assert both["models"] == {"default": "fake", "default.1": "fake"}


async def test_routes_set_the_plan_by_model_key_and_tenant_and_the_request_wins_but_for_caps():
    routes = (
        RouteEntry(model="m", key="night", plan="sums", parameters={"n": 2}, tags={"by": "route"}),
        RouteEntry(model="smart", strategy="self_consistency", parameters={"n": 4}, kind="number"),
        RouteEntry(tenant="poor", max_usd=1e-9),
    )
    async with Upstream() as up, gateway(selling(up, plans={"sums": VOTE}, routes=routes)) as gate:
        up.always(chat("Answer: 42"))
        night, day = await key_of(gate, "night", "t"), await key_of(gate, "day", "t")
        poor = await key_of(gate, "poor", "poor")
        routed = account(await buy(gate, "m", {"tags": {"by": "me", "of": "me"}}, night))
        assert (routed["plan"], routed["calls"], routed["answer"]) == ("sums", 2, "42")
        assert "a route of this server sets sums" in routed["chosen"]
        assert gate.log[-1]["tags"] == {"by": "me", "of": "me"}
        assert account(await buy(gate, "m", {"parameters": {"n": 5}}, night))["calls"] == 5
        plain = await buy(gate, "m", None, day)
        assert (account(plain)["strategy"], account(plain)["plan"]) == ("pass_through", "")
        assert account(await buy(gate, "smart", None, day))["calls"] == 4
        assert "smart" in [model.id async for model in gate.client(day).models.list()]
        for model, options in (("m", {}), ("m", {"max_usd": 9.0}), ("outlay/single", {"max_usd": 9.0})):
            with pytest.raises(openai.APIStatusError) as refused:
                await buy(gate, model, options, poor)
            assert refused.value.status_code == 402
        with pytest.raises(openai.BadRequestError, match="no effect here"):
            await buy(gate, "m", {"kind": "number"}, day)


async def test_a_program_may_check_answers_where_the_operator_says_so(tmp_path):
    check = tmp_path / "check.py"
    check.write_text("import sys; raise SystemExit('42' not in sys.stdin.read())")
    route = RouteEntry(
        model="checked",
        strategy="best_of_n",
        parameters={"n": 2},
        kind="number",
        verifier=f"command:python {check}",
    )
    async with Upstream() as up, gateway(selling(up, routes=(route,))) as gate:
        up.script(chat("Answer: 41", "Answer: 42"))
        told = account(await buy(gate, "checked"))
    assert told["answer"] == "42"


async def test_auto_buys_the_plan_of_the_task_class_and_says_why():
    config = {"plans": {"sums": VOTE}, "auto": {"arithmetic": "sums"}}
    async with Upstream() as up, gateway(selling(up, **config)) as gate:
        up.always(chat("Answer: 42"))
        known = account(await buy(gate, "outlay/auto", {"task_class": "arithmetic"}))
        other = account(await buy(gate, "outlay/auto", {"task_class": "poems", "kind": "number"}))
        bare = account(await buy(gate, "outlay/auto"))
        named = account(await buy(gate, "outlay/auto", {"task_class": "arithmetic", "strategy": "single"}))
    assert (known["plan"], known["calls"]) == ("sums", 3)
    assert known["chosen"] == "sums is the plan of the task class arithmetic"
    assert (other["strategy"], other["chosen"]) == (
        "adaptive",
        "no plan is known for the task class poems, so adaptive",
    )
    assert (bare["strategy"], bare["chosen"]) == (
        "single",
        "no plan is known for the task class default and no answer kind is stated, so single",
    )
    assert (named["strategy"], named["plan"], named["chosen"]) == ("single", "", "")


async def test_a_key_buys_the_plans_it_names_and_those_made_of_what_it_may_use():
    plans = {"sums": VOTE, "other": PlanEntry(model="n")}
    async with Upstream() as up, Upstream() as spare, gateway(selling(up, spare, plans=plans)) as gate:
        up.always(chat("Answer: 42"))
        only_plan = await key_of(gate, "a", "t", Scope(models=("sums",), strategies=("single",)))
        only_m = await key_of(gate, "b", "t", Scope(models=("m",), strategies=("self_consistency",)))
        assert account(await buy(gate, "sums", None, only_plan))["calls"] == 3
        assert account(await buy(gate, "sums", None, only_m))["calls"] == 3
        for model, key in (("m", only_plan), ("other", only_plan), ("other", only_m)):
            with pytest.raises(openai.PermissionDeniedError):
                await buy(gate, model, None, key)
        with pytest.raises(openai.PermissionDeniedError):
            await buy(gate, "sums", {"model": "n"}, only_m)
        with pytest.raises(openai.PermissionDeniedError):
            await buy(gate, "sums", {"model": "n"}, only_plan)
        assert "other" not in [model.id async for model in gate.client(only_m).models.list()]
    assert spare.n_chats == 0


async def test_a_route_caps_plain_completions_too_and_a_bought_name_answers_chats_only():
    routes = (
        RouteEntry(model="smart", strategy="adaptive", kind="number"),
        RouteEntry(model="m", max_usd=1e-9),
    )
    body = {"model": "m", "prompt": "one two", "max_tokens": 5}
    async with Upstream() as up, gateway(selling(up, routes=routes)) as gate:
        code, told, _ = await gate.post("/v1/completions", body)
        assert (code, told["error"]["code"]) == (402, "budget_exceeded")
        code, told, _ = await gate.post("/v1/completions", {**body, "model": "smart"})
        assert code == 400
        assert "answers chats only" in told["error"]["message"]
        code, told, _ = await gate.post("/v1/outlay/quote", {"model": "smart", "messages": ASKED})
        assert (code, told["strategy"]) == (200, "adaptive")
    assert (up.n_chats, up.other_calls) == (0, [])


async def test_a_server_does_not_start_with_a_plan_that_could_not_be_bought():
    with pytest.raises(UsageError, match=r"\[plans.p\] strategy: .*did you mean single"):
        app(Config(plans={"p": PlanEntry(strategy="singel")}))
