"""How many checks a piece of untrusted Python passes, found out inside the sandbox."""

from __future__ import annotations

import ast
import secrets
from pathlib import Path

import msgspec
from msgspec import Struct

from outlay.errors import ProviderError, UsageError
from outlay.sandbox import _check_program
from outlay.sandbox.bubblewrap import DEFAULT, Caps, run_python

LARGEST = 1_000_000
"""The longest code or test source that is run, in characters."""
_PROGRAM = Path(_check_program.__file__).read_text("utf-8")


class Checked(Struct, frozen=True):
    """Checks passed of all there are; `why` says what cut the run short, if anything did."""

    passed: int
    total: int
    why: str = ""


def count_checks(tests: str) -> int:
    r"""How many checks a test source holds.

    Every top-level assertion, call and block with an assertion is a check, and every function `test…`;
    everything else is set-up.

    Raises:
        UsageError: it is no Python, or holds no check.

    Example:
        >>> count_checks("assert f(1) == 2\nfor x in (3, 4):\n    assert f(x) > x")
        2
    """
    try:
        total = _check_program.checks_of(ast.parse(tests))
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"The tests are not valid Python: {error}.") from None
    if total == 0:
        raise UsageError("The tests hold no check; write `assert` statements or functions named test_….")
    return total


async def run_checks(code: str, tests: str, *, caps: Caps = DEFAULT) -> Checked:
    """The checks that `code` passes; both run in one interpreter inside bubblewrap, the checks in order.

    Code that does not run passes none. Checks that the time or memory limit cut off count as failed. Results
    are reported under a random key, so printing or leaving early cannot pass a check; but code that sets out
    to search its own interpreter for the key, or that returns objects equal to everything, can deceive its
    checks.

    Args:
        code: the candidate's, untrusted.
        tests: Python source, the user's own; see `count_checks`.
        caps: limits of the whole run.

    Raises:
        UsageError: the tests are no tests.
        MissingAbility: there is no sandbox here.
        ProviderError: the sandbox did not start its program.
    """
    total, key = count_checks(tests), secrets.token_hex(16)
    if len(code) > LARGEST:
        return Checked(0, total, f"the code is longer than {LARGEST} characters")
    job = msgspec.json.encode({"key": key, "code": _sendable(code), "tests": _sendable(tests)})
    ended = await run_python(("-I", "-S", "-c", _PROGRAM), stdin=job, caps=caps)
    said = {line for line in ended.output.splitlines() if line.startswith(key)}
    if f"{key} start {total}" not in said:
        reason = " ".join(ended.errors.split())[-200:] or f"exit code {ended.exit_code}"
        raise ProviderError(f"the sandbox did not run the checks: {reason}")
    passed = sum(f"{key} pass {i}" in said for i in range(1, total + 1))
    return Checked(passed, total, _why(ended.exit_code, caps))


def _why(exit_code: int | None, caps: Caps) -> str:
    if exit_code is None:
        return f"stopped after {caps.timeout_s:g} s"
    return "" if exit_code == 0 else f"ended with exit code {exit_code}"


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
