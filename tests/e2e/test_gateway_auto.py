"""`outlay/auto` over HTTP: the planner's rule chooses among the known plans of a task class by what a request says."""

from __future__ import annotations

import asyncio

import msgspec
import openai
import pytest
from gateways import entry, gateway
from upstream import Upstream, chat

from outlay.answering import replay
from outlay.cli import main
from outlay.config import Config, read
from outlay.config.auto import Measured
from outlay.config.plans import PlanEntry
from outlay.config.routes import RouteEntry
from outlay.errors import UsageError
from outlay.gateway.app import app
from outlay.gateway.keys import new_key
from outlay.models.recording_file import read as recording
from outlay.store.keys import Scope
from outlay.store.quota import Quota

ASKED = [{"role": "user", "content": "6 * 7?"}]
PLANS = {
    "sums": PlanEntry("adaptive", {"n": 4, "value_usd": 0.5}, kind="number", model="m"),
    "sums-vote2": PlanEntry("self_consistency", {"n": 2}, kind="number", model="n"),
    "sums-single": PlanEntry("single", kind="number", model="m"),
    "always": PlanEntry("pass_through", model="m"),
}
KNOWN = (
    Measured("sums", 0.90, 0.10, 0.04, 0.2, 3.0),
    Measured("sums-vote2", 0.98, 0.02, 0.20, 0.5, 9.0),
    Measured("sums-single", 0.50, 0.50, 0.01, 0.01, 1.0),
)
"""By worth: nothing up to 0.02, single up to 0.075, sums up to 2, and the vote."""
UNTIMED = tuple(msgspec.structs.replace(known, seconds=None) for known in KNOWN)


def selling(up: Upstream, other: Upstream | None = None, known=KNOWN, **rest) -> Config:
    models = {"m": entry(up), "n": entry(other or up)}
    auto = {"default": known, "fixed": "sums-vote2"}
    return Config(default="m", models=models, plans=PLANS, auto=auto, **rest)


async def ask(gate, options=None, key="none", **more):
    reply = await gate.client(key).chat.completions.create(
        model="outlay/auto", messages=ASKED, extra_body={"outlay": options or {}}, **more
    )
    return account(reply)


def account(reply):
    return reply.model_extra["outlay"]


async def key_of(gate, name: str, scope: Scope) -> str:
    accounts = gate.state.accounts
    secret, key = new_key(
        accounts.new_id("key"), name, tenant="t", role="buyer", scope=scope, quota=Quota(), at_us=1
    )
    await accounts.add_key(key)
    gate.state.keys_asked_s = float("-inf")
    return secret


CHOICES = [
    ({}, "sums", "sums is the first plan of the task class default: right on 90 % at $0.04"),
    (
        {"value_usd": 0.01},
        "sums-single",
        "no plan is expected to be worth its price at $0.01 a right answer; sums-single is the cheapest: "
        "right on 50 % at $0.01",
    ),
    (
        {"value_usd": 0.05},
        "sums-single",
        "sums-single has the highest expected net value of 3 plans at $0.05 a right answer: right on 50 % at $0.01",
    ),
    ({"value_usd": 1.9}, "sums", "sums has the highest expected net value of 3 plans at $1.9 a right answer"),
    ({"value_usd": 2.1}, "sums-vote2", "of 3 plans at $2.1 a right answer: right on 98 % at $0.2"),
    ({"value_usd": 2.1, "max_usd": 0.3}, "sums", "of 2 plans within $0.3 at $2.1 a right answer"),
    ({"value_usd": 2.1, "deadline_s": 8.5}, "sums", "of 2 plans within 8.5 s at $2.1 a right answer"),
    (
        {"value_usd": 2.1, "max_usd": 0.3, "deadline_s": 2},
        "sums-single",
        "of 1 plan within $0.3 and 2 s at $2.1 a right answer",
    ),
    (
        {"max_usd": 0.3},
        "sums",
        "sums is right oftenest of the 2 plans within $0.3: right on 90 % at $0.04",
    ),
    (
        {"deadline_s": 2},
        "sums-single",
        "sums-single is the first plan of the task class default within 2 s",
    ),
    (
        {"max_usd": 0.009, "value_usd": 1},
        "sums-single",
        "no plan is known to keep within $0.009; sums-single is the one that comes to the least",
    ),
    (
        {"max_usd": 0.3, "deadline_s": 0.9},
        "sums-single",
        "no plan is known to keep within $0.3 and 0.9 s; sums-single is the quickest",
    ),
    (
        {"value_usd": 0.05, "wrong_usd": 0.05},
        "sums",
        "of 3 plans at $0.05 a right answer, $0.05 a wrong one: right on 90 % at $0.04",
    ),
    ({"value_usd": 0.2, "usd_per_s": 0.05}, "sums-single", "at $0.2 a right answer, $0.05 a second"),
]


