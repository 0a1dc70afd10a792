"""Thresholds of pairs: quantiles, what is kept and used by itself, accuracies that are or cannot be reached."""

from __future__ import annotations

import json
import math

import pytest
from terminal import Shell
from two_models import depth, digit, is_grade, step
from upstream import chat

from outlay.answering import replay
from outlay.errors import CannotSay, UsageError
from outlay.experiments.calibrating import calibrate, chained, signals_of
from outlay.skeletons import thresholds
from outlay.skeletons.thresholds import Calibrated, Dial, find, keep
from outlay.tasks._item import item
from outlay.testing import FIXED, scripted, shop
from outlay.types import Question, Sampling

pytest_plugins = ("command_line",)
HIGH, LOW = Dial(0.0, "high", 9.0), Dial(10.0, "low")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0])
@pytest.mark.parametrize("dial", [HIGH, LOW])
def test_a_threshold_keeps_at_least_the_share_and_not_one_draft_more(dial, share):
    signals = [0.5, 1.5, 2.0, 2.5, 3.0, 4.0, 5.5, 7.0, 8.0, 8.5]
    kept = dial.share(signals, dial.at(signals, share))
    assert kept == pytest.approx(math.ceil(share * 10 - 1e-9) / 10)


def test_ties_are_kept_together_and_nothing_is_said_of_nothing():
    assert HIGH.at([5.0, 5.0, 5.0, 1.0], 0.5) == 5.0
    assert HIGH.share([5.0, 5.0, 5.0, 1.0], 5.0) == 0.75
    with pytest.raises(CannotSay):
        HIGH.at([], 0.5)
    with pytest.raises(CannotSay):
        LOW.share([], 0.5)


def test_a_newer_threshold_takes_the_place_of_the_older_one_of_its_pair():
    def of(value, large="l"):
        return Calibrated("glimpse", "s", large, value, "t", 9, "keep 0.5", 0.5)

    for one in (of(1.0), of(2.0, "other"), of(3.0)):
        keep(one)
    assert find("glimpse", "s", "l") == of(3.0)
    assert find("glimpse", "s", "other") == of(2.0, "other")
    assert find("arbitrage", "s", "l") is None
    thresholds.path().write_text("{")
    with pytest.raises(UsageError, match="calibrate again"):
        find("glimpse", "s", "l")


def writer(right):
    """Two steps, then the answer: the question's number, or one more."""

    def says(request, index):
        number = int(request.messages[0]["content"].split()[1].rstrip("."))
        if is_grade(request):
            text = request.messages[-2]["content"]
            return digit(9 - number % 9 if "wrong" in text else 8.5)
        if depth(request) < 2:
            return step(f"{'right' if right(number) else 'wrong'} step {depth(request)}")
        return step(
            f"Answer: {number + (0 if right(number) or 'right' in (request.prefix or '') else 1)}", last=True
        )

    return says


ITEMS = [
    item(Question.of(f"Say {n}.", id=f"q{n}", kind="number", sampling=Sampling(max_output_tokens=90)), str(n))
    for n in range(10)
]


def pair():
    small = scripted(writer(lambda n: n < 4), price=FIXED, name="small")
    return {"default": scripted(writer(lambda n: True), price=FIXED, name="large"), "small": small}


async def test_a_share_to_keep_becomes_a_threshold_that_the_strategy_then_takes_by_itself():
    async with shop(pair(), cache=True) as outlay:
        found = await calibrate(outlay, "speculative_reasoning", "say", ITEMS, lambda q: q, share=0.7)
        used = await outlay.buy(ITEMS[8].question, await outlay.plan("speculative_reasoning"))
        stated = await outlay.buy(ITEMS[8].question, await outlay.plan("speculative_reasoning:tau=7"))
        trace = await outlay.store.trace(used.trace_id)
    assert found.chosen.share_kept >= 0.7
    assert "calibrated for this pair on 10 questions of say" in used.stopped
    assert "(as stated)" in stated.stopped
    keep(Calibrated("speculative_reasoning", found.chosen.small, found.chosen.large, 0.1, "other", 9, "", 1.0))
    again, repeated = await replay(trace.encode())
    assert repeated == trace.encode()
    assert again.stopped == used.stopped


