"""`outlay solve --verifier`: accepted answers decide, and the next try goes where it is likeliest to be accepted."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest

from outlay.cli import main
from outlay.errors import BudgetExceeded
from outlay.models.recording_file import read
from outlay.solve import SolveSpec, solve
from outlay.tasks import open_task
from outlay.types import Verdict

POOL = "recorded/pool-q15-sums"
RIGHT = {q.id: q.reference for q in read("pool-q15-sums").questions}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OUTLAY_MAX_USD", "OUTLAY_DATABASE_URL", "OUTLAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    async def knows(run, question, candidate):
        """A perfect check, free; one question is never accepted."""
        ok = candidate.answer == RIGHT[question.id] and question.id != "sums-000"
        return Verdict(float(ok), ok)

    module = types.ModuleType("solved.checks")
    knows.__module__ = "solved.checks"
    module.knows = knows  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "solved.checks", module)
    return tmp_path


async def solved(home: Path, name: str = "a.jsonl", **more):
    spec = SolveSpec(**{"model": POOL, "most": 6, "max_usd": 0.05, "verifier": "solved.checks:knows"} | more)
    return await solve(open_task(POOL, questions=20, seed=0), spec, home / name, store=home / "ledger.db")


async def test_every_accepted_answer_is_the_verifiers(home):
    found = await solved(home)
    accepted = [a for a in found.answers if a.accepted]
    assert len(accepted) >= 15
    assert all(a.answer == RIGHT[a.id] for a in accepted)
    never = next(a for a in found.answers if a.id == "sums-000")
    assert (never.accepted, never.answer, never.samples) == (False, None, 6)
    assert "no answer was accepted in 6 tries" in never.stopped
    assert found.paid_usd == pytest.approx(sum(a.cost_usd for a in found.answers))


async def test_a_try_that_is_not_worth_its_price_is_not_made(home):
    cheap = await solved(home, "a.jsonl", value_usd=0.01)
    dear = await solved(home, "b.jsonl", value_usd=0.00015)
    assert sum(a.samples for a in dear.answers) < sum(a.samples for a in cheap.answers)
    assert any("not worth its price" in a.stopped for a in dear.answers)


async def test_the_cap_holds_and_a_higher_one_goes_on_for_nothing_twice(home):
    first = await solved(home, max_usd=0.001)
    assert first.stopped
    assert first.paid_usd <= 0.001
    second = await solved(home, max_usd=0.05)
    assert not second.stopped
    assert second.paid_usd == pytest.approx(sum(a.cost_usd for a in second.answers))
    third = await solved(home, max_usd=0.05)
    assert third.paid_usd == second.paid_usd
    assert third.answers == second.answers


async def test_a_cap_below_one_try_is_refused(home):
    with pytest.raises(BudgetExceeded):
        await solved(home, max_usd=0.0000001)


async def test_a_command_is_not_run_again_on_what_it_judged(home):
    log = home / "log"
    check = home / "check.py"
    check.write_text(f"open({str(log)!r}, 'a').write('.')")
    more = {"verifier": f"command:{sys.executable} -I {check}", "most": 2}
    first = await solved(home, **more)
    ran = len(log.read_text())
    assert ran == len([a for a in first.answers if a.accepted])
    second = await solved(home, **more)
    assert len(log.read_text()) == ran
    assert second == first


def test_the_command_says_how_many_were_accepted(home, capsys):
    words = ["solve", POOL, "--model", POOL, "--max-usd", "0.02", "--most", "3", "--out", "a.jsonl"]
    assert main([*words, "--verifier", "command:grep -q 7"]) == 0
    assert "questions have an accepted answer" in capsys.readouterr().out
    assert main([*words, "--verifier", "command:grep -q 7", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accepted"] == found["answered"] > 0
    assert found["settled"] is None
    lines = [json.loads(line) for line in Path("a.jsonl").read_text().splitlines()]
    assert sum(line["accepted"] for line in lines) == found["accepted"]


@pytest.mark.parametrize("name, said", [("reference", "answer key"), ("nobody", "no verifier")])
def test_a_verifier_that_cannot_be_bought_is_refused(home, capsys, name, said):
    words = ["solve", POOL, "--model", POOL, "--max-usd", "0.02", "--out", "a.jsonl", "--verifier", name]
    assert main(words) == 2
    assert said in capsys.readouterr().err
