"""Answers after thinking that are begun for the model: a plain one would go on thinking in the answer's budget."""

import msgspec
import pytest

from outlay.testing import FIXED, scripted, shop
from outlay.types import Completion, Question, Sampling, Usage

ASK = Question.of("What is 6 times 7 ?", id="q", kind="number")
BOTH = ("elastic:thinking=4,answer=3", "budget_forcing:thinking=4,answer=3")


def rambles(request, index):
    """A plain model: it thinks on and on, also after the closing tag, unless its answer is begun for it."""
    begun = (request.prefix or "").endswith("Answer:")
    words = ["42"] if begun else ["and", "so", "on", "and", "so", "on"][: request.max_output_tokens]
    return Completion(" " + " ".join(words), "stop" if begun else "length", Usage(0, len(words)))


async def bought(strategy, script=rambles, question=ASK):
    model = scripted(script, price=FIXED)
    async with shop(model) as outlay:
        return await outlay.buy(question, await outlay.plan(strategy)), model


@pytest.mark.parametrize("strategy", BOTH)
async def test_a_plain_model_states_its_answer_only_where_it_is_begun_for_it(strategy):
    plain, _ = await bought(strategy)
    assert (plain.key, plain.text) == (None, " and so on")
    outright, model = await bought(f"{strategy},outright=true")
    assert (outright.key, outright.text) == ("42", "Answer: 42")
    assert (model.requests[-1].prefix or "").endswith("</think>\n\nAnswer:")
    assert outright.usage.output_tokens == 4 + 1


@pytest.mark.parametrize(
    "kind, extra", [("json", {}), (None, {}), ("number", {"response_format": {"type": "text"}})]
)
async def test_a_reply_of_another_form_is_not_begun(kind, extra):
    question = msgspec.structs.replace(ASK, kind=kind, sampling=Sampling(extra=extra))
    _, model = await bought("elastic:thinking=4,answer=3,outright=true", question=question)
    assert (model.requests[-1].prefix or "").endswith("</think>\n\n")


async def test_an_answer_that_the_model_has_begun_is_gone_on_with_as_it_is():
    def says(request, index):
        if "</think>" in (request.prefix or ""):
            return Completion(" 42", "stop", Usage(0, 1))
        return Completion("six sevens</think>\n\nIt is", "length", Usage(0, 4))

    answer, model = await bought("elastic:thinking=4,answer=3,outright=true", says)
    assert (model.requests[-1].prefix or "").endswith("</think>\n\nIt is")
    assert answer.text == "It is 42"
