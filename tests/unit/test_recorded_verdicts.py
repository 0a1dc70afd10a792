"""What a bench's verifier said of each sample: recorded with its price, read again, audited, weighed against votes."""

from __future__ import annotations

import json
import sys
import types

import numpy as np
import pytest

from outlay.cli import main
from outlay.errors import ProviderError
from outlay.experiments import experiment
from outlay.experiments.experiment import Spec
from outlay.experiments.record import record
from outlay.models.recording import Checked, RecordedVerdict
from outlay.models.recording_file import read
from outlay.models.scripted import scripted
from outlay.policies._pilot import of_recording as pilot_of
from outlay.policies._worth import Worth
from outlay.report.checked_tries import checked_tries, try_usd
from outlay.report.further_words import auditing
from outlay.report.outcome import Outcome
from outlay.report.samples import Samples, by_verifier, of_recording
from outlay.report.summary import summarise
from outlay.report.verifiers import verifying
from outlay.store.sqlite import Sqlite
from outlay.testing import FIXED
from outlay.types import Verdict

MODULE = "recorded.checks"


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Six questions, a model right on every even sample, and a judge that is asked about each candidate."""
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path / "home"))

    async def asked(run, question, candidate):
        """A paid check that is right but for the candidates whose index is 3."""
        await run.complete(question.messages, role="judge", label=f"judge/{candidate.index}")
        if candidate.index == 3:
            raise ProviderError("no verdict")
        return Verdict(0.9, True) if candidate.answer == "4" else Verdict(0.2, False)

    asked.__module__ = MODULE
    module = types.ModuleType(MODULE)
    module.half = scripted(lambda request, index: f"Answer: {4 + index % 2}", name="half", price=FIXED)  # type: ignore[attr-defined]
    module.asked = asked  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, MODULE, module)
    rows = [{"id": f"q{i}", "question": f"{i}: 2 + 2?", "answer": "4", "kind": "number"} for i in range(6)]
    (tmp_path / "four.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def spec(*strategies: str) -> Spec:
        return Spec(
            (str(tmp_path / "four.jsonl"),), (f"{MODULE}:half",), strategies, verifier=f"{MODULE}:asked"
        )

    return spec


async def recorded(spec, tmp_path):
    out = tmp_path / "out"
    store = await Sqlite.open(tmp_path / "ledger.db")
    try:
        await experiment.run(spec, out, store=store)
        (made,) = await record(out, store=store)
        rows = await store.calls()
    finally:
        await store.close()
    return read(made.path), made, rows


async def test_every_verdict_stands_at_its_sample_with_its_price(bench, tmp_path):
    found, made, rows = await recorded(bench("best_of_n:n=4"), tmp_path)
    assert found.version == 2
    assert made.verdicts == 24
    verdicts = [s.verdicts for s in found.questions[0].samples]
    assert [v[0].score for v in verdicts] == [0.9, 0.2, 0.9, None]
    assert [v[0].accepted for v in verdicts] == [True, False, True, False]
    bought = sum(r["cost_nusd"] for r in rows if r["role"] == "judge")
    assert bought > 0
    assert sum(v.cost_nusd or 0 for q in found.questions for s in q.samples for v in s.verdicts) == bought


async def test_two_plans_that_had_the_same_sample_checked_make_no_repeat(bench, tmp_path):
    found, made, _ = await recorded(bench("first_accepted:n=2", "best_of_n:n=4", "best_of_n:n=2"), tmp_path)
    assert all(len(s.verdicts) == 1 for q in found.questions for s in q.samples)
    assert made.unread == ""


async def test_samples_that_nobody_checked_say_so(bench, tmp_path):
    found, _, _ = await recorded(bench("first_accepted:n=2", "self_consistency:n=4"), tmp_path)
    (samples,) = by_verifier(found)
    assert samples.accepted_QS is None
    assert pilot_of("half", found).checks is None
    (said,) = verifying([samples], seed=1)
    assert (said.checked, said.samples) == (6, 24)
    assert said.versus == ()
    assert any("not every sample" in why for why in said.cannot_say)


async def test_a_folder_with_verdicts_puts_checked_plans_on_the_menu(bench, tmp_path):
    found, _, _ = await recorded(bench("best_of_n:n=4"), tmp_path)
    checks = pilot_of("half", found).checks
    assert checks is not None
    assert checks.score_QS[0].tolist() == [0.9, 0.2, 0.9, 0.0]
    assert (checks.usd_QS > 0).all()


def test_the_report_of_a_bench_with_a_verifier_says_what_its_checks_are_worth(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path / "home"))
    name, out = "recorded/pool-q05-sums", tmp_path / "sums"
    words = ["bench", name, "--model", name, "--strategy", "best_of_n:n=4", "--questions", "8"]
    check = "command:grep -q 7"
    assert main([*words, "--verifier", check, "--out", str(out), "--record"]) in (0, None)
    assert "verdicts in" in capsys.readouterr().err
    data, page = out / "r.json", out / "r.html"
    worth = ("--value-usd", "0.01", "--wrong-usd", "0.02")
    assert main(["report", str(out), "--data", str(data), "--html", str(page), *worth]) in (0, None)
    found = json.loads(data.read_text("utf-8"))
    (said,) = found["verifying"]
    assert said["verifier"] == check
    assert said["checked"] <= said["samples"] == 32
    assert said["price_usd"]["value"] > 0
    (tries,) = found["checked"]
    assert (tries["wrong"], 0 < tries["try_cost"] < 1) == (2.0, True)
    assert "What checks are worth" in page.read_text("utf-8")
    assert "a check costs" in " ".join(capsys.readouterr().out.split())


def test_a_worth_below_nothing_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path), "--value-usd", "0"]) == 2
    assert "worth something" in capsys.readouterr().err


def test_a_recording_of_the_first_layout_has_no_verdicts(tmp_path):
    shipped = read("pool-q05-sums")
    assert shipped.version == 1
    assert shipped.verifiers == ()
    assert of_recording(shipped).checks is None


def planted(questions: int, ratio: float, *, seed: int = 1) -> Samples:
    """A checker that accepts 90 % of right and 20 % of wrong samples, at `ratio` of a sample's price."""
    rng = np.random.default_rng(seed)
    right = rng.random((questions, 16)) < rng.beta(2, 3, questions)[:, None]
    accepted = rng.random(right.shape) < np.where(right, 0.9, 0.2)
    classes = np.where(right, 0, rng.integers(1, 9, right.shape))
    whole = np.ones((*right.shape, 1), bool)
    one = accepted[:, :, None]
    checks = Checked("planted", whole, one.astype(float), one, np.full(whole.shape, ratio))
    ids = tuple(map(str, range(questions)))
    return Samples("t", "m", ids, right, np.ones(questions), accepted, "planted", classes, checks)


