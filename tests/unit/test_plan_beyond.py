"""Past a pilot: coverage and saturation prolonged, the verifier's ceiling, and repeats of checks."""

from __future__ import annotations

import json
import sys
import types

import numpy as np
import pytest
from pilots import pilot

from outlay.cli import main
from outlay.errors import UsageError
from outlay.experiments.pilot import REPEATED, PilotSpec, run_pilot
from outlay.models.scripted import scripted
from outlay.policies._pilot import Checks
from outlay.policies._worth import Worth
from outlay.report.beyond import beyond, samples_of
from outlay.report.beyond_words import beyond_words
from outlay.testing import FIXED
from outlay.types import Verdict

WORTH = Worth(value_usd=0.01)


def test_the_coverage_is_prolonged_four_times_and_the_vote_settles():
    found = beyond(pilot([0.05, 0.3, 0.6, 0.9] * 10, questions=40, samples=16), WORTH, task="t", seed=1)
    assert found.more is not None
    assert found.more.laws[-1].curve[-1].k == 64
    assert [s.strategy for s in found.more.settled] == ["vote"]
    assert found.tries is found.verifying is None


def test_tries_that_saturate_stop_where_their_price_says():
    cheap, dear = (
        beyond(pilot([0.4, 0.4, 0.4, 0.0], questions=200, samples=16), Worth(value_usd=v), seed=1)
        for v in (0.01, 0.001)
    )
    assert cheap.saturating is not None
    assert dear.saturating is not None
    assert cheap.saturating.ceiling == pytest.approx(0.75, abs=0.05)
    assert cheap.saturating.ceiling_interval[0] < 0.75 < (cheap.saturating.ceiling_interval[1] or 0)
    assert cheap.saturating.tries is not None
    assert dear.saturating.tries is not None
    assert cheap.saturating.tries > dear.saturating.tries > 0
    assert not cheap.saturating.rejected
    assert "they stop paying after" in " ".join(beyond_words(cheap))


def test_without_a_worth_or_a_price_no_number_of_tries_is_named():
    for found in (
        beyond(pilot([0.4, 0.1]), Worth(accuracy=0.5), seed=1),
        beyond(pilot([0.4, 0.1], price=None), WORTH, seed=1),
    ):
        assert found.saturating is not None
        assert found.saturating.tries is None


def test_the_verifiers_ceiling_and_errors_stand_beside_it():
    found = beyond(pilot([0.3, 0.7], questions=60, samples=16, verifier=(0.9, 0.4)), WORTH, seed=1)
    assert found.tries is not None
    assert found.verifying is not None
    assert found.verifying.completeness is not None
    assert found.verifying.completeness.value == pytest.approx(0.9, abs=0.05)
    assert found.tries.try_cost > 0
    said = " ".join(beyond_words(found))
    assert "at any number of tries" in said
    assert "of the wrong ones" in said


def test_all_right_and_all_wrong_say_what_cannot_be_said():
    for p in (1.0, 0.0):
        found = beyond(pilot(p), WORTH, seed=1)
        assert found.saturating is None
        assert found.unsaid
        assert beyond_words(found)


def test_samples_without_labels_are_refused():
    with pytest.raises(UsageError, match="no labels"):
        beyond(pilot(0.5, labels=False), WORTH, seed=1)


def test_repeats_of_checks_carry_their_correlation():
    """A verifier that says the same of a sample every time: its repeats are worth nothing."""
    p = pilot([0.4, 0.6], questions=120, samples=4, verifier=(0.7, 0.4))
    assert p.checks is not None
    again = np.full(p.class_QS.shape, -1, np.int8)
    again[:, :2] = p.checks.accepted_QS[:, :2]
    checks = Checks("check", p.checks.score_QS, p.checks.accepted_QS, p.checks.usd_QS, again)
    import msgspec

    twice = msgspec.structs.replace(p, checks=checks)
    (found,) = [beyond(twice, WORTH, seed=1).verifying]
    assert found is not None
    assert found.repeats_right is not None
    assert found.repeats_right.value == 1.0
    assert twice.bill_usd == pytest.approx(p.bill_usd + 120 * 2 * 1e-6)
    assert samples_of(twice).checks is not None
    assert twice.rows(np.array([3, 1])).checks.again_QS.shape == (2, 4)  # type: ignore[union-attr]


