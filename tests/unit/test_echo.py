"""Echo: the detector on texts and recorded samples, the gap's identities, the question exactly twice, the ledger."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import outlay
from outlay.budget import Limits
from outlay.errors import ProviderError, UsageError
from outlay.stats.echo import ECHO, HEAD_CHARS, echo_share, echoes, likelihood_gap
from outlay.testing import FIXED, scripted, shop
from outlay.types import Question

TEXT = "A box holds 6 rows of 7 eggs. How many eggs are left when 5 break?"
ASKED = Question.of(TEXT, id="q", kind="number")
RECORDINGS = Path(outlay.__file__).parent / "recordings"


@pytest.mark.parametrize(
    ("reasoning", "share"),
    [
        (TEXT, 1.0),
        (TEXT.upper(), 1.0),
        ("6 * 7 = 42, 42 - 5 = 37", 3 / 15),
        ("", 0.0),
        (" " * 1000 + TEXT, 1.0),
        ("x" * HEAD_CHARS + " " + TEXT, 0.0),
    ],
)
def test_the_share_counts_words_in_the_head(reasoning, share):
    assert echo_share(TEXT, reasoning) == pytest.approx(share)
    assert echoes(TEXT, reasoning) == (share > ECHO)


def test_a_question_without_words_has_no_share():
    assert echo_share("?!", "anything") is None
    assert not echoes("?!", "anything")


def recorded(name):
    """(question, sample text) pairs of a shipped recording."""
    held = json.loads((RECORDINGS / name).read_text("utf-8"))
    for question in held["questions"]:
        asked = question.get("text") or question["messages"][-1]["content"]
        for sample in question["samples"]:
            yield asked, sample["text"]


@pytest.mark.parametrize("name", ["res-q05-gsm_symbolic.json", "res-q15-gsm_symbolic.json"])
def test_recorded_samples_repeat_their_own_question_more_than_another(name):
    pairs = list(recorded(name))
    questions = list(dict.fromkeys(q for q, _ in pairs))
    other = {q: questions[(i + 1) % len(questions)] for i, q in enumerate(questions)}
    own = np.array([echo_share(q, text) for q, text in pairs])
    far = np.array([echo_share(other[q], text) for q, text in pairs])
    assert own.mean() > far.mean() + 0.15
    assert 0 <= own.min() <= own.max() <= 1


def test_without_an_echo_both_gaps_are_zero():
    gap = likelihood_gap([], [-1.0, -3.0], [-1.0, -3.0])
    assert (gap.raw, gap.trimmed, gap.gap, gap.suffix_gap) == (-2.0, -2.0, 0.0, 0.0)


def test_the_whole_is_the_sum_of_its_parts():
    rng = np.random.default_rng(1)
    for n_echo, n_suffix in ((1, 1), (5, 40), (200, 3)):
        e, s, alone = (-rng.exponential(1.0, n) for n in (n_echo, n_suffix, n_suffix))
        gap = likelihood_gap(e, s, alone)
        assert (n_echo + n_suffix) * gap.raw == pytest.approx(e.sum() + s.sum(), abs=1e-9)
        assert gap.gap == pytest.approx(gap.raw - alone.mean())
        assert gap.suffix_gap == pytest.approx(s.mean() - alone.mean())


@pytest.mark.parametrize("bad", [([-1.0], [], []), ([], [-1.0], [-1.0, -1.0]), ([math.nan], [-1.0], [-1.0])])
def test_a_gap_that_cannot_be_said_is_refused(bad):
    with pytest.raises(UsageError):
        likelihood_gap(*bad)


async def ask(framing, thought="6 * 7 = 42", **more):
    def says(request, index):
        if "do not answer yet" in str(request.messages):
            return thought
        return "Answer: 37"

    model = scripted(says, price=FIXED)
    async with shop(model, **more) as opened:
        return await opened.ask(ASKED, strategy="single", framings=[framing]), model


async def test_the_question_stands_exactly_twice_and_every_token_is_booked():
    found, model = await ask("echo:first=64")
    last = str(model.requests[-1].messages[-1]["content"])
    assert last.count(TEXT) == 2
    assert last.count("6 * 7 = 42") == 1
    assert last.endswith("followed by the number alone.")
    assert "followed by the number alone" not in str(model.requests[0].messages)
    assert model.requests[0].max_output_tokens == 64
    words = [len(str(r.messages[-1]["content"]).split()) for r in model.requests]
    assert found.usage.input_tokens == sum(words)
    assert found.usage.output_tokens == 5 + 2
    assert any("0.13 of the question's words" in m and "was repeated" in m for m in found.missing)


@pytest.mark.parametrize(
    ("framing", "thought", "times"),
    [
        ("echo", TEXT, 1),
        ("echo:when=always", TEXT, 2),
        ("echo:when=never", "6 * 7", 1),
        ("echo:threshold=0.1", "6 * 7 = 42", 1),
        ("echo:first=0", "", 2),
        ("echo:first=0,when=never", "", 1),
    ],
)
async def test_it_is_repeated_when_it_should_be(framing, thought, times):
    found, model = await ask(framing, thought)
    last = str(model.requests[-1].messages[-1]["content"])
    assert last.count(TEXT) - (thought == TEXT) == times
    assert found.answer == "37"
    assert found.calls == (1 if "first=0" in framing else 2)


async def test_a_first_stretch_that_fails_or_does_not_fit_is_left_out():
    found, model = await ask("echo", ProviderError("the server broke"))
    assert found.answer == "37"
    assert "the first stretch is left out: the server broke" in found.missing
    assert str(model.requests[-1].messages[-1]["content"]).count(TEXT) == 2
    found, model = await ask("echo", limits=Limits(calls=1))
    assert (found.answer, found.calls) == ("37", 1)
