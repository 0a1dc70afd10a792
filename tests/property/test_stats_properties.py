"""Laws of the statistics, on any input."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from outlay.stats.lead import expected_p_leads, p_leads
from outlay.stats.paired import paired
from outlay.stats.pass_at_k import pass_at_k, pass_hat_k
from outlay.stats.wilson import wilson

votes = st.integers(0, 64)


@given(votes, votes)
def test_one_of_two_answers_leads(a, b):
    assert abs(p_leads(a, b) + p_leads(b, a) - 1) < 1e-15


@given(votes, votes, st.integers(0, 16))
def test_more_draws_never_lower_the_expected_lead(a, b, h):
    now, later = expected_p_leads(a, b, h), expected_p_leads(a, b, h + 1)
    assert 0.5 - 1e-12 <= now <= later + 1e-12 <= 1 + 1e-12


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_all_right_implies_any_right(counts):
    n, c, k = counts
    assert 0 <= pass_hat_k(n, c, k) <= c / n + 1e-12
    assert c / n - 1e-12 <= pass_at_k(n, c, k) <= 1


@given(st.integers(2, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n - 1))))
def test_coverage_never_falls_with_k(counts):
    n, c, k = counts
    assert pass_at_k(n, c, k) <= pass_at_k(n, c, k + 1) + 1e-12


@given(st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_observed_share(counts):
    successes, trials = counts
    interval = wilson(successes, trials)
    assert 0 <= interval.low <= interval.high <= 1
    if trials:
        assert interval.low <= successes / trials <= interval.high


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=12), st.randoms())
def test_the_order_of_questions_does_not_change_the_exact_test(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    (a, b), (c, d) = np.array(pairs).T, np.array(shuffled).T
    assert paired(a, b, seed=1).p_value == paired(c, d, seed=1).p_value
