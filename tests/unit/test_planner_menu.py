"""What the planner's menu says of each plan, against the strategies themselves and by counting."""

from __future__ import annotations

from itertools import combinations

import msgspec
import numpy as np
import pytest
from pilots import CHEAP, DEAR, pilot

from outlay.errors import UsageError
from outlay.models.recording_file import read
from outlay.policies._menu import competing, menu_of
from outlay.policies._pilot import of_recording
from outlay.policies._plans import budgets, frequent_classes, unanimous
from outlay.policies._stopping import play
from outlay.policies._worth import Worth
from outlay.stats.lead import expected_p_leads, p_leads
from outlay.types import Question


def named(menu):
    return {entry.name: i for i, entry in enumerate(menu)}


def test_the_menu_of_one_model_holds_single_votes_and_adaptive():
    menu, beliefs = menu_of([pilot(0.6)], value_usd=0.01)
    assert [e.name for e in menu] == [
        "single",
        "self_consistency:n=2",
        "self_consistency:n=4",
        "self_consistency:n=8",
        "adaptive:n=8,confidence=0.8",
        "adaptive:n=8,confidence=0.95",
        "adaptive:n=8,value_usd=0.01",
    ]
    assert beliefs.right_QP.shape == (30, 7)
    assert not np.isnan(beliefs.usd_QP).any()


def test_single_is_the_mean_and_costs_the_prompt_and_one_output():
    p = pilot(0.6)
    menu, beliefs = menu_of([p])
    at = named(menu)["single"]
    assert np.allclose(beliefs.right_QP[:, at], p.correct_QS.mean(axis=1))
    assert np.allclose(beliefs.usd_QP[:, at], (100 * 0.1 + 100 * 0.5) / 1e6)


def test_a_server_that_does_not_share_the_prompt_bills_it_each_time():
    p = msgspec.structs.replace(pilot(0.6), width=1)
    menu, beliefs = menu_of([p])
    assert np.allclose(
        beliefs.usd_QP[:, named(menu)["self_consistency:n=4"]], 4 * (100 * 0.1 + 100 * 0.5) / 1e6
    )


def test_verified_plans_stand_on_the_menu_where_a_verifier_judged():
    menu, beliefs = menu_of([pilot(0.3, verifier=(1.0, 0.0))])
    at = named(menu)
    best = beliefs.right_QP[:, at["best_of_n:n=8 checked by check"]].mean()
    accepted = beliefs.right_QP[:, at["first_accepted:n=8 checked by check"]].mean()
    coverage = pilot(0.3, verifier=(1.0, 0.0)).correct_QS.any(axis=1).mean()
    assert best == pytest.approx(coverage)
    assert accepted == pytest.approx(coverage)
    one = beliefs.usd_QP[:, at["first_accepted:n=8 checked by check"]].mean()
    assert one < beliefs.usd_QP[:, at["best_of_n:n=8 checked by check"]].mean()


def test_a_perfect_check_answers_only_what_it_accepts():
    menu, beliefs = menu_of([pilot(0.3, verifier=(1.0, 0.0))])
    at = named(menu)["first_accepted:n=4 checked by check"]
    assert np.allclose(beliefs.answered_QP[:, at], beliefs.right_QP[:, at])


def test_a_cascade_is_the_small_models_unanimous_answer_else_the_large_ones():
    small, large = pilot(0.5, seed=1), pilot(0.9, seed=2, model="large", price=DEAR)
    menu, beliefs = menu_of([large, small])
    at = named(menu)["cascade:n=2,m=1,k=0,audit=0.0 on small then large"]
    agree, right = unanimous(small.class_QS, small.correct_QS, 2)
    expected = right + (1 - agree) * large.correct_QS.mean(axis=1)
    assert np.allclose(beliefs.right_QP[:, at], expected)
    assert not any("large then small" in e.name for e in menu)


def test_unanimity_by_counting_every_pair():
    p = pilot(0.5, questions=5, samples=6)
    agree, right = unanimous(p.class_QS, p.correct_QS, 2)
    for q, (codes, correct) in enumerate(zip(p.class_QS, p.correct_QS, strict=True)):
        pairs = list(combinations(range(6), 2))
        same = [(i, j) for i, j in pairs if codes[i] == codes[j]]
        assert agree[q] == pytest.approx(len(same) / len(pairs))
        assert right[q] == pytest.approx(sum(correct[i] for i, _ in same) / len(pairs))


def test_the_classes_that_best_of_majority_verifies_by_counting():
    p = pilot(0.5, questions=4, samples=6, wrong_classes=3)
    kept = frequent_classes(p.class_QS, [4])[:, 0]
    for q, codes in enumerate(p.class_QS):
        counted = [sum(np.bincount(codes[list(c)]) >= 2) for c in combinations(range(6), 4)]
        assert kept[q] == pytest.approx(np.mean(counted))


