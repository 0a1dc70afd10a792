"""The monitor of thinking: what it counts, where it looks, and that it never raises."""

from __future__ import annotations

import pytest

from outlay.guards.runaway import runaway
from outlay.types import Delta


def ended_at(deltas, cap):
    """The number of the first piece after which the monitor ends the thinking; None: it never does."""
    state = None
    for number, delta in enumerate(deltas):
        state, decision = runaway(state, delta, reasoning_tokens=cap)
        if not decision.go:
            return number
    return None


def reasoned(*pieces):
    return [Delta(reasoning=piece) for piece in pieces]


def said(*pieces):
    return [Delta(text=piece) for piece in pieces]


def test_thinking_up_to_the_cap_may_end_by_itself_and_one_piece_more_may_not():
    assert ended_at([*reasoned(*"abcd"), *said("answer")], 4) is None
    assert ended_at([*reasoned(*"abcde"), *said("answer")], 4) == 4


def test_large_pieces_count_a_token_for_four_bytes():
    assert ended_at(reasoned("x" * 16), 4) is None
    assert ended_at(reasoned("x" * 20), 4) == 0
    assert ended_at(reasoned("\u00e9" * 10), 4) == 0


@pytest.mark.parametrize(
    "pieces",
    [
        ["<think>", "a", "b", "c"],
        ["<thi", "nk>", "a", "b", "c"],
        [" \n<think>a", "b", "c", "d"],
        ["<", "t", "h", "i", "n", "k", ">", "a", "b", "c"],
    ],
)
def test_thinking_between_tags_is_found_wherever_the_pieces_are_cut(pieces):
    assert ended_at(said(*pieces), 2) is not None
    closed = [*pieces, "</th", "ink>", *["answer "] * 100]
    assert ended_at(said(*closed), len(pieces) + 2) is None


def test_an_answer_that_speaks_of_the_tag_is_no_thinking():
    assert ended_at(said("The tag ", "<think>", *["word "] * 100), 3) is None
    assert ended_at(said("<thanks", *["word "] * 100), 3) is None


def test_an_answer_of_any_length_goes_on_after_little_thinking():
    assert ended_at([*reasoned("so"), *said(*["word "] * 1000)], 3) is None


def test_deltas_without_text_count_nothing():
    assert ended_at([Delta(), Delta(finish_reason="stop"), Delta(tool_calls=({"index": 0},))], 1) is None
