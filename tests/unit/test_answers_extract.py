"""What counts as the answer of a reply, kind by kind."""

from __future__ import annotations

import pytest

from outlay.answers import choice, code, math, number, text, tool_call
from outlay.answers import json as json_kind

FENCE = "```"


@pytest.mark.parametrize(
    "reply, answer",
    [
        ("Answer: 773 - 959 = 784", "784"),
        ("<final answer> = 773 - 959 = -226", "-226"),
        ("Answer: 90 minutes", "90"),
        ("**Answer:** $1,234.50", "1234.50"),
        ("The answer is 32. First, we calculate 12 * 2 = 24", "32"),
        ("12. Answer: 12 + 3 = 15", "15"),
        ("The final answer to 88 - 43 is \\(\\boxed{45}\\).", "45"),
        ("Answer: 12\nNo, that was wrong.\nAnswer: 13", "13"),
        ("Therefore, the final answer is:\n\\[\nAnswer: -915\n\\]", "-915"),
        ("29 + 48 = 77\n\nAnswer: <final answer>", "77"),
        ("74 - 71 is equal to 3.\nAnswer: <number>", "3"),
        ("#### 1,000", "1000"),
        ("\\boxed{\\frac{3}{4}}", "3/4"),
        ("\\boxed{1} no, \\boxed{\\frac12}", "1/2"),
        ("\\boxed{\\dfrac 1{20}}", "1/20"),
        ("\\boxed{\\frac 3 4}", "3/4"),
        ("\\boxed{\\frac123}", None),
        ("\\boxed{\\boxed{7}}", "7"),
        ("Answer: \\(\\boxed{-7}\\", "-7"),
        ("x = - 5", "-5"),
        ("Answer: -$5", "-5"),
        ("Answer: −5", "-5"),
        ("<answer>7</answer> or so 8", "7"),
        ("It is **42**, I think of 7 others", "42"),
        ("Mazie gave Darla 32 marbles.", "32"),
        ("45 + 41 = 86", "86"),
        ("-20.", "-20"),
        ("Answer: 3 * 4", None),
        ("Answer: 10-12", None),
        ("Step 3:", None),
        ("Step 3: add them", None),
        ("3. Add them", None),
        ("I do not know", None),
        ("Answer: " + "9" * 5000, None),
    ],
)
def test_number(reply, answer):
    assert number.extract(reply) == answer


@pytest.mark.parametrize(
    "value, key",
    [
        ("1,234.0", "1234"),
        ("$1,234", "1234"),
        ("12.50%", "25/2"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0.125", "1/8"),
        ("1e3", "1000"),
        ("90 minutes", "90"),
        ("\\frac{2}{4}", "1/2"),
        ("2/0", None),
        ("5 6", None),
        ("1e999", None),
        ("seven", None),
        ("٤٢", None),
    ],
)
def test_number_key(value, key):
    assert number.canonical(value) == key


@pytest.mark.parametrize(
    "reply, answer",
    [
        ("Answer: B", "B"),
        ("The answer is (c).", "C"),
        ("The answer is option D because it rains", "D"),
        ("Answer: A because", "A"),
        ("Answer: A) 12 km", "A"),
        ("\\boxed{\\text{E}}", "E"),
        ("so **F. 12**", "F"),
        ("I reason.\n(B)", "B"),
        ("The answer is A train leaves at noon", None),
        ("The answer is I think unclear", None),
        ("Answer: Apple", None),
        ("Answer: be careful", None),
        ("A train leaves", None),
        ("Answer: K", None),
        ("Answer: B.C. is an era", None),
    ],
)
def test_choice(reply, answer):
    assert choice.extract(reply) == answer


def test_json_takes_the_last_value_and_compares_content():
    assert json_kind.extract('First {"a": 1}, then {"a": [2, {"b": 3}]} done') == '{"a": [2, {"b": 3}]}'
    assert json_kind.extract(f'{FENCE}json\n{{"a": 1}}\n{FENCE}\nnot {{"b": 2}}') == '{"a": 1}'
    assert json_kind.equal('{"a": 100, "b": 1e2}', '{"b": 100.0, "a": 1.00E+2}')
    assert not json_kind.equal("[true]", "[1]")
    assert not json_kind.equal("[1e400]", "[1e401]")
    assert json_kind.canonical("[NaN]") is None
    assert json_kind.canonical("[-0.0, 0.0010, 12345678901234567890123, 1e30]") == (
        "[0,0.001,12345678901234567890123,1e30]"
    )


def test_tool_calls_are_classes_of_name_and_arguments():
    def call(name, arguments):
        return {"id": "x", "type": "function", "function": {"name": name, "arguments": arguments}}

    key = tool_call.from_tool_calls
    assert key([call("add", '{"a": 1, "b": 2}')]) == key([call("add", '{ "b":2.0,"a":1 }')])
    assert key([call("add", '{"a": 1}')]) != key([call("add", '{"a": 2}')])
    assert key([call("now", "")]) == key([call("now", "{}")]) == '[{"arguments":{},"name":"now"}]'
    assert key([call("f", ""), call("g", "")]) != key([call("g", ""), call("f", "")])
    assert key([call("add", '{"a": ')]) is None
    assert key([call("add", "[1]")]) is None
    assert key([]) is None


def test_code_takes_the_last_python_block():
    reply = f"{FENCE}python\ndef f(x):\n    return x\n{FENCE}\nIt prints\n{FENCE}output\n3\n{FENCE}"
    assert code.extract(reply) == "def f(x):\n    return x"
    assert code.extract("def f(x): return x") == "def f(x): return x"
    assert code.extract("hello") is None
    assert code.equal('def f(x):\n    "doc"\n    return x', "def f( x ):\n  return x # same")
    assert not code.equal("def f(x): return x", "def f(x): return -x")


def test_text_drops_reasoning_only_at_a_closing_answer_line():
    assert text.extract("I sort.\n**Answer:** ant bee") == "ant bee"
    assert text.extract("<answer>ant</answer>") == "ant"
    assert text.extract("The answer: is unclear.\n1\n2\n3\n4") == "The answer: is unclear.\n1\n2\n3\n4"
    assert text.equal(" Ant  BEE.", "ant bee")
    assert len(text.canonical("x" * 1_000_000)) < 100


@pytest.mark.parametrize(
    "reply, answer",
    [
        ("So \\boxed{\\frac{x+1}{2}}.", "\\frac{x+1}{2}"),
        ("The answer is $2\\sqrt{3}$.", "2\\sqrt{3}"),
        ("Hence \\(y = x^2\\)", "x^2"),
        ("Answer: (10*20)/14", "(10*20)/14"),
        ("it is 12", "12"),
        ("no formula", None),
    ],
)
def test_math(reply, answer):
    assert math.extract(reply) == answer


def test_math_keys_tidy_without_algebra():
    assert math.canonical("x = \\dfrac{1}{2}") == math.canonical("0.5") == "1/2"
    assert math.equal("\\left(a, b\\right)", "(a,b)")
    assert math.equal("30^\\circ", "30")
    assert not math.equal("2x", "2")
    assert not math.equal("x+1", "1+x")
