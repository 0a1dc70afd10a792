"""Searches over steps under bad models, bad scorers and budgets that end: each has a plain outcome."""

import asyncio
from math import inf, nan

import msgspec
import pytest
from stepping import run_on
from toy_worlds import QUESTION, RIGHT, Scorer, Tree, noisy

from outlay import plugins
from outlay.errors import MissingAbility, NoAnswer, ProviderError, TimedOut, UsageError
from outlay.models.scripted import scripted
from outlay.testing import FIXED
from outlay.types import Sampling

NAMES = ("beam_search", "diverse_tree_search", "particle_filter", "astar")
EVERY = (*NAMES, "step_rejection")
"""With the one that has a single chain, where nothing hangs on siblings."""


async def search(name, script, scorer=None, *, nusd=None, question=QUESTION, seed=1, **parameters):
    model = scripted(script, price=FIXED, max_n=8)
    chosen = plugins.load("strategy", name)
    async with run_on(model, verifier=scorer or Scorer(noisy), nusd=nusd, seed=seed) as run:
        return await chosen(run, question, **parameters), model, run


class Failing(Scorer):
    """Scores as `noisy`, but says or raises something else for texts with `!`."""

    def __init__(self, said):
        super().__init__(noisy)
        object.__setattr__(self, "said", said)

    async def prefix(self, run, question, steps):
        if "!" in steps[-1]:
            if isinstance(self.said, Exception):
                raise self.said
            return self.said
        return await super().prefix(run, question, steps)


def marked(request, index):
    """Of every four siblings one carries a mark; all end right at the second step."""
    return f"Answer: {RIGHT}" if request.prefix else f"good {index}{'!' * (index % 4 == 1)}\n\n"


@pytest.mark.parametrize("said", [nan, inf, -0.1, 1.1, ProviderError("the scorer broke"), TimedOut("too slow")])
@pytest.mark.parametrize("name", NAMES)
async def test_a_scorer_that_fails_costs_that_particle_and_not_the_run(name, said):
    answer, model, _ = await search(name, marked, Failing(said))
    assert answer.key == RIGHT
    assert any("failed: not scored: " in m for m in answer.missing)
    assert not any("!" in (r.prefix or "") for r in model.requests)


@pytest.mark.parametrize("name", NAMES)
async def test_a_dead_scorer_ends_the_search(name):
    with pytest.raises(ProviderError, match="no such key"):
        await search(name, marked, Failing(ProviderError("no such key", fatal=True)))


@pytest.mark.parametrize("name", EVERY)
async def test_a_scorer_that_never_scores_leaves_no_answer_and_says_why(name):
    with pytest.raises(NoAnswer, match="not scored: the scorer broke"):
        await search(name, lambda r, i: f"good {i}!\n\n", Failing(ProviderError("the scorer broke")))


@pytest.mark.parametrize("name", EVERY)
async def test_a_whole_chain_without_a_score_keeps_its_text_and_is_not_hidden(name):
    script = lambda r, i: f"Answer: {RIGHT} !"  # noqa: E731
    answer, _, _ = await search(name, script, Failing(ProviderError("the scorer broke")))
    assert answer.text == f"Answer: {RIGHT} !"
    assert any("not scored: the scorer broke" in m for m in answer.missing)
    assert answer.p_correct is None


@pytest.mark.parametrize("name", EVERY)
async def test_separators_that_never_come_are_cut_steps_up_to_the_bound(name):
    """A text without a blank line, as long as may be: every step is cut at its cap, the chain at its own."""
    answer, model, _ = await search(
        name, lambda r, i: f"on{i} " * 1000, steps=3, step_tokens=5, question=QUESTION
    )
    assert answer.key is None
    assert any("cut at their output bound" in m for m in answer.missing)
    assert {r.max_output_tokens for r in model.requests} == {5}
    assert max((r.prefix or "").count("on") for r in model.requests) <= 10


@pytest.mark.parametrize("name", EVERY)
async def test_steps_that_never_end_stop_at_the_chains_own_bound(name):
    question = msgspec.structs.replace(QUESTION, sampling=Sampling(max_output_tokens=12))
    answer, model, _ = await search(name, lambda r, i: f"on{i} " * 1000, step_tokens=8, question=question)
    assert answer.key is None
    assert {r.max_output_tokens for r in model.requests} == {8, 4}


@pytest.mark.parametrize("name", EVERY)
async def test_a_model_that_goes_round_in_circles_is_stopped(name):
    answer, model, _ = await search(name, lambda r, i: "again\n\n", steps=40)
    assert answer.key is None
    assert max((r.prefix or "").count("again") for r in model.requests) <= 3


@pytest.mark.parametrize("name", EVERY)
async def test_empty_steps_end_a_chain(name):
    answer, model, _ = await search(name, lambda r, i: "\n\n" if r.prefix else f"it is {RIGHT}\n\n")
    assert answer.key == RIGHT
    assert all((r.prefix or "").count("\n\n") <= 1 for r in model.requests)


@pytest.mark.parametrize("name", EVERY)
async def test_a_model_that_ends_at_step_one_is_not_asked_for_more(name):
    """Peers' defect (its_hub): it was asked eight more times, and the answer repeated itself."""
    answer, model, _ = await search(name, lambda r, i: f"Answer: {RIGHT}")
    assert answer.text == f"Answer: {RIGHT}"
    assert {r.prefix for r in model.requests} == {None}