def test_the_played_stopping_rule_is_that_of_adaptive():
    """Unanimous questions stop at the first look, those split in halves go on to the end."""
    split = pilot(0.5, questions=8, samples=8, wrong_classes=1)
    split.class_QS[:] = np.tile([0, 1], (8, 4))
    split.correct_QS[:] = split.class_QS == 0
    agreed = pilot(1.0, questions=8)
    assert p_leads(4, 0) >= 0.95
    assert set(play(agreed, 8, confidence=0.95, seed=1).draws_Q) == {4.0}
    assert play(split, 8, confidence=0.95, seed=1).draws_Q.mean() > 7
    assert play(split, 8, confidence=0.95, seed=1).right_Q.mean() == pytest.approx(0.5, abs=0.06)


def test_the_played_rule_weighs_a_sample_against_its_worth():
    agreed = pilot(1.0, questions=8, samples=16)
    price = float((agreed.usd_QS.mean(axis=1) + agreed.prompt_usd_Q)[0])
    gain = max((expected_p_leads(4, 0, h) - p_leads(4, 0)) / h for h in range(1, 13))
    below, above = (play(agreed, 16, value_usd=price / gain * f, seed=1).draws_Q.mean() for f in (0.99, 1.01))
    assert below == 4.0
    assert above > 4.0


def test_waiting_for_the_slowest_of_k():
    p = pilot(0.5, latency_s=1.0)
    menu, beliefs = menu_of([p])
    slowest = [beliefs.latency_s_QP[:, named(menu)[n]].mean() for n in ("single", "self_consistency:n=4")]
    pairs = np.mean([p.latency_s_QS[:, list(c)].max(axis=1) for c in combinations(range(8), 4)])
    assert p.latency_s_QS is not None
    assert slowest == pytest.approx([p.latency_s_QS.mean(), pairs])


def test_a_recording_is_a_pilot():
    p = of_recording("recorded/pool-q05-sums", read("pool-q05-sums"))
    assert (p.class_QS.shape, p.samples, p.correct_QS.mean()) == ((40, 16), 16, pytest.approx(0.2984375))
    assert any(e.plan.strategy == "sharpen" for e in menu_of([p])[0])


def test_budgets_are_powers_of_two_and_the_whole_pilot():
    assert budgets(16) == [1, 2, 4, 8, 16]
    assert budgets(6) == [1, 2, 4, 6]


@pytest.mark.parametrize(
    "pilots, said",
    [
        ([], "one pilot a model"),
        ([pilot(0.5), pilot(0.5, questions=20)], "same questions"),
        ([pilot(0.5, questions=3)], "too few"),
        ([pilot(0.5, labels=False)], "no labels"),
    ],
)
def test_pilots_that_cannot_be_planned_from_are_refused(pilots, said):
    with pytest.raises(UsageError, match=said):
        menu_of(pilots)


def test_missing_verdicts_are_refused():
    p = pilot(0.5, verifier=(0.9, 0.1))
    p.checks.score_QS[3, 2] = np.nan
    with pytest.raises(UsageError, match="no verdict of check"):
        menu_of([p])


def test_the_same_pilots_give_the_same_beliefs():
    first, second = (menu_of([pilot(0.6, verifier=(0.8, 0.3))], value_usd=0.01, seed=3) for _ in range(2))
    assert first[0] == second[0]
    assert np.array_equal(first[1].right_QP, second[1].right_QP)
    assert pilot(0.5).price == CHEAP


def test_what_cannot_be_weighed_does_not_compete_and_is_told():
    both = [pilot(0.5), pilot(0.9, seed=2, model="large", price=None)]
    menu, beliefs = menu_of(both)
    kept, known, said = competing(menu, beliefs, Worth(value_usd=1.0))
    assert {e.models for e in kept} == {("small",)}
    assert known.right_QP.shape == (30, len(kept))
    assert "large have no known price" in said[0]
    with pytest.raises(UsageError, match="How long"):
        competing(kept, known, Worth(value_usd=1.0, usd_per_s=0.1))


async def test_a_planned_cascade_runs_as_it_stands(tmp_path):
    """Its parameters are the strategy's own, and on recorded pools it asks the large model where the small one errs."""
    from outlay.engine import Outlay
    from outlay.models.recorded import recorded
    from outlay.models.recording_file import read
    from outlay.policies._pilot import of_recording

    names = ("pool-q05-sums", "pool-q15-sums")
    menu, _ = menu_of([of_recording(f"recorded/{name}", read(name)) for name in names])
    plan = menu[next(i for i, e in enumerate(menu) if e.plan.strategy == "cascade")].plan
    question = read(names[0]).questions[0]
    models = {"small": recorded(names[0]), "large": recorded(names[1]), "default": recorded(names[1])}
    async with Outlay(models, store=tmp_path / "ledger.db") as outlay:
        asked = Question(question.id, question.messages, question.kind)
        answer = await outlay.buy(asked, plan)
    assert answer.answer is not None
    assert answer.calls in (1, 2, 3)
