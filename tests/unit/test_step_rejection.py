"""Step rejection: its closed form, what stays of several draws, and what faults and budgets leave."""

from math import comb

import pytest
from stepping import run_on
from toy_worlds import QUESTION, RIGHT, Scorer, Tree, perfect

from outlay.errors import NoAnswer, ProviderError, UsageError
from outlay.models.scripted import scripted
from outlay.strategies.step_rejection import bound, step_rejection
from outlay.testing import FIXED


async def bought(script, scorer, *, seed=1, nusd=None, **parameters):
    model = scripted(script, price=FIXED)
    async with run_on(model, verifier=scorer, seed=seed, nusd=nusd) as run:
        return await step_rejection(run, QUESTION, **parameters), model, run


class Told(Scorer):
    """Scores a chain as its last step says: `good 0.3`; raises what `said` holds for texts with `!`."""

    def __init__(self, said=None):
        super().__init__(perfect)
        object.__setattr__(self, "said", said)

    async def prefix(self, run, question, steps):
        if "!" in steps[-1] and self.said is not None:
            raise self.said
        words = steps[-1].split()
        return float(words[1]) if words[0] == "good" else 1.0


def scores(*by_draw):
    """One step whose draws are worth so much, the last for all further ones, and an answer."""

    def says(request, index):
        if request.prefix:
            return f"Answer: {RIGHT}"
        return f"good {by_draw[min(index, len(by_draw) - 1)]} of draw {index}\n\n"

    return says


@pytest.mark.parametrize(("redraws", "depth", "p"), [(1, 4, 0.7), (3, 4, 0.7), (4, 8, 0.7), (8, 8, 0.5)])
async def test_with_a_sound_check_it_is_right_as_often_as_enough_of_its_draws_are_good(redraws, depth, p):
    """All of `depth` steps are good if at least so many of depth + redraws draws are: a binomial tail."""
    runs, right, drawn = 120, 0, 0
    for seed in range(runs):
        tree = Tree(depth=depth, p=p, recovers=0.0)
        answer, model, _ = await bought(tree.script(), Scorer(perfect), seed=seed, redraws=redraws)
        right += answer.key == RIGHT
        drawn = max(drawn, len(model.requests))
    n = depth + redraws
    expected = sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(depth, n + 1))
    assert drawn <= n
    assert right / runs == pytest.approx(expected, abs=3.5 * (expected * (1 - expected) / runs) ** 0.5)


@pytest.mark.parametrize(
    ("by_draw", "redraws", "stays", "draws"),
    [
        ((0.5, 0.9), 8, 0, 1),  # accepted
        ((0.2, 0.9), 8, 1, 2),
        ((0.2, 0.4, 0.3), 2, 1, 3),  # the best of what was rejected
        ((0.2, 0.2), 2, 0, 3),  # of equal ones the first
    ],
)
async def test_the_first_draw_of_the_best_score_stays(by_draw, redraws, stays, draws):
    answer, model, _ = await bought(scores(*by_draw), Told(), redraws=redraws)
    assert answer.text.startswith(f"good {by_draw[stays]} of draw {stays}")
    assert len(model.requests) == draws + 1
    assert f"2 steps, {draws - 1} drawn again" in answer.stopped


async def test_a_stricter_threshold_rejects_more():
    _, model, _ = await bought(scores(0.5, 0.7, 0.9), Told(), accept=0.8)
    assert len(model.requests) == 4


async def test_a_draw_that_is_lost_counts_like_one_that_is_rejected():
    script = lambda r, i: f"Answer: {RIGHT}" if r.prefix else f"good 0.9 {'!' * (i == 0)}\n\n"  # noqa: E731
    answer, model, _ = await bought(script, Told(ProviderError("the scorer broke")))
    assert answer.text == f"good 0.9 \n\nAnswer: {RIGHT}"
    assert len(model.requests) == 3
    assert any("the scorer broke" in m for m in answer.missing)


async def test_a_model_that_only_fails_leaves_no_answer_and_costs_no_more_than_its_draws():
    failing = lambda r, i: ProviderError("it broke", billed=False)  # noqa: E731
    with pytest.raises(NoAnswer, match="it broke"):
        await bought(failing, Told(), redraws=2)


@pytest.mark.parametrize("nusd", [50_000, 60_000, 90_000])
async def test_a_budget_that_ends_in_the_middle_leaves_what_was_written(nusd):
    answer, _, run = await bought(Tree().script(), Scorer(perfect), nusd=nusd, step_tokens=10)
    assert run.spent.paid_nusd <= nusd
    assert run.refused
    assert answer.stopped.startswith("the budget ended after ")
    assert answer.text


async def test_at_temperature_0_a_step_cannot_come_out_otherwise():
    with pytest.raises(UsageError, match="temperature 0"):
        await bought(scores(0.9), Told(), temperature=0.0)


def test_the_worst_case_counts_every_draw_and_every_look():
    without, with_five = (bound(QUESTION, redraws=n, steps=4, step_tokens=10).by_role for n in (1, 6))
    assert with_five["default"].calls - without["default"].calls == 5
    assert with_five["verifier"].calls == with_five["default"].calls == 10
