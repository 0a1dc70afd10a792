"""`outlay plan --save`: the plans stand in outlay.toml with what is known of them, and the rest of the file stays."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from outlay import config
from outlay.cli import main
from outlay.cli._plan_lines import Saved, with_plans
from outlay.cli._save_plan import _names
from outlay.config.auto import Measured
from outlay.config.plans import PlanEntry
from outlay.config.routes import RouteEntry
from outlay.types import Plan

SMALL = "recorded/res-q15-chain_sum"
WORDS = ("plan", SMALL, "--model", SMALL, "--questions", "8", "--value-usd", "0.01")
POOL = "recorded/pool-q15-sums"
WIDE = ("plan", POOL, "--model", POOL, "--questions", "16", "--samples", "8", "--value-usd", "0.001")
"""A pilot after which several plans are the best buy for some worth."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OUTLAY_MAX_USD", "OUTLAY_DATABASE_URL", "OUTLAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_advised_plan_is_saved_and_read(capsys):
    assert main([*WORDS, "--save", "sums"]) == 0
    assert "for the task class default" in capsys.readouterr().err
    known = config.read()
    plan = known.plan("sums")
    assert (plan.model, plan.kind, plan.max_output_tokens) == (SMALL, "number", 512)
    assert Path("outlay.toml").read_text().startswith("# Advised by outlay plan from 8 questions")


