"""The engine: question → plan → strategy → answer → store. Every front end translates to it and back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from outlay import config as configuration
from outlay import plugins
from outlay.answering import answered, pass_through, players, relayed, sealed, verifier_of
from outlay.budget import Budget, Limits
from outlay.cast import Cast, Model
from outlay.config.plans import PASS_THROUGH, narrower
from outlay.door.draws import Door
from outlay.door.relay import OnEvent, Reply
from outlay.door.relay_ending import Relayed
from outlay.door.session import Account, Session
from outlay.errors import MissingAbility, OutlayError, UsageError
from outlay.feasible import refuse_unable
from outlay.framings._bound import framed
from outlay.framings._uses import keep_use
from outlay.guards._watched import Watched
from outlay.models.breaker import Breakers
from outlay.models.limiter import Limiters
from outlay.models.provider import Card
from outlay.prompts.answer_format import VERSION as PROMPTS
from outlay.prompts.answer_format import instruct
from outlay.run import Run, Verifier
from outlay.sandbox.checks import run_checks
from outlay.sandbox.killable import Workers
from outlay.store.kept import kept_of
from outlay.store.protocol import Store
from outlay.tasks import Item
from outlay.trace import Trace
from outlay.types import Answer, Bound, Delta, Plan, Pool, Question
from outlay.verifiers._own import as_verifier

T = TypeVar("T")
OFFLINE = "offline"
"""The phase of work before the question, and the scope of its call cache."""


class Outlay:
    """Buys answers. One per process and tenant; use it as `async with Outlay(...) as outlay`.

    Args:
        models: a model for each role (`default`, `judge`, …) as users name models, or a `Provider`; one name alone
            is the default role's. Several for a role are a chain: each is asked for what those before it failed to
            answer. None takes the configuration's.
        limits: caps on everything bought through this object.
        store: a store, or the path of the ledger's file; None is the file in outlay's home.
        seed: every random choice and every seed sent upstream derives from it.
        cache: whether completions may come from the call cache (on in experiments).
        what: what the ledger's run is called.
        run_id: resumes that run: what it spent before counts against `limits`.
        tenant: whose purchases these are.
        config: the configuration; None reads `outlay.toml`.

    Example:
        >>> async def main():
        ...     async with Outlay("local/qwen2.5-coder-0.5b") as outlay:
        ...         answer = await outlay.ask("17 * 23?", strategy="self_consistency:n=8", kind="number")
        ...         print(answer.answer, answer.cost_nusd)
    """

    def __init__(
        self,
        models: Model | Mapping[str, Model | Sequence[Model]] | None = None,
        *,
        limits: Limits | None = None,
        store: Store | Path | str | None = None,
        seed: int = 0,
        cache: bool = False,
        what: str = "ask",
        run_id: str | None = None,
        tenant: str = "local",
        config: configuration.Config | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        breakers: Breakers | None = None,
        limiters: Limiters | None = None,
    ):
        self._config = config or configuration.read()
        if cache and self._config.prompts != "kept":
            raise UsageError(
                f"The call cache keeps replies and outlay.toml says prompts = {self._config.prompts!r}; say "
                f"prompts = 'kept' for experiments."
            )
        if models is None:
            models = {"default": self._config.default, **self._config.roles}
        self._store: Store | None = None
        self._store_at = store
        self._clock, self._sleep = clock, sleep
        self.seed, self._cache, self._what, self.tenant = seed, cache, what, tenant
        self.run_id = run_id or f"run_{time.time_ns() // 1000:014x}{os.urandom(3).hex()}"
        self.budget = Budget(limits, clock=clock)
        self.breakers = breakers or Breakers(clock, self.run_id)
        """How each model fared, and which are left alone for a while."""
        self.limiters = limiters or Limiters(clock)
        """How many requests each model takes at once."""
        by_role = models if isinstance(models, Mapping) else {"default": models}
        self._cast = Cast(by_role, self._config, seed=seed, breakers=self.breakers, limiters=self.limiters)
        self._workers = Workers()
        self.watch: Callable[[Trace], None] | None = None
        """Is given each answer's trace as it is opened, to look at, not to write to."""
        self._owner = True
        self._sessions: dict[tuple[str, ...], Session] = {}
        self._others: dict[tuple[object, ...], Outlay] = {}
        self._opening = asyncio.Lock()

    def beside(self, models: Model | Mapping[str, Model | Sequence[Model]]) -> Outlay:
        """Another set of models over this object's ledger, run and budget; open it inside this one's `async with`."""
        other = Outlay(
            models,
            store=self.store,
            seed=self.seed,
            cache=self._cache,
            what=self._what,
            run_id=self.run_id,
            tenant=self.tenant,
            config=self._config,
            clock=self._clock,
            sleep=self._sleep,
            breakers=self.breakers,
            limiters=self.limiters,
        )
        other.budget, other._owner, other.watch = self.budget, False, self.watch
        return other

    async def played_by(self, cast: Mapping[str, Model | Sequence[Model]]) -> Outlay:
        """`beside`, opened at its first use, kept, and closed with this object."""
        key = tuple(sorted((role, str(models)) for role, models in cast.items()))
        if key not in self._others:
            async with self._opening:
                if key not in self._others:
                    self._others[key] = await self.beside(cast).__aenter__()
        return self._others[key]

    async def __aenter__(self) -> Outlay:
        self._store = await self._open_store()
        if not self._owner:
            return self
        await self.store.open_run(
            self.run_id, self.tenant, self._what, json.dumps({"seed": self.seed}), time.time_ns() // 1000
        )
        await self.store.sweep()
        before = await self.store.totals(self.run_id)
        self.budget.preload(
            nusd=(before.paid_nusd or 0) + (before.lost_nusd or 0),
            input_tokens=before.input_tokens,
            output_tokens=before.output_tokens,
            calls=before.calls - before.cached_calls + before.lost_calls,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with contextlib.AsyncExitStack() as closing:
            if self._store is not None and self._store is not self._store_at:
                closing.push_async_callback(self._store.close)
            closing.push_async_callback(self._workers.close)
            closing.push_async_callback(self._cast.close)
            for other in self._others.values():
                closing.push_async_exit(other)

    @property
    def store(self) -> Store:
        """The open store.

        Raises:
            OutlayError: the object is used outside `async with`.
        """
        if self._store is None:
            raise OutlayError("Use outlay as `async with Outlay(...) as outlay:`; its ledger is not open.")
        return self._store

    async def ask(
        self,
        question: str | Question,
        *,
        strategy: str = "single",
        kind: str | None = None,
        verifier: str | Callable[..., Any] | None = None,
        framings: Sequence[str] = (),
        plan: str | None = None,
        limits: Limits | None = None,
        listener: Callable[[dict[str, Any]], None] | None = None,
    ) -> Answer:
        """Buy the answer to one question.

        Args:
            question: its text, or a whole question.
            strategy: `name` or `name:key=value,…`.
            kind: the answer kind; needed by everything that compares answers.
            verifier: a name, `command:…`, a dotted name, or a function of (question, answer).
            framings: what is put around the question, in order, each `name` or `name:key=value,…`.
            plan: a `[plans.NAME]` of outlay.toml, in place of a strategy and what goes with it.
            limits: caps on this question alone; of one here and one of the plan, the smaller binds.
            listener: is told of progress.

        Raises:
            UsageError: an unknown name or a bad parameter; nothing was spent.
            BudgetExceeded: the budget does not admit a single call.
            ProviderError: no sample could be had.
        """
        if isinstance(question, str):
            question = Question.of(question, kind=kind)
        elif kind is not None:
            question = msgspec.structs.replace(question, kind=kind)
        if plan is not None:
            if strategy != "single" or verifier is not None or framings:
                raise UsageError(f"The plan {plan} says how to buy; leave strategy, verifier and framings out.")
            return await self._ask_named(question, plan, limits, listener)
        named = verifier if isinstance(verifier, str) else None
        own = None if verifier is None or isinstance(verifier, str) else as_verifier(verifier, {})
        chosen = await self.plan(strategy, verifier=named, kind=question.kind, framings=framings)
        return await self.buy(question, chosen, limits=limits, listener=listener, verifier=own)

    async def _ask_named(
        self,
        question: Question,
        name: str,
        limits: Limits | None,
        listener: Callable[[dict[str, Any]], None] | None,
    ) -> Answer:
        entry = self._config.plan(name)
        seller = await self.played_by(entry.cast(self._config.default, self._config.roles))
        question = msgspec.structs.replace(question, sampling=entry.bounding(question.sampling))
        limits = narrower(limits or Limits(), entry.limits(self._clock()))
        if entry.strategy == PASS_THROUGH:
            answer, _ = await seller.pass_through(question, limits=limits, name=name)
            return answer
        roles = {seat: card.name for seat, card in (await seller.cards()).items()}
        kind = question.kind or entry.kind
        plan = Plan(entry.strategy, dict(entry.parameters), entry.verifier, kind, roles, entry.around, name)
        asked = msgspec.structs.replace(question, kind=kind)
        return await seller.buy(asked, plan, limits=limits, listener=listener)

    async def plan(
        self,
        strategy: str,
        *,
        verifier: str | None = None,
        kind: str | None = None,
        framings: Sequence[str] = (),
    ) -> Plan:
        """The plan that `name:key=value,…` names, checked; `verifier=…` among the values wins over the argument.

        Framings are named likewise and applied in the order given.

        Raises:
            UsageError: an unknown name or a bad parameter.
        """
        chosen = plugins.spec("strategy", strategy, beside=("verifier",))
        named = chosen.beside.get("verifier", verifier)
        if named is not None:
            plugins.spec("verifier", named)
        if kind is not None:
            plugins.load("answer kind", kind)
        roles = {seat: card.name for seat, card in (await self.cards()).items()}
        around = [plugins.spec("framing", text) for text in framings]
        return Plan(
            chosen.name, chosen.parameters, named, kind, roles, tuple((f.name, f.parameters) for f in around)
        )

    async def buy(
        self,
        question: Question,
        plan: Plan,
        *,
        limits: Limits | None = None,
        verifier: Verifier | None = None,
        listener: Callable[[dict[str, Any]], None] | None = None,
        account: Account | None = None,
        seed: int | None = None,
        live: bool = True,
    ) -> Answer:
        """Buy the answer to a question under a plan. `verifier` stands in for the plan's own.

        It is bought, and its trace kept, on behalf of `account`; None is this object's tenant, without quotas. `seed`
        stands in for this object's own. `live`: the listener is told of text while it is written, and what it may
        have shown is not begun anew by another model.

        Raises:
            As `ask`.
        """
        strategy = plugins.load("strategy", plan.strategy)
        parameters = plugins.check("strategy", plan.strategy, strategy, plan.parameters)
        judge = verifier or verifier_of(plan)
        worst = getattr(plugins.module_of(strategy), "bound", None)
        if judge is None and worst is not None and "verifier" in worst(question, **parameters).by_role:
            raise MissingAbility(f"{plan.strategy} needs a verifier; name one, for example --verifier judge.")
        cards = await self.cards()
        await self.refuse_unable(plan)
        asked = msgspec.structs.replace(self._guarded(question), kind=plan.kind or question.kind)
        door, run = self._opened_run(
            asked, plan, cards, limits, account, verifier=judge, listener=listener, seed=seed, live=live
        )
        return await self._save(door, run, await answered(run, asked, plan), plan)

    async def pass_through(
        self,
        question: Question,
        *,
        n: int = 1,
        seed: int | None = None,
        limits: Limits | None = None,
        on_delta: Callable[[int, Delta], None] | None = None,
        account: Account | None = None,
        name: str = "",
    ) -> tuple[Answer, Pool]:
        """A client's request as it was written: the answer that accounts for it, and its `n` choices.

        Neither framed, nor voted on, nor retried, nor served from the call cache; bounded, metered and traced like
        everything else. A caller that no longer wants it cancels: generation stops and what was written is settled.

        Args:
            question: the request's messages and sampling; its kind is not used.
            n: how many choices.
            seed: the client's seed, sent as it is; None sends none.
            limits: caps on this request alone.
            on_delta: is told (choice, delta) while the reply is written.
            account: on whose behalf; None is this object's tenant, without quotas.
            name: of the named plan that it is bought under.

        Raises:
            BudgetExceeded: the budget does not admit the call.
            ProviderError: the provider's own failure, with its status.
        """
        cards = await self.cards("default")
        roles = {seat: card.name for seat, card in cards.items()}
        plan = Plan(PASS_THROUGH, {"n": n, "seed": seed}, roles=roles, name=name)
        asked = self._guarded(question)
        door, run = self._opened_run(asked, plan, cards, limits, account)
        answer, pool = await pass_through(run, asked, n=n, seed=seed, on_delta=on_delta)
        return await self._save(door, run, answer, plan), pool

    async def work(
        self,
        job: Callable[[Run], Awaitable[T]],
        *,
        id: str,
        seed: int,
        tenant: str | None = None,
        limits: Limits | None = None,
    ) -> T:
        """What an offline job returns. It buys through the same door, marked `offline` in the ledger, without a trace.

        The call cache is on, so that a job that starts again after a crash buys nothing twice that was settled.

        Args:
            job: is handed the run to buy through.
            id: the job's; the ledger books its calls under it, and its seeds derive from it.
            seed: the run's seed, which must be the same at every attempt.
            tenant: for whom; None is this object's.
            limits: caps on this attempt.

        Raises:
            BudgetExceeded: a call of the job does not fit.
            ProviderError: the model failed.
        """
        cards = await self.cards()
        account = Account(tenant or self.tenant, cache_scope=OFFLINE, phase=OFFLINE)
        _, run = self._opened_run(Question(id, ()), Plan(OFFLINE), cards, limits, account, seed=seed)
        return await job(run)

    async def relay(
        self,
        asked: Relayed,
        *,
        question_id: str,
        limits: Limits | None = None,
        account: Account | None = None,
        on_event: OnEvent | None = None,
        name: str = "",
    ) -> tuple[Answer, Reply]:
        """The server's own reply to a request that is no chat, and the answer that accounts for it.

        Streamed where `on_event` takes its events. The trace keeps texts, and no embeddings. `name`: of the named plan
        that it is bought under.

        Raises:
            MissingAbility: the model is not one of a server.
            BudgetExceeded: the budget does not admit it.
            ProviderError: the provider's own failure, with its status.
        """
        cards = await self.cards("default")
        plan = Plan(asked.path, roles={seat: card.name for seat, card in cards.items()}, name=name)
        door, run = self._opened_run(Question(question_id, ()), plan, cards, limits, account)
        answer, reply = await relayed(run, asked, on_event)
        return await self._save(door, run, answer, plan), reply

    def _opened_run(
        self,
        asked: Question,
        plan: Plan,
        cards: Mapping[str, Card],
        limits: Limits | None,
        account: Account | None,
        *,
        verifier: Verifier | None = None,
        listener: Callable[[dict[str, Any]], None] | None = None,
        seed: int | None = None,
        live: bool = True,
    ) -> tuple[Door, Run]:
        session = self._session(cards)
        door = Door(session if account is None else session.on_behalf_of(account))
        seed = self.seed if seed is None else seed
        door.trace.add("open", "", 0.0, plan=plan, question=asked, cards=cards, seed=seed, prompts=PROMPTS)
        if self.watch is not None:
            self.watch(door.trace)
        budget = self.budget.fork(limits)
        run = Run(
            door, budget, seed=seed, question_id=asked.id, verifier=verifier, listener=listener, live=live
        )
        return door, run

    async def _save(self, door: Door, run: Run, answer: Answer, plan: Plan) -> Answer:
        trace_id = self.store.new_id("trace")
        answer = sealed(door, run, answer, plan, door.book.now_s())
        await self.store.save_answer(
            trace_id,
            self.run_id,
            answer.question_id,
            msgspec.json.encode(answer).decode(),
            door.trace.encode().decode(),
            time.time_ns() // 1000,
            tenant=door.session.tenant,
            kept=kept_of(run.left),
        )
        await keep_use(self.store, run, answer, trace_id, door.session.tenant)
        return msgspec.structs.replace(answer, trace_id=trace_id)

    async def judge(self, item: Item, answer: str | None, text: str) -> float:
        """How right an answer to a task's item is, in [0, 1].

        Algebra runs in killable workers, code against the item's tests in the sandbox. Judging is the experimenter's,
        not the buyer's: it is not charged.

        Raises:
            MissingAbility: the item has tests and there is no sandbox here.
        """
        if not item.tests:
            return await item.judge(answer, text, self._workers.call)
        if not answer:
            return 0.0
        checked = await run_checks(answer, item.tests)
        return checked.passed / checked.total

    def bound(
        self, question: Question, strategy: str, framings: Sequence[tuple[str, dict[str, Any]]] = ()
    ) -> Bound:
        """The worst case of a strategy on a question as it would be asked, framings included, images left out.

        Where neither the question nor the model's card bounds the output of a sample, 4,096 tokens are assumed.
        """
        chosen = plugins.spec("strategy", strategy, beside=("verifier",))
        card = self._cast.known("default")
        sampling = self._guarded(question).sampling
        if sampling.max_output_tokens is None and card is not None:
            most = card.max_output_tokens or card.context_tokens
            sampling = msgspec.structs.replace(sampling, max_output_tokens=most)
        asked = instruct(msgspec.structs.replace(question, sampling=sampling))
        return framed(asked, plugins.module_of(chosen.target).bound(asked, **chosen.parameters), framings)

    def _guarded(self, question: Question) -> Question:
        """The question within the configuration's caps on thinking."""
        return msgspec.structs.replace(question, sampling=self._config.guard.on(question.sampling))

    async def card(self, role: str = "default") -> Card:
        """The card of a role's model, read at first use; of several models, the first that can be asked.

        Raises:
            UsageError: no model plays the role, or it cannot be opened.
            ProviderError: it cannot be asked.
        """
        return await self._cast.card(role)

    async def cards(self, *roles: str) -> dict[str, Card]:
        """The cards of these roles by seat (`outlay.chain`), every role's if none is named.

        Raises:
            As `card`.
        """
        return await self._cast.cards(*roles)

    def _session(self, cards: Mapping[str, Card]) -> Session:
        """The session of these seats; all of them share what was found out about the models."""
        seats = tuple(cards)
        if seats not in self._sessions:
            providers = players({seat: Watched(self._cast.provider(seat)) for seat in seats})
            breakers = players({seat: self._cast.breaker(seat) for seat in seats})
            first = next(iter(self._sessions.values()), None) or Session(
                run_id=self.run_id,
                providers=providers,
                cards=players(cards),
                store=self.store,
                clock=self._clock,
                sleep=self._sleep,
                tenant=self.tenant,
                cache=self._cache,
                workers=self._workers,
            )
            self._sessions[seats] = first.played_by(providers, players(cards), breakers)
        return self._sessions[seats]

    async def refuse_unable(self, plan: Plan) -> None:
        """Refuse, before a cent is spent, a plan that cannot work here (`outlay.feasible`).

        Raises:
            As `feasible.refuse_unable`.
        """
        await refuse_unable(plan, await self.card())

    async def _open_store(self) -> Store:
        if self._store_at is not None and not isinstance(self._store_at, (str, Path)):
            return self._store_at
        from outlay.store.discreet import open_ledger

        place = self._store_at or configuration.database()
        return await open_ledger(place, durability=self._config.durability, prompts=self._config.prompts)
