"""Invariants of A*-decoding: its costs, its order, its counts, and where it ends."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stepping import run_on
from toy_worlds import QUESTION, RIGHT, Scorer, Tree, noisy

from outlay.models.scripted import scripted
from outlay.skeletons.chain import Chain
from outlay.strategies.astar import _Node, astar
from outlay.strategies.particle_filter import particle_filter

SCORES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


def path(scores, edge_cost):
    """The nodes of one chain with these scores."""
    node, nodes = _Node(0.0, 0.0, 0, 0, 0.0, Chain()), []
    for depth, score in enumerate(scores):
        node = node.child(Chain(("s",) * (depth + 1), (*scores[:depth], score)), edge_cost, depth + 1)
        nodes.append(node)
    return nodes


@given(SCORES)
def test_pathmax_never_lets_f_fall_and_is_consistent_on_every_edge(scores):
    before = _Node(0.0, 0.0, 0, 0, 0.0, Chain())
    rises = 0.0
    for node in path(scores, "pathmax"):
        rises += max(0.0, node.h - before.h)
        assert node.f >= before.f - 1e-12
        assert before.h <= (node.g - before.g) + node.h + 1e-12
        assert node.f == pytest.approx(rises)
        before = node


@given(SCORES)
def test_degradation_without_losses_and_zero_always_give_f_equal_to_h(scores):
    rising = path(sorted(scores), "degradation")
    first = rising[0].h
    assert all(n.f == pytest.approx(n.h + first) for n in rising)
    assert all(n.f == n.h for n in path(scores, "zero"))


def test_ties_go_to_the_smaller_h_then_to_the_deeper_then_to_the_earlier():
    def at(h, depth, born):
        return _Node(1.0, h, -depth, born, 0.0, Chain())

    best = [at(0.1, 1, 9), at(0.2, 3, 8), at(0.2, 2, 1), at(0.2, 2, 5)]
    assert sorted([*best[2:], *best[:2]]) == best


async def bought(scorer, *, script=None, seed=1, **parameters):
    model = scripted(script or Tree().script(), max_n=1)
    async with run_on(model, verifier=scorer, seed=seed) as run:
        return await astar(run, QUESTION, **parameters), model, run


async def test_one_child_an_expansion_is_one_plain_sample_with_a_score_a_step():
    scored = []

    class Counting(Scorer):
        async def prefix(self, run, question, steps):
            scored.append(steps)
            return await super().prefix(run, question, steps)

    answer, model, _ = await bought(Counting(noisy), k=1, temperature=None)
    async with run_on(scripted(Tree().script(), max_n=1), verifier=Scorer(noisy)) as run:
        plain = await particle_filter(run, QUESTION, n=1, temperature=None)
    assert answer.text == plain.text
    assert len(model.requests) == len(scored) == 8


async def test_scorings_are_expansions_times_k_and_stay_within_their_caps():
    answer, model, run = await bought(Scorer(noisy), k=3, expansions=5)
    expanded = [r for r in model.requests if r.sample_indices[0] < 3]
    assert answer.stopped.startswith("0 of 1 goals after 5 expansions (depth:count 0:")
    assert len(expanded) >= 15
    assert len(model.requests) <= 3 * 5 + 40
    assert run.spent.calls == len(model.requests)


async def test_the_order_of_siblings_with_distinct_scores_changes_nothing():
    steps = {"": ("good a\n\n", "good b\n\n", "bad c\n\n")}
    scores = {"good a\n\n": 0.7, "good b\n\n": 0.9, "bad c\n\n": 0.2}

    class Fixed(Scorer):
        async def prefix(self, run, question, steps):
            return scores.get(steps[-1], 0.95)

    texts = set()
    for order in permutations(range(3)):

        def script(request, index, order=order):
            return (
                steps[""][order[index]]
                if not request.prefix
                else f"Answer: {RIGHT if 'b' in request.prefix else 1}"
            )

        answer, _, _ = await bought(Fixed(noisy), script=script, k=3)
        texts.add(answer.text)
    assert texts == {f"good b\n\nAnswer: {RIGHT}"}


@pytest.mark.parametrize("edge_cost", ["degradation", "pathmax", "zero"])
async def test_a_constant_score_goes_deepest_first_and_ends(edge_cost):
    answer, model, _ = await bought(Scorer(lambda good, depth, rng: 0.3), edge_cost=edge_cost)
    assert len(model.requests) == 8 * 4
    assert "after 8 expansions (depth:count 0:1 1:1 2:1 3:1 4:1 5:1 6:1 7:1)" in answer.stopped


async def test_identical_siblings_are_one_node_but_all_are_paid():
    answer, model, run = await bought(
        Scorer(noisy), script=lambda r, i: "good\n\n" if not r.prefix else f"Answer: {RIGHT}", k=4
    )
    assert "after 2 expansions" in answer.stopped
    assert run.spent.calls == len(model.requests) == 8


async def test_several_goals_are_waited_for_and_the_best_scored_is_the_answer():
    scores = {"1": 0.6, "2": 0.9, "3": 0.7}

    class Fixed(Scorer):
        async def prefix(self, run, question, steps):
            return scores[steps[-1][-1]]

    answer, _, _ = await bought(
        Fixed(noisy), script=lambda r, i: f"Answer: {(1, 3, 2)[i % 3]}", k=3, goals=3, edge_cost="zero"
    )
    assert answer.answer == "2"
    assert answer.p_correct == 0.9
    assert answer.stopped.startswith("3 of 3 goals after 1 expansion")


async def test_without_a_goal_the_best_open_chain_is_completed():
    answer, model, _ = await bought(
        Scorer(lambda good, depth, rng: 0.9 if good else 0.1), expansions=2, k=4, seed=3
    )
    assert answer.answer == RIGHT or answer.answer == "41"
    assert answer.stopped.startswith("0 of 1 goals after 2 expansions")
    assert len(model.requests) == 2 * 4 + 6
