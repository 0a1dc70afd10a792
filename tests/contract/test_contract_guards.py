"""What every guard promises, found by listing: it decides, never raises, and lets a benign corpus pass."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlay import plugins
from outlay.guards._decision import Asked, Decision
from outlay.types import Delta

NAMES = sorted(plugins.names("guard"))
LIMITS = {"reasoning_tokens": 64, "output_tokens": 4096, "fan_out": 64}
BENIGN = [
    "The answer is 42.",
    "<think>\n17 * 23 = 391\n</think>\n\nThe answer is 391.",
    "Use `<think>` tags sparingly.",
    '{"a": [1, 2, 3]}',
    "\u7b54\u6848\u662f\u56db\u5341\u4e8c\u3002",
    "",
]
words = st.text(max_size=30)
deltas = st.lists(st.builds(Delta, text=words, reasoning=words), max_size=20)


def guards(first):
    """The guards whose first parameter has this name, each with the limits it takes."""
    found = {name: plugins.load("guard", name) for name in NAMES}
    return [
        pytest.param(guard, {p.name: LIMITS[p.name] for p in plugins.parameters(guard)}, id=name)
        for name, guard in found.items()
        if next(iter(inspect.signature(guard).parameters)) == first
    ]


def test_every_guard_is_of_one_of_the_two_kinds():
    assert len([*guards("request"), *guards("state")]) == len(NAMES) > 0


@pytest.mark.parametrize(("guard", "limits"), guards("state"))
@given(stream=deltas)
@settings(max_examples=50, deadline=None)
def test_a_monitor_never_raises_and_says_why_it_ends_a_stream(guard, limits, stream):
    state = None
    for delta in stream:
        state, decision = guard(state, delta, **limits)
        assert isinstance(decision, Decision)
        assert decision.go or decision.why


@pytest.mark.parametrize(("guard", "limits"), guards("state"))
@pytest.mark.parametrize("text", BENIGN)
def test_a_monitor_lets_the_benign_pass_piece_by_piece(guard, limits, text):
    for size in (1, 3, 1000):
        state = None
        for at in range(0, len(text), size):
            state, decision = guard(state, Delta(text=text[at : at + size]), **limits)
            assert decision.go


@pytest.mark.parametrize(("guard", "limits"), guards("state"))
def test_a_monitor_leaves_the_state_it_was_given_as_it_was(guard, limits):
    before, _ = guard(None, Delta(reasoning="a"), **limits)
    first = guard(before, Delta(reasoning="b"), **limits)
    assert first == guard(before, Delta(reasoning="b"), **limits)


@pytest.mark.parametrize(("guard", "limits"), guards("request"))
@given(calls=st.integers(0, 2**40), tokens=st.none() | st.integers(0, 2**40))
@settings(max_examples=50, deadline=None)
def test_an_admission_never_raises_and_says_why_it_refuses(guard, limits, calls, tokens):
    decision = guard(Asked(calls, tokens), (), **limits)
    assert decision.go or decision.why
    assert guard(Asked(calls, tokens), (Asked(),), **dict.fromkeys(limits)).go


@pytest.mark.parametrize(("guard", "limits"), guards("request"))
def test_an_admission_lets_an_ordinary_request_pass(guard, limits):
    assert guard(Asked(8, 512), (Asked(64, 4096),), **limits).go
