"""`outlay solve` with a pilot: what it chooses, how that is carried out, and what an interruption costs."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import msgspec
import pytest
from solve_worlds import RIGHT, cheap_and_dear, labelled, record, scattered

from outlay.cli import main
from outlay.errors import UsageError
from outlay.models import recorded as recorded_module
from outlay.models.recorded import recorded
from outlay.solve import SolveSpec, solve
from outlay.types import TokenLogprob, Verdict


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OUTLAY_MAX_USD", "OUTLAY_DATABASE_URL", "OUTLAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def solved(home: Path, models: tuple[str, ...], name: str = "a.jsonl", *, store="ledger.db", **more):
    task = labelled(models[0], more.pop("labels", 10))
    told = more.pop("on_purchase", None)
    spec = SolveSpec(**{"model": models[0], "others": models[1:], "most": 8, "max_usd": 1.0} | more)
    return await solve(task, spec, home / name, store=home / store, on_purchase=told)


def right(found) -> int:
    return sum(a.answer == RIGHT for a in found.answers)


async def test_the_model_that_is_right_is_found_and_gets_the_rest(home):
    wrong = record(home / "wrong.json", [["8"] * 8] * 24)
    good = record(home / "good.json", [[RIGHT] * 8] * 24)
    found = await solved(home, (wrong, good))
    assert right(found) == 24
    assert {a.plan for a in found.answers} == {f"vote on {good}"}
    assert found.pilot is not None
    assert (found.pilot.questions, found.pilot.samples, found.pilot.by) == (10, 8, "votes")
    assert (found.pilot.labelled, found.pilot.right) == (10, 10)
    assert found.pilot.chosen[0].name.endswith(f"on {good}")


async def test_what_the_pilot_drew_is_not_bought_again(home):
    wrong = record(home / "wrong.json", [["8"] * 8] * 24)
    good = record(home / "good.json", [[RIGHT] * 8] * 24)
    found = await solved(home, (wrong, good))
    piloted = [a for a in found.answers if a.samples == 8]
    others = [a for a in found.answers if a.samples < 8]
    assert len(piloted) == 10
    assert found.paid_usd == pytest.approx(found.pilot.usd + sum(a.cost_usd for a in others))


async def test_a_pilot_stays_within_a_fifth_and_grows_in_steps(home):
    models = cheap_and_dear(home)
    found = await solved(home, models, max_usd=0.05)
    assert found.pilot.usd <= 0.01
    assert found.pilot.questions == 10
    assert found.pilot.samples == 4


async def test_a_pilot_stays_within_a_fifth_of_what_the_answers_are_worth(home):
    models = cheap_and_dear(home)
    found = await solved(home, models, value_usd=0.002)
    assert 0.005 < found.pilot.usd <= 0.0096
    assert (await solved(home, models, value_usd=0.001)).pilot.usd <= 0.0048


async def test_a_cascade_is_carried_out_as_the_pilot_weighed_it(home):
    cheap, dear = cheap_and_dear(home)
    found = await solved(home, (cheap, dear), value_usd=1.0)
    assert found.pilot.by == "plans"
    assert "cascade" in found.pilot.chosen[0].name
    assert right(found) == 24
    assert all(a.plan.startswith("cascade") for a in found.answers)
    easy, hard = found.answers[20], found.answers[21]
    assert (easy.samples, hard.samples) == (2, 3)
    assert hard.cost_usd == pytest.approx(2e-5 + 20e-5)
    others = sum(a.cost_usd for a in found.answers[10:])
    assert found.paid_usd == pytest.approx(found.pilot.usd + others)


async def test_a_budget_between_two_plans_buys_a_mixture_and_reaches_the_last_question(home):
    models = cheap_and_dear(home, questions=60)
    # The pilot of 4 questions x 1 sample and 56 cheap singles cost 0.0014; 56 cascades cost 0.0067.
    found = await solved(home, models, max_usd=0.0045, labels=4)
    assert found.pilot.by == "plans"
    assert len(found.pilot.chosen) == 2
    assert sum(c.share for c in found.pilot.chosen) == pytest.approx(1.0)
    assert found.pilot.usd_per_right is not None
    assert found.paid_usd <= 0.0045
    assert found.paid_usd > 0.0039
    assert all(a.answer is not None for a in found.answers)
    assert 36 <= right(found) < 60
    assert len({a.plan for a in found.answers}) == 2


async def test_a_vote_that_is_not_worth_its_price_is_not_bought(home):
    same = record(home / "same.json", [[RIGHT] * 8 if q % 3 else ["8"] * 8 for q in range(24)])
    found = await solved(home, (same,), pilot=10, value_usd=0.001)
    assert found.pilot.chosen[0].name == "single"
    assert {a.samples for a in found.answers[10:]} == {1}
    assert {a.plan for a in found.answers} == {f"single on {same}"}


async def test_a_vote_that_pays_by_the_labels_is_asked_for_at_once(home):
    """A second reading of the prompt would cost more than the votes do, so a lone vote would stay alone."""
    said = [[RIGHT] * 6 + scattered(2)] * 24
    model = record(home / "dear_prompts.json", said, prompt_usd=5e-4)
    more = {"value_usd": 0.002, "max_usd": 1.0}
    alone = await solved(home, (model,), "b.jsonl", store="other.db", **more)
    assert {a.samples for a in alone.answers} == {1}
    found = await solved(home, (model,), pilot=10, **more)
    assert "single" not in found.pilot.chosen[0].name
    assert {a.samples for a in found.answers[10:]} == {3}
    assert right(found) > right(alone)


async def test_where_no_plan_is_worth_its_price_only_the_pilot_is_answered(home):
    models = cheap_and_dear(home)
    found = await solved(home, models, value_usd=1e-6)
    assert found.pilot.chosen == ()
    assert (found.pilot.questions, found.pilot.samples) == (4, 1)
    assert sum(a.answer is not None for a in found.answers) == 4
    assert {a.stopped for a in found.answers[10:]} == {"no plan is worth its price"}
    assert found.paid_usd == pytest.approx(found.pilot.usd)


def verifier(monkeypatch, judge) -> str:
    async def checks(run, question, candidate):
        return judge(candidate)

    module = types.ModuleType("piloted.checks")
    checks.__module__ = "piloted.checks"
    module.checks = checks  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "piloted.checks", module)
    return "piloted.checks:checks"


def seldom(home: Path) -> str:
    return record(
        home / "seldom.json",
        [[RIGHT, RIGHT, *scattered(6)] if q % 2 else [RIGHT, *["8"] * 7] for q in range(24)],
    )


async def test_a_verifier_that_knows_is_followed(home, monkeypatch):
    name = verifier(monkeypatch, lambda c: Verdict(float(c.answer == RIGHT), c.answer == RIGHT))
    found = await solved(home, (seldom(home),), pilot=10, verifier=name, most=8)
    assert found.pilot.by == "tries"
    assert right(found) == 24
    assert all(a.accepted for a in found.answers)


async def test_a_verifier_that_accepts_everything_is_not(home, monkeypatch):
    name = verifier(monkeypatch, lambda c: Verdict(0.5, True))
    mostly = record(home / "mostly.json", [[RIGHT] * 5 + scattered(3)] * 24)
    found = await solved(home, (mostly,), pilot=10, verifier=name)
    assert found.pilot.by != "tries"
    assert right(found) >= 23


async def test_scores_without_a_threshold_choose_the_best_of_n(home, monkeypatch):
    name = verifier(monkeypatch, lambda c: Verdict(float(c.answer == RIGHT), True))
    found = await solved(home, (seldom(home),), pilot=10, verifier=name)
    assert found.pilot.by == "plans"
    assert found.pilot.chosen[0].name.startswith(("best_of", "weighted"))
    assert right(found) >= 22
    assert {a.accepted for a in found.answers} == {None}


class _Sure(recorded):
    """A recorded model that says how likely its tokens were: right answers are likelier."""

    async def card(self):
        card = await super().card()
        return msgspec.structs.replace(card, abilities=card.abilities | {"logprobs"})

    async def stream(self, request):
        async for delta in super().stream(request):
            if delta.text:
                logp = -0.1 if f" {RIGHT}." in delta.text else -2.0
                delta = msgspec.structs.replace(delta, logprobs=(TokenLogprob(delta.text, logp),))
            yield delta


async def test_sharpen_is_bought_as_it_is(home, monkeypatch):
    monkeypatch.setattr(recorded_module, "recorded", _Sure)
    found = await solved(home, (seldom(home),), pilot=10)
    assert found.pilot.by == "plans"
    assert found.pilot.chosen[0].name.startswith("sharpen")
    assert right(found) >= 22
    piloted = sum(a.cost_usd for a in found.answers[10:])
    assert found.paid_usd == pytest.approx(found.pilot.usd + piloted)


class Stopped(Exception):
    """What ends a run in a test."""


class _Narrow(recorded):
    """A recorded model that is asked one question at a time: what fits at the end of a budget is then the same."""

    async def card(self):
        return msgspec.structs.replace(await super().card(), concurrency=1)


@pytest.mark.parametrize("after", [1, 5, 9, 25, 36])
@pytest.mark.parametrize("how", ["one at a time in a mixture", "eight at a time under one plan"])
async def test_an_interruption_anywhere_pays_for_nothing_twice(home, monkeypatch, after, how):
    mixed = how == "one at a time in a mixture"
    if mixed:
        monkeypatch.setattr(recorded_module, "recorded", _Narrow)
    models = cheap_and_dear(home, questions=30)
    more = {"max_usd": 0.003 if mixed else 0.2, "labels": 4 if mixed else 6}

    def stop(done, answered, of, usd):
        if done == after:
            raise Stopped

    with pytest.raises(Stopped):
        await solved(home, models, on_purchase=stop, **more)
    assert len((home / "a.jsonl").read_text().splitlines()) == 30
    rest = await solved(home, models, **more)
    alone = await solved(home, models, "b.jsonl", store="other.db", **more)
    assert rest.answers == alone.answers
    assert rest.paid_usd == pytest.approx(alone.paid_usd)
    assert len({a.plan for a in rest.answers}) == 1 + mixed
    again = await solved(home, models, **more)
    assert again.paid_usd == rest.paid_usd <= more["max_usd"]


async def test_models_that_cost_nothing_are_piloted_whole(home):
    wrong = record(home / "wrong.json", [["8"] * 8] * 24, usd_per_token=0.0)
    good = record(home / "good.json", [[RIGHT] * 8] * 24, usd_per_token=0.0)
    found = await solved(home, (wrong, good), max_usd=0.01, value_usd=0.001)
    assert (found.pilot.questions, found.pilot.samples, found.paid_usd) == (10, 8, 0.0)
    assert right(found) == 24


async def test_a_higher_cap_goes_on(home):
    models = cheap_and_dear(home, questions=30)
    first = await solved(home, models, max_usd=0.002, labels=4)
    second = await solved(home, models, max_usd=0.2, labels=4)
    alone = await solved(home, models, "b.jsonl", store="other.db", max_usd=0.2, labels=4)
    assert right(first) < right(second) == 30
    assert [a.answer for a in second.answers] == [a.answer for a in alone.answers]
    # What the lower cap bought of another plan is the only waste.
    assert second.paid_usd <= alone.paid_usd + first.paid_usd


async def test_one_model_with_nothing_to_choose_draws_no_pilot(home):
    model = record(home / "one.json", [[RIGHT] * 8] * 12)
    asked = await solved(home, (model,), pilot=10)
    plain = await solved(home, (model,), "b.jsonl", store="other.db")
    assert asked.pilot is None
    assert "nothing to choose" in asked.unpiloted
    assert asked.answers == plain.answers
    assert plain.unpiloted == ""


async def test_too_few_labels_for_one_model_are_said(home):
    model = record(home / "one.json", [[RIGHT] * 8] * 12)
    found = await solved(home, (model,), pilot=10, value_usd=0.01, labels=3)
    assert found.pilot is None
    assert "4 questions with answers" in found.unpiloted


@pytest.mark.parametrize(
    "labels, pilot, said",
    [(0, None, "has none"), (3, None, "has 3"), (10, 0, "raise --pilot"), (10, 3, "raise --pilot")],
)
async def test_several_models_need_labels(home, labels, pilot, said):
    models = cheap_and_dear(home)
    with pytest.raises(UsageError, match=said):
        await solved(home, models, labels=labels, pilot=pilot)
    assert not (home / "a.jsonl").exists()


async def test_a_cap_below_the_smallest_pilot_says_so(home):
    models = cheap_and_dear(home)
    with pytest.raises(UsageError, match="needs at least 4"):
        await solved(home, models, max_usd=0.0003)


def test_runs_of_one_model_keep_their_names(home):
    spec = SolveSpec("recorded/pool-q15-sums", most=16, max_usd=0.02, pilot=3)
    task = labelled("recorded/pool-q15-sums")
    assert spec.run_id(task, Path("/a/b.jsonl")) == "solve_1652b4bc670e3c0a0273"


def test_the_command_says_what_the_pilot_chose_and_what_came_out(home, capsys):
    cheap, dear = cheap_and_dear(home)
    words = ["solve", cheap, "--model", cheap, dear, "--max-usd", "1", "--most", "8", "--out", "a.jsonl"]
    assert main([*words, "--value-usd", "1"]) == 0
    said = capsys.readouterr().out
    assert "A pilot of 24 labelled questions x 8 samples of each of 2 models" in said
    assert "decided: cascade" in said
    assert "right on" in said
    assert "Of 24 labelled questions 24 came out right" in said
    assert main([*words, "--value-usd", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pilot"]["by"] == "plans"
    assert found["pilot"]["chosen"][0]["accuracy"]["low"] > 0.5
    lines = [json.loads(line) for line in Path("a.jsonl").read_text().splitlines()]
    assert all(line["plan"].startswith("cascade") for line in lines)


def test_a_negative_pilot_is_refused(home, capsys):
    assert main(["solve", "x.jsonl", "--max-usd", "1", "--out", "a.jsonl", "--pilot", "-1"]) == 2
    assert "0 questions or more" in capsys.readouterr().err
