"""Many questions under one budget: each dollar goes where it is expected to add most.

Every purchase goes through the engine and the call cache, under a run that is named for the file, the models and the
place of the answers. Decisions depend on samples alone, so the same command goes through what it has for nothing and
goes on where it was stopped.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from outlay.budget import Limits
from outlay.engine import Outlay
from outlay.experiments.pilot import has_label, of_kind
from outlay.money import NUSD
from outlay.solve._deciding import Chosen, Decided, decide, refuse_unknowable, to_be_piloted
from outlay.solve._file import Solved, held, write
from outlay.solve._spec import Progress, SolveSpec
from outlay.solve._till import Till
from outlay.solve._ways import Way, way
from outlay.store.protocol import Store
from outlay.tasks import CORRECT, Task

__all__ = ["Chosen", "Piloted", "Progress", "SolveSpec", "Solved", "Summary", "solve"]


class Piloted(Struct, frozen=True):
    """What a pilot chose, what it came to, and how many of the labelled questions came out right in the end.

    `by`: `votes` (each further sample where it settles most), `tries` (each next try where it is likeliest to be
    accepted) or `plans` (every question is bought with its plan). `usd_per_right`: what one more right answer is
    expected to cost where the budget ended it; None where it did not. `labelled` and `right` count all labelled
    questions, `other_labelled` and `other_right` those outside the pilot; nothing is chosen by them.
    """

    chosen: tuple[Chosen, ...]
    by: str
    usd_per_right: float | None
    questions: int
    samples: int
    models: tuple[str, ...]
    usd: float
    labelled: int
    right: int
    other_labelled: int
    other_right: int
    notes: tuple[str, ...] = ()


class Summary(Struct, frozen=True):
    """What came of it: `paid_usd` is all that the run paid, earlier starts included."""

    answers: tuple[Solved, ...]
    paid_usd: float | None
    stopped: str
    pilot: Piloted | None = None
    unpiloted: str = ""
    """Why there was no pilot, where one was asked for."""


async def solve(
    task: Task,
    spec: SolveSpec,
    out: Path,
    *,
    store: Store | Path | None = None,
    on_purchase: Progress | None = None,
) -> Summary:
    """Buy answers to all questions of a task under one cap, and write them to `out`, one JSON line a question.

    First every question gets a sample (three, if the budget has three for all), then the next samples go to the
    question whose vote they are expected to settle most a dollar (`next_samples`), until nothing is worth its price,
    all are settled, or the budget ends. Questions are bought in batches, so that a server is kept busy; which ones
    depends on samples alone. With a verifier every sample is checked, the first accepted one is the answer, and the
    next try goes where it is likeliest to be accepted a dollar: after k tries in vain 2 h / (2 + k), h the share of
    first tries that were accepted; an accepted answer is taken to be right. The file is written whole, never in part,
    every 200 purchases and at the end, also where an error or an interruption ends it.

    With several models, or a pilot asked for, some of the labelled questions are first put to every model (`decide`),
    and what that shows says what the rest is bought with (`policies._spread.spread`): by votes or tries as above on
    one model, or with a plan for each question (`Spreading`).

    Args:
        task: the questions; references are read by a pilot and to count what came out right after one, else not.
        spec: the models, the money and the bounds.
        out: the file of answers.
        store: the ledger; None is the one in outlay's home.
        on_purchase: is told of the progress.

    Raises:
        UsageError: a question has no answer kind, another process solves into this file, or there are several models
            and too few labels to choose among them.
        BudgetExceeded: not a single sample fits; nothing was bought.
        ProviderError: no further call can succeed; what was bought is written.

    Cost: at most `spec.max_usd`; at most `spec.most` samples a question and model.
    """
    refuse_unknowable(task, spec)
    with held(out):
        async with Outlay(
            {"default": spec.model, **spec.roles},
            limits=Limits.of(max_usd=spec.max_usd),
            store=store,
            seed=spec.seed,
            cache=True,
            what="solve",
            run_id=spec.run_id(task, out),
        ) as shop:
            till = Till(shop, out, len(task), on_purchase)
            places, unpiloted = await _to_be_piloted(task, spec, shop)
            decided = await _decide(task, places, spec, till) if places else None
            chosen = await way(task, spec, decided, shop, till)
            try:
                await chosen.solver.run()
            finally:
                write(out, chosen.solver.answers())
            answers = tuple(chosen.solver.answers())
            pilot = None if decided is None else await _told(task, spec, decided, chosen, answers, shop)
            totals = await shop.store.totals(shop.run_id)
    paid = None if totals.paid_nusd is None else totals.paid_nusd / NUSD
    return Summary(answers, paid, till.stopped, pilot, unpiloted)


async def _to_be_piloted(task: Task, spec: SolveSpec, shop: Outlay) -> tuple[list[int], str]:
    """The places of the questions of a pilot; none, and why, where one was asked for in vain."""
    if not spec.piloted:
        return [], ""
    places = to_be_piloted(task, spec)
    if not places:
        return [], "a pilot needs 4 questions with answers, and as many in --pilot"
    alone = not spec.others and spec.verifier is None and spec.value_usd is None
    if alone and "logprobs" not in (await shop.card()).abilities:
        return [], "there is one model, no verifier and no worth, so there is nothing to choose"
    return places, ""


async def _decide(task: Task, places: list[int], spec: SolveSpec, till: Till) -> Decided:
    """What the pilot decides; one that is interrupted leaves a file without answers, if there was none."""
    decided = None
    try:
        decided = await decide(task, places, spec, till.shop, till.pool)
        return decided
    finally:
        if decided is None and not till.out.exists():
            stopped = till.stopped or "interrupted in the pilot"
            write(
                till.out,
                [Solved(item.question.id, None, None, None, None, 0, 0.0, stopped) for item in task],
            )


async def _told(
    task: Task, spec: SolveSpec, decided: Decided, chosen: Way, answers: tuple[Solved, ...], shop: Outlay
) -> Piloted:
    right: dict[int, bool] = {}
    for place, (item, line) in enumerate(zip(task, answers, strict=True)):
        if has_label(item):
            judged = (
                0.0
                if line.answer is None
                else await shop.judge(of_kind(item, spec.kind), line.answer, line.text or "")
            )
            right[place] = judged >= CORRECT
    others = [ok for place, ok in right.items() if place not in set(decided.places)]
    return Piloted(
        chosen=decided.chosen,
        by=chosen.by,
        usd_per_right=decided.spread.usd_per_right,
        questions=len(decided.places),
        samples=decided.samples,
        models=spec.models,
        usd=decided.pilot_usd,
        labelled=len(right),
        right=sum(right.values()),
        other_labelled=len(others),
        other_right=sum(others),
        notes=decided.notes,
    )
