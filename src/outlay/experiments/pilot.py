"""A pilot: a few questions, many samples of each, of every model that could be bought; resumable and capped.

The calls of a pilot go through the call cache under a run that is named for what was asked: the same command goes on
where it was stopped, and pays for nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from outlay.budget import Limits
from outlay.concurrency import first
from outlay.engine import Outlay
from outlay.errors import BudgetExceeded, NoAnswer, UsageError
from outlay.models.provider import Card
from outlay.money import NUSD
from outlay.policies._pilot import FEWEST_QUESTIONS, Pilot
from outlay.policies._pools import Drawn, of_pools
from outlay.run import Run
from outlay.selection.vote import vote
from outlay.skeletons.pool import answer, draws, need_kind
from outlay.store.protocol import Store
from outlay.tasks import CORRECT, Item, open_task
from outlay.tasks._item import by_kind
from outlay.types import Answer, Bound, Count, Plan, Pool, Question, Sample, Sampling

NEEDS = frozenset({"chat"})
QUESTIONS, SAMPLES = 30, 16
"""A pilot's size unless stated."""
REPEATED = 3
"""Samples of a question that a verifier checks twice, so that it shows how far its repeats repeat its errors."""
WHOLE_POOL = "outlay.experiments.pilot:whole_pool"
"""The vote of n samples, which also tells its pool."""
MAX_OUTPUT_TOKENS = 512
"""The output bound of one sample, unless stated: fixed, so that a resumed call is the same call."""


class PilotSpec(Struct, frozen=True):
    """What a pilot asks. Everything but the cap names the run that it resumes."""

    task: str
    models: tuple[str, ...]
    roles: dict[str, str] = {}
    verifier: str | None = None
    kind: str | None = None
    questions: int = QUESTIONS
    samples: int = SAMPLES
    seed: int = 0
    temperature: float | None = None
    max_output_tokens: int = MAX_OUTPUT_TOKENS
    max_usd: float | None = None

    @property
    def run_id(self) -> str:
        """The ledger's run: the same for the same pilot, whatever its cap."""
        named = msgspec.json.encode(msgspec.structs.replace(self, max_usd=None))
        return f"plan_{blake2b(named, digest_size=10).hexdigest()}"


class Piloted(Struct, frozen=True):
    """The pilots of all models on the questions that every one of them was asked, and what came of the budget.

    `failed` holds a sentence for each question that brought a model no sample: it counts as wrong. `labelled`:
    whether correctness is known. `wanted` questions were asked for; `stopped` says why there are fewer. `paid_usd`
    is what this run of it paid in all, earlier starts included; None where a price is unknown.
    """

    pilots: tuple[Pilot, ...]
    labelled: bool
    wanted: int
    stopped: str
    paid_usd: float | None
    failed: tuple[str, ...] = ()


Progress = Callable[[int, int], None]
"""Is told (pools drawn, of)."""


def bound(question: Question, *, n: Count = SAMPLES, check: bool = False) -> Bound:
    """Worst case: n draws, and n verifications and a few repeated ones where answers are checked."""
    return draws(question, n, verifications=n + min(n, REPEATED) if check else 0)


async def whole_pool(run: Run, question: Question, *, n: Count = SAMPLES, check: bool = False) -> Answer:
    """The vote of n samples, each of them verified with `check`; the whole pool is told to whoever listens.

    The first three samples with a verdict are verified a second time, which changes no verdict.

    Args:
        run: what to buy through.
        question: what is asked; it needs an answer kind.
        n: samples.
        check: whether every sample that states an answer is verified.

    Cost: n draws, and at most n + 3 verifications.
    """
    need_kind(question, "a plan")
    pool = await run.sample(question, n=n)
    before = run.spent.cost_nusd
    again: dict[int, bool] = {}
    if check:
        pool = await run.score(question, pool)
        twice = [s.index for s in pool.voters if s.verdict is not None][:REPEATED]
        repeated = await run.score(question, pool, only=twice)
        # A second check that failed leaves the first verdict in its place, and its error beside it.
        said = [(s, now) for s, now in zip(pool.samples, repeated.samples, strict=True) if s.index in twice]
        again = {now.index: now.verdict.accepted for s, now in said if now.verdict and now.error == s.error}
    after = run.spent.cost_nusd
    run.emit(
        "pool", pool=pool, again=again, checks_nusd=None if after is None or before is None else after - before
    )
    return answer(run, question, pool, vote(pool), stopped=f"{n} samples drawn")


