"""Each selection on pools where the answer is known."""

from fractions import Fraction
from random import Random

import pytest

from outlay.selection import draw
from outlay.selection.best_of import best_of
from outlay.selection.best_of_majority import best_of_majority, frequent
from outlay.selection.first_accepted import first_accepted
from outlay.selection.likelihood import likelihood
from outlay.selection.vote import vote
from outlay.selection.weighted import weighted
from outlay.types import Choice, Completion, Pool, Sample, TokenLogprob, Usage, Verdict


def pool(*votes):
    """A pool of (key, score) or bare keys."""
    pairs = [v if isinstance(v, tuple) else (v, None) for v in votes]
    return Pool(
        "q",
        None,
        tuple(
            Sample(i, key=key, verdict=None if score is None else Verdict(score, score >= 0.5))
            for i, (key, score) in enumerate(pairs)
        ),
    )


def test_vote_shares_a_tie_evenly():
    assert vote(pool("7", "9", "9", "7", "8")).p == (("7", 0.5), ("9", 0.5))


def test_weighted_lets_a_few_sure_votes_beat_many_unsure_ones():
    assert weighted(pool(("7", 0.2), ("7", 0.2), ("7", 0.2), ("9", 0.9))).p == (("9", 1.0),)


def test_weighted_ties_in_spite_of_rounding():
    assert len(weighted(pool(("7", 0.1), ("7", 0.2), ("9", 0.3))).p) == 2


def test_best_of_counts_an_unscored_voter_as_nothing():
    assert best_of(pool("7", "7", ("9", 0.1))).p == (("9", 1.0),)


def test_best_of_gives_each_of_the_best_samples_the_same_chance():
    assert best_of(pool(*[("7", 0.9)] * 3, ("9", 0.9), ("8", 0.2))).p == (("7", 0.75), ("9", 0.25))


def test_first_accepted_goes_by_index_not_by_arrival():
    late_first = Pool("q", None, tuple(reversed(pool(("7", 0.1), ("9", 0.8), ("8", 0.9)).samples)))
    assert first_accepted(late_first).p == (("9", 1.0),)
    assert first_accepted(pool(("7", 0.1))) == Choice()


def test_majority_filter_drops_the_rare_over_scored_answer():
    samples = pool(*[("7", 0.6)] * 3, *[("8", 0.3)] * 4, ("9", 1.0), None, None)
    assert frequent(samples) == ("7", "8")
    assert best_of_majority(samples).p == (("7", 1.0),)
    assert best_of_majority(samples, alpha=0.0).p == best_of(samples).p == (("9", 1.0),)
    assert best_of_majority(samples, alpha=0.4).p == vote(samples).p == (("8", 1.0),)


def test_majority_filter_divides_by_all_that_was_drawn_but_failures():
    samples = pool("7", "7", None, None)
    assert frequent(samples, 0.5) == ("7",)
    assert frequent(samples, 0.51) == ()
    failed = Pool("q", None, (*samples.samples, Sample(4, error="timed out")))
    assert frequent(failed, 0.5) == ("7",)


def test_majority_filter_with_nothing_frequent_is_the_vote():
    assert best_of_majority(pool(("7", 0.1), ("8", 0.9)), alpha=0.9).p == (("7", 0.5), ("8", 0.5))


def test_k_candidates_hold_the_k_minus_one_and_fill_up_by_frequency():
    samples = pool(*[("7", 0.6)] * 3, *[("8", 0.3)] * 3, ("9", 1.0), ("5", 0.9), ("5", 0.9))
    sets = [{key for key, p in best_of_majority(samples, k=k, alpha=0.3).p if p > 0} for k in range(1, 5)]
    assert sets == [{"7"}, {"7", "8"}, {"7", "8", "5"}, {"7", "8", "5", "9"}]
    assert best_of_majority(samples, k=9).p == tuple((key, 0.25) for key in "5789")


def test_classes_tied_for_the_last_place_share_it():
    p = dict(best_of_majority(pool(*[("7", 0.9)] * 2, *[("8", 0.5)] * 2, *[("9", 0.5)] * 2), k=2).p)
    assert {key: Fraction(x) for key, x in p.items()} == {
        "7": Fraction(1, 2),
        "8": Fraction(1, 4),
        "9": Fraction(1, 4),
    }


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.25, 0.5])
def test_no_more_classes_are_worth_scoring_than_the_threshold_allows(alpha):
    samples = pool(*"12345678", *"1122334455", *"111222")
    assert len(frequent(samples, alpha)) <= 1 / alpha


def likely(*votes):
    return Pool(
        "q",
        None,
        tuple(
            Sample(
                i,
                Completion("", "stop", Usage(1, len(lp)), logprobs=tuple(TokenLogprob("t", x) for x in lp)),
                key=key,
            )
            for i, (key, lp) in enumerate(votes)
        ),
    )


def test_likelihood_by_sum_prefers_the_short_and_by_mean_does_not():
    samples = likely(("7", [-0.6]), ("9", [-0.2] * 5))
    assert likelihood(samples, normalised=False).p == (("7", 1.0),)
    assert likelihood(samples).p == (("9", 1.0),)


def test_likelihood_leaves_out_what_has_no_log_probabilities():
    assert likelihood(pool("7", "7")) == Choice()


def test_draw_follows_the_probabilities_and_the_seed():
    choice = Choice((("7", 0.75), ("9", 0.25)))
    drawn = [draw(choice, Random(i)) for i in range(400)]
    assert drawn == [draw(choice, Random(i)) for i in range(400)]
    assert 0.68 < drawn.count("7") / 400 < 0.82
    assert draw(Choice(), Random(0)) is None
