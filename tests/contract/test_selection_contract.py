"""What every selection keeps to, whichever file it stands in. A new file joins by existing."""

import inspect
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlay import plugins
from outlay.types import Choice, Completion, Pool, Sample, TokenLogprob, Usage, Verdict

NAMES = sorted(plugins.names("selection"))
BY_INDEX = {"first_accepted"}


@st.composite
def pools(draw):
    kinds = draw(st.lists(st.tuples(st.sampled_from([None, "7", "9", "x"]), st.integers(0, 4)), max_size=9))
    return Pool("q", "number", tuple(sample(i, key, quarter / 4) for i, (key, quarter) in enumerate(kinds)))


def sample(index, key, score):
    drawn = Completion(
        "t", "stop", Usage(1, 2), sample=index, logprobs=(TokenLogprob("a", score - 1), TokenLogprob("b", -1.0))
    )
    return Sample(index, drawn, key, key, Verdict(score, score > 0.5))


@pytest.mark.parametrize("name", NAMES)
@given(pool=pools())
@settings(max_examples=60, deadline=None)
def test_mass_is_one_or_there_is_nothing_to_choose(name, pool):
    choice = plugins.load("selection", name)(pool)
    keys = [key for key, _ in choice.p]
    assert not choice or math.isclose(sum(p for _, p in choice.p), 1)
    assert len(set(keys)) == len(keys)
    assert set(keys) <= {s.key for s in pool.voters}
    assert all(p > 0 for _, p in choice.p)
    assert list(choice.p) == sorted(choice.p, key=lambda item: (-item[1], item[0]))


@pytest.mark.parametrize("name", NAMES)
@given(pool=pools(), random=st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_samples_does_not_matter(name, pool, random):
    shuffled = random.sample(pool.samples, len(pool.samples))
    if name not in BY_INDEX:
        shuffled = [Sample(i, s.completion, s.answer, s.key, s.verdict) for i, s in enumerate(shuffled)]
    select = plugins.load("selection", name)
    assert select(Pool("q", "number", tuple(shuffled))) == select(pool)


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_vote_changes_nothing(name):
    select = plugins.load("selection", name)
    voters = (sample(0, "7", 1.0), sample(1, "7", 1.0), sample(2, "9", 0.25))
    failed = tuple(Sample(i, error="timed out", verdict=Verdict(1.0, True)) for i in range(3, 7))
    assert select(Pool("q", None, voters + failed)) == select(Pool("q", None, voters)) != Choice()
    silent = tuple(sample(i, None, 1.0) for i in range(3))
    assert select(Pool("q", None, silent)) == select(Pool("q", None, ())) == Choice()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_documented_function_with_checked_parameters(name):
    select = plugins.load("selection", name)
    assert inspect.isfunction(select)
    assert select.__name__ == name
    for section in ("Args:", "Returns:", "Source:", "Example:"):
        assert section in (select.__doc__ or "")
    assert all(p.bounds and not p.required for p in plugins.parameters(select))