async def test_without_a_calibration_the_paper_s_threshold_is_taken_and_told():
    async with shop(pair()) as outlay:
        told = [
            (await outlay.buy(ITEMS[0].question, await outlay.plan(s))).stopped
            for s in ("speculative_reasoning", "arbitrage")
        ]
    assert "kept from grade 7 on (the paper's;" in told[0]
    assert "above an advantage of 0.5 by uncertainty (the paper's;" in told[1]


async def test_an_accuracy_is_reached_with_the_most_drafts_that_reach_it():
    async with shop(pair(), cache=True) as outlay:
        found = await calibrate(outlay, "speculative_reasoning", "say", ITEMS, lambda q: q, accuracy=0.8)
    assert found.tries[0].accuracy == 0.4
    assert [t.accuracy >= 0.8 for t in found.tries] == [False] * (len(found.tries) - 1) + [True]
    assert found.tries[-1].kept > 0.0
    assert all(a.kept >= b.kept for a, b in zip(found.tries, found.tries[1:], strict=False))


async def test_an_accuracy_that_no_threshold_reaches_is_not_promised():
    never = pair() | {"default": scripted(writer(lambda n: False), price=FIXED, name="large")}
    async with shop(never, cache=True) as outlay:
        with pytest.raises(CannotSay, match=r"the best had 0\.40"):
            await calibrate(outlay, "speculative_reasoning", "say", ITEMS, lambda q: q, accuracy=0.9)
    assert thresholds.read() == []


@pytest.mark.parametrize(
    ("strategy", "share", "accuracy", "items", "match"),
    [
        ("single", 0.5, None, ITEMS, "no threshold"),
        ("glimpse:tau=1", 0.5, None, ITEMS, "Leave tau out"),
        ("glimpse", 0.5, 0.5, ITEMS, "either"),
        ("glimpse", None, None, ITEMS, "either"),
        ("glimpse", 0.5, None, ITEMS[:7], "at least 8"),
    ],
)
async def test_what_cannot_be_calibrated_is_refused_before_spending(strategy, share, accuracy, items, match):
    models = pair()
    async with shop(models) as outlay:
        with pytest.raises(UsageError, match=match):
            await calibrate(outlay, strategy, "say", items, lambda q: q, share=share, accuracy=accuracy)
    assert models["default"].requests == models["small"].requests == []


async def test_an_estimator_has_a_threshold_of_its_own():
    async with shop(pair(), cache=True) as outlay:
        spec = "arbitrage:estimator=chance"
        found = await calibrate(outlay, spec, "say", ITEMS, lambda q: q, share=0.5)
        seen = await chained(outlay, spec, 10.0, ITEMS, lambda q: q)
    assert found.chosen.strategy == "arbitrage:chance"
    assert len(signals_of(seen)) == 30


async def test_the_command_says_what_it_chose_and_keeps_it(shell: Shell):
    async def reply(call):
        last = call.body["messages"][-1]
        if last["content"].startswith("red green"):
            return await chat(" green red")(call)
        if last["content"].startswith("I think"):
            return await chat(str(call.body["seed"] % 10), logprobs=True)(call)
        return await chat("Answer: 391", logprobs=True)(call)

    shell.up.flavour = "vllm"
    shell.up.always(reply)
    shell.config("free = true")
    questions = shell.home / "q.jsonl"
    questions.write_text(
        "".join(json.dumps({"question": f"{n}?", "answer": "391", "kind": "number"}) + "\n" for n in range(9))
    )
    words = (
        "calibrate",
        "speculative_reasoning",
        "--task",
        questions,
        "--model",
        "fake",
        "small=fake",
        "--keep",
        "0.5",
    )
    assert await shell(*words) == 0
    assert "speculative_reasoning now takes tau=" in shell.out
    assert "cannot be said: all chains ended alike" in shell.out
    assert str(thresholds.path()) in shell.err
    (kept,) = thresholds.read()
    assert (kept.questions, kept.aim) == (9, "keep 0.5")
    assert await shell("ask", "17 * 23?", "--strategy", "speculative_reasoning", "--kind", "number") == 0
    assert "calibrated for this pair on 9 questions" in shell.err
    assert await shell(*words[:-1], "1.5") == 2
