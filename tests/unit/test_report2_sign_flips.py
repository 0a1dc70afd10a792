"""The random sign flips of the paired test: by numbers and one by one, both beside the exact p-value."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from outlay.stats.paired import paired


@pytest.mark.parametrize("jitter", [0.0, 1e-6], ids=["by number", "one by one"])
@pytest.mark.parametrize("plus", [17, 20, 24])
def test_flips_give_the_sign_test_of_equal_differences(jitter, plus):
    difference_Q = np.repeat([1.0, -1.0], [plus, 30 - plus]) + jitter * np.arange(30)
    exact = binomtest(plus, 30).pvalue
    # 10,000 flips: four standard errors of a share, and jitter may split the ties at the seen sum.
    tied = binomtest(plus, 30).pvalue - binomtest(min(plus + 1, 30), 30).pvalue
    room = 4 * (exact * (1 - exact) / 10_000) ** 0.5 + 2e-4 + (tied if jitter else 0)
    assert paired(np.zeros(30), difference_Q, seed=3).p_value == pytest.approx(exact, abs=room)


def test_the_interval_is_of_resampled_questions():
    difference_Q = np.tile([1.0, 0.0, 0.0, 0.0], 100)
    found = paired(np.zeros(400), difference_Q, seed=1).interval
    half = 1.96 * (0.25 * 0.75 / 400) ** 0.5
    assert found.low == pytest.approx(0.25 - half, abs=0.006)
    assert found.high == pytest.approx(0.25 + half, abs=0.006)
