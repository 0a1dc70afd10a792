"""Averages over orders: the sheet's identities, parts found and put back, a model with a bias for the first place."""

import math
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from outlay.errors import MissingAbility, UsageError
from outlay.framings._placing import before_all
from outlay.prompts._data import fenced
from outlay.prompts.answer_format import bare, instruct
from outlay.prompts.demonstrations import turns
from outlay.skeletons.parts import find, reordered
from outlay.stats.order_average import (
    dispersion,
    divergence,
    jensen_gap,
    order_variance,
    orders,
    reachable,
    trust_needed,
)
from outlay.strategies._orders import letter_shares
from outlay.testing import FIXED, scripted, shop
from outlay.types import Completion, Question, TokenLogprob, Usage

ASKED = Question.of("Who is oldest?\nA) Ann\nB) Bob\nC) Cyn\nD) Dan", id="q", kind="choice")


@pytest.mark.parametrize(("low", "nats"), [(0.02, 3.519), (0.10, 1.994), (0.30, 0.963), (0.97, 0.0)])
def test_the_nats_that_trust_needs_are_the_published_ones(low, nats):
    assert trust_needed(low) == pytest.approx(nats, abs=5e-4)


@pytest.mark.parametrize(("nats", "p"), [(0.0, 0.1), (0.5, 0.495), (1, 0.689), (2, 0.951), (2.303, 1), (9, 1)])
def test_what_evidence_can_reach_is_the_published_root(nats, p):
    found = reachable(nats, 0.10)
    assert found == pytest.approx(p, abs=5e-4)
    if nats < 2.3:
        assert divergence(found, 0.10) == pytest.approx(nats, abs=1e-9)


def test_no_dispersion_if_and_only_if_all_orders_agree():
    assert dispersion([0.3] * 6).jsd == pytest.approx(0.0, abs=1e-15)
    assert jensen_gap([0.3] * 6) == pytest.approx(0.0, abs=1e-15)
    assert dispersion([0.3, 0.31]).jsd > 0
    assert jensen_gap([0.3, 0.31]) > 0
    assert dispersion([0.0, 1.0]).certificate == pytest.approx(math.sqrt(math.log(2) / 2))
    assert dispersion([0.4]).error is None


def test_the_certificate_is_never_below_the_mean_distance():
    rng = np.random.default_rng(3)
    for m in (1, 2, 6, 20):
        for q in rng.beta(0.4, 0.6, (200, m)):
            found = dispersion(q)
            assert found.certificate >= found.deviation - 1e-12
            assert found.low <= found.mean
            assert jensen_gap(q) >= 0


def test_the_error_of_the_average_falls_with_the_root_of_the_orders():
    rng = np.random.default_rng(5)
    sizes = (2, 4, 8, 16, 32)
    spread = [float(np.std(rng.beta(2, 2, (4000, m)).mean(axis=1))) for m in sizes]
    slope = np.polyfit(np.log(sizes), np.log(spread), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.03)
    told = float(np.mean([dispersion(q).error for q in rng.beta(2, 2, (2000, 16))]))
    assert told == pytest.approx(spread[3], rel=0.05)


def test_chance_is_taken_out_of_the_variance_between_orders():
    rng = np.random.default_rng(7)
    same = [order_variance(rng.binomial(4, 0.6, 40), [4] * 40) for _ in range(200)]
    assert np.mean(same) < 0.01
    q = np.where(np.arange(4000) % 2, 0.9, 0.5)
    assert order_variance(rng.binomial(4, q), [4] * 4000) == pytest.approx(0.04, abs=0.006)
    assert order_variance([1, 0, 1], [1, 1, 1]) is None


