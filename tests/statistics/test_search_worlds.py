"""The toy worlds whose results are known: exact expectations, and the numbers of the published sheets."""

from math import sqrt

import pytest
from stepping import run_on
from toy_worlds import QUESTION, RIGHT, Scorer, Tree, noisy, perfect

from outlay import plugins
from outlay.models.scripted import scripted
from outlay.strategies.astar import astar


async def test_perfect_scores_need_the_closed_form_of_expansions():
    """T / (1 - (1 - p)^k) = 8 / (1 - 0.5^4) = 8.53 expansions, 34 steps, where best of n needs 256 chains."""
    model, found = scripted(Tree(8, 0.5, 0.0).script(), keep=False), []
    for seed in range(200):
        async with run_on(model, seed=seed, verifier=Scorer(perfect)) as run:
            answer = await astar(run, QUESTION, k=4, again=True, edge_cost="zero")
            assert answer.key == RIGHT
            found.append(run.spent.calls / 4)
    expected = 8 / (1 - 0.5**4)
    assert abs(sum(found) / len(found) - expected) < 3 * sqrt(8 * 0.0625 / 0.9375**2 / len(found))


@pytest.mark.parametrize(
    "spec, right, steps",
    [
        ("best_of_n:n=8", 0.56, 64),
        ("particle_filter:n=4", 0.85, 32),
        ("particle_filter:n=8", 0.988, 64),
        ("beam_search:n=8,width=2", 0.996, 64),
        ("astar:k=4,expansions=32,edge_cost=zero", 0.992, 57),
        ("astar:k=4,expansions=32", 0.994, 73),
    ],
)
async def test_the_toy_tree_has_the_published_numbers(spec, right, steps):
    """Within 3 standard errors of 150 runs, or one run in 50 of the rare failures; steps within a fifth."""
    chosen, runs = plugins.spec("strategy", spec), 150
    model, n_right, n_steps = scripted(Tree().script(), keep=False), 0, 0
    for seed in range(runs):
        async with run_on(model, seed=seed, verifier=Scorer(noisy)) as run:
            answer = await chosen.target(run, QUESTION, **chosen.parameters)
            n_right += answer.key == RIGHT
            n_steps += run.spent.calls * (8 if spec.startswith("best") else 1)
    assert abs(n_right / runs - right) < max(3 * sqrt(right * (1 - right) / runs), 0.02)
    assert n_steps / runs == pytest.approx(steps, rel=0.2)
