"""Plans, routes and `[auto]` of outlay.toml: what may stand there, and what is refused when the file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from outlay import config
from outlay.budget import Limits
from outlay.config.plans import PlanEntry, narrower
from outlay.config.routes import RouteEntry, route_of
from outlay.engine import Outlay
from outlay.errors import BudgetExceeded, Unreachable, UsageError
from outlay.models.scripted import scripted
from outlay.testing import Clock
from outlay.types import Sampling

MODELS = """
default = "m"
[models.m]
model = "m"
[models.n]
model = "n"
"""


def read(tmp_path: Path, text: str) -> config.Config:
    path = tmp_path / "outlay.toml"
    path.write_text(MODELS + text, "utf-8")
    return config.read(path)


def test_a_plan_says_who_plays_each_role(tmp_path: Path):
    text = """
    [plans.fast]
    strategy = "self_consistency"
    parameters = { n = 3 }
    kind = "number"
    models = ["m", "n"]
    roles = { judge = "n" }
    max_usd = 0.01
    [plans.plain]
    [auto]
    sums = "fast"
    """
    read_in = read(tmp_path, text)
    assert read_in.plan("fast").cast("x", {"judge": "y", "other": "z"}) == {
        "default": ("m", "n"),
        "judge": "n",
        "other": "z",
    }
    assert read_in.plan("plain").cast("x", {}) == {"default": "x"}
    assert read_in.auto == {"sums": "fast"}
    with pytest.raises(UsageError, match=r"no plan 'fsat'; did you mean fast\?"):
        read_in.plan("fsat")
    with pytest.raises(UsageError, match="describes none"):
        config.Config().plan("fast")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[plans.p]\nstrategy = "self_consistancy"',
            r"\[plans.p\] strategy: .* did you mean self_consistency\?",
        ),
        ('[plans.p]\nstrategy = "self_consistency:n=3"', r"\[plans.p\] strategy: .*\[plans.p.parameters\]"),
        (
            '[plans.p]\nstrategy = "adaptive"\nparameters = { confidense = 1 }',
            r"parameters: .*did you mean confidence",
        ),
        ('[plans.p]\nstrategy = "self_consistency"\nparameters = { n = 0 }', r"\[plans.p\] parameters: .*n=0"),
        ('[plans.p]\nkind = "numbr"', r"\[plans.p\] kind: .*did you mean number\?"),
        ('[plans.p]\nverifier = "jugde"', r"\[plans.p\] verifier: .*did you mean judge\?"),
        ('[plans.p]\nmodel = "mm"', r"\[plans.p\]: there is no model 'mm'"),
        ('[plans.p]\nroles = { judge = "mm" }', r"\[plans.p\]: there is no model 'mm'"),
        ('[plans.p]\nroles = { default = "m" }', r"\[plans.p\] roles"),
        ('[plans.p]\nmodel = "m"\nmodels = ["n"]', r"not both"),
        ('[plans.p]\nmodels = ["n", "n"]', r"once"),
        ("[plans.m]", r"\[plans.m\]: a model is called 'm' already"),
        ('[plans."outlay/x"]', r"the server's own"),
        ('[plans.p]\nstrategy = "pass_through"\nkind = "number"', r"neither read nor checked"),
        ('[plans.p]\nstrategy = "pass_through"\ntemperature = 0', r"\[plans.p\] temperature: "),
        ("[plans.p]\ntemperature = -1", r"temperature"),
        ('[plans.p]\nframings = ["ehco"]', r"\[plans.p\] framings: "),
        ('[plans.p]\nstrategy = "pass_through"\nparameters = { n = 2 }', r"takes none"),
        ("[plans.p]\nmax_usd = -1", r"max_usd"),
        ("[plans.p]\nfan_out = 0", r"fan_out"),
        ("[plans.p]\nstrateg = 1", r"unknown field `strateg`"),
        ('[plans.p]\n[auto]\nx = "q"', r"\[auto\] x: there is no plan 'q'"),
        ('[[routes]]\nplan = "q"', r"number 1 plan: there is no plan 'q'"),
        ('[[routes]]\n[[routes]]\nstrategy = "singel"', r"number 2 strategy: .*did you mean single\?"),
        ('[plans.p]\n[[routes]]\nplan = "p"\nstrategy = "single"', r"not both"),
        ('[[routes]]\nkind = "number"', r"number 1 kind: .*neither read nor checked"),
        ('[[routes]]\nmodel = "m"\nverifier = "judge"', r"number 1 verifier: .*neither read nor checked"),
        ('[[routes]]\nstrategy = "pass_through"\nvalue_usd = 1.0', r"number 1 value_usd"),
        ("[[routes]]\nmodle = 1", r"unknown field `modle`"),
    ],
)
def test_a_file_that_names_what_is_not_there_is_refused_with_file_and_key(tmp_path: Path, text: str, told: str):
    with pytest.raises(UsageError, match=told) as refused:
        read(tmp_path, text)
    assert str(refused.value).startswith(str(tmp_path / "outlay.toml"))


def test_the_first_route_that_fits_is_taken():
    routes = (
        RouteEntry(model="gpt-?", key="ci"),
        RouteEntry(model="gpt-*", tenant="acme"),
        RouteEntry(model="outlay/*"),
    )
    assert route_of(routes, "gpt-5", "ci", "acme") is routes[0]
    assert route_of(routes, "gpt-5", "dev", "acme") is routes[1]
    assert route_of(routes, "gpt-5", None, "local") is None
    assert route_of(routes, "GPT-5", None, "acme") is None
    assert route_of(routes, "outlay/auto", None, "local") is routes[2]


def test_a_route_may_be_a_name_of_its_own():
    assert RouteEntry(model="smart", strategy="adaptive").alias == "smart"
    assert RouteEntry(model="smart*", strategy="adaptive").alias is None
    assert RouteEntry(model="smart", max_usd=1.0).alias is None


async def test_a_plan_is_asked_for_by_its_name_in_python():
    dead = scripted(lambda request, index: Unreachable("nobody there", fatal=True), name="dead")
    alive = scripted(lambda request, index: "Answer: 42", name="alive")
    plans = {
        "sums": PlanEntry("self_consistency", {"n": 3}, kind="number", max_output_tokens=9),
        "plain": PlanEntry("pass_through"),
        "dear": PlanEntry(max_usd=1e-9),
    }
    known = config.Config(default="m", plans=plans)
    clock = Clock()
    async with Outlay(store=":memory:", config=known, clock=clock, sleep=clock.sleep) as outlay:
        outlay._others[(("default", "m"),)] = outlay.beside({"default": (dead, alive)})
        async with outlay._others[(("default", "m"),)]:
            answer = await outlay.ask("6 * 7?", plan="sums")
            assert (answer.answer, answer.calls, answer.plan.name) == ("42", 3, "sums")
            assert answer.elsewhere == {"alive": 3}
            assert alive.requests[0].max_output_tokens == 9
            plain = await outlay.ask("6 * 7?", plan="plain")
            assert (plain.text, plain.plan.name, plain.answer) == ("Answer: 42", "plain", None)
            assert alive.requests[-1].verbatim
            with pytest.raises(BudgetExceeded):
                await outlay.ask("6 * 7?", plan="dear", limits=Limits.of(max_usd=5))
            with pytest.raises(UsageError, match="no plan 'sum'; did you mean sums"):
                await outlay.ask("?", plan="sum")
            with pytest.raises(UsageError, match="leave strategy"):
                await outlay.ask("?", plan="sums", verifier="judge")


def test_a_plans_temperature_holds_where_the_request_states_none():
    cold = PlanEntry(temperature=0.0)
    assert cold.bounding(Sampling()).temperature == 0.0
    assert cold.bounding(Sampling(temperature=0.7)).temperature == 0.7
    assert PlanEntry().bounding(Sampling()).temperature is None


def test_of_two_limits_the_smaller_binds():
    both = narrower(Limits(nusd=5, output_tokens=7, deadline_s=3.0), Limits(nusd=9, calls=2, deadline_s=1.0))
    assert both == Limits(nusd=5, output_tokens=7, calls=2, deadline_s=1.0)


@pytest.mark.parametrize(
    "roles, words",
    [
        ('judge = ["m", "m"]', "roles.judge: each model stands there once"),
        ("judge = []", "roles.judge: name a model"),
        ('judge = ["m", "o"]', "there is no model 'o'"),
        ('embed = ["m", "n"]', "roles.embed: vectors of two models cannot be compared"),
        ('process_rm = ["m", "n"]', "roles.process_rm: scores of two models cannot be compared"),
    ],
)
def test_a_chain_of_a_role_that_could_not_be_gone_on_with_is_refused(tmp_path: Path, roles: str, words: str):
    with pytest.raises(UsageError, match=words):
        read(tmp_path, f"[plans.p]\nroles = {{ {roles} }}")


def test_a_role_may_have_a_chain(tmp_path: Path):
    found = read(tmp_path, '[plans.p]\nroles = { judge = ["n", "m"], embed = "n" }')
    assert found.plan("p").cast("x", {}) == {"default": "x", "judge": ("n", "m"), "embed": "n"}
