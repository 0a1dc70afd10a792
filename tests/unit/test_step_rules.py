"""The rules that check a chain's sums: what is read, what is left alone, and how sums become a score."""

import time

import pytest

from outlay.verifiers._arithmetic import sums
from outlay.verifiers.step_rules import prefix, scored


@pytest.mark.parametrize(
    "text, holds",
    [
        ("First 17 + 4 = 21. Then 21 - 9 = 13, so 2x + 1 = 5 and 10 / 3 = 3.33", [True, False, True]),
        ("- 5 + 3 = 8", [True]),
        ("-5 + 3 = -2", [True]),
        ("1. 5 + 3 = 8", [True]),
        ("1) 5 + 3 = 8", [True]),
        ("Step 1: 5+3=9", [False]),
        ("$5 * 3 = $15", [True]),
        ("5 + 3 = 8 (apples)", [True]),
        ("3 x 4 = 12, x = 3 + 4 = 7", [True, True]),
        ("1 + 2 = 3 + 4 = 7", [False, True]),
        (r"\(3 \times 4 = 12\)", [True]),
        ("(2+3)*4 = 20.", [True]),
        ("1,234 + 1 = 1,235", [True]),
        ("5 - (-3) = 8", [True]),
        ("**5 + 3 = 8**", [True]),
        ("773-959+2=-184", [True]),
        ("0.1 + 0.2 = 0.3", [True]),
        ("7 / 2 = 3", [False]),
    ],
)
def test_sums_are_read_and_checked_exactly(text, holds):
    assert sums(text) == holds


@pytest.mark.parametrize(
    "text",
    [
        "2^3 + 1 = 9", "half of 50 + 3 = 28", "y + 3 * 4 = 20", "5 + 3 = 8x", "5x + 3 = 8", "50 * 20% = 10",
        "2 / 0 = 3", "((((((1 = 1", "3 = 3", "5 apples + 3 apples = 8 apples", "no number", "", "= =", "1 + = 2",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_left_alone(text):
    assert sums(text) == []


@pytest.mark.parametrize("piece", ["(", "1+", "=1", "1 ", "9", "x", "- ", "1=1,"])
def test_hostile_text_takes_bounded_time(piece):
    started_s = time.process_time()
    sums(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started_s < 3.0


async def test_a_chain_scores_as_its_sums_so_far():
    assert await prefix(None, None, ("1 + 1 = 2\n\n", "2 + 1 = 4\n\n")) == 0.0
    assert await prefix(None, None, ("1 + 1 = 2\n\n", "2 + 1 = 4\n\n"), by="share") == 0.5
    assert await prefix(None, None, ("1 + 1 = 2\n\n",)) == 1.0
    assert await prefix(None, None, ("Let us add.\n\n",)) == scored([], "share") == 0.5
