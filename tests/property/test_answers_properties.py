"""Laws of the answer kinds over generated values."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from outlay import plugins
from outlay.answers import json as json_kind
from outlay.answers import math, number

KINDS = [plugins.load("answer kind", name) for name in sorted(plugins.names("answer kind"))]
decimals = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(decimals)
def test_a_number_is_its_exact_value_however_it_is_written(value: Decimal):
    exact = str(Fraction(value))
    for written in (f"{value:f}", f"{value:,f}", f"{value:f} km", f"{value:f}00", f"{value:f}%"):
        assert number.canonical(written) == exact
        assert math.canonical(f"{value:f}") == exact
        assert number.canonical(number.extract(f"We get 7 and 8.\nAnswer: {written}")) == exact
        assert number.canonical(number.extract(f"so $\\boxed{{{written}}}$ it is")) == exact


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.integers(-999, 999), st.integers(1, 999))
def test_fractions_are_exact(top: int, under: int):
    exact = str(Fraction(top, under))
    assert number.canonical(f"{top}/{under}") == number.canonical(f"\\frac{{{top}}}{{{under}}}") == exact
    assert number.canonical(number.extract(f"x = \\frac{{{top}}}{{{under}}}")) == exact


@settings(derandomize=True, max_examples=100, deadline=None)
@given(values)
def test_json_is_its_content_however_it_is_laid_out(value):
    key = json_kind.canonical(json.dumps(value))
    assert key == json_kind.canonical(json.dumps(value, indent=3, ensure_ascii=False))
    assert json_kind.canonical(key) == key
    assert json.loads(key) == value


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.text(alphabet="Answer: is=*#`\\boxed{}<>/()[]\"'-+.,%$0123456789ABxy\n", max_size=120))
def test_no_text_breaks_a_kind_and_equality_is_equality_of_keys(text: str):
    for kind in KINDS:
        value = kind.extract(text)
        if value is not None:
            key = kind.canonical(value)
            assert kind.equal(value, value) == (key is not None)
