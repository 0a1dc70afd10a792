"""Compare strategies and models on tasks, resumable, and say which to buy."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from outlay.experiments.experiment import Spec
    from outlay.report.outcome import Outcome

REASONS = 3
"""The most reasons for missing answers that are told."""
_MANY = Parameter(consume_multiple=True)


def bench(
    *tasks: str,
    out: Path,
    model: Annotated[tuple[str, ...], _MANY] = (),
    strategy: Annotated[tuple[str, ...], _MANY] = ("single",),
    questions: int = 40,
    max_usd: Annotated[str | None, Parameter(env_var="OUTLAY_MAX_USD")] = None,
    seed: int = 0,
    verifier: str | None = None,
    framing: tuple[str, ...] = (),
    kind: str | None = None,
    temperature: float | None = None,
    max_output_tokens: int | None = None,
    record: bool = False,
    json: bool = False,
) -> None:
    """Compare strategies and models on tasks, and say which to buy.

    Every question of every task is asked of every model under every strategy.
    All is saved in the folder OUT as it comes: after an interruption the same
    command goes on there, and what was bought is not bought again. Progress
    goes to standard error, the result to standard output.

    Example: outlay bench chain_sum --model local/qwen2.5-coder-0.5b
    --strategy single self_consistency:n=8 --questions 24 --out sums

    Parameters
    ----------
    tasks:
        Files (JSONL, CSV) or names with parameters, such as chain_sum?max_terms=3 (see outlay tasks).
    out:
        The folder of this experiment.
    model:
        Models to compare; ROLE=NAME gives every one of them a helper, such as judge=NAME.
    strategy:
        Strategies to compare: NAME or NAME:key=value,… (see outlay strategies); single unless given.
    questions:
        The most questions of each task; 40 unless given.
    max_usd:
        A hard cap in dollars on the whole experiment.
    seed:
        Questions, samples and intervals derive from it; 0 unless given.
    verifier:
        What checks answers: a name, command:PROGRAM, or package.module:function; reference is the oracle's.
    framing:
        What is put around every question: NAME or NAME:key=value,… (see outlay framings); repeatable, in order.
    kind:
        The kind of answer, where the task does not say.
    temperature:
        The sampling temperature; the model's own unless given.
    max_output_tokens:
        The most output tokens of one sample; 512 unless given.
    record:
        Also write the samples as recordings into OUT/recordings, one file a model and task.
    json:
        Print a JSON array with one object a cell instead of the tables.
    """
    from outlay.cli import _results
    from outlay.errors import UsageError

    if record and framing:
        raise UsageError("--record keeps samples of the bare questions; leave it out, or --framing.")
    spec = _spec(
        tasks,
        model,
        strategy,
        questions,
        max_usd,
        seed,
        verifier,
        framing,
        kind,
        temperature,
        max_output_tokens,
    )
    outcomes = buy(spec, out)
    if record:
        write_recordings(out)
    _results.show(out, json=json)
    _tell_failures(outcomes)


def buy(spec: Spec, out: Path) -> list[Outcome]:
    """Run an experiment with progress on standard error; a failure says what is saved and how to go on.

    Raises:
        As `outlay.experiments.experiment.run`, with that said.
    """
    from outlay.errors import OutlayError, UsageError

    try:
        return asyncio.run(_run(spec, out))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; {_saved(out)}") from None
    except UsageError:
        raise
    except OutlayError as error:
        raise OutlayError(f"{str(error).rstrip('.')}; {_saved(out)}") from error


def _spec(
    tasks: tuple[str, ...],
    model: tuple[str, ...],
    strategy: tuple[str, ...],
    questions: int,
    max_usd: str | None,
    seed: int,
    verifier: str | None,
    framing: tuple[str, ...],
    kind: str | None,
    temperature: float | None,
    max_output_tokens: int | None,
) -> Spec:
    from outlay import config, money
    from outlay.cli._roles import split
    from outlay.errors import UsageError
    from outlay.experiments.experiment import MAX_OUTPUT_TOKENS, Spec

    if not tasks:
        raise UsageError("No task was named; write one first, such as: outlay bench chain_sum --out DIR.")
    models, roles = split(model)
    known = config.read()
    return Spec(
        tasks=tasks,
        models=models or (known.default,),
        strategies=strategy,
        roles={**known.roles, **roles},
        verifier=verifier,
        framings=framing,
        kind=kind,
        questions=questions,
        seed=seed,
        temperature=temperature,
        max_output_tokens=MAX_OUTPUT_TOKENS if max_output_tokens is None else max_output_tokens,
        max_usd=None if max_usd is None else money.usd(money.nusd(max_usd)),
    )


async def _run(spec: Spec, out: Path) -> list[Outcome]:
    from outlay.cli._progress import progress
    from outlay.experiments import experiment
    from outlay.money import show

    seen = experiment.read_outcomes(out)

    with progress("answers") as tell:

        def on_outcome(done: int, of: int, outcome: Outcome) -> None:
            seen.append(outcome)
            right = sum(o.correct for o in seen) / len(seen)
            paid = [o.paid_nusd for o in seen]
            bill = show(None if None in paid else sum(p or 0 for p in paid))
            tell(done, of, f"{100 * right:.0f} % right, paid {bill}")

        return await experiment.run(spec, out, on_outcome=on_outcome)


def write_recordings(out: Path) -> None:
    """Write the samples of an experiment's folder as recordings into it, and say which.

    Raises:
        UsageError: the folder holds no experiment, or the ledger does not hold its samples.
    """
    from outlay.cli._terminal import note
    from outlay.experiments.record import record

    for made in asyncio.run(record(out)):
        checks = f", {made.verdicts:,} verdicts" if made.verdicts else ""
        note(f"recorded {made.questions} questions × {made.samples} samples{checks} in {made.path}")
        if made.unread:
            note(f"some verdicts could not be read again: {made.unread}")


def _tell_failures(outcomes: list[Outcome]) -> None:
    """Say why answers are missing.

    Raises:
        OutlayError: not one answer came.
    """
    from collections import Counter

    from outlay.cli._terminal import note
    from outlay.errors import OutlayError

    failed = Counter(o.failed for o in outcomes if o.failed)
    if failed.total() == len(outcomes):
        raise OutlayError(f"no question was answered: {failed.most_common(1)[0][0]}")
    for sentence, n in failed.most_common(REASONS):
        note(f"{n} of {len(outcomes)} without an answer: {sentence}")


def _saved(out: Path) -> str:
    """What is in the folder by now, and how to go on."""
    from outlay.experiments.experiment import read_outcomes

    n = len(read_outcomes(out))
    return f"{n} answer{'' if n == 1 else 's'} saved in {out}: run the same command again to go on."
