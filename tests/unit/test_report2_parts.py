"""Cost by question, more samples, checked tries and stated beliefs of the report, on planted data."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from scipy.special import betaln

from outlay.economics import sub_pools
from outlay.errors import UsageError
from outlay.experiments.pool_cells import pool_cells
from outlay.models.recording_file import read
from outlay.report import data
from outlay.report.checked_tries import checked_tries
from outlay.report.cost_by_question import costs_by_question
from outlay.report.further_words import checking, decisive, prolonged
from outlay.report.html import page
from outlay.report.more_samples import more_samples
from outlay.report.outcome import Outcome
from outlay.report.samples import Samples, of_recording
from outlay.report.stated_beliefs import stated_beliefs
from outlay.report.summary import Report, summarise


def pool(rows, usd=0.01, model="m", accepted=None) -> Samples:
    right = np.array(rows, bool)
    ids = tuple(f"q{i}" for i in range(len(right)))
    checks = None if accepted is None else np.array(accepted, bool)
    return Samples(
        "t", model, ids, right, np.full(len(right), usd), checks, "" if accepted is None else "judge"
    )


def beta_pool(questions: int, samples: int, seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    return pool(rng.random((questions, samples)) < rng.beta(0.5, 2, size=questions)[:, None])


@pytest.fixture(scope="module")
def recorded() -> Report:
    recordings = [read(name) for name in ("pool-q05-sums", "pool-q15-sums")]
    cells = [cell for r in recordings for cell in pool_cells(r)]
    return summarise([], cells, samples=[of_recording(r) for r in recordings], seed=1)


def test_cost_by_question_is_the_mean_of_cost_over_rate():
    found = costs_by_question([], [pool([[1, 1, 0, 0]] * 5 + [[1, 1, 1, 1]] * 5)], seed=1)[0]
    assert found.plans[0].value.usd == pytest.approx((0.02 + 0.01) / 2)
    assert found.plans[0].value.smoothed_usd == pytest.approx((0.01 / 0.5 + 0.01 / 0.9) / 2)
    low, high = found.plans[0].value.interval or (0, 0)
    assert low < 0.015 < (high or 0)
    assert found.models == ()


def test_an_unsolved_question_has_no_raw_cost_and_is_counted():
    value = costs_by_question([], [pool([[0, 0, 0, 0]] + [[1, 1, 1, 1]] * 5)], seed=1)[0].plans[0].value
    assert (value.usd, value.interval, value.unsolved) == (None, None, 1)
    assert value.smoothed_usd == pytest.approx((0.01 / 0.1 + 5 * 0.01 / 0.9) / 6)


def test_what_a_model_adds_is_what_the_frontier_loses_without_it():
    cheap = pool([[1, 1, 1, 1]] * 3 + [[0, 0, 0, 0]] * 3, usd=0.01, model="cheap")
    dear = pool([[1, 1, 1, 1]] * 6, usd=0.05, model="dear")
    found = costs_by_question([], [cheap, dear], seed=1)[0]
    by = {m.model: m for m in found.models}
    assert found.frontier.usd == pytest.approx((0.01 + 0.05) / 2)
    assert (by["cheap"].cheapest_on, by["cheap"].only) == (0.5, 0)
    assert (by["dear"].only, by["dear"].raw_essentialness) == (3, 1.0)
    assert by["cheap"].gain_usd == pytest.approx(0.5 * (0.05 - 0.01) / 0.9)
    assert by["cheap"].essentialness == pytest.approx(by["cheap"].gain_usd / (0.05 / 0.9))
    assert by["cheap"].gain_interval[0] >= 0


def test_repeated_outcomes_are_runs_and_single_ones_say_nothing():
    def asked(times: int, oracle: bool = False) -> list[Outcome]:
        return [
            Outcome("t", "m", "single", f"q{q}", run % 2 == 0, 0.0, cost_nusd=1_000_000, oracle=oracle)
            for q in range(6)
            for run in range(times)
        ]

    assert costs_by_question(asked(1), [], seed=1) == []
    assert costs_by_question(asked(4, oracle=True), [], seed=1) == []
    assert costs_by_question(asked(4), [], seed=1)[0].plans[0].value.usd == pytest.approx(0.002)


def test_unknown_prices_and_few_questions_say_nothing():
    unpriced = Samples("t", "m", ("a",) * 6, np.ones((6, 8), bool))
    assert costs_by_question([], [unpriced], seed=1) == []
    assert costs_by_question([], [pool([[1, 1, 0, 0]] * 4)], seed=1) == []


def test_measured_coverage_is_pass_at_k_and_laws_go_to_four_times_the_samples():
    s = beta_pool(200, 16, seed=3)
    found = more_samples([s], [], seed=1)[0]
    exact = sub_pools.pass_at_k(s.correct_QS, [1, 2, 4, 8, 16]).mean(axis=0)
    assert [at.coverage for at in found.measured] == pytest.approx(list(exact))
    assert [law.form for law in found.laws] == ["power", "beta"]
    assert all(law.curve[-1].k == 64 for law in found.laws)
    beta = found.laws[1].curve[-1]
    truth = 1 - np.exp(betaln(0.5, 2 + 64) - betaln(0.5, 2))
    assert beta.low < truth < beta.high


def test_what_cannot_be_prolonged_is_said_and_stops_the_power_law_at_the_data():
    found = more_samples([beta_pool(12, 8, seed=1)], [], seed=1)[0]
    assert any("mixed" in why or "both right and wrong" in why for why in found.unsaid)
    power = next(law for law in found.laws if law.form == "power")
    assert power.curve[-1].k == 8
    assert "Beware" in prolonged(found)


@pytest.mark.parametrize("value", [0, 1])
def test_all_right_or_all_wrong_has_no_law_and_a_width(value):
    found = more_samples([pool([[value] * 8] * 30)], [], seed=1)[0]
    assert found.laws == ()
    assert found.unsaid
    assert all(at.high - at.low > 0.05 for at in found.measured)


def test_a_vote_that_no_longer_gains_is_settled(recorded):
    small = next(m for m in recorded.more_samples if m.model.endswith("0.5b"))
    by = {s.strategy: s for s in small.settled}
    assert (by["vote"].k, by["likelihood"].k, by["likelihood"].most) == (16, 4, 16)
    last = by["vote"].steps[-1]
    assert last.low > 0
    assert last.usd_per_right == pytest.approx(0.003064, rel=1e-3)


def test_the_ceiling_and_the_best_number_of_tries_come_with_verdicts_alone():
    right = [[1, 1, 1, 1], [1, 0, 0, 0]] * 10
    assert checked_tries([pool(right)], seed=1) == []
    every = checked_tries([pool(right, accepted=right)], seed=1)[0]
    assert (every.ceiling, every.tries, every.reward) == (1.0, 4, 1.0)
    blind = checked_tries([pool(right, accepted=np.ones((20, 4)))], wrong=2.0, seed=1)[0]
    assert blind.ceiling == blind.single == 0.625
    assert blind.tries == 0 or blind.reward > 0
    none = checked_tries([pool(right, accepted=np.zeros((20, 4)))], seed=1)[0]
    assert (none.ceiling, none.never) == (None, 1.0)
    assert "too little is accepted" in checking(none)
    with pytest.raises(UsageError):
        checked_tries([pool(right, accepted=right)], wrong=-1.0, seed=1)


def test_statements_are_compared_with_what_happened_failures_as_wrong():
    said = [
        Outcome("t", "m", "s", f"q{i}", True, 1.0, p_correct=0.75, failed="" if i % 2 else "gone")
        for i in range(40)
    ]
    found = stated_beliefs(said)[0]
    assert (found.statements, found.stated, found.right) == (40, 0.75, 0.5)
    assert found.calibration.expected_error == pytest.approx(0.25)
    assert stated_beliefs(said[:19]) == []


def test_the_report_is_one_json_and_the_same_seed_gives_the_same(recorded, tmp_path):
    data.write(recorded, tmp_path / "r.json")
    text = (tmp_path / "r.json").read_bytes()
    assert msgspec.json.decode(text, type=Report) == recorded
    assert json.loads(text)["by_question"][0]["plans"][0]["value"]["usd"] is None
    with pytest.raises(UsageError, match="cannot be written"):
        data.write(recorded, tmp_path)


def test_the_page_folds_each_part_and_leaves_out_what_there_is_no_data_for(recorded):
    text = page(recorded)
    assert "<summary>Where more samples stop paying</summary>" in text
    assert "<summary>One right answer, question by question</summary>" in text
    assert "Trying again under a check that errs" not in text
    assert "Do plans know how often they are right?" not in text
    assert "With 16 samples, vote still gains" in text


def test_hostile_names_stay_texts_in_the_folded_parts():
    evil = "<evil src=x onerror=alert(1)>"
    rng = np.random.default_rng(1)
    right, accepted = rng.random((30, 8)) < 0.5, rng.random((30, 8)) < 0.5
    s = Samples(evil, evil, tuple(map(str, range(30))), right, np.full(30, 0.01), accepted, evil)
    other = msgspec.structs.replace(s, model=f"{evil}2")
    said = [Outcome(evil, evil, evil, f"q{i}", True, 1.0, p_correct=0.5, cost_nusd=1) for i in range(20)]
    recording = read("pool-q05-sums")
    cells = [msgspec.structs.replace(c, task=evil, model=evil) for c in pool_cells(recording, ks=[1, 2])]
    text = page(summarise(said, cells, samples=[s, other], seed=1))
    assert "Trying again under a check that errs" in text
    assert "Do plans know" in text
    assert "<evil" not in text


def test_the_terminal_says_where_samples_stop_paying_once_a_model(recorded):
    market = recorded.markets[0]
    said = decisive(recorded, market)
    assert len(said) == 2
    assert said[1].endswith("Every question has a right one among 16 samples already.")
