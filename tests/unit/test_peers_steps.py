"""Regressions: defects found in its_hub 1.2.0 and optillm 0.4.0 in methods that write an answer step by step."""

import pytest
from ledgers import rows
from stepping import run_on
from toy_worlds import QUESTION, RIGHT, Scorer, Tree, noisy
from two_models import ASK, step

from outlay import plugins
from outlay.budget import Limits
from outlay.errors import ProviderError
from outlay.models.scripted import scripted
from outlay.skeletons.particles import Rule
from outlay.stats.resampling import effective_sample_size
from outlay.testing import FIXED, shop
from outlay.types import Completion, Usage

SEARCHES = ("beam_search", "diverse_tree_search", "particle_filter", "astar")
PAIRS = ("speculative_reasoning:tau=0", "glimpse:tau=9", "arbitrage:estimator=chance,tau=1")
EVEN = Scorer(lambda good, depth, rng: 0.5)


async def searched(name, script, scorer=None, *, max_n=8, **parameters):
    model = scripted(script, price=FIXED, max_n=max_n)
    async with run_on(model, verifier=scorer or Scorer(noisy)) as run:
        return await plugins.load("strategy", name)(run, QUESTION, **parameters), model


def first_steps(request, index):
    return f"Answer: {RIGHT}" if request.prefix else f"good {index}\n\n"


@pytest.mark.parametrize("finish_reason", ["content_filter", "tool_calls", "length"])
@pytest.mark.parametrize("name", SEARCHES)
async def test_every_finish_reason_is_read(name, finish_reason):
    """its_hub step_generation.py aforward: finish_reason was never read; a model that had ended was asked on."""
    said = Completion("That is all", finish_reason, Usage(0, 3))
    answer, model = await searched(name, lambda r, i: said)
    assert {r.prefix for r in model.requests} == {None}
    assert (answer.key, answer.text) == (None, "That is all")


@pytest.mark.parametrize("spec", PAIRS)
async def test_a_pair_reads_finish_reasons_too(spec):
    """The same where two models write: a step that was filtered is the last one, and its chain has no answer."""

    def says(request, index):
        return (
            step("six times seven") if not request.prefix else Completion("Well", "content_filter", Usage(0, 1))
        )

    model = scripted(says)
    async with shop({"default": model, "small": scripted(says, name="small")}) as outlay:
        answer = await outlay.buy(ASK, await outlay.plan(spec))
    assert "2 steps" in answer.stopped
    assert "stopped with content_filter" in answer.stopped


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("name", SEARCHES)
async def test_the_most_steps_are_the_most(name, most):
    """its_hub step_generation.py: the length was tested before the append; max_steps=3 gave 4 steps."""
    _, model = await searched(name, lambda r, i: f"good {i} {len(r.prefix or '')}\n\n", steps=most)
    assert max((r.prefix or "").count("\n\n") for r in model.requests) == most - 1


@pytest.mark.parametrize("spec", PAIRS)
async def test_the_most_steps_of_a_pair_are_the_most(spec):
    """The same where two models write."""
    says = lambda r, i: step(f"and {len(r.prefix or '')} more")  # noqa: E731
    async with shop({"default": scripted(says), "small": scripted(says, name="small")}) as outlay:
        answer = await outlay.buy(ASK, await outlay.plan(f"{spec},max_steps=3"))
    assert "3 steps: " in answer.stopped
    assert answer.text.count("more\n\n") == 3


async def test_the_first_level_draws_as_many_as_every_other():
    """its_hub beam_search.py ainfer: the first level drew budget / width samples."""
    _, model = await searched("beam_search", Tree(4, 0.9).script(), n=8, width=4, temperature=1.0)
    by_depth = {}
    for request in model.requests:
        at = (request.prefix or "").count("\n\n")
        by_depth[at] = by_depth.get(at, 0) + request.n
    assert [by_depth[at] for at in range(3)] == [8, 8, 8]


async def test_only_chains_of_one_depth_are_compared_where_one_is_dropped_for_another():
    """its_hub: weights of different steps were compared. A late chain of a beam cannot lose to an early score."""

    class Falling(Scorer):
        async def prefix(self, run, question, steps):
            return 0.9 / len(steps)

    _, model = await searched("beam_search", Tree(6, 1.0).script(), Falling(noisy), n=4, width=2)
    depths = [(r.prefix or "").count("\n\n") for r in model.requests]
    assert depths == sorted(depths)


