"""`outlay plan`: pilots on recorded models, folders of benches, questions without answers, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outlay.cli import main
from outlay.experiments.pilot import PilotSpec, run_pilot
from outlay.models.recording_file import read

SMALL = "recorded/res-q15-chain_sum"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OUTLAY_MAX_USD", "OUTLAY_DATABASE_URL", "OUTLAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["plan", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_plain_words_come_first_and_the_ranges_after(capsys):
    code, out, err = plan(capsys, SMALL, "--model", SMALL, "--value-usd", "0.01")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("Buy ")
    assert "right on" in lines[1]
    assert f"outlay ask QUESTION --model {SMALL} --strategy" in lines[1]
    assert "worth of a right answer" in out
    assert "It holds for questions like these." in out
    assert "pools" in err


def test_json_holds_the_plan_its_intervals_and_the_runner_up(capsys):
    code, out, _ = plan(capsys, SMALL, "--model", SMALL, "--value-usd", "0.01", "--json")
    found = json.loads(out)["plans"][0]
    assert code == 0
    best = found["best"]
    assert best["accuracy"]["low"] < best["accuracy"]["value"] < best["accuracy"]["high"]
    assert best["cost_usd"]["value"] > 0
    assert found["runner_up"]["name"] != best["name"]
    assert found["low_usd"] < 0.01
    assert (found["questions"], found["samples"]) == (16, 8)
    assert found["ranges"][0]["name"] is None


def test_the_same_command_says_the_same(capsys):
    words = (SMALL, "--model", SMALL, "--value-usd", "0.01", "--json", "--questions", "8")
    assert plan(capsys, *words)[1] == plan(capsys, *words)[1]


def test_two_models_share_a_menu(capsys):
    small = "recorded/pool-q05-sums"
    words = (
        "--model",
        small,
        "recorded/pool-q15-sums",
        "--accuracy",
        "0.5",
        "--questions",
        "8",
        "--samples",
        "4",
    )
    code, out, _ = plan(capsys, small, *words)
    assert code == 0
    assert out.startswith("Buy ")
    assert "pool-q15-sums" in out


def test_without_a_worth_the_ranges_are_the_answer(capsys):
    code, out, _ = plan(capsys, SMALL, "--model", SMALL, "--questions", "8")
    assert code == 0
    assert out.startswith("Which plan is best depends on what a right answer is worth")


async def test_a_pilot_that_the_cap_ended_goes_on_and_pays_for_nothing_twice(home):
    spec = PilotSpec(task=SMALL, models=(SMALL,), max_usd=0.003)
    first = await run_pilot(spec, store=home / "outlay.db")
    assert 4 <= len(first.pilots[0].ids) < 16
    assert "too small" in first.stopped
    assert first.paid_usd is not None
    assert first.paid_usd <= 0.003
    whole = PilotSpec(task=SMALL, models=(SMALL,), max_usd=0.1)
    second = await run_pilot(whole, store=home / "outlay.db")
    assert len(second.pilots[0].ids) == 16
    assert not second.stopped
    bill = second.pilots[0].bill_usd
    assert second.paid_usd is not None
    # The question that the cap cut in two reads its prompt in a request more.
    assert bill <= second.paid_usd <= 1.05 * bill
    third = await run_pilot(whole, store=home / "outlay.db")
    assert third.paid_usd == second.paid_usd
    assert (third.pilots[0].class_QS == second.pilots[0].class_QS).all()


def test_a_cap_too_small_for_four_questions_says_what_to_do(capsys):
    code, _, err = plan(capsys, SMALL, "--model", SMALL, "--max-usd", "0.000001")
    assert code == 2
    assert "needs at least 4" in err
    assert "higher --max-usd" in err


def test_questions_without_answers_are_planned_for_by_agreement(capsys):
    recording = read("res-q15-chain_sum")
    rows = [{"id": q.id, "messages": list(q.messages), "kind": "number"} for q in recording.questions]
    Path("bare.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = plan(capsys, "bare.jsonl", "--model", SMALL, "--value-usd", "0.01")
    assert code == 0
    assert "no answers to compare with" in out
    assert "labelled questions" in out
    code, out, _ = plan(capsys, "bare.jsonl", "--model", SMALL, "--json")
    found = json.loads(out)
    assert found["labels"] is False
    changes = found["models"][0]["changes"]
    assert [c["n"] for c in changes] == [1, 2, 4]
    right = sum(s.correct for q in recording.questions for s in q.samples) / 128
    assert right <= found["models"][0]["top_share"]


def test_a_benchs_folder_is_planned_from_and_nothing_is_bought(capsys):
    strategies = ("--strategy", "single", "self_consistency:n=8")
    assert main(["bench", SMALL, "--model", SMALL, *strategies, "--questions", "8", "--out", "sums"]) == 0
    capsys.readouterr()
    size = len(Path("sums/outcomes.jsonl").read_text())
    code, out, _ = plan(capsys, "sums", "--value-usd", "0.01", "--json")
    found = json.loads(out)["plans"][0]
    assert code == 0
    assert (found["questions"], found["samples"]) == (8, 8)
    assert len(Path("sums/outcomes.jsonl").read_text()) == size


def test_a_folder_whose_ledger_is_gone_is_planned_from_what_was_run(capsys):
    strategies = ("--strategy", "single", "self_consistency:n=8")
    assert main(["bench", SMALL, "--model", SMALL, *strategies, "--questions", "8", "--out", "sums"]) == 0
    for part in Path().glob("outlay.db*"):
        part.unlink()
    capsys.readouterr()
    code, out, _ = plan(capsys, "sums", "--value-usd", "0.01")
    assert code == 0
    assert "Only the plans that were run compete" in out


@pytest.mark.parametrize(
    "words, said",
    [
        (("nowhere",), "no task"),
        ((SMALL, "--value-usd", "1", "--accuracy", "0.5"), "either"),
        ((SMALL, "--value-usd", "-1"), "amount of dollars"),
        ((SMALL, "--accuracy", "2"), "no share"),
        ((SMALL, "--samples", "1"), "2 to 256"),
        ((SMALL, "--verifier", "reference"), "answer key"),
        ((SMALL, "--verifier", "nobody"), "no verifier"),
        ((SMALL, "--value-usd", "1", "--usd-per-s", "1", "--questions", "5"), "How long"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_a_sentence(capsys, words, said):
    code, out, err = plan(capsys, *words, "--model", SMALL)
    assert (code, out) == (2, "")
    assert said in err


def test_a_model_that_answers_nothing_is_no_pilot(capsys):
    code, _, err = plan(capsys, SMALL, "--model", "recorded/pool-q05-sums")
    assert code == 1
    assert "Not one question of the pilot was answered" in err


async def test_a_pilot_with_a_verifier_puts_checked_plans_on_the_menu(home):
    """A scripted model that is right one time in two, and a verifier that knows: its verdicts become arrays."""
    import sys
    import types

    from outlay.models.scripted import scripted
    from outlay.policies._menu import menu_of
    from outlay.testing import FIXED
    from outlay.types import Verdict

    async def knows(run, question, candidate):
        return Verdict(0.9, True) if candidate.answer == "4" else Verdict(0.1, False)

    module = types.ModuleType("planned.model")
    module.half = scripted(lambda request, index: f"Answer: {4 + index % 2}", name="half", price=FIXED)
    knows.__module__ = "planned.model"
    module.knows = knows
    sys.modules["planned.model"] = module
    rows = [{"id": f"q{i}", "question": f"{i}: 2 + 2?", "answer": "4", "kind": "number"} for i in range(6)]
    task = str(home / "four.jsonl")
    (home / "four.jsonl").write_text("\n".join(map(json.dumps, rows)))
    spec = PilotSpec(task, ("planned.model:half",), verifier="planned.model:knows", samples=4)
    try:
        found = await run_pilot(spec, store=home / "outlay.db")
    finally:
        del sys.modules["planned.model"]
    checks = found.pilots[0].checks
    assert found.pilots[0].correct_QS.tolist() == [[True, False, True, False]] * 6
    assert checks.score_QS[0].tolist() == [0.9, 0.1, 0.9, 0.1]
    assert checks.accepted_QS[0].tolist() == [True, False, True, False]
    menu, beliefs = menu_of(found.pilots)
    at = [e.name for e in menu].index("best_of_n:n=4 checked by planned.model:knows")
    assert beliefs.right_QP[:, at].tolist() == [1.0] * 6
    assert found.pilots[0].latency_s_QS is not None


def test_a_budget_alone_buys_the_most_accuracy_within_it(capsys):
    words = (SMALL, "--model", SMALL, "--questions", "8", "--answer-usd")
    assert plan(capsys, *words, "0.0000001")[1].startswith("No plan of the menu is sure to stay within")
    code, out, _ = plan(capsys, *words, "0.0005", "--json")
    found = json.loads(out)["plans"][0]
    assert code == 0
    assert found["best"]["most_usd"] <= 0.0005
    assert found["budget_usd"] == 0.0005


def test_of_a_folder_some_models_can_be_chosen_and_pilot_options_are_refused(capsys):
    other = "recorded/res-q05-chain_sum"
    models = ("--model", SMALL, other)
    assert main(["bench", other, *models, "--questions", "8", "--out", "sums"]) == 0
    capsys.readouterr()
    code, out, _ = plan(capsys, "sums", "--model", other, "--json")
    names = [r["name"] for r in json.loads(out)["plans"][0]["ranges"][1:]]
    assert code == 0
    assert all(name.endswith(other) for name in names)
    code, _, err = plan(capsys, "sums", "--verifier", "judge")
    assert code == 2
    assert "leave it out" in err
    assert plan(capsys, "sums", "--model", "nobody")[0] == 2
