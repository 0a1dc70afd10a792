"""An experiment: tasks × models × strategies over the same questions, resumable, with exact accounting.

Outcomes are appended to `DIR/outcomes.jsonl` as they come, so an interruption loses at most the questions in flight,
and those cost nothing again: what their calls settled comes from the call cache. Strategies of one question run one
after the other and share its samples (the same index is the same draw), which makes comparisons paired and cheap;
each answer's `cost_nusd` is what it would cost to buy alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from outlay import __version__, plugins
from outlay.budget import Limits
from outlay.concurrency import first
from outlay.engine import Outlay
from outlay.errors import BudgetExceeded, NoAnswer, StoreError, UsageError
from outlay.report.outcome import Outcome
from outlay.run import Verifier
from outlay.store.protocol import Store
from outlay.tasks import CORRECT, Item, Task, open_task
from outlay.types import Answer, Plan, Sample, Sampling
from outlay.verifiers.reference import against, reference

MAX_OUTPUT_TOKENS = 512
"""The output bound of one sample in experiments, unless stated: fixed, so that a resumed call is the same call."""


class Spec(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What an experiment compares. A resumed one must be the same, except for its cap, which may be raised."""

    tasks: tuple[str, ...]
    models: tuple[str, ...]
    strategies: tuple[str, ...]
    roles: dict[str, str] = {}
    verifier: str | None = None
    framings: tuple[str, ...] = ()
    kind: str | None = None
    questions: int = 40
    seed: int = 0
    temperature: float | None = None
    max_output_tokens: int = MAX_OUTPUT_TOKENS
    max_usd: float | None = None


class Manifest(Struct, frozen=True):
    """`DIR/experiment.json`: what was asked for, the ledger's run, and what made it."""

    spec: Spec
    run_id: str
    version: str


Progress = Callable[[int, int, Outcome], None]
"""Is told (done, of, the newest outcome)."""


async def run(
    spec: Spec, out: Path, *, store: Store | Path | None = None, on_outcome: Progress | None = None
) -> list[Outcome]:
    """Run what is left of an experiment; returns all of its outcomes.

    Args:
        spec: what to compare.
        out: its folder; made if it is not there, resumed if it holds the same experiment.
        store: the ledger; None is the one in outlay's home.
        on_outcome: is told of each outcome, those of earlier runs included.

    Raises:
        UsageError: a bad name or parameter, or the folder holds another experiment.
        BudgetExceeded: the cap was reached; everything bought is saved.
        ProviderError: no further call can succeed; everything bought is saved.
        StoreError: the ledger or the folder cannot be written.
    """
    tasks = [open_task(t, questions=spec.questions, seed=spec.seed) for t in spec.tasks]
    with _locked(out):
        manifest = _resume(spec, out)
        # A question that brought no answer is asked again: what failed it may have passed.
        outcomes = [o for o in read_outcomes(out) if not o.failed]
        async with Outlay(
            spec.models[0],
            limits=Limits.of(max_usd=spec.max_usd),
            store=store,
            seed=spec.seed,
            cache=True,
            what="bench",
            run_id=manifest.run_id or None,
        ) as main:
            _write(out / "experiment.json", msgspec.structs.replace(manifest, run_id=main.run_id))
            for model in spec.models:
                async with main.beside({"default": model, **spec.roles}) as shop:
                    bench = _Bench(spec, shop, model, tasks, outcomes, out / "outcomes.jsonl", on_outcome)
                    await bench.run()
    return outcomes


def read_spec(out: Path) -> Manifest:
    """The manifest of an experiment's folder.

    Raises:
        UsageError: it holds none, or an unreadable one.
    """
    path = out / "experiment.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError:
        raise UsageError(
            f"{out} holds no experiment (no experiment.json); name the --out folder of a bench."
        ) from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is not an experiment of this version of outlay: {error}.") from None


def read_outcomes(out: Path) -> list[Outcome]:
    """The outcomes in a folder, one a question and plan: of several lines the last.

    A last line that a killed process left unfinished is dropped and bought anew.
    """
    path = out / "outcomes.jsonl"
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    outcomes: dict[tuple[str, ...], Outcome] = {}
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            outcome = msgspec.json.decode(line, type=Outcome)
        except msgspec.DecodeError as error:
            if number == len(lines):
                os.truncate(path, path.stat().st_size - len(line))
                break
            raise UsageError(f"{path}:{number}: {error}; remove the line to buy its answer again.") from None
        outcomes[_place(outcome)] = outcome
    return list(outcomes.values())


def _place(o: Outcome) -> tuple[str, ...]:
    return (o.task, o.model, o.strategy, o.verifier, o.question_id)