@pytest.mark.parametrize(("options", "plan", "why"), CHOICES)
async def test_what_an_answer_is_worth_chooses_the_plan_and_a_quote_says_the_same(options, plan, why):
    async with Upstream() as up, gateway(selling(up)) as gate:
        body = {"model": "outlay/auto", "messages": ASKED, "outlay": options}
        code, quoted, _ = await gate.post("/v1/outlay/quote", body)
    assert code == 200
    assert (quoted["plan"], quoted["strategy"]) == (plan, PLANS[plan].strategy)
    assert why in quoted["chosen"]


async def test_three_worths_buy_three_plans():
    async with Upstream() as up, Upstream(model="other") as other, gateway(selling(up, other)) as gate:
        up.always(chat("Answer: 42"))
        other.always(chat("Answer: 42"))
        low, middle, high = [await ask(gate, {"value_usd": v}) for v in (0.05, 1.0, 5.0)]
        named = await ask(gate, {"task_class": "fixed"})
        streamed = await gate.client().chat.completions.create(
            model="outlay/auto",
            messages=ASKED,
            extra_body={"outlay": {"value_usd": 5.0}},
            stream=True,
        )
        chunks = [chunk async for chunk in streamed]
    assert [told["plan"] for told in (low, middle, high)] == ["sums-single", "sums", "sums-vote2"]
    assert [told["calls"] for told in (low, middle, high)] == [1, 4, 2]
    assert [told["models"]["default"] for told in (low, middle, high)] == ["fake", "fake", "other"]
    assert named["chosen"] == "sums-vote2 is the plan of the task class fixed"
    assert chunks[-1].model_extra["outlay"]["plan"] == "sums-vote2"


async def test_adaptive_weighs_the_requests_own_worth_unless_its_plan_states_a_confidence():
    stated = {**PLANS, "sums": PlanEntry("adaptive", {"n": 4, "confidence": 0.8}, kind="number", model="m")}
    for plans, of_plan, of_request in ((PLANS, 0.5, 1.0), (stated, None, None)):
        async with Upstream() as up:
            config = msgspec.structs.replace(selling(up), plans=plans)
            async with gateway(config) as gate:
                up.always(chat("Answer: 42"))
                for options, weighed in (({}, of_plan), ({"value_usd": 1.0}, of_request)):
                    told = await ask(gate, options)
                    trace = await gate.state.outlay.store.trace(told["trace_id"])
                    answer, _ = await replay(trace.encode())
                    assert (told["plan"], answer.plan.parameters.get("value_usd")) == ("sums", weighed)


@pytest.mark.parametrize(
    ("scope", "value_usd", "plan"),
    [
        (Scope(strategies=("single", "adaptive")), 5.0, "sums"),
        (Scope(strategies=("single",)), 5.0, "sums-single"),
        (Scope(models=("m",)), 5.0, "sums"),
        (Scope(models=("n",)), 0.05, "sums-vote2"),
        (Scope(models=("outlay/auto",)), 5.0, "sums-vote2"),
        (Scope(models=("outlay/auto",), strategies=("single",)), 5.0, "sums-vote2"),
        (Scope(fan_out=3), 0.3, "sums-single"),
        (Scope(fan_out=3), 5.0, "sums-vote2"),
    ],
)
async def test_plans_that_a_key_may_not_have_are_left_out(scope, value_usd, plan):
    async with Upstream() as up, gateway(selling(up)) as gate:
        up.always(chat("Answer: 42"))
        told = await ask(gate, {"value_usd": value_usd}, await key_of(gate, "k", scope))
    assert told["plan"] == plan


