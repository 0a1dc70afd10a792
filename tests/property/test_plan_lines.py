"""Plans written into any configuration: what else stands in it stays line by line; a second time changes nothing."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from outlay.cli._plan_lines import Saved, remarked, with_plans
from outlay.config.auto import Measured
from outlay.config.plans import PlanEntry

NAMES = ("sums", "sums-vote4", "two words", "ünïcode")
OTHERS = (
    '[models.m]\nmodel = "m"  # the server\'s name\n',
    '[models."a.b"]\nmodel = "[plans.sums]"\nnames = ["[auto]", "#"]\n',
    "[plans.sums-own]\nstrategy = 'single'\n[plans.sums-own.parameters]\n",
    "[plans.sumsy]\n\n[plans.sumsy.parameters]\nn = 4\n\n# what follows\n",
    '[roles]\n\n  # indented\njudge = "m"\n',
    '[[routes]]\nmodel = "x"\nplan = "sumsy"\n\n[[routes]]\ntenant = "t"\n',
    '[[auto.other]]\nplan = "sumsy"\naccuracy = 1.0\n',
    '[telemetry]\notlp_endpoint = """\nhttp://x\n"""\n',
)
OURS = (
    '[plans.sums]\nstrategy = "adaptive"\n# inside\n[plans.sums.parameters]\nn = 16\n',
    '[plans."two words"]\n',
    '[[auto.default]]\nplan = "sums"\n\n[[auto.default]]\nplan = "old"\n',
)
comment = st.sampled_from(("", "# said\n", "# said\n# again\n", "\n# apart\n\n"))
others = st.lists(st.tuples(comment, st.sampled_from(OTHERS)), max_size=6, unique_by=lambda pair: pair[1])
ours = st.lists(st.tuples(comment, st.sampled_from(OURS)), max_size=3, unique_by=lambda pair: pair[1])
saved = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(
    lambda names: [
        Saved(PlanEntry("self_consistency", {"n": n}), ("made",), Measured(name, 0.9, 0.1, 1e-7 * n, 1e-3))
        for n, name in enumerate(names, 2)
    ]
)


def rest(text, names):
    found = tomllib.loads(text)
    plans = {k: v for k, v in found.pop("plans", {}).items() if k not in names}
    auto = {k: v for k, v in found.pop("auto", {}).items() if k != "default"}
    return found, plans, auto


@given(st.randoms(use_true_random=False), others, ours, saved)
def test_what_else_stands_there_stays_and_a_second_time_changes_nothing(random, others, ours, saved):
    blocks = [said + block for said, block in [*others, *ours]]
    random.shuffle(blocks)
    text = 'default = "m"\n\n' + "\n".join(blocks)
    names = {each.name for each in saved}
    after = with_plans(text, saved, "default")
    found = tomllib.loads(after)
    assert rest(after, names) == rest(text, names)
    assert [each["plan"] for each in found["auto"]["default"]] == [each.name for each in saved]
    assert {name: found["plans"][name]["parameters"]["n"] for name in names} == {
        each.name: each.entry.parameters["n"] for each in saved
    }
    assert with_plans(after, saved, "default") == after


@given(others, saved)
def test_where_nothing_is_replaced_every_line_stays_in_its_order(others, saved):
    text = "# top\n\n" + "".join(said + block for said, block in others)
    left = iter(with_plans(text, saved, "default").split("\n"))
    assert all(line in left for line in text.split("\n") if line.strip())


def test_a_comment_behind_a_plan_that_goes_stays():
    text = "# of the old\n[plans.sums]\nstrategy = 'single'\n\n# apart\n\n# of the next\n[roles]\n"
    saved = [Saved(PlanEntry(), ("new",), Measured("sums", 1.0, 0.0, 0.0, 0.0))]
    after = with_plans(text, saved, "default")
    assert "of the old" not in after
    assert "# apart\n" in after
    assert "# of the next\n[roles]\n" in after


def test_the_line_of_a_class_goes_and_an_empty_table_with_it():
    saved = [Saved(PlanEntry(), ("new",), Measured("sums", 1.0, 0.0, 0.0, 0.0))]
    assert "[auto]" not in with_plans('[auto]\ndefault = "x"\n', saved, "default")
    assert '[auto]\nmaths = "y"\n' in with_plans('[auto]\ndefault = "x"\nmaths = "y"\n', saved, "default")


def test_plans_are_known_by_the_comment_right_above_them():
    text = '# Saved: a\n[plans.a]\n\n# Saved: b\n\n[plans.b]\n# Saved: c\n[plans."c d"]\n# Saved\n[roles]\n'
    assert remarked(text, "Saved:") == {"a", "c d"}