@pytest.mark.parametrize(("parts", "bands"), [(4, 1), (13, 6), (5, 2), (3, 6), (1, 1)])
def test_bands_keep_their_parts_the_given_order_is_first_and_none_comes_twice(parts, bands):
    found = orders(parts, 12, bands, Random(0))
    assert found[0] == tuple(range(parts))
    assert len(set(found)) == len(found)
    sizes = [parts // bands + (i < parts % bands) for i in range(bands)]
    assert len(found) == min(12, math.prod(math.factorial(size) for size in sizes))
    edges = np.cumsum([0, *sizes])
    for order in found:
        for low, high in pairwise(edges):
            assert sorted(order[low:high]) == list(range(low, high))


@pytest.mark.parametrize("bad", [[], [1.1], [-0.1], [math.nan]])
def test_what_is_no_probability_is_refused(bad):
    for law in (dispersion, jensen_gap):
        with pytest.raises(UsageError):
            law(bad)
    with pytest.raises(UsageError):
        orders(0, 1, 1, Random(0))


def test_options_are_put_in_another_order_under_their_letters():
    parts = find(ASKED, "auto")
    assert (parts.which, parts.count) == ("options", 4)
    asked = reordered(ASKED, parts, (2, 0, 3, 1)).messages[0]["content"]
    assert asked == "Who is oldest?\nA) Cyn\nB) Ann\nC) Dan\nD) Bob"


def test_documents_and_dashed_parts_are_found_and_the_question_stays_last():
    blocks = [fenced("document", text) for text in ("one", "two two", "three")]
    question = Question.of("\n".join([*blocks, "How many?"]), kind="number")
    parts = find(question, "auto")
    assert (parts.which, parts.count) == ("documents", 3)
    moved = reordered(question, parts, (2, 1, 0)).messages[0]["content"]
    assert moved == "\n".join([*blocks[::-1], "How many?"])
    dashed = Question.of("---\nfirst\n---\nsecond\n---\nHow many?")
    assert reordered(dashed, find(dashed, "auto"), (1, 0)).messages[0]["content"] == (
        "---\nsecond\n---\nfirst\n---\nHow many?"
    )
    listed = Question("q", ({"role": "user", "content": [{"type": "text", "text": blocks[0] + blocks[1]}]},))
    found = reordered(listed, find(listed, "documents"), (1, 0)).messages[0]["content"][0]["text"]
    assert found == blocks[1] + blocks[0]


@pytest.mark.parametrize(
    "text", ["A) one only", "A) x\nC) y", "<document 0123456789abcdef>\nopen", "---\na\n---"]
)
def test_what_has_no_two_parts_has_none(text):
    assert find(Question.of(text, kind="choice"), "auto") is None


def test_hostile_openings_cost_no_more_than_a_few_passes():
    text = "".join(f"<document {i:016x}>\n" for i in range(40_000))
    assert find(Question.of(text), "documents") is None


def test_the_instruction_is_taken_off_again():
    listed = Question("q", ({"role": "user", "content": [{"type": "text", "text": "Who?"}]},), "choice")
    for question in (ASKED, listed, Question.of("Write.", kind=None)):
        assert bare(instruct(question)) == question
        assert bare(question) == question


def test_letters_are_read_back_in_the_letters_that_were_asked():
    top = ((" B", math.log(0.6)), ("A", math.log(0.2)), ("Z", math.log(0.1)), ("b", math.log(0.05)))
    said = Completion("B", "length", Usage(1, 1), logprobs=(TokenLogprob(" B", math.log(0.6), top),))
    found = letter_shares(said, (1, 2, 0))
    assert found == {"C": pytest.approx(0.65 / 0.85), "B": pytest.approx(0.2 / 0.85)}
    assert letter_shares(Completion("Well", "length", Usage(1, 1)), None) == {}


def first_place(request, index):
    """Believes in Bob with 0.5, and in whatever stands first with 0.5."""
    lines = str(request.messages[-1]["content"]).splitlines()
    options = {line[3:]: line[0] for line in lines if line[1:3] == ") "}
    p = dict.fromkeys("ABCD", 1e-9)
    p[options["Bob"]] += 0.5
    p["A"] += 0.5
    if request.sampling.top_logprobs is None:
        return f"It is {options['Bob'] if index % 2 else 'A'}. Answer: {options['Bob'] if index % 2 else 'A'}"
    top = tuple((letter, math.log(x)) for letter, x in p.items())
    return Completion("A", "length", Usage(0, 1), logprobs=(TokenLogprob("A", top[0][1], top),))


@pytest.mark.parametrize("read", ["letters", "samples"])
async def test_a_bias_for_the_first_place_averages_out(read):
    model = scripted(first_place, price=FIXED)
    async with shop(model) as outlay:
        found = await outlay.ask(ASKED, strategy=f"order_average:orders=24,read={read}")
    assert found.answer == found.key == "B"
    assert found.p_correct == pytest.approx(0.5 + 0.5 / 4, abs=1e-6)
    assert dict(found.candidates) == {"B": 1.0}
    assert "24 orders of 4 options: 0.625" in found.stopped
    assert found.calls == (24 if read == "letters" else 48)
    assert found.text.endswith("Answer: B")
    if read == "letters":
        assert found.usage.output_tokens == 24
        assert "Think step by step" not in model.requests[0].messages[0]["content"]


async def test_the_highest_mean_need_not_be_the_highest_of_any_order():
    """Bob has 0.4 under every order and never leads: the rest falls to whoever stands first, or second after him."""

    def second(request, index):
        lines = str(request.messages[-1]["content"]).splitlines()
        options = {line[3:]: line[0] for line in lines if line[1:3] == ") "}
        p = {options["Bob"]: 0.4, **({"A": 0.6} if options["Bob"] != "A" else {"B": 0.6})}
        top = tuple((letter, math.log(x)) for letter, x in p.items())
        return Completion("A", "length", Usage(0, 1), logprobs=(TokenLogprob("A", top[0][1], top),))

    async with shop(scripted(second, price=FIXED)) as outlay:
        found = await outlay.ask(ASKED, strategy="order_average:orders=24")
    assert (found.answer, found.text) == ("B", "Answer: B")
    assert found.p_correct == pytest.approx(0.4)


async def test_a_question_without_parts_is_a_vote_that_says_so():
    async with shop(scripted(lambda r, i: "41" if i == 3 else "42", price=FIXED)) as outlay:
        found = await outlay.ask(Question.of("6 * 7?", kind="number"), strategy="order_average:orders=4")
    assert (found.answer, found.calls) == ("42", 8)
    assert "nothing to reorder" in found.stopped
    assert found.p_correct == pytest.approx(7 / 8)


async def test_letters_need_a_model_that_reports_them():
    blind = scripted(lambda r, i: "A", price=FIXED, abilities=frozenset({"chat"}))
    async with shop(blind) as outlay:
        with pytest.raises(MissingAbility):
            await outlay.ask(ASKED, strategy="order_average:read=letters")
    async with shop(scripted(lambda r, i: "42", price=FIXED)) as outlay:
        with pytest.raises(UsageError, match="choice questions only"):
            await outlay.ask(Question.of("6 * 7?", kind="number"), strategy="order_average:read=letters")


async def test_documents_of_a_framing_are_reordered_and_those_of_examples_stay_in_theirs():
    model = scripted(lambda r, i: "Answer: 7", price=FIXED)
    question = Question.of("How many metres high is Ormfell Light?", id="q", kind="number")
    async with shop(model) as outlay:
        framing = "documents:k=3,m=1"
        found = await outlay.ask(question, strategy="order_average:orders=6,per_order=1", framings=[framing])
    assert "6 orders of 3 documents" in found.stopped
    texts = [str(r.messages[0]["content"]) for r in model.requests]
    assert len(set(texts)) == 6
    assert len({text.partition("</example")[0] for text in texts}) == 1
    assert len({"".join(sorted(text)) for text in texts}) == 1
    assert all(text.endswith("followed by the number alone.") for text in texts)


def test_solved_questions_before_a_conversation_are_reordered_as_whole_turns():
    solved = [[{"goal": f"{i} + {i}?", "reasoning": "Easy.", "action": f"{2 * i}"}] for i in range(3)]
    own = ({"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}, *ASKED.messages)
    question = Question("q", own, kind="number")
    framed = before_all(question, turns("number", solved))
    parts = find(framed, "auto")
    assert (parts.which, parts.count) == ("examples", 3)
    told = reordered(framed, parts, (2, 0, 1))
    pairs = [framed.messages[i : i + 2] for i in (0, 2, 4)]
    assert told.messages == (*pairs[2], *pairs[0], *pairs[1], *own)
    assert find(before_all(question, turns("number", solved[:1])), "examples") is None