class _Bench:
    """The cells of one model."""

    def __init__(
        self,
        spec: Spec,
        shop: Outlay,
        model: str,
        tasks: Sequence[Task],
        outcomes: list[Outcome],
        path: Path,
        on_outcome: Progress | None,
    ):
        self.spec, self.shop, self.model, self.tasks = spec, shop, model, tasks
        self.outcomes, self.path, self.on_outcome = outcomes, path, on_outcome
        self.total = len(spec.models) * len(spec.strategies) * sum(map(len, tasks))
        self.done = {_place(o) for o in outcomes}

    async def run(self) -> None:
        plans = [
            await self.shop.plan(
                s, verifier=self.spec.verifier, kind=self.spec.kind, framings=self.spec.framings
            )
            for s in self.spec.strategies
        ]
        card = await self.shop.card()
        self.logprobs = (
            0 if "logprobs" in card.abilities and any(p.strategy == "sharpen" for p in plans) else None
        )
        for plan in plans:
            await self.shop.refuse_unable(plan)
        room = asyncio.Semaphore(max(1, min(card.concurrency // 8, 16)))
        with self.path.open("ab") as file:
            try:
                async with asyncio.TaskGroup() as group:
                    for task in self.tasks:
                        for item in task:
                            await room.acquire()
                            group.create_task(self._question(task, item, plans, room, file))
            except BaseExceptionGroup as failures:
                raise first(failures) from None

    async def _question(
        self, task: Task, item: Item, plans: Sequence[Plan], room: asyncio.Semaphore, file: BinaryIO
    ) -> None:
        try:
            for text, plan in zip(self.spec.strategies, plans, strict=True):
                shown, verifier = _shown(text, self.spec.framings), plan.verifier or ""
                if (task.name, self.model, shown, verifier, item.question.id) in self.done:
                    continue
                outcome = await self._outcome(task, item, plan, shown)
                file.write(msgspec.json.encode(outcome) + b"\n")
                file.flush()
                self.outcomes.append(outcome)
                if self.on_outcome:
                    self.on_outcome(len(self.outcomes), self.total, outcome)
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be written ({error.strerror}); free some space and run the same "
                f"command again."
            ) from None
        finally:
            room.release()

    async def _outcome(self, task: Task, item: Item, plan: Plan, shown: str) -> Outcome:
        oracle = self._oracle(item, plan)
        sampling = Sampling(
            temperature=self.spec.temperature,
            max_output_tokens=self.spec.max_output_tokens,
            top_logprobs=self.logprobs,
        )
        question = msgspec.structs.replace(item.question, sampling=sampling)
        common = {
            "task": task.name,
            "model": self.model,
            "strategy": shown,
            "question_id": item.question.id,
            "verifier": plan.verifier or "",
            "reference": item.reference,
            "oracle": oracle is not None,
            "source": "recorded" if self.model.startswith("recorded/") else "live",
        }
        try:
            answer = await self.shop.buy(question, plan, verifier=oracle)
        except NoAnswer as failure:
            return Outcome(correct=False, score=0.0, failed=str(failure), **common)
        if answer.refused:
            # Made of fewer samples than the plan's: bought again, from the call cache, when the cap allows the rest.
            raise BudgetExceeded(answer.refused)
        score = await self.shop.judge(item, answer.answer, answer.text)
        return _filled(answer, score, common)

    def _oracle(self, item: Item, plan: Plan) -> Verifier | None:
        """The verifier that knows the item's key, where the plan names it."""
        chosen = None if plan.verifier is None else plugins.spec("verifier", plan.verifier)
        if chosen is None or chosen.target is not reference:
            return None
        return against(self._score(item), **chosen.parameters)

    def _score(self, item: Item) -> Callable[[Sample], Awaitable[float]]:
        async def score(sample: Sample) -> float:
            assert sample.completion is not None
            return await self.shop.judge(item, sample.answer, sample.completion.text)

        return score


def _filled(answer: Answer, score: float, common: dict[str, Any]) -> Outcome:
    return Outcome(
        correct=score >= CORRECT,
        score=score,
        answer=answer.answer,
        p_correct=answer.p_correct,
        cost_nusd=answer.cost_nusd,
        paid_nusd=answer.paid_nusd,
        overrun_nusd=answer.overrun_nusd,
        input_tokens=answer.usage.input_tokens,
        cache_read_tokens=answer.usage.cache_read_tokens,
        output_tokens=answer.usage.output_tokens,
        calls=answer.calls,
        latency_s=answer.latency_s,
        stopped=answer.stopped,
        missing=answer.missing,
        trace_id=answer.trace_id,
        **common,
    )


def _shown(text: str, framings: Sequence[str]) -> str:
    """The canonical spelling of a strategy within its framings, without its verifier, which has a column of its own."""
    spec = plugins.spec("strategy", text, beside=("verifier",))
    around = " and ".join(str(plugins.spec("framing", framing)) for framing in framings)
    plain = str(msgspec.structs.replace(spec, beside={}))
    return f"{plain} in {around}" if around else plain


def _resume(spec: Spec, out: Path) -> Manifest:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {out} cannot be made: {error.strerror}.") from None
    if not (out / "experiment.json").exists():
        return Manifest(spec, "", __version__)
    before = read_spec(out)
    for name in spec.__struct_fields__:
        was, now = getattr(before.spec, name), getattr(spec, name)
        if was != now and name != "max_usd":
            raise UsageError(
                f"{out} holds another experiment ({name} was {was}, is now {now}); choose another --out."
            )
    return msgspec.structs.replace(before, spec=spec)


def _write(path: Path, manifest: Manifest) -> None:
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    partial.replace(path)


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold the folder: two processes in one experiment would buy everything twice."""
    import fcntl

    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = (out / ".lock").open("w")
    except OSError as error:
        raise UsageError(f"The folder {out} cannot be written: {error.strerror}.") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"Another process is running the experiment in {out}; wait for it or choose another --out."
            ) from None
        yield
