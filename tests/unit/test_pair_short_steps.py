"""Steps of a pair that are shorter than asked for are gone on with, by the same model, before they are decided on."""

import pytest
from ledgers import rows
from two_models import depth, digit, flat, is_grade, is_probe, step

from outlay import plugins
from outlay.answering import replay
from outlay.testing import FIXED, scripted, shop
from outlay.types import Completion, Question, Sampling, Usage

ASK = Question.of("Add up.", id="q", kind="number", sampling=Sampling(max_output_tokens=60))
PAIRS = ("speculative_reasoning:tau=5", "glimpse:tau=1", "arbitrage:tau=0.5")


def lines(role):
    """Eight lines of four tokens, one a step, and an answer; every draft is to the large model's liking."""

    def says(request, index):
        if is_grade(request):
            return digit(8.0)
        if is_probe(request):
            return flat(1)
        at = depth(request)
        return step("Answer: 36", last=True) if at == 8 else step(f"{role} wrote line {at}")

    return says


async def bought(strategy, writes=lines):
    told = []
    models = {
        role: scripted(writes(name), price=FIXED, name=name)
        for role, name in (("default", "large"), ("small",) * 2)
    }
    async with shop(models) as outlay:
        answer = await outlay.buy(ASK, await outlay.plan(strategy), listener=told.append)
        ledger = await rows(outlay.store)
        recorded = (await outlay.store.trace(answer.trace_id)).encode()
    _, again = await replay(recorded)
    assert again == recorded
    (pair,) = [e for e in told if e["event"] == "pair"]
    return answer, pair, ledger


@pytest.mark.parametrize(
    "least, tokens", [(0, [4] * 8 + [2]), (4, [4] * 8 + [2]), (5, [8] * 4 + [2]), (12, [12, 12, 10])]
)
@pytest.mark.parametrize("strategy", PAIRS)
async def test_lines_are_joined_until_a_step_is_long_enough(strategy, least, tokens):
    answer, pair, _ = await bought(f"{strategy},min_step_tokens={least},first_large=0")
    assert [s.tokens for s in pair["chain"].steps] == tokens
    assert answer.answer == "36"
    decided = {"speculative_reasoning": pair["counts"].grades, "glimpse": pair["counts"].probes}
    assert decided.get(strategy.partition(":")[0], len(tokens)) == len(tokens)


@pytest.mark.parametrize("strategy", PAIRS)
async def test_the_text_is_the_same_whether_its_lines_were_joined_or_not(strategy):
    plain, _, _ = await bought(strategy)
    joined, _, _ = await bought(f"{strategy},min_step_tokens=12")
    assert joined.text == plain.text


async def test_joining_ends_where_the_chain_or_its_bound_does():
    endless = lambda role: lambda r, i: digit(9.0) if is_grade(r) else step(f"and {len(r.prefix or '')}")  # noqa: E731
    answer, pair, _ = await bought("speculative_reasoning:tau=5,min_step_tokens=1000,step_tokens=24", endless)
    assert [s.tokens for s in pair["chain"].steps] == [24, 24, 12]
    assert answer.key is None
    cut = lambda role: lambda r, i: digit(9.0) if is_grade(r) else Completion("on " * 6, "length", Usage(0, 6))  # noqa: E731
    _, pair, _ = await bought("speculative_reasoning:tau=5,min_step_tokens=20,step_tokens=6", cut)
    assert {s.tokens for s in pair["chain"].steps} == {6}


@pytest.mark.parametrize("strategy", PAIRS)
async def test_what_is_settled_stays_within_the_bound(strategy):
    asked = f"{strategy},min_step_tokens=12,max_steps=4"
    _, _, ledger = await bought(asked)
    chosen = plugins.spec("strategy", asked)
    most = plugins.module_of(chosen.target).bound(ASK, **chosen.parameters).by_role
    for bound_role, role in (("small", "small"), ("large", "large")):
        of = [r for r in ledger if r["role"] == role]
        assert sum(r["n"] for r in of) <= most[bound_role].calls + 1  # and the probe of its ability
        assert sum(r["output_tokens"] for r in of) <= most[bound_role].output_tokens + 4
