"""Many questions under one budget: each dollar goes where one more sample is expected to add most.

Every purchase goes through the engine and the call cache, under a run that is named for the file, the models and the
place of the answers. Decisions depend on samples alone, so the same command goes through what it has for nothing and
goes on where it was stopped.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct

from outlay.budget import Limits
from outlay.engine import Outlay
from outlay.money import NUSD
from outlay.solve._buying import Progress, SolveSpec, Solving
from outlay.solve._file import Solved, held, write
from outlay.solve._trying import Trying
from outlay.store.protocol import Store
from outlay.tasks import Task

__all__ = ["Progress", "SolveSpec", "Solved", "Summary", "solve"]


class Summary(Struct, frozen=True):
    """What came of it: `paid_usd` is all that the run paid, earlier starts included."""

    answers: tuple[Solved, ...]
    paid_usd: float | None
    stopped: str


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

    Args:
        task: the questions; references are not read.
        spec: the model, the money and the bounds.
        out: the file of answers.
        store: the ledger; None is the one in outlay's home.
        on_purchase: is told of the progress.

    Raises:
        UsageError: a question has no answer kind, or another process solves into this file.
        BudgetExceeded: not a single sample fits; nothing was bought.
        ProviderError: no further call can succeed; what was bought is written.

    Cost: at most `spec.max_usd`; at most `spec.most` samples a question.
    """
    with held(out):
        async with Outlay(
            {"default": spec.model, **spec.roles},
            limits=Limits.of(max_usd=spec.max_usd),
            store=store,
            seed=spec.seed,
            cache=True,
            what="solve",
            run_id=_run_id(task, spec, out),
        ) as shop:
            solving = (Trying if spec.verifier else Solving)(task, spec, shop, out, on_purchase)
            try:
                await solving.run()
            finally:
                write(out, solving.answers())
            totals = await shop.store.totals(shop.run_id)
    paid = None if totals.paid_nusd is None else totals.paid_nusd / NUSD
    return Summary(tuple(solving.answers()), paid, solving.stopped)


def _run_id(task: Task, spec: SolveSpec, out: Path) -> str:
    named = msgspec.structs.replace(spec, max_usd=0.0, value_usd=None)
    content = msgspec.json.encode(([item.question for item in task], named, str(out.absolute())))
    return f"solve_{blake2b(content, digest_size=10).hexdigest()}"
