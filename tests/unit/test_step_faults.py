"""What goes wrong where steps are written or scored, and the plain outcome: pairs, phases, and scorers of one's own."""

import asyncio
import math
import sys
from types import ModuleType

import pytest
from stepping import run_on
from toy_worlds import QUESTION, RIGHT
from two_models import ASK, depth, digit, flat, is_grade, is_probe, step
from upstream import Upstream

from outlay import plugins
from outlay.budget import Limits
from outlay.errors import MissingAbility, ProviderError, TimedOut
from outlay.models.openai_chat import openai_chat
from outlay.models.scripted import scripted
from outlay.testing import FIXED, shop
from outlay.types import Bound, Completion, Question, Sampling, Usage
from outlay.verifiers._own import as_verifier

PAIRS = ("speculative_reasoning:tau=5", "glimpse:tau=1", "arbitrage:tau=0.5")
SEARCHES = ("beam_search", "diverse_tree_search", "particle_filter", "astar")


def writes(role, then=None):
    """Four steps and an answer, 1 of the small model and 2 of the large one; `then` may say something else."""

    def says(request, index):
        if is_grade(request):
            return digit(8.0)
        if is_probe(request):
            return flat(1)
        if then is not None and (said := then(request)) is not None:
            return said
        if depth(request) >= 4:
            return step(f"Answer: {1 if role == 'small' else 2}", last=True)
        return step(f"{role} wrote the step {depth(request)}")

    return says


async def shared(strategy, small=None, large=None, *, verifier=None, question=ASK, **more):
    """What a pair of models comes to: the answer, the counts of what was bought, and the large model."""
    told = []
    models = {
        "default": scripted(writes("large", large), name="large"),
        "small": scripted(writes("small", small), name="small"),
    }
    async with shop(models) as outlay:
        plan = await outlay.plan(strategy)
        answer = await outlay.buy(question, plan, verifier=verifier, listener=told.append, **more)
    (pair,) = [e for e in told if e["event"] == "pair"]
    return answer, pair["counts"], models["default"]


class Says:
    """A scorer of prefixes that says or raises the same of every chain."""

    name = "says"

    def __init__(self, said):
        self.said = said

    async def prefix(self, run, question, steps):
        if isinstance(self.said, Exception):
            raise self.said
        return self.said

    async def __call__(self, run, question, candidate):
        raise AssertionError


@pytest.mark.parametrize(
    "said", [math.nan, math.inf, -0.1, 1.1, ProviderError("it broke"), TimedOut("too slow")]
)
@pytest.mark.parametrize("estimator", ["verifier", "oracle"])
async def test_a_scorer_that_fails_sends_the_step_to_the_large_model_and_is_told(estimator, said):
    answer, counts, large = await shared(f"arbitrage:estimator={estimator}", verifier=Says(said))
    assert (answer.answer, counts.blind, counts.large_steps) == ("2", 5, 5)
    assert "5 decisions without a signal" in answer.stopped
    # The oracle's step is bought once, also where it could not be scored.
    assert len([r for r in large.requests if r.prefix is None or "step" in r.prefix]) == 5


@pytest.mark.parametrize("anew", ["small", "default"])
@pytest.mark.parametrize("strategy", PAIRS)
async def test_a_server_that_templates_the_prefix_anew_is_found_before_a_step_is_bought(strategy, anew):
    async with Upstream("vllm") as up:
        provider = openai_chat("fake", base_url=up.base_url, dialect="vllm", price=FIXED)
        other = scripted(writes("other"))
        async with shop({"default": other, "small": other, anew: provider}) as outlay:
            with pytest.raises(MissingAbility, match="opens a new turn instead of continuing"):
                await outlay.buy(ASK, await outlay.plan(strategy))
    assert up.n_chats == 1
    assert all((r.max_output_tokens or 0) <= 4 for r in other.requests)


@pytest.mark.parametrize("strategy", PAIRS)
async def test_an_empty_step_in_the_middle_ends_the_chain(strategy):
    empty = lambda r: step(" \n", last=False) if depth(r) == 2 else None  # noqa: E731
    answer, counts, _ = await shared(strategy, empty, empty)
    assert answer.key is None
    assert "an empty step" in answer.stopped
    assert counts.kept + counts.large_steps == 3


@pytest.mark.parametrize("strategy", PAIRS)
async def test_a_budget_that_ends_in_the_middle_of_a_pair_leaves_the_chain_so_far(strategy):
    answer, _, _ = await shared(f"{strategy},step_tokens=10", limits=Limits(output_tokens=25))
    assert answer.usage.output_tokens <= 25
    assert answer.key is None
    assert "budget ended after" in answer.stopped
    assert "wrote the step 0" in answer.text