def advised(capsys, *words: str) -> dict:
    assert main([*WIDE, *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["plans"][0]


def test_every_plan_that_is_the_best_buy_for_some_worth_stands_beside_it_with_its_figures(capsys):
    told = advised(capsys, "--save", "sums")
    known = config.read()
    auto = known.auto["default"]
    assert {k.plan for k in auto} == set(known.plans)
    assert auto[0].plan == "sums"
    assert all(k.plan.startswith("sums-") for k in auto[1:])
    envelope = {r["name"] for r in told["ranges"] if r["name"]}
    assert {buy["name"] for buy in told["buys"]} >= envelope | {told["best"]["name"]}
    for buy, k in zip(told["buys"], auto, strict=True):
        entry = known.plan(k.plan)
        assert (entry.strategy, entry.parameters) == (
            buy["plan"].get("strategy", "single"),
            buy["plan"].get("parameters", {}),
        )
        assert k.accuracy == pytest.approx(buy["accuracy"], abs=1e-4)
        assert k.wrong == pytest.approx(min(buy["wrong"], 1 - buy["accuracy"]), abs=1e-4)
        assert k.cost_usd == pytest.approx(buy["cost_usd"], rel=1e-3)
        assert k.most_usd >= k.cost_usd
        assert k.seconds is None
    assert [k.accuracy for k in auto[1:]] == sorted((k.accuracy for k in auto[1:]), reverse=True)
    assert all("value_usd" not in known.plan(k.plan).parameters for k in auto[1:])


def test_what_was_saved_beside_a_plan_goes_when_it_is_saved_again(capsys):
    """The cap leaves only the cheapest plan; a plan of the user's own and one that a route names stay."""
    assert main([*WIDE, "--save", "sums"]) == 0
    before = config.read()
    assert {"sums-single", "sums-vote4"} <= set(before.plans)
    with Path("outlay.toml").open("a") as file:
        file.write(
            '\n# of mine\n[plans.sums-own]\nstrategy = "single"\n\n[[routes]]\nmodel = "x"\nplan = "sums-vote4"\n'
        )
    most_usd = min(k.most_usd for k in before.auto["default"])
    assert main([*WIDE, "--save", "sums", "--answer-usd", str(most_usd)]) == 0
    after = config.read()
    assert set(after.plans) == {"sums", "sums-own", "sums-vote4"}
    assert [k.plan for k in after.auto["default"]] == ["sums"]
    assert after.routes == (RouteEntry(model="x", plan="sums-vote4"),)
    assert "# of mine" in Path("outlay.toml").read_text()


def test_a_plan_of_the_users_own_is_never_taken_for_a_sibling(capsys):
    Path("outlay.toml").write_text('# mine\n[plans.sums-single]\nstrategy = "adaptive"\n')
    assert main([*WIDE, "--save", "sums"]) == 0
    known = config.read()
    assert known.plan("sums-single") == PlanEntry("adaptive")
    assert known.plan("sums-single-2").strategy == "single"


def test_figures_that_another_task_class_holds_are_not_pulled_away(capsys):
    assert main([*WORDS, "--save", "sums"]) == 0
    text = Path("outlay.toml").read_text()
    assert main([*WORDS, "--save", "sums", "--task-class", "maths"]) == 2
    assert "[[auto.default]] holds what was measured of the plan sums" in capsys.readouterr().err
    assert Path("outlay.toml").read_text() == text


def test_a_temperature_is_saved_with_the_plans_that_were_measured_at_it(capsys):
    assert main([*WORDS, "--save", "warm", "--temperature", "0.5"]) == 0
    known = config.read()
    assert {known.plan(name).temperature for name in known.plans} == {0.5}


def test_saving_again_replaces_the_plan_and_nothing_else(capsys):
    before = f'# mine\ndefault = "{SMALL}"  # keep\n\n[roles]\njudge = "{SMALL}"\n'
    Path("outlay.toml").write_text(before)
    for words in (
        ("--save", "a", "--answer-usd", "1"),
        ("--save", "b", "--task-class", "maths"),
        ("--save", "a"),
    ):
        assert main([*WORDS, *words]) == 0
    capsys.readouterr()
    text = Path("outlay.toml").read_text()
    assert text.startswith(before.rstrip())
    assert text.count("[plans.a]") == text.count("[plans.b]") == 1
    assert text.count("# Advised") == 2
    known = config.read()
    assert {c: chosen[0].plan for c, chosen in known.auto.items()} == {"default": "a", "maths": "b"}
    assert known.plan("a").max_usd is None


def test_the_file_that_the_environment_names_is_the_one(monkeypatch, capsys):
    monkeypatch.setenv("OUTLAY_CONFIG", "other.toml")
    Path("other.toml").write_text(f'default = "{SMALL}"\n')
    assert main([*WORDS, "--save", "sums"]) == 0
    assert "[plans.sums]" in Path("other.toml").read_text()
    assert not Path("outlay.toml").exists()


def test_a_folder_saves_too(capsys):
    bench = ["bench", SMALL, "--model", SMALL, "--questions", "8", "--out", "sums"]
    assert main([*bench, "--strategy", "self_consistency:n=8"]) == 0
    assert main(["plan", "sums", "--value-usd", "0.01", "--save", "voted"]) == 0
    assert config.read().plan("voted").kind == "number"


@pytest.mark.parametrize(
    "words, said",
    [
        (("--save", SMALL), "is called"),
        (("--save", "outlay/x"), "the server's own"),
        (("--save", "x", "--answer-usd", "0.0000001"), "no plan to save"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_the_file_stays(capsys, words, said):
    Path("outlay.toml").write_text(f'default = "{SMALL}"\n')
    assert main([*WORDS, *words]) == 2
    assert said in capsys.readouterr().err
    assert Path("outlay.toml").read_text() == f'default = "{SMALL}"\n'


def test_a_file_that_cannot_be_edited_safely_is_left_alone(capsys):
    inline = f'default = "{SMALL}"\nauto = {{ }}\n'
    Path("outlay.toml").write_text(inline)
    assert main([*WORDS, "--save", "x"]) == 2
    err = capsys.readouterr().err
    assert "add by hand" in err
    assert "[plans.x]" in err
    assert "[[auto.default]]" in err
    assert Path("outlay.toml").read_text() == inline


@pytest.mark.parametrize("name", ["plain", "two words", 'quo"ted', "ünïcode", "a.b", "🦉"])
def test_any_name_is_written_and_replaced(name):
    entry = PlanEntry("self_consistency", {"n": 4}, roles={"judge": "j"}, max_usd=0.5)
    saved = [Saved(entry, ("said",), Measured(name, 0.9, 0.1, 1.5e-6, 2.0))]
    text = with_plans("", saved, name)
    again = with_plans(text, saved, name)
    assert tomllib.loads(text) == tomllib.loads(again)
    found = tomllib.loads(again)
    assert found["plans"][name]["parameters"] == {"n": 4}
    assert found["plans"][name]["roles"] == {"judge": "j"}
    measured = {"plan": name, "accuracy": 0.9, "wrong": 0.1, "cost_usd": 0.0000015, "most_usd": 2.0}
    assert found["auto"] == {name: [measured]}
    assert again == text


def test_names_say_what_the_plans_are_and_are_plain():
    plans = [
        Plan("cascade", {"n": 2, "m": 1}, None, None, {"small": "local/a", "large": "recorded/b.5"}),
        Plan("cascade", {"n": 2, "m": 4}, None, None, {"small": "local/a", "large": "recorded/b.5"}),
        Plan("my.module:best_of", {"n": 4}, "judge", None, {"default": "m"}),
        Plan("adaptive", {"n": 8, "confidence": 0.95}, None, None, {"default": "m"}),
    ]
    assert _names("s", plans, {"s-adaptive8-95-m"}) == [
        "s-cascade2-b-5",
        "s-cascade2-b-5-2",
        "s-my-module-best-of4-m",
        "s-adaptive8-95-m-2",
    ]
    assert _names("s", plans[3:], ()) == ["s-adaptive8-95"]
