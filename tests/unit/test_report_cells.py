import msgspec
import pytest
import report_examples

from outlay.report.cells import cells
from outlay.report.comparisons import comparisons
from outlay.report.outcome import Outcome, PoolCell
from outlay.report.summary import Report, summarise
from outlay.stats.wilson import wilson


def outcome(question: str, correct: bool, **more) -> Outcome:
    plan = {"task": "t", "model": "m", "strategy": "single", "score": float(correct), "cost_nusd": 1_000}
    return Outcome(question_id=question, correct=correct, **(plan | more))


def test_the_question_is_the_unit_however_often_it_was_asked():
    (cell,) = cells([outcome("a", True), outcome("a", False), outcome("b", True)], seed=1)
    expected = wilson(1.5, 2)
    assert (cell.questions, cell.accuracy) == (2, 0.75)
    assert cell.accuracy_interval == (expected.low, expected.high)


def test_the_bill_is_divided_by_the_right_answers():
    asked = [outcome("a", True, cost_nusd=3_000), outcome("b", False, cost_nusd=5_000), outcome("c", True)]
    (cell,) = cells(asked, seed=1)
    assert cell.cost_usd == pytest.approx(3e-6)
    assert cell.cost_of_pass_usd == pytest.approx(4.5e-6)
    low, high = cell.cost_of_pass_interval
    assert low < cell.cost_of_pass_usd
    assert high is None or high > cell.cost_of_pass_usd


def test_a_failed_outcome_is_wrong_even_if_it_claims_otherwise():
    (cell,) = cells([outcome("a", True, failed="No answer came."), outcome("b", True)], seed=1)
    assert (cell.accuracy, cell.failures) == (0.5, 1)


def test_one_unknown_price_makes_the_cost_unknown_and_never_zero():
    (cell,) = cells([outcome("a", True, cost_nusd=None, paid_nusd=None), outcome("b", True)], seed=1)
    assert cell.cost_usd is None
    assert cell.paid_usd is None
    assert cell.cost_of_pass_usd is None


def test_never_right_has_no_price_of_a_right_answer():
    (cell,) = cells([outcome("a", False), outcome("b", False)], seed=1)
    assert cell.cost_of_pass_usd is None
    assert cell.cost_usd == 1e-6


def test_paid_and_cost_are_never_mixed():
    (cell,) = cells([outcome("a", True, paid_nusd=0), outcome("b", True, paid_nusd=500)], seed=1)
    assert cell.cost_usd == 1e-6
    assert cell.paid_usd == 0.25e-6


def test_oracle_source_and_verifier_make_cells_of_their_own():
    asked = [outcome("a", True), outcome("a", True, oracle=True), outcome("a", True, source="recorded")]
    found = cells([*asked, outcome("a", True, verifier="judge")], seed=1)
    assert len(found) == 4
    assert [c.latency_s is None for c in found] == [False, False, True, False]


def test_brier_is_the_mean_squared_gap_to_what_came():
    (cell,) = cells([outcome("a", True, p_correct=0.9), outcome("b", False, p_correct=0.6)], seed=1)
    assert cell.brier == pytest.approx((0.01 + 0.36) / 2)
    assert cell.p_correct == pytest.approx(0.75)


def test_json_has_the_promised_keys_and_reads_back():
    report = summarise(report_examples.outcomes(12), report_examples.pools(), seed=1)
    text = msgspec.json.encode(report)
    assert msgspec.json.encode(msgspec.json.decode(text, type=Report)) == text
    promised = {
        "task",
        "model",
        "strategy",
        "questions",
        "accuracy",
        "accuracy_interval",
        "cost_usd",
        "paid_usd",
    }
    promised |= {"cost_of_pass_usd", "input_tokens", "cached_tokens", "output_tokens", "calls", "latency_s"}
    assert promised | {"failures"} <= msgspec.json.decode(text)["cells"][0].keys()


def test_outcomes_survive_a_line_of_json():
    for o in report_examples.outcomes(2):
        assert msgspec.json.decode(msgspec.json.encode(o), type=Outcome) == o
    for p in report_examples.pools():
        assert msgspec.json.decode(msgspec.json.encode(p), type=PoolCell) == p


def test_each_plan_meets_its_models_single_and_the_vote_meets_the_verifier():
    asked = report_examples.outcomes(12)
    found = comparisons(asked, cells(asked, seed=1), seed=1)
    assert not any(c.plan.oracle or c.against.oracle for c in found)
    assert {c.against.strategy for c in found if c.why == "baseline"} == {"single"}
    assert all(c.plan.model == c.against.model for c in found if c.why != "model")
    assert [(c.plan.model[-4:], c.against.model[-4:]) for c in found if c.why == "model"] == [("1.5b", "0.5b")]
    checked = [(c.plan.strategy, c.against.strategy) for c in found if c.why == "vote"][:2]
    assert checked == [
        ("best_of_n:n=8", "self_consistency:n=4"),
        ("best_of_majority:n=16", "self_consistency:n=16"),
    ]


def test_only_common_questions_are_compared_and_it_is_said():
    single = [outcome(q, False) for q in "abc"]
    vote = [outcome(q, True, strategy="self_consistency:n=4", cost_nusd=4_000) for q in "bcd"]
    (step,) = comparisons([*single, *vote], cells([*single, *vote], seed=1), seed=1)
    assert (step.questions, step.same_questions, step.difference) == (2, False, 1.0)
    assert not step.established


def test_the_same_outcomes_give_the_same_report():
    asked = report_examples.outcomes(15)[:45]
    assert summarise(asked, seed=3) == summarise(asked, seed=3)