def test_the_audit_finds_the_planted_checker_and_its_price():
    (said,) = verifying([planted(400, 0.5)], seed=1)
    assert said.completeness is not None
    assert said.soundness is not None
    assert said.completeness.value == pytest.approx(0.9, abs=0.02)
    assert said.soundness.value == pytest.approx(0.8, abs=0.02)
    assert said.check_cost == pytest.approx(0.5)
    assert said.informs
    assert said.repeats_right is None
    assert any("repeat" in why for why in said.cannot_say)


def test_checked_samples_and_the_vote_cost_the_same():
    (said,) = verifying([planted(200, 1.0)], seed=1)
    assert [(v.solutions, v.votes) for v in said.versus] == [(2, 4), (4, 8), (8, 16)]
    for v in said.versus:
        assert v.difference == pytest.approx(v.checked - v.voted)
        assert v.interval[0] <= v.difference <= (v.interval[1] or 1)
    assert "For the price of 8 checked samples one can vote over 16" in auditing(said)


def test_the_right_share_of_the_best_of_two_checked_is_its_closed_form():
    """Of two samples: right if the only accepted one is, or a tie falls to a right one."""
    samples = planted(300, 0.0 + 1e-9)
    (said,) = verifying([samples], seed=1)
    a, r = samples.accepted_QS, samples.correct_QS.astype(float)
    assert a is not None
    total = 0.0
    for i in range(16):
        for j in range(i):
            pick = np.where(a[:, i] == a[:, j], (r[:, i] + r[:, j]) / 2, np.where(a[:, i], r[:, i], r[:, j]))
            total += float(pick.mean())
    assert said.versus[0].checked == pytest.approx(total / 120)


def test_a_blind_checker_is_called_so():
    rng = np.random.default_rng(3)
    s = planted(60, 0.5)
    one = (rng.random(s.correct_QS.shape) < 0.6)[:, :, None]
    checks = Checked("blind", np.ones_like(one), one.astype(float), one, np.full(one.shape, 0.5))
    blind = Samples(
        s.task, s.model, s.ids, s.correct_QS, s.attempt_usd_Q, one[:, :, 0], "blind", s.class_QS, checks
    )
    (said,) = verifying([blind], seed=1)
    assert not said.informs
    assert "do not pay for it on this evidence" in auditing(said)


def test_unknown_prices_and_failed_checks_are_said():
    s = planted(30, 0.5)
    assert s.checks is not None
    none = np.full(s.checks.usd_QSC.shape, np.nan)
    silent = Checked("planted", s.checks.had_QSC, none, np.zeros_like(s.checks.accepted_QSC), none)
    (said,) = verifying(
        [Samples(s.task, s.model, s.ids, s.correct_QS, None, s.accepted_QS, "planted", s.class_QS, silent)],
        seed=1,
    )
    assert said.completeness is said.price_usd is said.check_cost is None
    assert said.failed == 30 * 16
    assert any("every check failed" in why for why in said.cannot_say)


def test_dear_tries_are_fewer_tries():
    s = planted(200, 0.5)
    assert try_usd(s) == pytest.approx(1.5)
    free, dear = (checked_tries([s], wrong=0.5, value_usd=v, seed=1)[0] for v in (None, 3.0))
    assert (free.try_cost, dear.try_cost) == (0.0, 0.5)
    assert dear.tries < free.tries


def test_what_wrong_answers_cost_moves_the_ranges_of_worth():
    """`single` is right 1 in 2 and answers always; `careful` is right 1 in 2 and keeps silent otherwise."""
    outcomes = [
        Outcome("t", "m", plan, f"q{i}", i % 2 == 0, 0.0, answer="7" if i % 2 == 0 or plan == "single" else None,
                cost_nusd=cost)
        for plan, cost in (("single", 1_000_000), ("careful", 2_000_000))
        for i in range(10)
    ]  # fmt: skip
    (plain,) = summarise(outcomes, seed=1).markets
    assert [plain.offers[b.offer].strategy for b in plain.buys if b.offer is not None] == ["single"]
    (careful,) = summarise(outcomes, worth=Worth(wrong_usd=0.01), seed=1).markets
    assert [careful.offers[b.offer].strategy for b in careful.buys if b.offer is not None] == ["careful"]
    assert careful.buys[-1].low_usd == pytest.approx(0.004)
    assert careful.offers[0].burden_usd == pytest.approx(0.001 + 0.01 / 2)


def test_a_recorded_verdict_is_a_share():
    import msgspec

    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"verifier": "v", "score": 2.0, "accepted": True, "cost_nusd": 1}, RecordedVerdict)
