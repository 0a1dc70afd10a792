"""Plan and budget: what is read of plans and weights, whose words add up, what is cut, and what the budget keeps."""

import json

import pytest

from outlay.budget import Limits
from outlay.economics.allocation import word_budgets
from outlay.errors import NoAnswer, ProviderError, UsageError
from outlay.prompts.plan_and_budget import MOST_PARTS, read_credits, read_plan
from outlay.testing import FIXED, scripted, shop
from outlay.types import Question, Sampling

ASKED = Question.of("A box holds 6 rows of 7 eggs. 5 break. How many are left?", id="q", kind="number")
PLAN = (
    "Level: 3\n1. How many eggs are in the box?\nHint: rows times eggs\n2. How many are left?\nHint: take away"
)
WEIGHTS = json.dumps({"1": {"reason": "x", "level": 1, "credit": 20}, "2": {"level": 2, "credit": 80}})


def says(request, index, *, plan=PLAN, weights=WEIGHTS, part="42 eggs"):
    text = str(request.messages[-1]["content"])
    if "You plan how" in text:
        return plan
    if "You weigh" in text:
        return weights
    if "Answer only this part now" in text:
        return part
    return "They are 37. Answer: 37"


async def buy(script=says, strategy="plan_and_budget", question=ASKED, **more):
    model = scripted(script, price=FIXED)
    async with shop(model, **more) as outlay:
        return await outlay.ask(question, strategy=strategy), model


@pytest.mark.parametrize(
    ("text", "parts", "level"),
    [
        (PLAN, 2, 3),
        ("**Level:** 5\n\n1) First?\n   **Hint:** one\n2) Second?", 2, 5),
        ("\n".join(f"{i}. Part {i}?" for i in range(1, 20)), MOST_PARTS, None),
        ("I would just solve it.", 0, None),
        ("Level: 9\n1. Only one?", 1, None),
        ("1. " * 100_000, 0, None),
    ],
)
def test_plans_are_read(text, parts, level):
    found = read_plan(text)
    assert (len(found.parts), found.level) == (parts, level)


@pytest.mark.parametrize(
    ("text", "credits"),
    [
        (WEIGHTS, (20.0, 80.0)),
        ('Here: {"1": 30, "2": {"credit": 30.5}} .', (30.0, 30.5)),
        ('{"1": {"credit": -5}, "2": {"credit": 10}}', (0.0, 10.0)),
        ('{"2": {"credit": true}}', None),
        ("[1, 2]", None),
        ("none", None),
        ("{" * 50_000, None),
        ('{"1": 1e999, "2": 0}', None),
    ],
)
def test_credits_are_read_or_not_there(text, credits):
    assert read_credits(text, 2) == credits


async def test_every_part_is_told_its_words_and_reads_what_was_found_before():
    found, model = await buy()
    assert (found.answer, found.calls) == ("37", 5)
    parts = [r for r in model.requests if "Answer only this part now" in str(r.messages[-1])]
    words = word_budgets([20, 80], 350, "polynomial")
    assert words == (175, 175)
    assert [f"at most {w} words" in str(r.messages[-1]) for r, w in zip(parts, words, strict=True)] == [
        True,
        True,
    ]
    assert [r.max_output_tokens for r in parts] == [350, 350]
    assert "42 eggs" not in str(parts[0].messages)
    assert "42 eggs" in str(parts[1].messages)
    last = str(model.requests[-1].messages[-1]["content"])
    assert last.count("42 eggs") == 2
    assert last.endswith("Answer: followed by the number alone.")
    assert "level 3: 350 words over 2 parts (175/175, polynomial); 4 used" in found.stopped


@pytest.mark.parametrize("schedule", ["constant", "linear", "polynomial", "exponential", "cosine"])
async def test_the_words_are_those_of_the_published_allocator(schedule):
    found, _ = await buy(strategy=f"plan_and_budget:schedule={schedule},level=2")
    shares = word_budgets([20, 80], 250, schedule)
    assert sum(shares) == 250
    assert f"({'/'.join(map(str, shares))}, {schedule})" in found.stopped


async def test_together_is_one_answering_call_with_every_allowance():
    found, model = await buy(strategy="plan_and_budget:answering=together,words=100")
    assert (found.answer, found.calls) == ("37", 3)
    last = model.requests[-1]
    assert str(last.messages[-1]["content"]).count("At most 50 words.") == 2
    assert last.max_output_tokens == 2 * 100 + 256


async def test_a_part_beyond_its_words_is_cut_and_said_to_be():
    found, model = await buy(lambda r, i: says(r, i, part="word " * 500), "plan_and_budget:words=40")
    assert "40 words over 2 parts" in found.stopped
    assert "2 cut" in found.stopped
    parts = [r for r in model.requests if "Answer only this part now" in str(r.messages[-1])]
    assert [r.max_output_tokens for r in parts] == [40, 40]
    assert found.usage.output_tokens < 200


async def test_without_weights_credits_are_equal():
    found, _ = await buy(lambda r, i: says(r, i, weights="no"), "plan_and_budget:schedule=constant,words=100")
    assert "(50/50, constant, equal credits)" in found.stopped


@pytest.mark.parametrize("plan", ["No plan.", "1. Just one part?"])
async def test_without_a_plan_the_question_is_asked_as_it_stands(plan):
    found, model = await buy(lambda r, i: says(r, i, plan=plan))
    assert (found.answer, found.calls) == ("37", 2)
    assert "asked as it stands" in found.stopped
    plain = str(model.requests[-1].messages[-1]["content"])
    assert plain.startswith("A box holds 6 rows")
    assert "parts" not in plain


@pytest.mark.parametrize("nusd", range(200_000, 1_500_000, 100_000))
async def test_the_answer_is_set_aside_before_anything_is_planned(nusd):
    asked = Question.of(ASKED.messages[0]["content"], kind="number", sampling=Sampling(max_output_tokens=40))
    found, _ = await buy(question=asked, limits=Limits(nusd=nusd))
    assert found.answer == "37"
    assert found.paid_nusd <= nusd
    assert bool(found.refused) == any("left out" in m for m in found.missing)


async def test_a_part_that_fails_ends_the_parts_and_the_answer_is_made_of_the_rest():
    def fails(request, index):
        if "At most" in str(request.messages) or "the parts before" in str(request.messages[-1]):
            return ProviderError("the server broke")
        return says(request, index)

    found, _ = await buy(fails)
    assert found.answer == "37"
    assert "part/1 is left out: the server broke" in found.missing


async def test_an_answer_that_fails_after_the_parts_leaves_what_was_paid_and_no_answer():
    def fails(request, index):
        said = says(request, index)
        return ProviderError("the server broke") if "Answer: 37" in said else said

    found, _ = await buy(fails)
    assert (found.answer, found.key) == (None, None)
    assert found.paid_nusd > 0
    assert any("could not be bought: the server broke" in m for m in found.missing)


async def test_the_small_model_plans_where_there_is_one():
    small, large = scripted(says, price=FIXED), scripted(says, price=FIXED)
    async with shop({"default": large, "small": small}) as outlay:
        found = await outlay.ask(ASKED, strategy="plan_and_budget")
    assert found.answer == "37"
    assert (len(small.requests), len(large.requests)) == (2, 3)


async def test_everything_failing_is_no_answer_and_parameters_are_checked():
    with pytest.raises(NoAnswer, match="the server broke"):
        await buy(lambda r, i: ProviderError("the server broke"))
    for bad in ("level=6", "schedule=cubic", "words=0", "tokens_per_word=0.5"):
        with pytest.raises(UsageError):
            await buy(strategy=f"plan_and_budget:{bad}")
