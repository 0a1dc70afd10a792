"""The budget an agent sees: its levels at their edges, its counts, and the published table's own sums."""

import csv
from pathlib import Path

import pytest

from outlay.prompts import agent as prompts
from outlay.skeletons.tool_calls import calls_of
from outlay.skeletons.tracker import Tracker, level
from outlay.strategies._verification import read
from outlay.types import Completion, Usage

DATA = Path(__file__).parents[1] / "data" / "bats"


@pytest.mark.parametrize(
    ("left", "budget", "name"),
    [
        (70, 100, "HIGH"),
        (699, 1000, "MEDIUM"),
        (30, 100, "MEDIUM"),
        (299, 1000, "LOW"),
        (10, 100, "LOW"),
        (99, 1000, "CRITICAL"),
        (0, 100, "CRITICAL"),
        (0, 0, "CRITICAL"),
        (7, 10, "HIGH"),
        (3, 10, "MEDIUM"),
        (1, 10, "LOW"),
    ],
)
def test_levels_are_half_open_and_exact(left, budget, name):
    assert level(left, budget) == name


def test_levels_only_fall_as_a_budget_is_used():
    order = ["HIGH", "MEDIUM", "LOW", "CRITICAL"]
    for budget in range(1, 60):
        places = [order.index(level(left, budget)) for left in range(budget, -1, -1)]
        assert places == sorted(places)
        assert places[0] == 0
        assert places[-1] == 3


def test_a_budget_is_never_passed_and_used_and_left_are_the_budget():
    tracker = Tracker({"search": 3, "browse": 2})
    taken = [tracker.take("search") for _ in range(5)]
    assert taken == [True, True, True, False, False]
    assert (tracker.used["search"], tracker.left("search"), tracker.exhausted) == (3, 0, True)
    assert tracker.level() == "CRITICAL"
    tracker.give_back("search")
    assert (tracker.left("search"), tracker.exhausted, tracker.level()) == (1, False, "MEDIUM")
    assert all(tracker.used[n] + tracker.left(n) == tracker.budgets[n] for n in tracker.budgets)


def test_any_tool_at_nothing_is_critical_and_money_counts_as_a_budget():
    assert Tracker({"a": 100, "b": 0}).level() == "CRITICAL"
    assert Tracker({"a": 100}, nusd=1000).level(950) == "CRITICAL"
    assert Tracker({"a": 100}, nusd=1000).level(2000) == "CRITICAL"
    assert Tracker({}).level() == "HIGH"


def test_the_block_says_what_is_used_and_left():
    tracker = Tracker({"search": 10, "browse": 4})
    for _ in range(3):
        tracker.take("search")
    expected = "<budget>\nsearch: 3 used, 7 left\nbrowse: 0 used, 4 left\nlevel: HIGH\n</budget>"
    assert tracker.block() == expected


def test_the_policy_names_every_level_from_the_highest_down():
    places = [prompts.POLICY.index(f"\n{name} (") for name in ("HIGH", "MEDIUM", "LOW", "CRITICAL")]
    assert places == sorted(places)


def table(name):
    with (DATA / name).open() as file:
        return list(csv.DictReader(file))


def test_the_published_savings_follow_from_the_published_table():
    rows = {(r["method"], r["budget_per_tool"]): r for r in table("table2_budget_cost.csv")}
    react, tracker = rows["react", "100"], rows["react_tracker", "10"]

    def saved(field):
        return round(100 * (1 - float(tracker[field]) / float(react[field])), 1)

    assert (saved("searches"), saved("unified_cost_cents")) == (40.4, 31.3)
    # The text says 21.4 %; the rounded table gives less.
    assert saved("browses") == 19.9
    assert float(tracker["accuracy_pct"]) >= float(react["accuracy_pct"])


def test_published_use_never_passes_its_budget_and_the_tracker_is_never_worse():
    for row in table("table2_budget_cost.csv"):
        assert max(float(row["searches"]), float(row["browses"])) <= int(row["budget_per_tool"])
    for row in table("table5_usage.csv"):
        assert float(row["searches_avg"]) <= int(row["budget_per_tool"])
    curve = {
        (r["method"], int(r["budget_per_tool"])): float(r["accuracy_pct"]) for r in table("fig3_scaling.csv")
    }
    budgets = sorted({budget for _, budget in curve})
    assert budgets == [10, 30, 50, 100, 200]
    assert all(curve["react_tracker", b] > curve["react", b] for b in budgets)
    assert curve["react", 100] == curve["react", 200]
    rising = [curve["react_tracker", b] for b in budgets]
    assert rising == sorted(set(rising))


def said(text, **more):
    return calls_of(Completion(text, "stop", Usage(1, 1), **more))


def test_calls_are_read_from_text_in_order_and_wrong_ones_say_why():
    text = (
        'a <tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call> b <tool_call>{nope}</tool_call>'
        '<tool_call>[1]</tool_call><tool_call>{"arguments": {}}</tool_call>'
        '<tool_call>{"name": "g", "arguments": 3}</tool_call><tool_call>{"name": "h"}'
    )
    found = said(text)
    assert [(c.name, c.arguments) for c in found if not c.wrong] == [("f", {"x": 1}), ("h", {})]
    assert [c.wrong.partition(":")[0] for c in found if c.wrong] == [
        "this is no JSON",
        "a call is an object with name and arguments",
        "a call names a tool",
        "its arguments are no object",
    ]
    assert said("Answer: 42") == ()


def test_a_call_without_its_tags_is_one_only_if_it_has_exactly_that_shape():
    (found,) = said('```json\n{"name": "f", "arguments": {"x": 1}}\n```')
    assert (found.name, found.arguments) == ("f", {"x": 1})
    for text in (
        '{"name": "f"}',
        '{"name": "f", "arguments": {}, "more": 1}',
        '{"name": "f", "arguments": 1}',
        "[1]",
    ):
        assert said(text) == ()


def test_native_calls_go_before_the_text():
    native = (
        {"id": "c1", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"function": {"name": "g", "arguments": "{"}},
    )
    first, second = said("<tool_call>{}</tool_call>", tool_calls=native)
    assert (first.name, first.arguments, first.id, first.wrong) == ("f", {"x": 1}, "c1", "")
    assert second.wrong.startswith("its arguments are no JSON")


def test_hostile_text_is_read_in_linear_time():
    assert len(said("<tool_call>" * 20_000)) == 20_000
    assert len(said("<tool_call>" + "[" * 90_000 + "</tool_call>")) == 1


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ('{"decision": "PIVOT"}', "PIVOT"),
        ('```json\n{"decision": "CONTINUE", "justification": "x"}\n```', "CONTINUE"),
        ('{"decision": "SUCCESS", "verification": [{"constraint": "a", "status": "satisfied"}]}', "SUCCESS"),
        (
            '{"decision": "SUCCESS", "verification": [{"constraint": "a", "status": "unverifiable"}]}',
            "CONTINUE",
        ),
        (
            '{"decision": "SUCCESS", "verification": [{"constraint": "a", "status": "contradicted"}]}',
            "CONTINUE",
        ),
    ],
)
def test_a_verification_is_read_and_held_to_its_own_rule(text, decision):
    found = read(text)
    assert found is not None
    assert found.decision == decision


@pytest.mark.parametrize(
    "text",
    ["", "fine", '{"decision": "MAYBE"}', '{"verification": []}', '{"decision": "SUCCESS", "details": 3}'],
)
def test_what_is_no_verification_is_none(text):
    assert read(text) is None
