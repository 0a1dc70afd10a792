"""Expectations over sub-pools against the average of the selection itself over every sub-pool."""

from itertools import combinations, permutations

import numpy as np
import pytest

from outlay.economics import sub_pools
from outlay.errors import UsageError
from outlay.money import Price
from outlay.selection.best_of import best_of
from outlay.selection.best_of_majority import best_of_majority
from outlay.selection.first_accepted import first_accepted
from outlay.selection.vote import vote
from outlay.selection.weighted import weighted
from outlay.types import Pool, Sample, Verdict

SEEDS = range(12)


def planted(seed, samples=7):
    """One small pool with ties, silent samples, coarse scores and right silent samples."""
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(1, 5))
    class_S = rng.integers(-1, classes, samples)
    right_C = rng.random(classes) < 0.5
    correct_S = np.where(class_S >= 0, right_C[class_S], rng.random(samples) < 0.3)
    return class_S, correct_S, rng.integers(0, 4, samples) / 4


def brute(select, class_S, correct_S, score_S, k, orders=combinations):
    """The mean of a selection over every sub-pool of k."""
    values = []
    for chosen in orders(range(len(class_S)), k):
        samples = tuple(
            Sample(
                at,
                key=None if class_S[i] < 0 else str(class_S[i]),
                verdict=Verdict(score_S[i], bool(score_S[i] > 0.5)),
            )
            for at, i in enumerate(chosen)
        )
        right = {str(class_S[i]): bool(correct_S[i]) for i in chosen}
        values.append(sum(p * right[key] for key, p in select(Pool("q", None, samples)).p))
    return float(np.mean(values))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("select", "expect"),
    [
        (vote, lambda c, r, s, ks: sub_pools.vote(c, r, ks)),
        (best_of, sub_pools.best_of),
    ],
)
def test_exact_expectations_are_the_average_over_all_sub_pools(seed, select, expect):
    class_S, correct_S, score_S = planted(seed)
    ks = list(range(1, 8))
    expected = expect([class_S], [correct_S], [score_S], ks)
    assert expected[0] == pytest.approx([brute(select, class_S, correct_S, score_S, k) for k in ks], abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_first_accepted_is_the_average_over_all_orders(seed):
    class_S, correct_S, score_S = planted(seed, samples=5)
    expected = sub_pools.first_accepted([class_S], [correct_S], [score_S > 0.5], [1, 3, 5])
    assert expected[0] == pytest.approx(
        [brute(first_accepted, class_S, correct_S, score_S, k, permutations) for k in (1, 3, 5)], abs=1e-12
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_draws_and_tokens_until_accepted_are_the_average_over_all_orders(seed):
    rng = np.random.default_rng(seed)
    accepted, tokens = rng.random(5) < 0.4, rng.integers(1, 90, 5)
    ks = [1, 2, 4, 5]
    stops = [
        [next((i + 1 for i, s in enumerate(order[:k]) if accepted[s]), k) for order in permutations(range(5))]
        for k in ks
    ]
    spent = [
        [tokens[list(order[:stop])].sum() for order, stop in zip(permutations(range(5)), row, strict=True)]
        for row in stops
    ]
    assert sub_pools.first_accepted_draws([accepted], ks)[0] == pytest.approx([np.mean(row) for row in stops])
    assert sub_pools.first_accepted_tokens([accepted], [tokens], ks)[0] == pytest.approx(
        [np.mean(row) for row in spent]
    )


@pytest.mark.parametrize(
    ("select", "estimate"),
    [
        (weighted, sub_pools.weighted),
        (best_of_majority, sub_pools.best_of_majority),
    ],
)
def test_monte_carlo_is_within_its_stated_error(select, estimate):
    pools = [planted(seed) for seed in range(30)]
    class_QS, correct_QS, score_QS = (np.array(column) for column in zip(*pools, strict=True))
    ks = [1, 3, 5, 7]
    result = estimate(class_QS, correct_QS, score_QS, ks, seed=1)
    truth = np.array([[brute(select, *row, k) for k in ks] for row in pools])
    assert np.abs(result.mean_K - truth.mean(axis=0)) == pytest.approx(np.zeros(4), abs=0.02)
    assert (np.abs(result.mean_K - truth.mean(axis=0)) <= 3.5 * result.mean_error_K + 1e-9).all()
    assert result.error_QK[:, -1] == pytest.approx(np.zeros(30))


def test_a_pool_of_all_samples_is_the_selection_itself():
    class_S, correct_S, score_S = planted(3)
    assert sub_pools.vote([class_S], [correct_S], [7])[0, 0] == pytest.approx(
        brute(vote, class_S, correct_S, score_S, 7)
    )


def test_questions_do_not_touch_each_other():
    rows = [planted(seed) for seed in SEEDS]
    class_QS, correct_QS, score_QS = (np.array(column) for column in zip(*rows, strict=True))
    together = sub_pools.best_of(class_QS, correct_QS, score_QS, [2, 4])
    alone = [sub_pools.best_of([c], [r], [s], [2, 4])[0] for c, r, s in rows]
    assert together == pytest.approx(np.array(alone))


def test_large_pools_neither_overflow_nor_leave_the_unit_interval():
    rng = np.random.default_rng(1)
    class_QS = rng.integers(-1, 6, (3, 400))
    share = sub_pools.vote(class_QS, class_QS == 0, [1, 50, 400])
    assert ((share >= 0) & (share <= 1)).all()
    assert share[:, 0] == pytest.approx((class_QS == 0).mean(axis=1))


def test_coverage_counts_silent_samples_too():
    assert sub_pools.pass_at_k([[True, False]], [1, 2]) == pytest.approx(np.array([[0.5, 1.0]]))


def test_a_sub_pool_reads_the_prompt_once():
    price = Price(1_000_000, 3_000_000)
    assert sub_pools.cost_nusd(price, [100, 10], [[10, 30], [5, 5]], [1, 2]) == pytest.approx(
        np.array([[160, 220], [25, 40]])
    )


@pytest.mark.parametrize("ks", [[], [0], [3]])
def test_budgets_outside_the_pool_are_refused(ks):
    with pytest.raises(UsageError, match="budgets"):
        sub_pools.vote([[0, 1]], [[1, 0]], ks)


def test_a_voter_without_a_score_is_refused_and_a_silent_one_is_not():
    with pytest.raises(UsageError, match="finite score"):
        sub_pools.best_of([[0, 1]], [[1, 0]], [[0.5, np.nan]], [1])
    assert sub_pools.best_of([[0, -1]], [[1, 0]], [[0.5, np.nan]], [2])[0, 0] == 1.0