async def run_pilot(
    spec: PilotSpec, *, store: Store | Path | None = None, on_pool: Progress | None = None
) -> Piloted:
    """Draw what is left of a pilot, judge it where there are labels, and return it as arrays.

    Questions are asked of every model before the next ones, so that a budget that ends early leaves whole rows. Rows
    without labels are left out if at least four have some. Judging is the experimenter's and is not charged.

    Args:
        spec: what to ask.
        store: the ledger; None is the one in outlay's home.
        on_pool: is told of each pool.

    Raises:
        UsageError: a bad name, questions without an answer kind, or fewer than four questions within the budget.
        ProviderError: no further call can succeed; what was bought is in the ledger.

    Cost: questions x models x samples draws; where a verifier is named as many verifications, and three more a
    question and model.
    """
    task = open_task(spec.task, questions=spec.questions, seed=spec.seed)
    async with contextlib.AsyncExitStack() as opened:
        main = await opened.enter_async_context(
            Outlay(
                spec.models[0],
                limits=Limits.of(max_usd=spec.max_usd),
                store=store,
                seed=spec.seed,
                cache=True,
                what="plan",
                run_id=spec.run_id,
            )
        )
        shops = [
            await opened.enter_async_context(main.beside({"default": model, **spec.roles}))
            for model in spec.models
        ]
        asking = Asking(spec, shops, on_pool, len(task))
        await asking.prepare()
        await asking.ask([of_kind(item, spec.kind) for item in task])
        totals = await main.store.totals(main.run_id)
    return asking.result(totals.paid_nusd)