@pytest.mark.parametrize("resampling, distinct", [("systematic", {8}), ("multinomial", {4, 5, 6, 7})])
async def test_systematic_resampling_is_not_silently_multinomial(resampling, distinct):
    """its_hub particle_gibbs.py ParticleFiltering: resampling_method was accepted and not passed on."""
    _, model = await searched("particle_filter", first_steps, EVEN, resampling=resampling)
    survivors = {r.prefix for r in model.requests if r.prefix}
    assert len(survivors) in distinct
    assert sum(r.n for r in model.requests if r.prefix) == 8


async def test_two_equal_particles_are_an_effective_sample_of_two():
    """its_hub _entropy_n: normalised only above two particles, 0.693 in place of 1."""
    assert effective_sample_size([0.5, 0.5]) == pytest.approx(2.0)
    assert effective_sample_size([1.0]) == pytest.approx(1.0)
    assert Rule().ess == 1.0


@pytest.mark.parametrize("name", SEARCHES)
async def test_a_search_has_the_usage_and_the_cost_of_all_its_steps(name):
    """its_hub: step methods had no usage field. optillm: completion tokens alone."""
    model = scripted(Tree(4, 0.9).script(), price=FIXED, max_n=8)
    async with shop(model) as outlay:
        answer = await outlay.buy(QUESTION, await outlay.plan(name), verifier=Scorer(noisy))
        ledger = await rows(outlay.store)
    assert answer.calls == sum(r.n for r in model.requests)
    assert answer.usage.output_tokens == sum(r["output_tokens"] for r in ledger) > 0
    assert answer.usage.input_tokens == sum(r["input_tokens"] for r in ledger) > 0
    assert answer.cost_nusd == sum(r["cost_nusd"] for r in ledger) > 0


@pytest.mark.parametrize("name", SEARCHES)
async def test_the_sentence_of_a_failed_step_is_never_a_step(name):
    """its_hub error replacement: the sentence that replaced a failed call went on as an ordinary message."""

    def says(request, index):
        if index == 0 and not request.prefix:
            return ProviderError("the answer is 7 calls too many")
        return first_steps(request, index)

    answer, model = await searched(name, says, max_n=1)
    assert answer.key == RIGHT
    assert not any("too many" in (r.prefix or "") for r in model.requests)
    assert "too many" not in answer.text


@pytest.mark.parametrize("name", SEARCHES)
async def test_a_cut_chain_is_told_as_cut_and_has_no_answer(name):
    """its_hub app.py: the finish reason was always "stop", so that a truncated chain looked finished."""
    answer, _ = await searched(name, lambda r, i: f"so far {RIGHT} {i}\n\n", steps=2)
    assert answer.key is None
    assert any("cut at their output bound" in m for m in answer.missing)


@pytest.mark.parametrize("name", SEARCHES)
async def test_no_search_invents_a_message(name):
    """optillm mcts.py: the model was asked to make up what the user says next. Here only the reply grows."""
    _, model = await searched(name, Tree(4, 0.9).script())
    first = model.requests[0].messages
    assert first[0]["content"].startswith(QUESTION.messages[0]["content"])
    assert all(r.messages == first for r in model.requests)


async def test_the_most_promising_chain_grows_next_at_any_depth():
    """optillm mcts.py: selection looked at the root's children alone."""

    class Prefers(Scorer):
        async def prefix(self, run, question, steps):
            return 0.9 - 0.1 * (len(steps) == 2) - 0.8 * ("0" not in steps[0])

    _, model = await searched("astar", Tree(5, 1.0).script(), Prefers(noisy), k=2, edge_cost="zero")
    assert [(r.prefix or "").count("\n\n") for r in model.requests][-1] == 4


async def test_a_plan_with_a_budget_of_one_call_makes_one():
    """its_hub planning_wrapper.py: budget 1 made 4 calls."""
    model = scripted(lambda r, i: f"Answer: {RIGHT}", price=FIXED)
    async with shop(model, limits=Limits(calls=1)) as outlay:
        await outlay.buy(QUESTION, await outlay.plan("plan_and_budget"))
    assert sum(r.n for r in model.requests) == 1
