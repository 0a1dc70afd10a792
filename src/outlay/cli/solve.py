"""Answer a file of questions under one budget, spent where it buys most."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from outlay.solve import SolveSpec, Summary
    from outlay.tasks import Task

_MANY = Parameter(consume_multiple=True)
ALL = 1_000_000
"""More questions than any file has lines that fit in memory: a file is solved whole."""


def solve(
    file: str,
    *,
    max_usd: Annotated[str, Parameter(env_var="OUTLAY_MAX_USD")],
    out: Path,
    model: Annotated[tuple[str, ...], _MANY] = (),
    value_usd: str | None = None,
    kind: str | None = None,
    verifier: str | None = None,
    pilot: int | None = None,
    most: int = 32,
    seed: int = 0,
    temperature: float | None = None,
    max_output_tokens: int | None = None,
    json: bool = False,
) -> None:
    """Answer a file of questions under one budget, spent where it buys most.

    Every question gets a sample or a few; then each dollar goes to the question
    whose vote the next samples are expected to settle most, or, with a verifier,
    to the next try that is likeliest to be accepted. Of several models a pilot on
    questions with reference answers chooses, within a fifth of the budget, and
    the rest goes to the plan or the mixture of plans that buys most. The answers
    are written to OUT, one JSON line a question. Stopped at any point, the same
    command goes on and pays for nothing twice; so does one with a higher cap.

    Example: outlay solve questions.jsonl --max-usd 0.50 --value-usd 0.01 --out answers.jsonl

    Parameters
    ----------
    file:
        The questions: a file (JSONL, CSV), or a task (see outlay tasks). Reference answers are read for a pilot, and
        to count what came out right after one.
    max_usd:
        A hard cap in dollars on the whole file, earlier starts included.
    out:
        The file for the answers.
    model:
        The model, or several among which a pilot chooses; ROLE=NAME gives each a helper.
    value_usd:
        What a right answer is worth, in dollars; unless given, a question is settled at a confidence of 0.95.
    kind:
        The kind of answer, where the file does not say.
    verifier:
        What decides which answers are accepted: a name, command:PROGRAM, or package.module:function. Every sample is
        checked, and tried again until one is accepted; without it the vote decides.
    pilot:
        The most questions of a pilot, of those with reference answers; unless given 30 of several models, 0 of one.
    most:
        The most samples of one question; 32 unless given.
    seed:
        Samples derive from it; 0 unless given.
    temperature:
        The sampling temperature; the model's own unless given.
    max_output_tokens:
        The most output tokens of one sample; 512 unless given.
    json:
        Print one JSON object about the whole instead of the words.
    """
    from msgspec.structs import replace

    from outlay.tasks import open_task

    spec = _spec(model, max_usd, value_usd, kind, most, seed, temperature, pilot)
    spec = replace(spec, verifier=_buyable(verifier))
    if max_output_tokens is not None:
        spec = replace(spec, max_output_tokens=max_output_tokens)
    questions = ALL if Path(file).is_file() or file.startswith("recorded/") else 100
    _show(_run(open_task(file, questions=questions, seed=seed), spec, out), out, json)


def _buyable(verifier: str | None) -> str | None:
    from outlay import plugins
    from outlay.errors import UsageError

    if verifier is not None:
        plugins.spec("verifier", verifier)
        if verifier.partition(":")[0] == "reference":
            raise UsageError(
                "reference sees the answer key, and no plan that does can be bought; name another verifier."
            )
    return verifier


def _spec(
    model: tuple[str, ...],
    max_usd: str,
    value_usd: str | None,
    kind: str | None,
    most: int,
    seed: int,
    temperature: float | None,
    pilot: int | None,
) -> SolveSpec:
    from outlay import config
    from outlay.cli._roles import split
    from outlay.errors import UsageError
    from outlay.money import NUSD, nusd
    from outlay.solve import SolveSpec

    models, roles = split(model)
    if not 1 <= most <= 256:
        raise UsageError("A question has 1 to 256 samples at most (--most).")
    if pilot is not None and pilot < 0:
        raise UsageError("A pilot has 0 questions or more (--pilot).")
    known = config.read()
    return SolveSpec(
        model=models[0] if models else known.default,
        others=models[1:],
        roles={**known.roles, **roles},
        kind=kind,
        max_usd=nusd(max_usd) / NUSD,
        value_usd=None if value_usd is None else nusd(value_usd) / NUSD,
        most=most,
        seed=seed,
        temperature=temperature,
        pilot=pilot,
    )


def _run(task: Task, spec: SolveSpec, out: Path) -> Summary:
    from outlay.cli._progress import progress
    from outlay.errors import OutlayError, UsageError
    from outlay.report.words import dollars
    from outlay.solve import solve as run_solve

    async def run() -> Summary:
        with progress("purchases") as tell:

            def told(purchases: int, done: int, of: int, usd: float) -> None:
                tell(purchases, None, f"{done} of {of} questions have an answer, paid {dollars(usd)}")

            return await run_solve(task, spec, out, on_purchase=told)

    kept = f"the answers so far are in {out}: run the same command again to go on."
    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; {kept}") from None
    except UsageError:
        raise
    except OutlayError as error:
        raise OutlayError(f"{str(error).rstrip('.')}; {kept}") from error


def _show(found: Summary, out: Path, json: bool) -> None:
    from outlay.cli import _solve_words as words
    from outlay.cli import _terminal

    if json:
        _terminal.json(words.as_json(found, out))
        return
    for sentence in words.tell(found, out):
        print(_terminal.safe(sentence))
