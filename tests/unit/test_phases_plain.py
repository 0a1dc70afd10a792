"""A plain reply with a budget: what ends itself is the answer, what is cut is made to state one."""

from __future__ import annotations

import pytest

from outlay.budget import Limits
from outlay.errors import NoAnswer, ProviderError
from outlay.testing import FIXED, scripted, shop
from outlay.types import Completion, Question, Usage

ASK = Question.of("What is 6 times 7 ?", id="q", kind="number")
WORK = "six times six is thirty six\n\nand six more is forty two\n\nAnswer: 42"


def worker(answer=" 42"):
    """A model that works aloud, cut where its bound is, and answers where its answer is begun."""

    def says(request, index):
        if request.prefix is not None:
            return answer
        words = WORK.split(" ")[: request.max_output_tokens]
        cut = len(words) < len(WORK.split(" "))
        return Completion(" ".join(words), "length" if cut else "stop", Usage(0, len(words)))

    return scripted(says, price=FIXED)


async def bought(model, strategy, question=ASK, **more):
    async with shop(model, **more) as outlay:
        return await outlay.buy(question, await outlay.plan(strategy))


async def test_a_reply_that_ends_itself_is_the_answer_and_nothing_more_is_bought():
    model = worker()
    answer = await bought(model, "elastic:thinking=100,answer=5,thinks=plain")
    assert (answer.answer, answer.text, answer.calls) == ("42", WORK, 1)
    assert model.requests[0].prefix is None
    assert "Think between" not in model.requests[0].messages[-1]["content"]
    assert "ended by the model" in answer.stopped


@pytest.mark.parametrize(
    ("cut", "kept"),
    [("false", "six times six is thirty six\n\nand six"), ("true", "six times six is thirty six")],
)
async def test_a_reply_that_is_cut_is_made_to_answer_within_its_own_budget(cut, kept):
    model = worker()
    answer = await bought(model, f"elastic:thinking=7,answer=5,thinks=plain,cut={cut}")
    assert model.requests[1].prefix == f"{kept}\n\nAnswer:"
    assert [r.max_output_tokens for r in model.requests] == [7, 5]
    assert answer.answer == "42"
    assert answer.text == f"{kept}\n\nAnswer: 42"
    assert answer.usage.output_tokens <= 12


async def test_without_a_budget_for_the_reply_the_answer_is_begun_at_once():
    model = worker()
    answer = await bought(model, "elastic:thinking=0,answer=5,thinks=plain")
    assert [r.prefix for r in model.requests] == ["Answer:"]
    assert answer.answer == "42"


async def test_a_kind_without_a_line_for_its_answer_just_goes_on():
    model = worker(answer=" seven")
    question = Question.of("What is 6 times 7 ?", id="q")
    answer = await bought(model, "elastic:thinking=7,answer=5,thinks=plain", question)
    assert answer.text == "six times six is thirty six\n\nand six seven"


async def test_an_answer_that_fails_or_does_not_fit_leaves_the_cut_reply_and_says_so():
    model = worker(answer=ProviderError("gone"))
    failed = await bought(model, "elastic:thinking=7,answer=5,thinks=plain")
    assert failed.answer is None
    assert "cut" in failed.stopped
    refused = await bought(worker(), "elastic:thinking=7,answer=5,thinks=plain", limits=Limits(calls=1))
    assert refused.answer is None
    assert refused.refused


@pytest.mark.parametrize("thinking", [0, 7])
async def test_a_first_call_that_fails_is_no_answer_and_says_why(thinking):
    model = scripted(lambda r, i: ProviderError("gone"), price=FIXED)
    with pytest.raises(NoAnswer, match="No reply came back: gone"):
        await bought(model, f"elastic:thinking={thinking},thinks=plain")
