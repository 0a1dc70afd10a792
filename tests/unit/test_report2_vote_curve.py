"""Votes of large pools: exact where it is cheap, within the stated error elsewhere."""

from __future__ import annotations

import numpy as np

from outlay.economics.sub_pools import vote, vote_curve


def pools(questions: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    right_QS = rng.random((questions, samples)) < rng.beta(1, 1, size=questions)[:, None]
    return np.where(right_QS, 0, rng.integers(1, 3, size=right_QS.shape)), right_QS


def test_small_pools_and_small_votes_are_exact():
    for samples, ks in ((32, [1, 8, 32]), (40, [1, 2, 16])):
        class_QS, right_QS = pools(10, samples)
        found = vote_curve(class_QS, right_QS, ks, seed=1)
        assert np.array_equal(found.value_QK, vote(class_QS, right_QS, ks))
        assert found.error_QK.max() == 0


def test_large_votes_are_within_their_error_and_the_whole_pool_is_exact():
    class_QS, right_QS = pools(25, 48)
    found = vote_curve(class_QS, right_QS, [24, 4, 48], seed=1)
    truth = vote(class_QS, right_QS, [24, 4, 48])
    assert 0 < found.mean_error_K[0] <= 0.002
    assert abs(found.mean_K[0] - truth[:, 0].mean()) < 4 * found.mean_error_K[0]
    assert found.mean_error_K[1:].tolist() == [0, 0]
    assert np.allclose(found.value_QK[:, 1:], truth[:, 1:])