@pytest.mark.parametrize(
    ("scope", "told"), [(Scope(models=("x",)), "model m"), (Scope(strategies=("sharpen",)), "adaptive")]
)
async def test_a_key_that_may_have_none_of_them_is_refused_as_ever(scope, told):
    async with Upstream() as up, gateway(selling(up)) as gate:
        with pytest.raises(openai.PermissionDeniedError, match=told):
            await ask(gate, {}, await key_of(gate, "k", scope))
        assert up.n_chats == 0


async def test_a_route_says_the_worth_and_the_request_wins_but_for_caps():
    routes = (RouteEntry(model="outlay/*", value_usd=0.05, wrong_usd=0.0, max_usd=0.3),)
    async with Upstream() as up, gateway(selling(up, routes=routes)) as gate:
        up.always(chat("Answer: 42"))
        route = await ask(gate)
        own = await ask(gate, {"value_usd": 5.0, "max_usd": 9.0})
        wrong = await ask(gate, {"wrong_usd": 0.05})
        voted = await gate.client().chat.completions.create(
            model="outlay/self_consistency", messages=ASKED, extra_body={"outlay": {"kind": "number"}}
        )
    assert (route["plan"], own["plan"], wrong["plan"]) == ("sums-single", "sums", "sums")
    assert "of 2 plans within $0.3" in own["chosen"]
    assert voted.model_extra["outlay"]["strategy"] == "self_consistency"


@pytest.mark.parametrize(
    ("options", "known", "param"),
    [
        ({"wrong_usd": 1.0}, KNOWN, "outlay.wrong_usd"),
        ({"usd_per_s": 1.0}, KNOWN, "outlay.usd_per_s"),
        ({"value_usd": 1.0, "usd_per_s": 1.0}, UNTIMED, "outlay.usd_per_s"),
        ({"value_usd": 0.0}, KNOWN, "outlay.value_usd"),
        ({"wrong_usd": -1.0}, KNOWN, "outlay.wrong_usd"),
        ({"strategy": "adaptive", "wrong_usd": 1.0, "kind": "number"}, KNOWN, "outlay.wrong_usd"),
        ({"task_class": "fixed", "wrong_usd": 1.0}, KNOWN, "outlay.wrong_usd"),
        ({"task_class": "fixed", "value_usd": 1.0}, KNOWN, "outlay.value_usd"),
        ({"task_class": "other", "usd_per_s": 1.0, "kind": "number"}, KNOWN, "outlay.usd_per_s"),
    ],
)
async def test_a_worth_that_cannot_be_weighed_is_a_400_that_names_it(options, known, param):
    async with Upstream() as up, gateway(selling(up, known=known)) as gate:
        with pytest.raises(openai.BadRequestError) as refused:
            await ask(gate, options)
        assert up.n_chats == 0
    assert refused.value.param == param


async def test_where_some_times_are_known_only_those_plans_are_weighed_by_them():
    async with Upstream() as up, gateway(selling(up, known=(*UNTIMED[:2], KNOWN[2]))) as gate:
        up.always(chat("Answer: 42"))
        assert (await ask(gate, {"value_usd": 5.0, "usd_per_s": 0.001}))["plan"] == "sums-single"
        assert (await ask(gate, {"value_usd": 5.0, "deadline_s": 1.5}))["plan"] == "sums-vote2"


async def test_a_model_that_the_request_chooses_leaves_plans_on_others_out():
    async with Upstream() as up, Upstream(model="other") as other, gateway(selling(up, other)) as gate:
        up.always(chat("Answer: 42"))
        on_m = await ask(gate, {"model": "m", "value_usd": 5.0})
        named = await ask(gate, {"strategy": "single", "kind": "number"})
        config = msgspec.structs.replace(selling(up, other), auto={"default": (KNOWN[0],)})
        async with gateway(config) as alone:
            other.always(chat("Answer: 42"))
            on_n = await ask(alone, {"model": "n", "kind": "number", "value_usd": 5.0})
            only = await ask(alone, {"value_usd": 5.0})
    assert (on_m["plan"], on_m["models"]["default"]) == ("sums", "fake")
    assert (named["plan"], named["chosen"]) == ("", "")
    assert on_n["chosen"] == "no plan is known for the task class default on n, so adaptive"
    assert on_n["models"]["default"] == "other"
    assert only["chosen"] == "sums is worth its price at $5 a right answer: right on 90 % at $0.04"


