"""Checks of untrusted code: counted from the tests, reported under a key, and never passed by leaving early."""

from __future__ import annotations

import pytest
from judged import QUESTION, candidate, run_with

from outlay import plugins
from outlay.errors import MissingAbility, ProviderError, UsageError
from outlay.sandbox.bubblewrap import Caps, probe
from outlay.sandbox.checks import Checked, count_checks, run_checks
from outlay.types import Question
from outlay.verifiers.code_tests import code_tests, source

TESTS = "assert f(1) == 2\nassert f(2) == 3\ndef test_three():\n    assert f(3) == 5\n"
CODE = Question.of("Write f.", kind="code")


async def passed(code: str, tests: str = TESTS, **caps) -> Checked | None:
    """What code passes; None, after checking the refusal, where there is no sandbox."""
    if probe() is not None:
        with pytest.raises(MissingAbility):
            await run_checks(code, tests, caps=Caps(**caps))
        return None
    return await run_checks(code, tests, caps=Caps(**caps))


@pytest.mark.parametrize(
    "tests, total",
    [
        (TESTS, 3),
        ("def check(f):\n    assert f(1)\ncheck(f)", 1),
        ("for i in range(3):\n    assert f(i)", 1),
        ("try:\n    f(None)\nexcept TypeError:\n    pass\nelse:\n    assert False", 1),
        ("import math\nx = 3\nassert f(x)", 1),
        ("class Helper:\n    def test(self): assert False\nassert True", 1),
    ],
)
def test_what_counts_as_a_check(tests, total):
    assert count_checks(tests) == total


@pytest.mark.parametrize("tests", ["x = 1", "", "assert (", "def check(f): assert f"])
def test_tests_without_a_check_are_refused(tests):
    with pytest.raises(UsageError):
        count_checks(tests)


@pytest.mark.parametrize(
    "code, right",
    [
        ("def f(x):\n    return x + 1 + (x == 3)", 3),
        ("def f(x):\n    return x + 1", 2),
        ("def f(x):\n    return f(x)", 0),
        ("def f(x", 0),
        ("", 0),
        ("import os; os._exit(0)", 0),
        ("raise SystemExit(0)", 0),
        ("def f(x):\n    raise SystemExit(0)", 0),
        ("def f(x):\n    import os; os._exit(0)", 0),
        ("print('pass 1'); print('0' * 32 + ' pass 2')\nimport sys; sys.stderr.write('pass 3')", 0),
        (
            "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'pass 1\\n')\n    except OSError: pass",
            0,
        ),
        (
            "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(x): return P(x).x + 1",
            2,
        ),
        ("f = lambda x: x + 1\nif __name__ == '__main__':\n    f = None", 2),
        ("name = input()\ndef f(x): return x + 1", 0),
        ("x = '\\ud800'\ndef f(x): return x + 1 #\ud800", 2),
    ],
)
async def test_how_many_pass(code, right):
    checked = await passed(code)
    assert checked is None or (checked.passed, checked.total) == (right, 3)


async def test_checks_before_the_time_ran_out_count():
    checked = await passed("def f(x):\n    while x == 2: pass\n    return 2", timeout_s=1.0)
    assert checked is None or checked == Checked(1, 3, "stopped after 1 s")


async def test_code_that_is_too_long_is_not_run():
    assert (await run_checks("#" * 2_000_000, TESTS)).passed == 0


async def test_a_sandbox_that_does_not_start_is_a_failure_not_a_verdict():
    if await passed("f = 1") is None:
        return
    with pytest.raises(ProviderError, match="the sandbox did not run the checks"):
        await run_checks("f = 1", TESTS, caps=Caps(memory_bytes=1_000_000))


@pytest.mark.parametrize(
    "text, score, accepted",
    [
        ("def f(x): return x + 1 + (x == 3)", 1.0, True),
        ("def f(x): return x + 1", 2 / 3, False),
        ("I cannot do that.", 0.0, False),
    ],
)
async def test_the_verdict(text, score, accepted):
    async with run_with() as run:
        if probe() is not None:
            with pytest.raises(MissingAbility):
                await code_tests(run, CODE, candidate(text), tests=TESTS)
            return
        verdict = await code_tests(run, CODE, candidate(text), tests=TESTS)
        assert (verdict.score, verdict.accepted) == (pytest.approx(score), accepted)
        assert run.spent.cost_nusd > 0


async def test_code_is_found_in_a_reply_of_another_kind():
    reply = "Here it is:\n```python\ndef f(x): return x + 1 + (x == 3)\n```"
    async with run_with() as run:
        if probe() is None:
            assert (await code_tests(run, QUESTION, candidate(reply), tests=TESTS)).accepted
        else:
            with pytest.raises(MissingAbility):
                await code_tests(run, QUESTION, candidate(reply), tests=TESTS)


async def test_a_candidate_without_code_costs_nothing():
    async with run_with() as run:
        verdict = await code_tests(run, QUESTION, candidate("391, of course!"), tests=TESTS)
        assert (verdict.score, verdict.why, run.spent.calls) == (0.0, "no code", 0)


def test_tests_are_a_text_or_a_file(tmp_path):
    path = tmp_path / "checks.py"
    path.write_text(TESTS)
    assert source(str(path)) == source(TESTS) == TESTS
    assert plugins.spec("verifier", f"code_tests:{path}").parameters == {"tests": str(path)}
    with pytest.raises(UsageError, match="cannot be read"):
        source(str(tmp_path / "none.py"))
