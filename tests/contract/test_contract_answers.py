"""Every answer kind, unasked: one shape, hashable keys, and bounded time on hostile text."""

from __future__ import annotations

import time

import pytest

from outlay import plugins

KINDS = sorted(plugins.names("answer kind"))
EXAMPLES = {
    "number": ("Answer: 42", "42", "43"),
    "math": ("Answer: $\\frac{x}{2}$", "\\frac{x}{2}", "\\frac{x}{3}"),
    "choice": ("Answer: B", "B", "C"),
    "json": ('{"a": 1}', '{"a": 1.0}', '{"a": 2}'),
    "tool_call": (
        '<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>',
        '{"name": "f", "arguments": {"a": 1}}',
        '{"name": "f", "arguments": {"a": 2}}',
    ),
    "code": ("```python\nx = 1\n```", "x = 1", "x = 2"),
    "text": ("Paris", "paris", "Rome"),
}
MEGABYTE = 1_000_000
HOSTILE = {
    "nothing": "",
    "blank": " \n\t" * (MEGABYTE // 3),
    "digits": "9" * MEGABYTE,
    "decimal digits": "." + "9" * MEGABYTE,
    "commas": "1,111" * (MEGABYTE // 5),
    "exponents": "1e" * (MEGABYTE // 2),
    "slashes": "1/" * (MEGABYTE // 2),
    "signs": "Answer: " + "-" * MEGABYTE + "1",
    "open braces": "{" * MEGABYTE,
    "open brackets": "[" * MEGABYTE,
    "quoted brackets": '["' * (MEGABYTE // 2),
    "nested objects": '{"a":' * (MEGABYTE // 5),
    "deep and closed": "[" * 9000 + "]" * 9000,
    "long string": '{"a": "' + "[" * MEGABYTE,
    "boxes": "\\boxed{" * (MEGABYTE // 7),
    "boxes closed": "\\boxed{" * 1400 + "}" * 1400,
    "fractions": "\\frac{" * (MEGABYTE // 6),
    "labels": "Answer: " * (MEGABYTE // 8),
    "answer to": "answer to " * (MEGABYTE // 10),
    "answer and blanks": "answer" + " " * MEGABYTE,
    "tags": "<answer>" * (MEGABYTE // 8),
    "tool tags": "<tool_call>" * (MEGABYTE // 11),
    "rules": "#" * MEGABYTE,
    "stars": "*" * MEGABYTE,
    "dollars": "$" * MEGABYTE,
    "formulas": "\\[" * (MEGABYTE // 2),
    "fences": "```\n" * (MEGABYTE // 4),
    "backticks": "`" * MEGABYTE,
    "parentheses": "(" * MEGABYTE,
    "minus chain": "Answer: " + "1-" * 9000,
    "minus code": "x = " + "-" * 15000 + "1",
    "lambdas": "x = " + "lambda:" * 2500 + "1",
    "nul": "\0" * MEGABYTE,
    "surrogates": "\ud800" * 1000,
    "other digits": "Answer: ٤٢ ²",
}


@pytest.mark.parametrize("name", KINDS)
def test_the_shape(name):
    kind = plugins.load("answer kind", name)
    stated, reference, corruption = EXAMPLES[name]
    value = kind.extract(stated)
    assert isinstance(value, str)
    assert isinstance(kind.canonical(value), str)
    assert kind.equal(value, reference)
    assert not kind.equal(value, corruption)
    assert kind.canonical(value) == kind.canonical(reference) != kind.canonical(corruption)


@pytest.mark.parametrize("name", KINDS)
def test_no_answer_is_none(name):
    kind = plugins.load("answer kind", name)
    assert kind.extract("") is None
    assert kind.extract(" \n ") is None
    assert kind.canonical("") is None
    assert not kind.equal("", "")


@pytest.mark.parametrize("name", KINDS)
def test_canonical_is_stable(name):
    """The key of a key is the key, where a key is itself an answer of the kind."""
    kind = plugins.load("answer kind", name)
    key = kind.canonical(EXAMPLES[name][1])
    assert kind.canonical(key) == key


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", KINDS)
def test_hostile_text_takes_bounded_time(name, hostile):
    kind = plugins.load("answer kind", name)
    started_s = time.process_time()
    value = kind.extract(HOSTILE[hostile])
    for text in (value, HOSTILE[hostile], HOSTILE[hostile][:1000]):
        if text is not None:
            key = kind.canonical(text)
            assert key is None or hash(key) is not None
            kind.equal(text, EXAMPLES[name][1])
    assert time.process_time() - started_s < 1.0


@pytest.mark.parametrize("name", KINDS)
def test_says_what_it_is(name):
    assert len(plugins.names("answer kind")[name]) > 10
