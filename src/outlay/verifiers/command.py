"""Your own command checks each candidate: text on stdin, exit code 0 accepts, 1 rejects, a last line scores."""

from __future__ import annotations

import os
import shlex
import shutil
from hashlib import blake2b
from typing import Any

from outlay.errors import ProviderError, UsageError
from outlay.prompts._data import conversation
from outlay.run import Run
from outlay.sandbox.process import Ended, run_program
from outlay.types import Bound, Draws, Positive, Question, Sample, Share, Verdict
from outlay.verifiers._reply import text_of

NEEDS: frozenset[str] = frozenset()
SECRETS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")
"""Environment variables whose names contain one of these are not passed on."""
SAID = ("OUTLAY_ANSWER", "OUTLAY_QUESTION", "OUTLAY_KIND")
"""What the environment tells the program of the candidate."""
LARGEST = 100_000
"""Bytes of one environment variable; the kernel refuses a program whose variable is longer than 128 KiB."""


def bound(question: Question, *, argv: str, timeout_s: Positive = 60.0, threshold: Share = 0.5) -> Bound:
    """One run of the command; no tokens."""
    return Bound({"sandbox": Draws(1)})


async def command(
    run: Run,
    question: Question,
    candidate: Sample,
    *,
    argv: str,
    timeout_s: Positive = 60.0,
    threshold: Share = 0.5,
) -> Verdict:
    """The verdict of a program of yours: exit code 0 accepts, 1 rejects; a last line in [0, 1] is the score.

    The candidate's whole reply is data on stdin; no shell sees it. The environment carries OUTLAY_ANSWER (the
    extracted answer), OUTLAY_QUESTION and OUTLAY_KIND, each cut at 100,000 bytes, and nothing whose name
    looks like a secret. The program is trusted: it runs as you, outside of any sandbox. Any other exit code,
    or running over its time, is a failure: the sample stands unverified. A bench, a pilot or a solve that is resumed
    does not run it again on what it judged, unless the program or a file on its command line was changed.

    Args:
        run: what is charged.
        question: what was asked.
        candidate: the sample to check.
        argv: the command line, split like a shell's but run without one: `python check.py --strict`.
        timeout_s: seconds of wall-clock time; then it is killed with all that it started.
        threshold: the score from which exit code 0 accepts; without a score, exit code 0 is 1.

    Raises:
        UsageError: there is no such program.
        ProviderError: the program failed or took too long.

    Cost: the seconds it takes, at the price of a core of this machine; at most `timeout_s`.
    Example: `outlay ask "17 * 23?" --strategy best_of_n --kind number --verifier "command:python check.py"`
    """
    program = _split(argv)
    env = _environment(question, candidate)
    stdin = text_of(candidate).encode("utf-8", "replace")

    async def work() -> dict[str, Any]:
        try:
            ended = await run_program(program, stdin=stdin, env=env, timeout_s=timeout_s)
        except OSError as error:
            raise UsageError(f"The command {program[0]!r} cannot be run: {error.strerror}.") from None
        return _outcome(ended, program[0], timeout_s)

    same = _same(program, stdin, [env[name] for name in SAID], timeout_s)
    seen = await run.seconds(f"command/{candidate.index}", timeout_s, work, same=same)
    if "failed" in seen:
        raise ProviderError(seen["failed"])
    score, exit_code = seen["score"], seen["exit_code"]
    return Verdict(score, exit_code == 0 and score >= threshold, f"exit code {exit_code}")


def stated_score(output: str) -> float | None:
    r"""The score that a program's last line states, or None where that line is not a number in [0, 1].

    Example:
        >>> stated_score("two of three rules hold\n0.667\n"), stated_score("42 lines checked")
        (0.667, None)
    """
    line = output.rstrip()[-80:].rpartition("\n")[2].strip()
    try:
        score = float(line)
    except ValueError:
        return None
    return score if 0.0 <= score <= 1.0 else None


def _outcome(ended: Ended, name: str, timeout_s: float) -> dict[str, Any]:
    if ended.exit_code is None:
        return {"failed": f"the command {name} took longer than {timeout_s:g} s"}
    if ended.exit_code not in (0, 1):
        said = " ".join(ended.errors.split())[-200:] or "nothing on stderr"
        return {"failed": f"the command {name} ended with exit code {ended.exit_code}: {said}"}
    score = stated_score(ended.output)
    return {"exit_code": ended.exit_code, "score": float(ended.exit_code == 0) if score is None else score}


def _split(argv: str) -> list[str]:
    try:
        program = shlex.split(argv)
    except ValueError as error:
        raise UsageError(f"The command {argv!r} cannot be read: {error}.") from None
    if not program:
        raise UsageError("The command is empty; write it like --verifier 'command:python check.py'.")
    return program


def _same(program: list[str], stdin: bytes, said: list[str], timeout_s: float) -> str:
    """What the verdict follows from: the input, the command line, and when the files it names were last changed."""
    found = shutil.which(program[0])
    files = [(name, _changed(name)) for name in [*([] if found is None else [found]), *program[1:]]]
    parts = [*program, repr(files), *said, repr(timeout_s)]
    return blake2b("\0".join(parts).encode("utf-8", "replace") + b"\0" + stdin, digest_size=20).hexdigest()


def _changed(name: str) -> tuple[int, int] | None:
    """A file's size and time of change; None where there is none of that name."""
    try:
        seen = os.stat(name)
    except (OSError, ValueError):
        return None
    return seen.st_size, seen.st_mtime_ns


def _environment(question: Question, candidate: Sample) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not any(s in name.upper() for s in SECRETS)}
    return kept | {
        "OUTLAY_ANSWER": _variable(candidate.answer or ""),
        "OUTLAY_QUESTION": _variable(conversation(question.messages)),
        "OUTLAY_KIND": question.kind or "",
    }


def _variable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace")[:LARGEST].decode(errors="ignore")
