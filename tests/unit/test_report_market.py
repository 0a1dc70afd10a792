import report_examples
from msgspec.structs import replace

from outlay.policies._worth import Worth
from outlay.report import words
from outlay.report.market import Market
from outlay.report.outcome import Outcome, PoolCell
from outlay.report.summary import summarise
from outlay.stats.interval import Interval


def plan(strategy: str, rights: str, cost_nusd: int | None, **more) -> list[Outcome]:
    """One outcome a letter: 1 is right; questions are numbered."""
    return [
        Outcome("t", more.get("model", "m"), strategy, str(q), r == "1", float(r), cost_nusd=cost_nusd,
                paid_nusd=cost_nusd, oracle=more.get("oracle", False), verifier=more.get("verifier", ""),
                failed=more.get("failed", ""), overrun_nusd=more.get("overrun_nusd", 0))
        for q, r in enumerate(rights)
    ]  # fmt: skip


def market(*plans: list[Outcome]) -> Market:
    (found,) = summarise([o for p in plans for o in p], seed=1).markets
    return found


SINGLE = plan("single", "1010" * 10, 1_000_000)
VOTE = plan("self_consistency:n=8", "1110" * 10, 6_000_000)


def test_ranges_of_worth_meet_at_the_price_of_one_more_right_answer():
    found = market(SINGLE, VOTE)
    assert [(b.offer, round(b.low_usd, 9)) for b in found.buys] == [(None, 0.0), (0, 0.002), (1, 0.02)]
    assert words.buying_advice(found) == (
        "If a right answer is worth less than $0.002 to you, buy nothing; up to $0.02, single; "
        "above that, self_consistency:n=8."
    )


def test_a_difference_is_established_only_by_the_questions():
    assert market(SINGLE, VOTE).buys[2].established is True
    few = market(plan("single", "10", 1_000_000), plan("self_consistency:n=8", "11", 6_000_000))
    assert few.buys[2].established is False
    said = words.cautions(few, ())
    assert any("do not establish" in s and "self_consistency:n=8 over single" in s for s in said)
    assert any(s.startswith("2 questions are few") for s in said)


def test_an_oracle_never_competes():
    found = market(SINGLE, plan("best_of_n:n=8", "1" * 40, 1_000, oracle=True, verifier="reference"))
    assert [o.plan for o in found.offers] == ["single"]
    assert [o.plan for o in found.oracles] == ["best_of_n:n=8 checked by reference"]


def test_plans_that_answered_other_questions_are_left_out_and_named():
    found = market(SINGLE, VOTE, plan("adaptive", "111", 1))
    assert [o.plan for o in found.offers] == ["single", "self_consistency:n=8"]
    assert found.left_out == ("adaptive answered other questions (3), so it is not compared with the rest.",)


def test_an_unknown_price_is_left_out_and_never_taken_for_free():
    found = market(SINGLE, plan("adaptive", "1" * 40, None))
    assert [o.plan for o in found.offers] == ["single"]
    assert "has no known price" in found.left_out[0]
    alone = market(plan("single", "1", None))
    assert alone.offers == ()
    assert "nothing to compare" in words.buying_advice(alone)
    assert words.headline(alone) == "t: no plan to compare, asked live."


def test_where_waiting_has_a_price_and_no_time_is_known_that_is_the_reason():
    recorded = [replace(o, source="recorded") for o in SINGLE]
    (found,) = summarise(recorded, worth=Worth(usd_per_s=0.001), seed=1).markets
    assert "a known price and known times" in words.buying_advice(found)
    assert words.headline(found).startswith("t: no plan to compare")


def test_never_right_says_buy_nothing():
    assert words.buying_advice(market(plan("single", "000", 5))) == "Buy nothing: no plan was ever right."


def test_a_free_plan_is_bought_at_any_worth():
    found = market(plan("single", "10", 0))
    assert words.buying_advice(found) == "Whatever a right answer is worth to you, buy single."
    assert words.buying_steps(found) == [("whatever it is worth", "single")]


def test_a_verifier_that_does_not_beat_the_vote_is_named():
    judged = plan("best_of_n:n=8", "1100" * 10, 9_000_000, verifier="judge")
    report = summarise([*SINGLE, *VOTE, *judged], seed=1)
    said = words.cautions(report.markets[0], report.comparisons, report.cells)
    assert any(s.startswith("best_of_n:n=8 checked by judge is not shown to beat the plain vote") for s in said)


def test_more_samples_are_not_called_cheaper_unless_they_were():
    dearer = words.cautions(market(SINGLE, VOTE), ())
    assert any("not cheaper right answers: $0.002 a right answer by single, $0.008" in s for s in dearer)
    cheaper = words.cautions(market(SINGLE, plan("self_consistency:n=8", "1" * 40, 1_100_000)), ())
    assert any("even lower the bill" in s for s in cheaper)


def test_failures_and_overruns_are_said():
    report = summarise(plan("single", "0000", 10, failed="Dead.", overrun_nusd=2_000_000), seed=1)
    said = " ".join(words.sentences(report))
    assert "count as wrong: 4 of 4 under single" in said
    assert "$0.008 under single" in said


def test_local_prices_are_called_one_machines():
    said = words.cautions(market(plan("single", "10", 10, model="local/tiny")), ())
    assert any("local/tiny is one machine's calibration" in s for s in said)


def test_one_recorded_sample_is_one_plan_under_every_selection():
    (found,) = summarise([], report_examples.pools(), seed=1).markets
    assert found.source == "pools"
    assert [o.plan for o in found.offers].count("single") == 2
    assert {o.strategy for o in found.oracles} == {"pass_at_k"}


def test_recorded_pools_are_paired_where_the_questions_are_given():
    wide = Interval(0.2, 0.9, 0.95)
    one = PoolCell("t", "m", "vote", 1, 20, 0.5, wide, 1e6, 1.0, 1.0)
    two = replace(one, k=2, accuracy=0.6, cost_nusd=3e6)
    assert summarise([], [one, two], seed=1).markets[0].buys[-1].established is False
    paired = [replace(one, accuracy_Q=(0.5,) * 20), replace(two, accuracy_Q=(0.6,) * 20)]
    assert summarise([], paired, seed=1).markets[0].buys[-1].established is True


def test_pools_of_different_numbers_of_questions_are_not_compared():
    cell = PoolCell("t", "a", "vote", 1, 24, 0.5, Interval(0.3, 0.7, 0.95), 1e6, 1.0, 1.0)
    other = replace(cell, model="b", questions=16)
    (found,) = summarise([], [cell, other, replace(cell, k=2)], seed=1).markets
    assert {o.model for o in found.offers} == {"a"}
    assert "single on b" in found.left_out[0]


def test_the_cheapest_plan_for_a_required_accuracy():
    found = market(plan("single", "1" * 17 + "000", 1_000_000), plan("adaptive", "1" * 19 + "0", 4_000_000))
    assert words.required_accuracy(found) == (
        "The cheapest plan that was right on at least 80 %: single, $0.001 a question; "
        "90 %: adaptive, $0.004 a question; 95 %: adaptive, $0.004 a question."
    )
    assert words.required_accuracy(market(plan("single", "10", None))) == ""
