"""Find out at which depths a scorer of steps tells right chains from wrong ones."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from outlay.skeletons.reliability import Reliability
    from outlay.types import Question


def scorer(
    verifier: str,
    *,
    task: str,
    model: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    questions: int = 40,
    n: int = 2,
    steps: int = 40,
    step_tokens: int = 512,
    max_output_tokens: int = 512,
    temperature: float = 0.8,
    max_usd: Annotated[str | None, Parameter(env_var="OUTLAY_MAX_USD")] = None,
    seed: int = 0,
    kind: str | None = None,
) -> None:
    """Find out at which depths a scorer of steps tells right chains from wrong ones.

    A few chains of each question are written without any selection and scored
    after every step; the task's key says which end right. The table is kept in
    scorers.json of outlay's home: searches with that scorer and model then say
    at which depths what they choose may be a guess.

    Example: outlay scorer step_rules --task chain_sum --questions 40

    Parameters
    ----------
    verifier:
        What scores the steps: NAME or NAME:key=value,… (see outlay strategies and docs/steps.md).
    task:
        A file (JSONL, CSV) or a name with parameters, such as chain_sum?max_terms=3.
    model:
        The model that writes; ROLE=NAME gives it a helper, such as process_rm=NAME.
    questions:
        How many questions, from 8; 40 unless given.
    n:
        Chains a question; 2 unless given.
    steps:
        The most steps of a chain; 40 unless given.
    step_tokens:
        The most tokens of a step; 512 unless given.
    max_output_tokens:
        The most tokens of a chain; 512 unless given.
    temperature:
        Of the draws; 0.8 unless given.
    max_usd:
        A hard cap in dollars on the whole of it.
    seed:
        Questions and chains derive from it; 0 unless given.
    kind:
        The kind of answer, where the task does not say.
    """
    from outlay.skeletons.reliability import keep, told

    shape = f"steps={steps},step_tokens={step_tokens},temperature={temperature}"
    found = asyncio.run(
        _found(verifier, task, model, questions, n, shape, max_output_tokens, max_usd, seed, kind)
    )
    _show(found)
    warning = told(found)[1]
    print(f"\n{warning or f'{found.scorer} beats chance at every depth'}; kept in {keep(found)}")


async def _found(
    verifier: str,
    task: str,
    model: tuple[str, ...],
    questions: int,
    n: int,
    shape: str,
    max_output_tokens: int,
    max_usd: str | None,
    seed: int,
    kind: str | None,
) -> Reliability:
    import msgspec

    from outlay import config
    from outlay.budget import Limits
    from outlay.cli._progress import progress
    from outlay.cli._roles import split
    from outlay.engine import Outlay
    from outlay.experiments.scorer_depths import scorer_depths
    from outlay.tasks import open_task
    from outlay.types import Sampling

    models, roles = split(model)
    known = config.read()
    sampling = Sampling(max_output_tokens=max_output_tokens)

    def prepared(question: Question) -> Question:
        return msgspec.structs.replace(question, sampling=sampling, kind=kind or question.kind)

    items = list(open_task(task, questions=questions, seed=seed))
    playing = {"default": models[0] if models else known.default, **known.roles, **roles}
    async with Outlay(playing, limits=Limits.of(max_usd=max_usd), seed=seed, cache=True, what="scorer") as shop:
        with progress("questions") as tell:
            return await scorer_depths(
                shop,
                verifier,
                task,
                items,
                prepared,
                n=n,
                parameters=shape,
                on_done=lambda d, of: tell(d, of, ""),
            )


def _show(found: Reliability) -> None:
    from outlay.cli._terminal import rows

    columns = ("depth", "chains", "right", "Brier", "AUC", "95 % interval")
    lines = []
    for d in found.depths:
        interval = ("–", "one kind only") if d.auc is None else (f"{d.auc:.2f}", f"{d.low:.2f} … {d.high:.2f}")
        lines.append((str(d.depth), str(d.n), f"{d.n_right / d.n:.0%}", f"{d.brier:.3f}", *interval))
    rows(f"{found.scorer} on {found.questions} questions of {found.task}", columns, lines)