@pytest.mark.parametrize("strategy", PAIRS)
async def test_steps_that_repeat_and_separators_that_never_come_end_a_pair(strategy):
    again = lambda r: step("again")  # noqa: E731
    answer, counts, _ = await shared(strategy, again, again)
    assert (answer.key, counts.kept + counts.large_steps) == (None, 3)
    endless = lambda r: Completion("on " * r.max_output_tokens, "length", Usage(0, r.max_output_tokens))  # noqa: E731
    question = Question.of("Add up.", id="q", kind="number", sampling=Sampling(max_output_tokens=30))
    answer, counts, _ = await shared(f"{strategy},step_tokens=8", endless, endless, question=question)
    assert answer.key is None
    assert answer.text.count("on") <= 30


@pytest.mark.parametrize(
    "strategy", ["elastic:thinking=9,answer=5", "budget_forcing:waits=2,thinking=9,answer=5"]
)
@pytest.mark.parametrize("thinking", ["", " \n\n ", "again. again. again."])
async def test_empty_or_repeated_thinking_still_has_its_answer(strategy, thinking):
    def says(request, index):
        return "Answer: 42" if "</think>" in (request.prefix or "") else thinking

    async with shop(scripted(says)) as outlay:
        answer = await outlay.buy(QUESTION, await outlay.plan(strategy))
    assert answer.key == "42"
    assert answer.calls <= 4


@pytest.mark.parametrize("said, text", [("", ""), ("and so on and on and on", "and so on and on")])
async def test_an_answer_that_is_empty_or_never_ends_is_none(said, text):
    def says(request, index):
        return said if "</think>" in (request.prefix or "") else "six times seven"

    async with shop(scripted(says)) as outlay:
        answer = await outlay.buy(QUESTION, await outlay.plan("elastic:thinking=9,answer=5"))
    assert (answer.key, answer.text) == (None, text)


def marked(request, index):
    """Of every four siblings one carries a mark; all end right at the second step."""
    return f"Answer: {RIGHT}" if request.prefix else f"good {index}{'!' * (index % 4 == 1)}\n\n"


def breaks(answer):
    """A scorer of one's own with a mistake."""
    return 1 / ("!" not in answer)


@pytest.mark.parametrize("name", SEARCHES)
async def test_a_function_of_one_s_own_that_breaks_costs_that_chain_only(name):
    model = scripted(marked, max_n=8)
    async with run_on(model, verifier=as_verifier(breaks)) as run:
        answer = await plugins.load("strategy", name)(run, QUESTION)
    assert answer.key == RIGHT
    assert any("not scored: " in m and "ZeroDivisionError" in m for m in answer.missing)
    assert not any("!" in (r.prefix or "") for r in model.requests)


def own_module(prefix):
    """A scorer of one's own as a module with `prefix` beside its verifier."""
    module = ModuleType("own_scorer")

    async def own_scorer(run, question, candidate):
        raise AssertionError

    own_scorer.__module__, own_scorer.__qualname__ = module.__name__, "own_scorer"
    module.own_scorer, module.prefix, module.bound = own_scorer, prefix, lambda question: Bound()
    return module


async def breaking(run, question, steps):
    return 1 / ("!" not in steps[-1])


async def hanging(run, question, steps):
    if "!" in steps[-1]:
        await asyncio.Event().wait()
    return 0.7


@pytest.mark.parametrize("prefix, why", [(hanging, "took longer than 0.02 s"), (breaking, "ZeroDivisionError")])
@pytest.mark.parametrize("name", SEARCHES)
async def test_a_prefix_of_one_s_own_that_hangs_or_breaks_costs_that_chain_only(name, prefix, why, monkeypatch):
    module = own_module(prefix)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    model = scripted(marked, max_n=8)
    async with run_on(model, verifier=as_verifier(module.own_scorer, timeout_s=0.02)) as run:
        answer = await plugins.load("strategy", name)(run, QUESTION)
    assert answer.key == RIGHT
    assert any("not scored: your scorer own_scorer " in m and why in m for m in answer.missing)


async def test_a_search_that_fails_stops_the_branches_that_are_in_flight_upstream():
    """One tree's scorer finds its key refused while the other tree's step is being written."""
    flying = asyncio.Event()

    def gate(request):
        if not (request.prefix or "").startswith("good 0"):
            return None
        flying.set()
        return asyncio.get_running_loop().create_future()

    class Refused(Says):
        async def prefix(self, run, question, steps):
            if len(steps) == 2:
                await flying.wait()
                raise ProviderError("no such key", fatal=True)
            return 0.9 if steps[0] in ("good 0\n\n", "good 1\n\n") else 0.2

    model = scripted(lambda r, i: f"good {i}\n\n", max_n=8, gate=gate)
    async with run_on(model, verifier=Refused(0.0)) as run:
        with pytest.raises(ProviderError, match="no such key"):
            await plugins.load("strategy", "diverse_tree_search")(run, QUESTION)
        assert set(run.budget.reserved.values()) == {0}
    assert model.stopped == 1