@pytest.mark.parametrize("name", EVERY)
async def test_a_server_that_does_not_tell_its_end_is_asked_once_more_and_believed(name):
    def ends(request, index):
        return "" if request.prefix else f"it is {RIGHT}"

    model = scripted(ends, price=FIXED, max_n=8, tells_stop=False)
    async with run_on(model, verifier=Scorer(noisy)) as run:
        answer = await plugins.load("strategy", name)(run, QUESTION)
    assert answer.key == RIGHT
    assert answer.text.strip() == f"it is {RIGHT}"


@pytest.mark.parametrize("nusd", [60_000, 120_000, 300_000])
@pytest.mark.parametrize("name", NAMES)
async def test_a_budget_that_ends_in_the_middle_ends_in_what_was_written(name, nusd):
    answer, _, run = await search(name, Tree().script(), nusd=nusd, step_tokens=10)
    assert run.spent.paid_nusd <= nusd
    assert answer.stopped.startswith("the budget ended after ")
    assert run.refused
    assert answer.text


@pytest.mark.parametrize("name", EVERY)
async def test_a_model_without_the_ability_is_refused_before_a_cent_is_spent(name):
    model = scripted(lambda r, i: "fine", abilities=frozenset({"chat", "n"}))
    async with run_on(model, verifier=Scorer(noisy)) as run:
        with pytest.raises(MissingAbility, match="lacks the ability prefix"):
            await plugins.load("strategy", name)(run, QUESTION)
    assert model.requests == []


async def test_an_early_finish_does_not_fill_the_beam():
    """Peers' defect (its_hub): finished paths were copied into every place, one distinct answer was left of eight."""

    class Rising(Scorer):
        async def prefix(self, run, question, steps):
            return 0.9 if "41" in steps[-1] else 0.5 + 0.2 * (len(steps) == 3)

    def early(request, index):
        if not request.prefix:
            return "Answer: 41" if index == 0 else f"good {index}\n\n"
        return f"Answer: {RIGHT} {index}" if request.prefix.count("\n\n") == 2 else f"good {index}\n\n"

    answer, model, _ = await search("beam_search", early, Rising(noisy))
    assert {len(r.sample_indices) for r in model.requests if r.prefix} == {4}
    assert {(r.prefix or "").count("\n\n") for r in model.requests} == {0, 1, 2}
    assert {key for key, _ in answer.candidates} == {"41"}
    assert answer.stopped.startswith("9 chains ended")


@pytest.mark.parametrize("name", ["beam_search", "diverse_tree_search"])
async def test_a_width_that_does_not_divide_is_refused(name):
    with pytest.raises(UsageError, match="multiple of width; 8 is none of 3"):
        await search(name, marked, width=3)
    with pytest.raises(UsageError, match="separator of steps cannot be empty"):
        await search(name, marked, separator="")


async def test_copies_of_a_particle_draw_in_one_batch_and_are_scored_once():
    scored = []

    class Counting(Scorer):
        async def prefix(self, run, question, steps):
            scored.append(steps)
            return 1.0 if "0" in steps[0] else 1e-9

    def script(request, index):
        return f"Answer: {RIGHT}" if request.prefix else f"good {index}\n\n"

    _, model, run = await search("particle_filter", script, Counting(noisy))
    assert [r.n for r in model.requests] == [8, 8]
    assert len(scored) == 8 + 1
    assert run.spent.calls == 16


async def test_trees_do_not_wait_for_each_other():
    """While one tree's model is held, the other trees finish."""
    held = asyncio.Event()

    def gate(request):
        if not (request.prefix or "").startswith("good 0"):
            return None
        waiting = asyncio.get_running_loop().create_future()
        gates.append(waiting)
        held.set()
        return waiting

    gates = []

    def script(request, index):
        depth = (request.prefix or "").count("\n\n")
        return f"Answer: {RIGHT}" if depth == 3 else f"good {index}\n\n"

    class First(Scorer):
        async def prefix(self, run, question, steps):
            return 0.9 if steps[0] in ("good 0\n\n", "good 1\n\n") else 0.2

    model = scripted(script, max_n=8, gate=gate)
    async with run_on(model, verifier=First(noisy)) as run:
        task = asyncio.create_task(plugins.load("strategy", "diverse_tree_search")(run, QUESTION))
        await held.wait()
        # Returns only because the other tree goes on; a search that waited would never get there.
        while max((r.prefix or "").count("\n\n") for r in model.requests) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert not task.done()
        while not task.done():
            for waiting in gates:
                if not waiting.done():
                    waiting.set_result(None)
            await asyncio.sleep(0)
        assert (await task).key == RIGHT


async def test_rounds_keep_a_reference_and_draw_one_less():
    answer, model, _ = await search("particle_filter", Tree().script(), n=4, rounds=3)
    first_steps = [len(r.sample_indices) for r in model.requests if not r.prefix]
    assert first_steps == [4, 3, 3]
    assert answer.key in (RIGHT, "41")


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(("text", "told"), [("on and on " * 100, 1), ("a line\n\n", 0)])
async def test_separators_that_never_come_are_named_with_what_to_do(name, text, told):
    answer, _, _ = await search(name, lambda r, i: text, steps=3, step_tokens=40)
    assert answer.key is None
    assert sum("no step ended at the separator '\\n\\n'" in m for m in answer.missing) == told