class Asking:
    """The drawing half of a pilot, in whatever run the shops buy for: `prepare`, then `ask`, then `result`."""

    def __init__(self, spec: PilotSpec, shops: Sequence[Outlay], on_pool: Progress | None, questions: int):
        self.spec, self.shops, self.on_pool = spec, shops, on_pool
        self.of, self.stopped = questions * len(shops), ""
        self.rows: dict[int, list[Drawn]] = {}
        self.items: list[Item] = []
        self.told, self.failed = 0, list[str]()

    async def prepare(self) -> None:
        """Open every model and refuse what cannot work, before a cent is spent."""
        self.cards: list[Card] = [await shop.card() for shop in self.shops]
        kept = [c.max_n for c, m in zip(self.cards, self.spec.models, strict=True) if m.startswith("recorded/")]
        self.samples = min([self.spec.samples, *kept])
        parameters = {"n": self.samples, "check": self.spec.verifier is not None}
        self.plan = Plan(WHOLE_POOL, parameters, self.spec.verifier, self.spec.kind)
        for shop in self.shops:
            await shop.refuse_unable(self.plan)

    async def ask(self, items: list[Item]) -> None:
        """Put the questions to every model, until all are asked or the budget ends.

        Raises:
            ProviderError: no further call can succeed.
        """
        self.items = items
        room = asyncio.Semaphore(max(1, min(*(c.concurrency // 8 for c in self.cards), 16)))
        try:
            async with asyncio.TaskGroup() as group:
                for i, item in enumerate(items):
                    await room.acquire()
                    if self.stopped:
                        break
                    group.create_task(self._row(i, item, room))
        except BaseExceptionGroup as failures:
            raise first(failures) from None

    async def _row(self, i: int, item: Item, room: asyncio.Semaphore) -> None:
        try:
            drawn = []
            for shop, card in zip(self.shops, self.cards, strict=True):
                drawn.append(await self._pool(shop, card, item))
                self.told += 1
                if self.on_pool:
                    self.on_pool(self.told, self.of)
            self.rows[i] = drawn
        except BudgetExceeded as refusal:
            self.stopped = self.stopped or str(refusal)
        finally:
            room.release()

    async def _pool(self, shop: Outlay, card: Card, item: Item) -> Drawn:
        told: list[dict[str, Any]] = []
        question = msgspec.structs.replace(
            item.question,
            sampling=Sampling(
                temperature=self.spec.temperature,
                max_output_tokens=self.spec.max_output_tokens,
                top_logprobs=0 if "logprobs" in card.abilities else None,
            ),
        )
        try:
            bought = await shop.buy(
                question, self.plan, listener=lambda e: told.append(e) if e["event"] == "pool" else None
            )
        except NoAnswer as failure:
            self.failed.append(str(failure))
            failed = tuple(Sample(s, error="no answer") for s in range(self.samples))
            return Drawn(Pool(question.id, question.kind, failed), (False,) * self.samples, 0.0)
        if bought.refused:
            raise BudgetExceeded(bought.refused)
        pool, again, checks_nusd = told[0]["pool"], told[0]["again"], told[0]["checks_nusd"]
        right = tuple([await self._right(shop, item, s) for s in pool.samples]) if has_label(item) else ()
        return Drawn(pool, right, float("nan") if checks_nusd is None else checks_nusd / NUSD, again)

    async def _right(self, shop: Outlay, item: Item, sample: Sample) -> bool:
        if sample.completion is None:
            return False
        return await shop.judge(item, sample.answer, sample.completion.text) >= CORRECT

    def result(self, paid_nusd: int | None) -> Piloted:
        """What came in, as arrays.

        Raises:
            NoAnswer: not one question was answered.
            UsageError: fewer than four questions were asked of every model.
        """
        if self.failed and len(self.failed) >= len(self.rows) * len(self.shops):
            raise NoAnswer(f"Not one question of the pilot was answered: {self.failed[0]}")
        asked = [i for i in range(len(self.items)) if i in self.rows]
        labels = [i for i in asked if has_label(self.items[i])]
        labelled = len(labels) >= FEWEST_QUESTIONS
        kept = labels if labelled else asked
        if len(kept) < FEWEST_QUESTIONS:
            short = (
                f"The pilot holds {len(kept)} question{'' if len(kept) == 1 else 's'} and a plan needs at least"
            )
            if not self.stopped:
                raise UsageError(f"{short} {FEWEST_QUESTIONS}: name a task with more, or raise --questions.")
            raise UsageError(
                f"{short} {FEWEST_QUESTIONS}: {self.stopped.rstrip('.')}. What was bought is kept, so the same "
                "command with a higher --max-usd goes on from there."
            )
        ids = tuple(self.items[i].question.id for i in kept)
        pilots = tuple(
            of_pools(model, ids, [self.rows[i][m] for i in kept], card, self.spec.verifier, labelled)
            for m, (model, card) in enumerate(zip(self.spec.models, self.cards, strict=True))
        )
        return Piloted(
            pilots,
            labelled,
            len(self.items),
            self.stopped,
            None if paid_nusd is None else paid_nusd / NUSD,
            tuple(self.failed),
        )


def of_kind(item: Item, kind: str | None) -> Item:
    """The item, judged by the kind that was asked for."""
    if kind is None:
        return item
    return msgspec.structs.replace(item, question=msgspec.structs.replace(item.question, kind=kind))


def has_label(item: Item) -> bool:
    """Whether it can be said which answers are right."""
    return item.reference is not None or bool(item.tests) or item.scorer is not by_kind
