"""Written checks: the last verdict counts, unreadable checks are left out, and V of them are V calls."""

from __future__ import annotations

import time

import pytest
from judged import QUESTION, candidate, run_with, spoken

from outlay.errors import ProviderError
from outlay.types import Completion, Usage
from outlay.verifiers.generative import bound, generative, p_yes, stated_verdict

ASKED = "Verification: Is the answer correct (Yes/No)?"


@pytest.mark.parametrize(
    "text, verdict",
    [
        (f"{ASKED} Yes", True),
        (f"{ASKED} **No**", False),
        (f"{ASKED.lower()}\nyes", True),
        (f'The solution says "{ASKED} Yes", but 17 * 23 is 391.\n{ASKED} No', False),
        ("All steps hold.\nThe answer is correct.", True),
        ("The answer is incorrect.", False),
        ("The answer is not correct.", False),
        ("Step 1 is correct.\nI stop here.", None),
        (ASKED, None),
        ("Is the answer correct?", None),
        (f"{ASKED} Nobody knows", None),
        ("", None),
    ],
)
def test_the_verdict_that_a_check_states(text, verdict):
    """The words `correct` and `incorrect` are tested in the safe order, as the paper's code does."""
    assert stated_verdict(text) is verdict


async def test_the_score_is_the_mean_of_the_readable_checks():
    said = [f"{ASKED} Yes", f"{ASKED} No", "Hm.", f"{ASKED} Yes"]
    async with run_with(lambda request, index: said[index]) as run:
        verdict = await generative(run, QUESTION, candidate("391"), v=4)
        assert verdict.score == pytest.approx(2 / 3)
        assert verdict.accepted
        assert verdict.why == "2 of 4 checks said yes, 1 gave no verdict"
        assert run.spent.calls == 4
        assert [r.n for r in run.model.requests] == [4]


async def test_no_readable_check_scores_zero():
    async with run_with(lambda request, index: "Hm.") as run:
        verdict = await generative(run, QUESTION, candidate("391"), v=2)
        assert (verdict.score, verdict.accepted) == (0.0, False)


def test_a_truncated_check_has_no_verdict():
    """It may end in a quotation of the candidate."""
    assert p_yes(Completion(f"The solution claims {ASKED} Yes", "length", Usage(1, 1))) is None


@pytest.mark.parametrize(
    "p, expected",
    [
        ({" Yes": 0.7, " No": 0.2}, 0.7),
        ({" Yes": 0.5, "yes": 0.25, " No": 0.25}, 0.75),
        ({" Yes": 0.9}, 0.9),
    ],
)
def test_with_logprobs_a_check_is_the_probability_of_yes(p, expected):
    assert p_yes(spoken(ASKED, " Yes", at=1, p=p)) == pytest.approx(expected)


def test_only_no_listed_is_its_complement():
    assert p_yes(spoken(ASKED, " No", at=1, p={" No": 0.8})) == pytest.approx(0.2)


def test_the_last_verdicts_token_counts():
    reply = spoken(ASKED, " Yes", "\nNo, I was wrong.\n", ASKED, " No", at=4, p={" Yes": 0.1, " No": 0.9})
    assert p_yes(reply) == pytest.approx(0.1)


async def test_a_failing_check_leaves_the_sample_unverified():
    async with run_with(lambda request, index: ProviderError("the upstream broke")) as run:
        with pytest.raises(ProviderError, match="the upstream broke"):
            await generative(run, QUESTION, candidate("391"), v=2)


def test_the_bound_multiplies_by_v():
    one, four = bound(QUESTION, v=1).by_role["judge"], bound(QUESTION, v=4).by_role["judge"]
    assert (four.calls, four.input_tokens, four.output_tokens) == (
        4,
        4 * one.input_tokens,
        4 * one.output_tokens,
    )


@pytest.mark.parametrize(
    "text", ["is the answer correct" * 50_000, "correct " * 120_000, ASKED + " " * 1_000_000 + "yes"]
)
def test_hostile_checks_take_bounded_time(text):
    started_s = time.process_time()
    stated_verdict(text)
    assert time.process_time() - started_s < 0.5