async def test_plans_that_do_not_take_the_stated_parameters_or_so_many_calls_are_left_out():
    async with Upstream() as up:
        narrow = {**PLANS, "sums": msgspec.structs.replace(PLANS["sums"], fan_out=3)}
        async with gateway(msgspec.structs.replace(selling(up), plans=narrow)) as gate:
            up.always(chat("Answer: 42"))
            first = await ask(gate)
            given = await ask(gate, {"value_usd": 0.05, "parameters": {"n": 3}})
            with pytest.raises(openai.BadRequestError, match="no parameter 'm'"):
                await ask(gate, {"value_usd": 0.05, "parameters": {"m": 3}})
    assert first["plan"] == "sums-vote2"
    assert (given["plan"], given["calls"]) == ("sums", 3)


async def test_what_is_passed_through_may_be_one_of_them():
    known = (KNOWN[0], Measured("always", 0.4, 0.6, 0.001, 0.002))
    async with Upstream() as up, gateway(selling(up, known=known)) as gate:
        up.always(chat("Answer: 42"))
        told = await ask(gate, {"value_usd": 0.01})
    assert (told["plan"], told["strategy"], told["calls"]) == ("always", "pass_through", 1)


async def test_headers_say_it_too_and_the_list_of_models_holds_each_plan_once():
    async with Upstream() as up, gateway(selling(up)) as gate:
        body = {"model": "outlay/auto", "messages": ASKED}
        headers = {"x_outlay_value_usd": "0.05", "x_outlay_wrong_usd": "0.05"}
        _, quoted, _ = await gate.post("/v1/outlay/quote", body, **headers)
        listed = [model.id async for model in gate.client().models.list()]
    assert quoted["plan"] == "sums"
    assert sorted(listed) == sorted(set(listed))
    assert {"m", "n", "outlay/auto", *PLANS} <= set(listed)


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (
            (Measured("smus", 0.9, 0.1, 0.1, 0.1),),
            r"\[auto\] default: there is no plan 'smus'; did you mean sums",
        ),
        ((), r"\[auto\] default: there is no plan in it"),
        ((KNOWN[0], KNOWN[0]), r"\[auto\] default: each plan stands there once"),
        ((Measured("sums", 0.9, 0.2, 0.1, 0.1),), r"\[\[auto.default\]\] sums: accuracy and wrong"),
        ((Measured("sums", 0.9, 0.1, 0.2, 0.1),), r"\[\[auto.default\]\] sums: most_usd"),
    ],
)
def test_a_server_does_not_start_with_an_auto_that_could_not_be_bought(known, told):
    with pytest.raises(UsageError, match=told):
        app(Config(plans={"sums": PlanEntry()}, auto={"default": known}))


def test_a_server_does_not_start_when_a_model_of_a_known_plan_is_gone():
    with pytest.raises(UsageError, match=r"\[plans.sums\]: there is no model 'gone'"):
        app(Config(plans={"sums": PlanEntry(model="gone")}, auto={"default": (KNOWN[0],)}))


async def test_from_a_pilot_to_three_requests(tmp_path, monkeypatch, capsys):
    """What `outlay plan --save` writes is what a server of that file chooses among; the upstream is a recording."""
    for name in ("OUTLAY_MAX_USD", "OUTLAY_DATABASE_URL", "OUTLAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    pool = "recorded/pool-q15-sums"
    pilot = ("plan", pool, "--model", pool, "--questions", "16", "--samples", "8", "--value-usd", "0.0005")
    assert await asyncio.to_thread(main, [*pilot, "--save", "sums"]) == 0
    said = capsys.readouterr()
    known = read()
    question = recording("pool-q15-sums").questions[1].messages
    async with gateway(known) as gate:
        told = [
            account(
                await gate.client().chat.completions.create(
                    model="outlay/auto", messages=list(question), extra_body={"outlay": {"value_usd": value}}
                )
            )
            for value in (0.0002, 0.00072, 0.01)
        ]
    names = [k.plan for k in known.auto["default"]]
    # The advised one first, then those that are the best buy for some worth or cap, the most accurate first.
    assert names == ["sums", "sums-vote8", "sums-adaptive8-80", "sums-vote4", "sums-vote2"]
    assert [t["plan"] for t in told] == ["sums", "sums-vote4", "sums-adaptive8-80"]
    assert [t["answer"] for t in told] == ["83", "-67", "-67"]
    assert f"beside it {', '.join(names[1:])}" in said.err
