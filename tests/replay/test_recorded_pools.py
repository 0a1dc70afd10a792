"""What the shipped samples of real models hold: the published numbers, to the printed digits."""

import pytest

from outlay.economics import sub_pools
from outlay.models.recorded import recorded
from outlay.models.recording_file import read, shipped
from outlay.selection.vote import vote
from outlay.stats.permutation import position_test
from outlay.types import Request

PUBLISHED = [
    ("res-q05-chain_sum", 8, "0.474", "0.721", "0.917"),
    ("res-q15-gsm_symbolic", 8, "0.3375", "0.460", "0.650"),
    ("res-q05-basic_arithmetic", 8, "0.078", "0.153", "0.250"),
    ("pool-q05-sums", 16, "0.298", "0.531", "0.750"),
    ("pool-q15-sums", 16, "0.716", "0.975", "1.000"),
]


def printed(value, like):
    return f"{value:.{len(like) - 2}f}"


@pytest.mark.parametrize(("name", "k", "one", "majority", "every"), PUBLISHED)
def test_published_numbers(name, k, one, majority, every):
    arrays = read(name).arrays()
    first, last = sub_pools.pass_at_k(arrays.correct_QS, [1, k]).mean(axis=0)
    assert printed(first, one) == one
    assert printed(sub_pools.vote(arrays.class_QS, arrays.correct_QS, [k]).mean(), majority) == majority
    assert printed(last, every) == every


@pytest.mark.parametrize(("name", "k", "one", "majority", "every"), PUBLISHED)
def test_the_selection_on_pools_agrees_with_the_arrays(name, k, one, majority, every):
    recording = read(name)
    total = 0.0
    for question in recording.questions:
        right = {s.votes_for: s.correct for s in question.samples}
        total += sum(p * right[key] for key, p in vote(question.pool()).p)
    assert printed(total / len(recording.questions), majority) == majority


def test_the_paired_pools_hold_the_same_questions():
    small, large = read("pool-q05-sums"), read("pool-q15-sums")
    assert [(q.id, q.messages, q.reference) for q in small.questions] == [
        (q.id, q.messages, q.reference) for q in large.questions
    ]


def test_one_seed_for_all_questions_shows_in_the_positions_and_a_seed_each_does_not():
    assert position_test(read("res-q05-chain_sum").arrays().output_tokens_QS, seed=1) < 0.001
    assert position_test(read("pool-q05-sums").arrays().output_tokens_QS, seed=1) > 0.05


@pytest.mark.parametrize("name", sorted(shipped()))
async def test_the_recorded_model_serves_every_sample_at_its_recorded_length(name):
    recording = read(name)
    model = recorded(recording, seed=7)
    for question in recording.questions:
        request = Request(question.messages, 4096, n=len(question.samples))
        deltas = [d async for d in model.stream(request)]
        assert sorted(d.text for d in deltas if d.text) == sorted(s.text for s in question.samples if s.text)
        assert deltas[-1].usage is not None
        assert deltas[-1].usage.output_tokens == sum(s.output_tokens for s in question.samples)
