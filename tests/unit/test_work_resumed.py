"""Seconds of a check are paid once a run: a resumed one is told again what a command, a service or tests said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hooks import Hook, verdict
from judged import candidate

from outlay.answering import replay
from outlay.engine import Outlay
from outlay.models.recording_file import read
from outlay.sandbox.checks import Checked
from outlay.types import Plan, Question
from outlay.verifiers import code_tests

POOL = "recorded/pool-q15-sums"
ASKED = Question("sums-000", read("pool-q15-sums").questions[0].messages, "number")


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A command that leaves a line in a log whenever it runs."""
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    path = tmp_path / "check.py"

    def write(rest: str = "") -> str:
        path.write_text(f"open({str(tmp_path / 'log')!r}, 'a').write('.')\n{rest}")
        return f"command:{sys.executable} -I {path}"

    return write


def runs(tmp_path: Path) -> int:
    log = tmp_path / "log"
    return len(log.read_text()) if log.exists() else 0


async def bought(tmp_path: Path, verifier: str, *, run_id: str = "run_a", cache: bool = True):
    plan = Plan("best_of_n", {"n": 3}, verifier, "number")
    async with Outlay(POOL, store=tmp_path / "ledger.db", cache=cache, run_id=run_id) as outlay:
        answer = await outlay.buy(ASKED, plan)
        return answer, await outlay.store.totals(run_id)


async def test_a_resumed_run_pays_no_second_again(tmp_path, script):
    check = script("print(0.75)")
    first, paid = await bought(tmp_path, check)
    ran = runs(tmp_path)
    assert 1 <= ran <= 3
    second, total = await bought(tmp_path, check)
    assert runs(tmp_path) == ran
    assert (second.answer, second.cost_nusd, second.paid_nusd) == (first.answer, first.cost_nusd, 0)
    assert second.calls == first.calls
    assert total.paid_nusd == paid.paid_nusd == first.paid_nusd > 0


@pytest.mark.parametrize(
    "more, rest",
    [({"run_id": "run_b"}, "print(0.75)"), ({"cache": False}, "print(0.75)"), ({}, "print(0.76)")],
    ids=["another run", "without the call cache", "a changed program"],
)
async def test_what_may_differ_is_done_anew(tmp_path, script, more, rest):
    await bought(tmp_path, script("print(0.75)"))
    ran = runs(tmp_path)
    await bought(tmp_path, script(rest + "\n" * 3), **more)
    assert runs(tmp_path) == 2 * ran


async def test_a_failure_is_tried_again(tmp_path, script):
    check = script("raise SystemExit(7)")
    await bought(tmp_path, check)
    ran = runs(tmp_path)
    await bought(tmp_path, check)
    assert runs(tmp_path) == 2 * ran


async def test_a_service_is_not_asked_again(tmp_path, monkeypatch):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    with Hook(lambda asked: verdict(score=0.5)) as hook:
        first, _ = await bought(tmp_path, f"webhook:{hook.url}")
        asked = len(hook.asked)
        second, _ = await bought(tmp_path, f"webhook:{hook.url}")
        assert len(hook.asked) == asked >= 1
    assert (second.cost_nusd, second.paid_nusd) == (first.cost_nusd, 0)


async def test_code_is_not_run_again_on_the_same_tests(tmp_path, monkeypatch):
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    ran: list[str] = []

    async def run_checks(code, tests, *, caps):
        ran.append(tests)
        return Checked(1, 1)

    monkeypatch.setattr(code_tests, "run_checks", run_checks)
    code = candidate("```python\ndef f():\n    return 1\n```")

    async def judged(tests: str) -> float:
        async with Outlay(POOL, store=tmp_path / "ledger.db", cache=True, run_id="run_a") as outlay:
            check = code_tests.code_tests
            return (await outlay.work(lambda run: check(run, ASKED, code, tests=tests), id="job", seed=0)).score

    assert [await judged("assert f() == 1"), await judged("assert f() == 1")] == [1.0, 1.0]
    assert len(ran) == 1
    await judged("assert f() == 2")
    assert len(ran) == 2


async def test_an_answer_that_was_told_again_replays(tmp_path, script):
    check = script("print(0.75)")
    await bought(tmp_path, check)
    second, _ = await bought(tmp_path, check)
    ran = runs(tmp_path)
    async with Outlay(POOL, store=tmp_path / "ledger.db") as outlay:
        trace = await outlay.store.trace(second.trace_id)
    again, repeated = await replay(trace.encode())
    assert runs(tmp_path) == ran
    assert repeated == trace.encode()
    assert (again.cost_nusd, again.paid_nusd, again.latency_s) == (
        second.cost_nusd,
        second.paid_nusd,
        second.latency_s,
    )
