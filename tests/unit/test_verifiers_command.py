"""The user's own command: data on stdin, no shell, no secrets, killed with all it started."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
import uvloop
from judged import QUESTION, candidate, run_with

from outlay import plugins
from outlay.budget import Limits
from outlay.errors import BudgetExceeded, ProviderError, UsageError
from outlay.sandbox import process
from outlay.types import Pool, Question
from outlay.verifiers.command import command, stated_score


@pytest.fixture
def script(tmp_path: Path):
    def write(source: str) -> str:
        path = tmp_path / "check it.py"
        path.write_text(source)
        return f"{sys.executable} -I '{path}'"

    return write


async def check(argv: str, text: str = "391", *, question: Question = QUESTION, **parameters):
    async with run_with() as run:
        return await command(run, question, candidate(text), argv=argv, **parameters)


@pytest.mark.parametrize(
    "source, score, accepted",
    [
        ("", 1.0, True),
        ("raise SystemExit(1)", 0.0, False),
        ("print('0.75')", 0.75, True),
        ("print('0.25')", 0.25, False),
        ("print('done'); print(0.9); raise SystemExit(1)", 0.9, False),
        ("print('17 rules hold')", 1.0, True),
        ("print(42)", 1.0, True),
        ("print('nan')", 1.0, True),
        ("print('x' * 1_000_000); print(0.6)", 0.6, True),
    ],
)
async def test_exit_code_and_last_line(script, source, score, accepted):
    verdict = await check(script(source))
    assert (verdict.score, verdict.accepted) == (score, accepted)


async def test_the_candidate_is_data_on_stdin(script):
    text = "$(touch /tmp/owned) `id`; rm -rf x\n391"
    source = f"import sys; raise SystemExit(sys.stdin.read() != {text!r} or len(sys.argv) != 1)"
    assert (await check(script(source), text)).accepted


def test_it_runs_under_the_servers_own_event_loop(script):
    reads, deaf = script("import sys; raise SystemExit(sys.stdin.read() != '391')"), "true"
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(check(reads)).accepted
        for _ in range(20):
            assert runner.run(check(deaf, "x" * 200_000)).accepted


async def test_the_environment(script, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("my_token", "t")
    monkeypatch.setenv("DB_PASSWORD", "p")
    monkeypatch.setenv("PLAIN", "kept")
    source = """import os
e = os.environ
hidden = not {"OPENAI_API_KEY", "my_token", "DB_PASSWORD"} & e.keys() and e["PLAIN"] == "kept"
told = (e["OUTLAY_ANSWER"], e["OUTLAY_QUESTION"], e["OUTLAY_KIND"]) == ("391", "What is 17 * 23?", "number")
raise SystemExit(not (hidden and told))"""
    assert (await check(script(source))).accepted


@pytest.mark.parametrize("text", ["x" * 1_000_000, "a\0b", "\ud800", "ü" * 200_000])
async def test_hostile_answers_reach_the_command(script, text):
    """A variable over 128 KiB or with a NUL would keep the program from starting."""
    assert (await check(script(""), text)).accepted


async def test_other_exit_codes_are_failures(script):
    source = "import sys; print('no rules file', file=sys.stderr); raise SystemExit(7)"
    with pytest.raises(ProviderError, match="exit code 7: no rules file"):
        await check(script(source))
    with pytest.raises(ProviderError, match="exit code -9"):
        await check(script("import os; os.kill(os.getpid(), 9)"))


async def test_a_failure_leaves_the_sample_unverified_and_is_paid(script):
    argv = script("raise SystemExit(2)")

    async def verifier(run, question, sample):
        return await command(run, question, sample, argv=argv)

    async with run_with(verifier=verifier) as run:
        pool = await run.score(QUESTION, Pool("q", "number", (candidate("391"),)))
        assert pool.samples[0].verdict is None
        assert "exit code 2" in pool.samples[0].error
        assert run.spent.cost_nusd > 0


async def test_running_over_its_time_kills_the_whole_group(script, tmp_path):
    """A grandchild that keeps the pipes open is killed too, or reading would wait for it."""
    source = """import subprocess, sys, time
subprocess.Popen([sys.executable, '-I', '-c', 'import time; time.sleep(60)'])
time.sleep(60)"""
    async with asyncio.timeout(10):
        with pytest.raises(ProviderError, match=r"longer than 0.3 s"):
            await check(script(source), timeout_s=0.3)


async def test_what_a_command_leaves_running_does_not_hold_it_up(script):
    source = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-I', '-c', 'import time; time.sleep(60)'])"
    )
    async with asyncio.timeout(10):
        assert (await check(script(source))).accepted


async def test_a_daemon_that_escapes_the_group_does_not_hold_it_up(script, monkeypatch):
    monkeypatch.setattr(process, "LAST_WORDS_S", 0.1)
    source = """import subprocess, sys
subprocess.Popen([sys.executable, '-I', '-c', 'import time; time.sleep(3)'], start_new_session=True)
print(0.7, flush=True)"""
    assert (await check(script(source), timeout_s=2.5)).score == 0.7


async def test_cancelling_kills_it(script, tmp_path):
    started = tmp_path / "started"
    argv = script(f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    task = asyncio.ensure_future(check(argv))
    async with asyncio.timeout(10):
        while not started.exists() or not started.read_text():  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


@pytest.mark.parametrize("argv", ["no-such-program-here --x", "", "python 'unclosed"])
async def test_a_command_that_cannot_run_is_a_usage_error(argv):
    with pytest.raises(UsageError):
        await check(argv)


async def test_the_budget_admits_its_seconds(script):
    async with run_with(limits=Limits(nusd=10)) as run:
        with pytest.raises(BudgetExceeded):
            await command(run, QUESTION, candidate("391"), argv=script(""))


def test_the_whole_rest_of_the_spec_is_the_command():
    spec = plugins.spec("verifier", "command:python check.py --strict, please")
    assert spec.parameters == {"argv": "python check.py --strict, please"}


def test_a_score_is_the_last_line_alone():
    assert stated_score("0.5\nnot a number\n") is None
    assert stated_score("") is None
    assert stated_score("1") == 1.0
