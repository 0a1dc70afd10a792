"""The check of the evidence: what a reply says in it, quotes looked up, a made-up one rejected, and retried."""

import pytest

from outlay.prompts.exoskeleton import CHECKS, FIELDS, SCAFFOLD, read, real, source_of
from outlay.testing import FIXED, scripted, shop
from outlay.types import Completion, Question, Sample, Sampling, Usage
from outlay.verifiers.grounded import grounded

ASKED = Question.of("A box holds 6 rows of 7 eggs. 5 break. How many are left?", id="q", kind="number")


def reply(found, coverage="full", answer="37"):
    return (
        f"Request: the eggs left, a number\nNeeded: rows, eggs a row, broken\nFound: {found}\nConflicts: none\n"
        f"Coverage: {coverage}\nPlan: answer in full\nResponse: {answer}\nAnswer: {answer}"
    )


GOOD = reply('"6 rows of 7 eggs", "5  BREAK."')
MADE_UP = reply('"8 rows of 7 eggs", "5 break"', answer="51")


def test_every_field_of_a_reply_is_read():
    found = read(GOOD)
    assert found.quotes == ("6 rows of 7 eggs", "5  BREAK.")
    assert (found.coverage, found.missing) == ("full", ())
    assert read("**Found:** “6 rows of 7”\n**Coverage:** *partial*").coverage == "partial"


@pytest.mark.parametrize(
    "text", ["", "Answer: 37", 'He said "6 rows of 7 eggs".', "Found:\n" * 50_000, '"' * 200_000]
)
def test_what_is_no_check_has_no_quotes(text):
    assert read(text).quotes == ()


def test_the_demand_itself_cannot_be_quoted():
    messages = [{"role": "user", "content": f"A box.\n\n{SCAFFOLD}"}]
    assert real(["A box.", "the facts that an answer needs"], source_of(messages)) == (True, False)


def test_fields_stand_in_the_demand_in_order():
    places = [SCAFFOLD.index(f"\n{field}:") for field in FIELDS]
    assert places == sorted(places)


@pytest.mark.parametrize("check", CHECKS)
def test_no_control_can_be_quoted_either(check):
    messages = [{"role": "user", "content": f"A box.\n\n{CHECKS[check]}"}]
    assert source_of(messages) == "a box."


def test_the_controls_differ_from_the_check_as_they_say():
    assert len(CHECKS["filler"].split()) == len(SCAFFOLD.split())
    left_out = {f for f in FIELDS if f"\n{f}:" not in CHECKS["partial"]}
    assert left_out == {"Conflicts", "Coverage", "Plan"}
    assert not any(f"{f}:" in CHECKS[c] for f in FIELDS for c in ("plain", "undirected", "filler"))
    assert all(text.startswith("What stands above is the only source") for text in CHECKS.values())


async def buy(script, strategy="single", question=ASKED, **options):
    model = scripted(script, price=FIXED)
    async with shop(model) as outlay:
        return await outlay.ask(question, strategy=strategy, framings=["exoskeleton"], **options), model


async def test_the_check_is_demanded_after_the_question_and_before_the_form_of_the_answer():
    found, model = await buy(lambda r, i: GOOD)
    text = str(model.requests[0].messages[0]["content"])
    assert text.startswith("A box holds")
    assert text.index(SCAFFOLD) < text.index("Answer: followed by the number alone.")
    assert found.answer == "37"


async def test_a_control_is_demanded_in_its_place():
    model = scripted(lambda r, i: "Answer: 37", price=FIXED)
    async with shop(model) as outlay:
        await outlay.ask(ASKED, framings=["exoskeleton:check=undirected"])
    text = str(model.requests[0].messages[0]["content"])
    assert CHECKS["undirected"] in text
    assert SCAFFOLD not in text


async def test_a_made_up_quote_is_rejected_and_another_sample_is_bought():
    found, _ = await buy(lambda r, i: GOOD if i else MADE_UP, "first_accepted:n=4", verifier="grounded")
    assert (found.answer, found.calls) == ("37", 2)


@pytest.mark.parametrize(
    ("text", "score", "why"),
    [
        (GOOD, 1.0, "2 of 2"),
        (MADE_UP, 0.5, "1 of 2"),
        (reply("absent", "none"), 0.0, "no quotes"),
        (reply('"6 rows of 7 eggs"', "none"), 0.0, "does not tell"),
        ("Answer: 37", 0.0, "unscaffolded"),
    ],
)
async def test_scores_are_shares_of_real_quotes(text, score, why):
    sample = Sample(0, Completion(text, "stop", Usage(1, 1)), answer="37", key="37")
    verdict = await grounded(None, ASKED, sample)
    assert verdict.score == score
    assert verdict.accepted == (score == 1.0)
    assert why in verdict.why


async def test_a_request_whose_form_is_fixed_is_left_as_it_is():
    sampling = Sampling(extra={"response_format": {"type": "json_object"}})
    _, model = await buy(lambda r, i: "{}", question=Question.of("A box.", kind="json", sampling=sampling))
    assert SCAFFOLD not in str(model.requests[0].messages)
