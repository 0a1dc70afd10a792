"""The oracle of a bench's oracle block scores chains that are not finished: by the share of ways to end right."""

from __future__ import annotations

import sys

import pytest
from judged import QUESTION
from stepping import run_on
from toy_worlds import RIGHT, Tree, is_good

from outlay import plugins
from outlay.errors import BudgetExceeded, RateLimited, UsageError
from outlay.experiments import experiment
from outlay.experiments.experiment import Spec
from outlay.models.scripted import scripted
from outlay.testing import FIXED
from outlay.types import Question
from outlay.verifiers.reference import against

ASK = Question.of("What is 6 times 7 ?", id="q1", kind="number")
right = against(lambda sample: float(sample.answer == RIGHT), rollouts=4)


def ending(*answers: str):
    return scripted(lambda request, index: f"so Answer: {answers[index % len(answers)]}", price=FIXED)


async def score(model, *steps: str, oracle=right, **options):
    async with run_on(model, verifier=oracle, **options) as run:
        value = await run.score_prefix(ASK, steps, whole=False)
        return value, run.spent.calls


async def test_a_prefix_is_worth_the_share_of_ways_from_it_that_end_right():
    model = ending("42", "41", "42", "42")
    assert await score(model, "6 * 7 is\n\n") == (0.75, 4)
    assert all(r.prefix == "6 * 7 is\n\n" for r in model.requests)


async def test_a_chain_that_states_its_answer_is_judged_as_it_stands_and_costs_nothing():
    model = ending("41")
    assert await score(model, "6 * 7 is\n\n", "Answer: 42") == (1.0, 0)
    assert await score(model, "6 * 7 is\n\n", "Answer: 40") == (0.0, 0)
    assert model.requests == []


async def test_what_is_cut_is_wrong_and_what_fails_is_left_out():
    def says(request, index):
        if index == 0:
            return RateLimited("slow down", retryable=False)
        return "x " * 5000 if index == 1 else "Answer: 42"

    model = scripted(says, price=FIXED, max_n=1)
    assert (await score(model, "so\n\n"))[0] == pytest.approx(2 / 3)


async def test_where_every_way_fails_or_the_money_is_out_there_is_no_score():
    dead = scripted(lambda r, i: RateLimited("slow down", retryable=False), price=FIXED)
    with pytest.raises(RateLimited):
        await score(dead, "so\n\n")
    with pytest.raises(BudgetExceeded):
        await score(ending("42"), "so\n\n", nusd=0)


async def test_a_replay_gives_the_same_score_with_the_model_off():
    async with run_on(ending("42", "41"), verifier=right) as run:
        first = await run.score_prefix(ASK, ("so\n\n",), whole=False)
        trace = run.door.trace.encode()
    async with run_on(ending(), verifier=right, trace=trace) as run:
        assert await run.score_prefix(ASK, ("so\n\n",), whole=False) == first == 0.5
        assert run.door.trace.encode() == trace


async def test_by_the_key_a_search_finds_what_chance_does_not():
    tree = Tree(depth=5, p=0.6, recovers=0.0)
    found = plugins.spec("strategy", "beam_search:n=4,width=4")
    wins = 0
    for seed in range(12):
        oracle = against(lambda s: float(is_good(s.completion.text.split("\n\n")[-1])), rollouts=8)
        async with run_on(scripted(tree.script(), price=FIXED), seed=seed, verifier=oracle) as run:
            wins += (await found.target(run, QUESTION, **found.parameters)).key == RIGHT
    # A single chain is right in 0.6 ** 5 = 8 %.
    assert wins >= 7


async def test_outside_a_bench_it_is_refused_for_prefixes_too():
    module = plugins.module_of(plugins.load("verifier", "reference"))
    with pytest.raises(UsageError, match="only `outlay bench` of a task with references"):
        await module.prefix(None, ASK, ("so\n\n",))


def writing(answer):
    """A chain of two steps whose answer is the key only where its first step is the large model's."""

    def script(request, index):
        begun = "so" if request.prefix else f"{answer} it seems\n\nso"
        text = f"{begun} Answer: {'42' if (request.prefix or answer).startswith('42') else '0'}"
        return text

    return script


big, little = (scripted(writing(text), name=text, price=FIXED) for text in ("42", "41"))


async def test_a_bench_gives_arbitrage_its_oracle(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "reference.models", sys.modules[__name__])
    (tmp_path / "task.jsonl").write_text(
        '{"id": "a", "question": "6 * 7?", "answer": "42", "kind": "number"}\n'
        '{"id": "b", "question": "21 * 2?", "answer": "42", "kind": "number"}\n'
    )
    spec = Spec(
        (str(tmp_path / "task.jsonl"),),
        ("reference.models:big",),
        ("arbitrage:estimator=oracle", "arbitrage:estimator=chance,tau=1"),
        roles={"small": "reference.models:little"},
        verifier="reference:rollouts=2",
    )
    outcomes = await experiment.run(spec, tmp_path / "out", store=tmp_path / "ledger.db")
    assert all(o.oracle for o in outcomes)
    assert {(o.strategy.partition(",")[0], o.correct) for o in outcomes} == {
        ("arbitrage:estimator=oracle", True),
        ("arbitrage:estimator=chance", False),
    }