async def test_a_pilot_checks_a_few_samples_twice_and_pays_for_it(tmp_path, monkeypatch):
    """The second check of a sample says the opposite: it changes no verdict, and shows as a repeat."""
    seen: dict[tuple[str, int], int] = {}

    async def fickle(run, question, candidate):
        await run.complete(question.messages, role="judge", label=f"judge/{candidate.index}")
        times = seen[question.id, candidate.index] = seen.get((question.id, candidate.index), 0) + 1
        return Verdict(0.9, True) if times == 1 else Verdict(0.1, False)

    module = types.ModuleType("fickle.model")
    fickle.__module__ = "fickle.model"
    module.half = scripted(lambda request, index: f"Answer: {4 + index % 2}", name="half", price=FIXED)  # type: ignore[attr-defined]
    module.fickle = fickle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fickle.model", module)
    rows = [{"id": f"q{i}", "question": f"{i}: 2 + 2?", "answer": "4", "kind": "number"} for i in range(5)]
    (tmp_path / "four.jsonl").write_text("\n".join(map(json.dumps, rows)))
    spec = PilotSpec(
        str(tmp_path / "four.jsonl"), ("fickle.model:half",), verifier="fickle.model:fickle", samples=4
    )
    found = await run_pilot(spec, store=tmp_path / "outlay.db")
    checks = found.pilots[0].checks
    assert checks is not None
    assert checks.accepted_QS.all()
    assert checks.again_QS is not None
    assert (checks.again_QS >= 0).sum(axis=1).tolist() == [REPEATED] * 5
    assert (checks.again_QS[:, :REPEATED] == 0).all()
    assert found.paid_usd == pytest.approx(found.pilots[0].bill_usd)


def test_the_plan_says_where_more_compute_ends(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    name = "recorded/pool-q05-sums"
    words = [
        "plan",
        name,
        "--model",
        name,
        "--value-usd",
        "0.01",
        "--verifier",
        "command:grep -q 7",
        "--questions",
        "24",
        "--samples",
        "8",
    ]
    assert main(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "A perfect check would find a right one among 32 samples" in said
    assert "saturate at" in said
    assert "checked by command:grep -q 7: it accepts" in said
    assert main([*words, "--json"]) == 0
    (plan,) = json.loads(capsys.readouterr().out)["plans"]
    assert plan["beyond"][0]["verifying"]["price_usd"]["value"] > 0


def test_a_negative_price_in_a_recording_is_refused(tmp_path):
    from outlay.models.recording_file import locate, read

    document = json.loads(locate("pool-q05-sums").read_text("utf-8"))
    document["price"]["output_nusd_per_mtok"] = -1
    (tmp_path / "r.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match="negative price"):
        read(tmp_path / "r.json")


def test_a_task_of_one_question_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    name = "recorded/pool-q05-sums"
    assert main(["plan", name, "--model", name, "--value-usd", "0.01", "--questions", "1"]) == 2
    assert "holds 1 question and a plan needs at least 4: name a task with more" in capsys.readouterr().err


def test_what_rounding_leaves_of_equal_plans_is_no_regret():
    from outlay.policies._shrink import regret_usd

    net = np.array([[0.1 + 0.2, 0.3]] * 5)
    assert regret_usd(net, 1)[0] == 0.0
    assert regret_usd(np.array([[0.3, 0.2]] * 5), 1)[0] == pytest.approx(0.1)
    assert regret_usd(np.array([[-np.inf, -np.inf]] * 2), None)[0] == 0.0
