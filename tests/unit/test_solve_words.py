"""What `outlay solve` says of a pilot, in every case that it can end in."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from outlay.cli._solve_words import as_json, tell
from outlay.policies._view import Figure
from outlay.solve import Chosen, Piloted, Solved, Summary

OUT = Path("a.jsonl")
HALF, ALL = Figure(0.5, 0.4, 0.6), Figure(1.0, 0.9, None)
CHEAP = Chosen("single on small", 0.25, HALF, Figure(0.001, 0.0009, 0.002))
DEAR = Chosen("single on large", 0.75, ALL, Figure(0.01, 0.009, None))
PILOT = Piloted((DEAR, CHEAP), "plans", 0.018, 10, 4, ("small", "large"), 0.05, 30, 24, 20, 15, ("A note.",))


def line(answer: str | None, p_leads: float | None = None, accepted: bool | None = None) -> Solved:
    return Solved("q", answer, answer, p_leads, None, 2, 0.001, "why", accepted=accepted)


def said(pilot: Piloted | None, *answers: Solved, **more) -> str:
    return "\n".join(tell(Summary(answers or (line("7"),), 0.4, "", pilot, **more), OUT))


def test_a_mixture_says_its_shares_what_is_expected_and_what_one_more_would_cost():
    words = said(PILOT)
    assert "1 of 1 questions have an answer; 2 samples, paid $0.4." in words
    assert "10 labelled questions x 4 samples of each of 2 models, at $0.05" in words
    assert "single on large for 75 % of the other questions and single on small for 25 %" in words
    assert "single on small: right on 50 % of such questions (40 % to 60 %), at $0.001 a question" in words
    assert "to no known end" in words
    assert "Every question was bought with its plan." in words
    assert "one more right answer would cost about $0.018 more" in words
    assert "Of 30 labelled questions 24 came out right; of the 20 outside the pilot 15." in words
    assert words.endswith("A note.")


def test_a_part_that_buys_nothing_is_said():
    assert "single on large for 75 % of the other questions and nothing for 25 %" in said(
        replace(PILOT, chosen=(DEAR,))
    )


@pytest.mark.parametrize(
    "usd_per_right, why", [(None, "no plan is worth its price"), (0.01, "nothing is left of the budget")]
)
def test_why_nothing_was_bought(usd_per_right, why):
    words = said(replace(PILOT, chosen=(), usd_per_right=usd_per_right))
    assert f"decided: {why}, so nothing more was bought." in words
    assert "bought with its plan" not in words


@pytest.mark.parametrize("by, how", [("votes", "whose vote"), ("tries", "likeliest to be accepted")])
def test_how_one_plan_was_carried_out(by, how):
    words = said(replace(PILOT, chosen=(replace(DEAR, share=1.0),), by=by, models=("large",), other_labelled=0))
    assert "samples of one model, at $0.05, decided: single on large." in words
    assert how in words
    assert "outside the pilot" not in words


def test_votes_count_what_is_settled_and_verifiers_what_is_accepted():
    assert "2 of 3 questions have an answer, 1 of them settled" in said(
        None, line("7", 0.96), line("8", 0.6), line(None)
    )
    assert "1 of 2 questions have an accepted answer" in said(
        None, line("7", accepted=True), line(None, accepted=False)
    )
    assert said(None, unpiloted="there is nothing to choose").endswith(
        "There was no pilot: there is nothing to choose."
    )


def test_the_object_holds_the_same():
    found = as_json(Summary((line("7", 0.96),), 0.4, "the end", PILOT), OUT)
    assert (found["answered"], found["settled"], found["accepted"]) == (1, 1, None)
    assert found["pilot"]["chosen"][0]["share"] == 0.75
    assert "The budget ended it: the end" in found["says"]
    assert as_json(Summary((line("7"),), 0.4, ""), OUT)["pilot"] is None
