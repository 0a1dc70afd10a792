"""Choose the threshold by which a small and a large model share a chain, on a few dozen questions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from outlay.experiments.calibrating import Report

_MANY = Parameter(consume_multiple=True)


def calibrate(
    strategy: str,
    *,
    task: str,
    model: Annotated[tuple[str, ...], _MANY] = (),
    keep: float | None = None,
    accuracy: float | None = None,
    questions: int = 40,
    seed: int = 0,
    temperature: float | None = None,
    max_output_tokens: int = 512,
    max_usd: Annotated[str | None, Parameter(env_var="OUTLAY_MAX_USD")] = None,
    json: bool = False,
) -> None:
    """Choose the threshold of a pair of models and keep it.

    The strategy (speculative_reasoning, glimpse or arbitrage) answers some
    questions of a task with every draft kept and notes its signal at each; the
    threshold is the quantile that keeps the share asked for, or the first that
    brings the accuracy. From then on the strategy takes it for these two
    models unless a tau is stated. What was chosen, what it brought and how
    well the signal told right from wrong at each depth go to standard output.

    Example: outlay calibrate glimpse --task chain_sum --keep 0.7
    --model local/qwen2.5-coder-1.5b small=local/qwen2.5-coder-0.5b

    Parameters
    ----------
    strategy:
        NAME or NAME:key=value,…, without its tau.
    task:
        Questions with answers: a file (JSONL, CSV) or a name with parameters (see outlay tasks).
    model:
        The large model, and small=NAME for the small one.
    keep:
        The share of drafts to keep, from 0 to 1; 0.7 unless an accuracy is given.
    accuracy:
        The least share of right answers, such as 0.8: the threshold that keeps the most drafts and reaches it.
    questions:
        The most questions; 40 unless given.
    seed:
        Questions and samples derive from it; 0 unless given.
    temperature:
        The sampling temperature; the model's own unless given.
    max_output_tokens:
        The most tokens of one chain; 512 unless given.
    max_usd:
        A hard cap in dollars.
    json:
        Print one JSON object instead of the tables.
    """
    from outlay.cli import _terminal

    share = 0.7 if keep is None and accuracy is None else keep
    found = asyncio.run(
        _found(strategy, task, model, share, accuracy, questions, seed, temperature, max_output_tokens, max_usd)
    )
    if json:
        _terminal.json(found)
    else:
        _tell(found)


async def _found(
    strategy: str,
    task: str,
    model: tuple[str, ...],
    share: float | None,
    accuracy: float | None,
    questions: int,
    seed: int,
    temperature: float | None,
    max_output_tokens: int,
    max_usd: str | None,
) -> Report:
    import msgspec

    from outlay.budget import Limits
    from outlay.cli._terminal import note
    from outlay.cli.ask import _models
    from outlay.engine import Outlay
    from outlay.errors import UsageError
    from outlay.experiments.calibrating import calibrate, dial_of
    from outlay.money import show
    from outlay.tasks import open_task
    from outlay.types import Question, Sampling

    dial_of(strategy)
    for name, value in (("--keep", share), ("--accuracy", accuracy)):
        if value is not None and not 0.0 <= value <= 1.0:
            raise UsageError(f"{name} is a share from 0 to 1, not {value:g}.")
    items = list(open_task(task, questions=questions, seed=seed))
    sampling = Sampling(temperature=temperature, max_output_tokens=max_output_tokens)

    def prepared(question: Question) -> Question:
        return msgspec.structs.replace(question, sampling=sampling)

    limits = Limits.of(max_usd=max_usd)
    async with Outlay(_models(model), limits=limits, seed=seed, cache=True, what="calibrate") as outlay:
        found = await calibrate(outlay, strategy, task, items, prepared, share=share, accuracy=accuracy)
        paid = (await outlay.store.totals(outlay.run_id)).paid_nusd
    note(f"calibrated on {len(items)} questions for {show(paid)}; kept in {found.file}")
    return found


def _tell(found: Report) -> None:
    from outlay.cli._terminal import rows

    chosen = found.chosen
    print(
        f"{chosen.strategy} now takes tau={chosen.value:.4g} for this pair "
        f"({chosen.aim} on {chosen.questions} questions)."
    )
    rows(
        "what thresholds brought",
        ("tau", "drafts kept", "right", "large-model tokens a question"),
        [
            (f"{t.threshold:.4g}", f"{t.kept:.0%}", f"{t.accuracy:.2f}", f"{t.large_tokens:.1f}")
            for t in found.tries
        ],
    )
    rows(
        "the signal on the small model's own chains, by depth",
        ("step", "drafts", "AUC", "beats chance"),
        [(str(d.depth), str(d.n), *_auc(d.auc, d.low, d.high, d.beats_chance)) for d in found.depths],
    )


def _auc(auc: float | None, low: float | None, high: float | None, beats: bool | None) -> tuple[str, str]:
    if auc is None or low is None or high is None:
        return "–", "cannot be said: all chains ended alike"
    return f"{auc:.2f} ({low:.2f}–{high:.2f})", "yes" if beats else "not shown"
