"""The allocation of a retrieval budget: the paper's ratios, the closed forms, and the choice within a budget."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from outlay.errors import CannotSay, UsageError
from outlay.laws.rag_allocation import (
    PUBLISHED,
    Setting,
    Squash,
    fit,
    longest_input_tokens,
    standardised,
)

TESTS = Path(__file__).parents[1]
TABLES = json.loads((TESTS / "data" / "rag-allocation" / "tables.json").read_text("utf-8"))
SPEC = importlib.util.spec_from_file_location("planted_rag", TESTS / "support" / "laws" / "rag_allocation.py")
assert SPEC is not None
planted = importlib.util.module_from_spec(SPEC)
assert SPEC.loader is not None
SPEC.loader.exec_module(planted)
POINTS = (planted.K, planted.M, planted.N, planted.I_DOCUMENT, planted.I_SHOT)
PAPERS = fit(PUBLISHED.value(planted.linear(*POINTS)), *POINTS, squash=PUBLISHED)
SETTINGS = [
    Setting(k, m, n, longest_input_tokens(k, m, n, document_tokens=1024, question_tokens=64))
    for k in (0, 1, 2, 5, 10, 20, 50, 100)
    for m in (0, 1, 4, 16, 64)
    for n in (1, 3, 5)
]


def test_the_headline_gain_of_58_9_percent():
    accuracy, two_wiki = 2, 3
    best = TABLES["table_1"]["5000000"]["IterDRAG"][two_wiki][accuracy]
    plain = TABLES["table_1"]["128000"]["RAG"][two_wiki][accuracy]
    assert round(best / plain - 1, 4) == 0.5888


def test_the_allocation_reaches_96_6_percent_of_the_oracle_on_unseen_sets():
    predicted, oracle = (np.array(TABLES["table_3"][who]) for who in ("predicted", "oracle"))
    assert round(float((predicted / oracle).mean()), 4) == 0.9660
    assert oracle.tolist() == TABLES["table_1"]["1000000"]["IterDRAG"]


def test_the_gaps_of_extrapolating_to_longer_budgets():
    gaps = [
        1 - float((np.array(row["predicted"]) / row["oracle"]).mean()) for row in TABLES["table_4"].values()
    ]
    assert [round(100 * gap, 1) for gap in gaps] == [3.9, 13.9, 2.8, 5.6]


def test_small_budgets_and_single_hops_do_not_pay_for_iterations():
    at_16k = TABLES["table_1"]["16000"]
    for question_set in (1, 2, 3):
        assert at_16k["IterDRAG"][question_set][0] < at_16k["RAG"][question_set][0]


def test_the_published_logistic_and_its_inverse():
    y = np.linspace(-2.1, 1.1, 33)
    assert PUBLISHED.value(PUBLISHED.inverse(y)) == pytest.approx(y, abs=1e-12)
    assert PUBLISHED.value([-1e3, 1e3]).tolist() == pytest.approx([-2.18, 1.12])
    assert PUBLISHED.inverse(0.0) == pytest.approx(-0.46 - np.log(3.30 / 2.18 - 1) / 1.81)
    assert np.isfinite(PUBLISHED.inverse([-9.0, 9.0])).all()


def test_the_terms_of_the_kind_of_task_explain_what_settings_alone_do_not():
    rng = np.random.default_rng(3)
    score = PUBLISHED.value(planted.linear(*POINTS) + rng.normal(0, 0.1, len(planted.K)))
    whole = fit(score, *POINTS, squash=PUBLISHED)
    without = fit(score, *POINTS[:3], 0 * planted.K, 0 * planted.K, squash=PUBLISHED)
    assert whole.r2 > without.r2 + 0.01
    assert (without.documents_slope, without.shots_slope) == (0, 0)
    assert all(
        low.low <= true <= low.high
        for low, true in zip(whole.intervals[:5], [*planted.A, *planted.B], strict=True)
    )


def test_an_unknown_logistic_is_found_in_two_rounds():
    other = Squash(span=5.0, slope=1.2, shift=0.2, low=-3.0)
    score = other.value(planted.linear(*POINTS))
    found = fit(score, *POINTS)
    assert found.r2 > 0.999
    points = list(zip(*POINTS, strict=True))[::37]
    for point in points:
        assert found.predict(*point).value == pytest.approx(
            float(other.value(planted.linear(*point))), abs=0.08
        )


def test_the_choice_keeps_to_the_longest_input_and_never_falls_with_the_budget():
    chosen = [PAPERS.allocate(2**e, SETTINGS, 1.2, 0.5) for e in range(8, 23)]
    assert all(a.setting.input_tokens <= 2**e for a, e in zip(chosen, range(8, 23), strict=True))
    scores = [a.score.value for a in chosen]
    assert scores == sorted(scores)
    assert chosen[0].setting.documents == 0
    assert chosen[-1].setting.documents == 100
    with pytest.raises(CannotSay):
        PAPERS.allocate(10, SETTINGS, 1.2, 0.5)


def test_the_cheapest_setting_of_a_score_is_the_inverse_of_the_choice():
    for budget in (20_000, 200_000):
        bought = PAPERS.allocate(budget, SETTINGS, 1.2, 0.5)
        back = PAPERS.cheapest(bought.score.value, SETTINGS, 1.2, 0.5)
        assert back.setting == bought.setting
    with pytest.raises(CannotSay):
        PAPERS.cheapest(2.0, SETTINGS, 1.2, 0.5)


def test_more_informative_documents_make_each_further_one_help_less():
    def step(i_document):
        few, many = (PAPERS.predict(k, 4, 3, i_document, 0.5).value for k in (10, 100))
        return PUBLISHED.inverse(many) - PUBLISHED.inverse(few)

    assert step(2.0) < step(0.4)


def test_a_kind_of_task_that_was_not_fitted_is_warned_about():
    assert "worth of a document 0.4 to 2" in PAPERS.predict(20, 4, 3, 5.0, 0.5).warning
    assert PAPERS.predict(20, 4, 3, 1.0, 0.5).warning == ""


def test_accuracies_are_standardised_by_task_and_the_probes_are_read():
    accuracy = [0.2, 0.4, 0.3, 0.5, 0.1, 0.1, 0.2, 0.6]
    s = standardised(accuracy, ["a"] * 4 + ["b"] * 4, [0, 1, 0, 9] * 2, [0, 0, 1, 1] * 2, [1] * 8)
    assert np.mean(s.score_N[:4]) == pytest.approx(0)
    assert np.std(s.score_N[4:]) == pytest.approx(1)
    assert s.i_document_N[0] == pytest.approx(0.2 / np.std(accuracy[:4]))
    assert s.i_document_N[4] == pytest.approx(0)
    assert s.i_shot_N[4] == pytest.approx(0.1 / np.std(accuracy[4:]))
    assert s.spread == pytest.approx((np.std(accuracy[:4]) + np.std(accuracy[4:])) / 2)


def test_a_task_without_its_probes_or_without_any_change_is_refused():
    with pytest.raises(CannotSay, match="a lacks the run with 0 documents, 1 demonstrations"):
        standardised([0.2, 0.4, 0.5], ["a"] * 3, [0, 1, 9], [0, 0, 1], [1, 1, 1])
    with pytest.raises(CannotSay, match="never changes"):
        standardised([0.4] * 3, ["a"] * 3, [0, 1, 0], [0, 0, 1], [1, 1, 1])
    with pytest.raises(UsageError):
        standardised([40.0] * 3, ["a"] * 3, [0, 1, 0], [0, 0, 1], [1, 1, 1])
    with pytest.raises(UsageError):
        standardised([0.4] * 3, ["a"] * 2, [0, 1, 0], [0, 0, 1], [1, 1, 1])


def test_the_length_is_the_sum_over_calls():
    one = longest_input_tokens(5, 0, 1, document_tokens=100, question_tokens=20)
    assert one == 520
    assert longest_input_tokens(0, 0, 1, document_tokens=100, question_tokens=20) == 20
    # Two iterations without demonstrations: 5, 10, 10, 15 and 15 documents, and the question, in five calls.
    assert longest_input_tokens(5, 0, 2, document_tokens=100, question_tokens=20) == 5500 + 5 * 20
    with pytest.raises(UsageError):
        longest_input_tokens(5, 0, 0, document_tokens=100, question_tokens=20)
