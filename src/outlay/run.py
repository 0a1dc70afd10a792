"""`Run`, the only door that spends.

Each purchase passes the same steps in one place: look up the call cache, reserve the worst case and write it ahead,
call the provider, count tokens choice by choice, settle what it cost, append to the trace. Nothing else in outlay
holds a client, a key or a price.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from outlay.budget import Budget, Limits
from outlay.concurrency import together
from outlay.door import bounds
from outlay.door.classify import classify
from outlay.door.cut_thinking import drawn
from outlay.door.draws import Door
from outlay.door.embedding import embed
from outlay.door.rating import rate
from outlay.door.relay import OnEvent, Reply, relay
from outlay.door.relay_ending import Relayed
from outlay.door.session import Ask, Spent
from outlay.door.tooling import Said, use
from outlay.errors import BudgetExceeded, MissingAbility, MissingExtra, OutlayError, ProviderError
from outlay.models.provider import ABILITIES, Card
from outlay.money import cost_nusd, worst_nusd
from outlay.sandbox.killable import WorkerFailed, WorkerKilled
from outlay.store.kept import CascadeStep, Demonstration
from outlay.store.protocol import Store
from outlay.tools._tool import Tool
from outlay.types import Completion, Delta, Message, Pool, Question, Sample, Sampling, Usage, Verdict

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

WORK_S = 5.0
"""How long a worker may compare the answers of one pool, in seconds."""

Verifier = Callable[["Run", Question, Sample], Awaitable[Verdict]]
"""How a run judges one candidate; the engine hands it over, so that a run knows no verifier by name."""

Scorer = Callable[["Run", Question, tuple[str, ...]], Awaitable[float]]
"""How a verifier scores the steps of a chain that need not be finished."""


class Run:
    """The authority to spend on one question. It lives as long as the answer is being bought.

    Attributes:
        seed: the run's seed; every random choice derives from it.
        question_id: what the ledger books this run's calls under.
        spent: what this run has bought so far.
        notes: sentences that belong into the answer, about what could not be done.
        on_context: the context that a framing found the question on, for the store to keep with its cost; or None.
        left: what the answer leaves behind; the store keeps it in the same commit as the answer.
        refused: why the budget refused a part of what was asked for; empty if it did not.
        failure: the first failure of a sample, or None: what an answer of no samples failed for.
    """

    def __init__(
        self,
        door: Door,
        budget: Budget,
        *,
        seed: int,
        question_id: str,
        verifier: Verifier | None = None,
        listener: Callable[[dict[str, Any]], None] | None = None,
        live: bool = True,
    ):
        self._door, self.budget, self.seed, self.question_id = door, budget, seed, question_id
        self._verifier, self._listener, self._live = verifier, listener, live
        self._occurrences: dict[str, int] = {}
        self.spent = Spent()
        self.notes: list[str] = []
        self.on_context: dict[str, Any] | None = None
        self.left: list[Demonstration | CascadeStep] = []
        self.refused = ""
        self.failure: ProviderError | None = None

    async def sample(
        self, question: Question, *, n: int, start: int = 0, role: str = "default", planned: int | None = None
    ) -> Pool:
        """Draw samples `start … start + n - 1` of the question and classify their answers.

        What fails is data: a failed sample stands in the pool with its error. Samples that the budget refuses stand
        there too, unless nothing at all was granted.

        Args:
            question: what to ask.
            n: how many samples, at least 1.
            start: index of the first; the same index is the same draw (its seed depends on it).
            role: which model.
            planned: calls the strategy may still make, these included (for a derived output bound); default n.

        Returns:
            The pool of these n samples, in index order.

        Raises:
            BudgetExceeded: the budget admits not one of them.
            ProviderError: no sample can succeed (a refused key, a dead server).
        """
        ask = Ask(question.id, role, "draw", question.messages, question.sampling, None, planned or n)
        results = await self._draw(ask, range(start, start + n))
        self.refused = self.refused or next((str(r) for r in results if isinstance(r, BudgetExceeded)), "")
        self.failure = self.failure or next((r for r in results if isinstance(r, ProviderError)), None)
        if all(isinstance(r, BudgetExceeded) for r in results):
            raise results[0]  # type: ignore[misc]  # every one of them is an error, as just checked
        samples = tuple(
            Sample(index=i, completion=r) if isinstance(r, Completion) else Sample(index=i, error=str(r))
            for i, r in zip(range(start, start + n), results, strict=True)
        )
        return await classify(Pool(question.id, question.kind, samples), self._work)

    async def merge(self, pool: Pool, more: Pool) -> Pool:
        """One pool of both, in index order, its classes found anew over all of them."""
        samples = sorted((*pool.samples, *more.samples), key=lambda s: s.index)
        return await classify(msgspec.structs.replace(pool, samples=tuple(samples)), self._work)

    async def pass_through(
        self,
        question: Question,
        *,
        n: int = 1,
        seed: int | None = None,
        on_delta: Callable[[int, Delta], None] | None = None,
    ) -> Pool:
        """`n` choices of a client's request as the client wrote it: nothing added, no retry, no call cache.

        What fails is data, unless nothing came: then the first failure is raised.

        Args:
            question: the request's messages and sampling.
            n: how many choices, at least 1; more than the model draws in one request become several.
            seed: the client's own seed, or None to send none.
            on_delta: is told (choice, delta) while the reply is written. Cancelling stops generation upstream and
                settles what was written.

        Raises:
            BudgetExceeded: the budget admits not one of them.
            MissingAbility: log-probabilities are asked for and the model has none.
            ProviderError: no choice came; the provider's own failure, with its status.
        """
        if question.sampling.top_logprobs is not None:
            self.need(frozenset({"logprobs"}))
        ask = Ask(question.id, "default", "pass", question.messages, question.sampling, None, n, True, seed)
        results = await drawn(
            self._door, self.budget, ask, ask.label, range(n), self.seed, self.spent, on_delta, self.notes
        )
        failures = [(i, r) for i, r in enumerate(results) if isinstance(r, OutlayError)]
        if len(failures) == n:
            raise failures[0][1]
        self.refused = next((str(r) for _, r in failures if isinstance(r, BudgetExceeded)), "")
        self.notes.extend(f"choice {i}: {r}" for i, r in failures)
        samples = tuple(
            Sample(index=i, completion=r) if isinstance(r, Completion) else Sample(index=i, error=str(r))
            for i, r in enumerate(results)
        )
        return Pool(question.id, None, samples)

    async def relay(self, asked: Relayed, on_event: OnEvent | None = None) -> Reply:
        """The reply of the default model's server to a request that is no chat, as it came (`outlay.door.relay`)."""
        return await relay(self._door.book, self.budget, self.question_id, asked, self.spent, on_event)

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        role: str,
        label: str,
        n: int = 1,
        sampling: Sampling = Sampling(),
        prefix: str | None = None,
    ) -> tuple[Completion, ...]:
        """`n` completions of messages that are not the question itself: a judge's, a checker's.

        Args:
            messages: the chat, in OpenAI's shape.
            role: which model.
            label: what the call is for; unique within the answer (it names the call in the trace and seeds it).
            n: how many.
            sampling: how to draw.
            prefix: assistant text to continue.

        Raises:
            BudgetExceeded: it does not fit.
            ProviderError: it failed.
        """
        results = await self.attempts(messages, role=role, label=label, n=n, sampling=sampling, prefix=prefix)
        for result in results:
            if isinstance(result, OutlayError):
                raise result
        return tuple(r for r in results if isinstance(r, Completion))

    async def attempts(
        self,
        messages: Sequence[Message],
        *,
        role: str,
        label: str,
        n: int = 1,
        start: int = 0,
        sampling: Sampling = Sampling(),
        prefix: str | None = None,
    ) -> tuple[Completion | OutlayError, ...]:
        """Like `complete`, but what fails is data: each place holds a completion or the error that took its place.

        Args:
            messages: the chat, in OpenAI's shape.
            role: which model.
            label: what the call is for. With `start` 0 a label that was used before gets a number; with a higher
                start it means the same draws, continued.
            n: how many.
            start: sample index of the first; label and index decide the seed.
            sampling: how to draw.
            prefix: assistant text to continue.

        Raises:
            ProviderError: no sample can succeed (a refused key, a dead server).
        """
        ask = Ask(self.question_id, role, label, tuple(messages), sampling, prefix, n)
        return tuple(await self._draw(ask, range(start, start + n)))

    async def continues(self, *, role: str = "default") -> None:
        """Refuse a model that does not continue a given text: by its card, then by a probe, bought once a session.

        Raises:
            MissingAbility: it does not; servers without the ability open a new turn in silence.
            BudgetExceeded: the probe does not fit.
            ProviderError: the server could not be asked.
        """
        self.need(frozenset({"prefix"}), role=role)
        await self._door.confirm_prefix(self.budget, self.question_id, role, self.spent)

    async def embed(self, texts: Sequence[str], *, role: str = "embed", label: str = "") -> NDArray[float32]:
        """The embeddings of texts, a row of length 1 each (`outlay.door.embedding`)."""
        key = self._unique(f"embed/{label}")
        return await embed(self._door.book, self.budget, self.question_id, texts, role, key, self.spent)

    async def rate(self, text: str, *, role: str = "process_rm") -> tuple[float, ...]:
        """The scores that a reward model gives the marked steps of a text (`outlay.door.rating`)."""
        key = self._unique(f"rate/{bounds.seed_of(text)}")
        return await rate(self._door.book, self.budget, self.question_id, text, role, key, self.spent)

    def card(self, role: str = "default") -> Card:
        """The card of a role's model: its name, its identity and what it can do.

        Raises:
            UsageError: no model plays the role.
        """
        return self._door.card(role)

    def has(self, role: str) -> bool:
        """Whether a model plays the role in this plan."""
        return role in self._door.session.cards

    async def score(self, question: Question, pool: Pool, *, only: Collection[int] | None = None) -> Pool:
        """The pool with verdicts of this run's verifier on every voter (of those indices, if given), all at once.

        A candidate whose verification failed keeps no verdict and its error; it was paid for all the same.
        """
        wanted = [s for s in pool.voters if only is None or s.index in only]
        verdicts = await together(self._try_verify(question, s) for s in wanted)
        judged = {s.index: v for s, v in zip(wanted, verdicts, strict=True)}
        samples = []
        for s in pool.samples:
            verdict = judged.get(s.index)
            if isinstance(verdict, Verdict):
                s = msgspec.structs.replace(s, verdict=verdict)
            elif verdict is not None:
                s = msgspec.structs.replace(s, error=f"not verified: {verdict}")
            samples.append(s)
        return msgspec.structs.replace(pool, samples=tuple(samples))

    async def verify(self, question: Question, sample: Sample) -> Verdict:
        """This run's verifier's verdict on one candidate.

        Raises:
            MissingAbility: the plan has no verifier.
            ProviderError: the verifier's own call failed.
        """
        if self._verifier is None:
            raise MissingAbility("This strategy needs a verifier; name one, for example --verifier judge.")
        verdict = await self._verifier(self, question, sample)
        score = min(max(verdict.score, 0.0), 1.0) if verdict.score == verdict.score else 0.0
        return verdict if score == verdict.score else msgspec.structs.replace(verdict, score=score)

    @property
    def verifier_name(self) -> str:
        """The verifier as a user writes it; empty for none and for a function of the user's own."""
        return getattr(self._verifier, "name", "")

    async def score_prefix(self, question: Question, steps: tuple[str, ...], *, whole: bool) -> float:
        """How good this run's verifier finds a chain of thought so far; in [0, 1] if the verifier keeps its word.

        A verifier that has a `prefix` scores the steps by it. Another one is asked about the text so far as if it were
        a candidate, without an answer while the chain is not whole.

        Raises:
            MissingAbility: the plan has no verifier.
            ProviderError: the verifier's own call failed.
            BudgetExceeded: it does not fit.
        """
        scorer: Scorer | None = getattr(self._verifier, "prefix", None)
        if scorer is not None:
            return await scorer(self, question, steps)
        text = "".join(steps)
        # The index names the verifier's calls, so it follows from the text and not from who is scored first.
        completion = Completion(text, "stop" if whole else "length", Usage(0, 0), bounds.seed_of(repr(text)))
        pool = Pool(question.id, question.kind, (Sample(completion.sample, completion),))
        (candidate,) = (await classify(pool, self._work)).samples
        return (await self.verify(question, candidate)).score

    @property
    def tenant(self) -> str:
        """On whose behalf is bought."""
        return self._door.session.tenant

    async def observe(self, key: str, look: Callable[[], Awaitable[Any]]) -> Any:
        """The result of an effect outside of models (a command, a worker, a user's function), traced for replay.

        The result must be plain data. `key` names the effect within the answer.
        """
        return await self._door.observe(self._unique(key), look)

    async def recall(self, key: str, look: Callable[[Store, str], Awaitable[Any]]) -> Any:
        """What the store remembers for this run's tenant: the result of `look(store, tenant)`, traced for replay.

        The result must be plain data. `key` names the look-up within the answer. Nothing is bought by it, and nothing
        of another tenant may be asked for.
        """
        session = self._door.session
        return await self.observe(key, lambda: look(session.store, session.tenant))

    async def seconds(
        self, key: str, most_s: float, work: Callable[[], Awaitable[Any]], *, same: str | None = None
    ) -> Any:
        """Like `observe`, and charged by the second of this machine: `most_s` is reserved, what it took is settled.

        With `same`, all that the result follows from, a resumed run of which the call cache is on gets it for nothing
        (`outlay.door.work`).
        """
        return await self._door.seconds(
            self.budget, self.question_id, self._unique(key), most_s, work, self.spent, same
        )

    async def tool(self, tool: Tool, work: Callable[[], Awaitable[Any]]) -> Said:
        """What one call of a tool says, paid by the call and the second; failures are data (`outlay.door.tooling`)."""
        key = self._unique(f"tool/{tool.name}")
        return await use(self._door.book, self.budget, self.question_id, tool, key, work, self.spent)

    def need(self, abilities: frozenset[str], *, role: str = "default") -> None:
        """Refuse, before a cent is spent, a plan whose model lacks an ability.

        Raises:
            MissingAbility: says which ability is missing and what it means.
        """
        card = self._door.card(role)
        for ability in sorted(abilities - card.abilities):
            raise MissingAbility(
                f"The model {card.name} lacks the ability {ability} ({ABILITIES[ability]}); choose a "
                f"model that has it: `outlay models` shows which do."
            )

    def price_of(self, usage: Usage, *, role: str = "default") -> int | None:
        """What `usage` would cost on a role's model, in nano-dollars; None where its price is unknown."""
        price = self._door.card(role).price
        return None if price is None else cost_nusd(price, usage)

    def worst_price(self, input_tokens: int, output_tokens: int, *, role: str = "default") -> int | None:
        """The most that a call within these bounds can cost, in nano-dollars; None where the price is unknown."""
        price = self._door.card(role).price
        return None if price is None else worst_nusd(price, input_tokens, output_tokens)

    def fork(self, limits: Limits, *, verifier: Verifier | None = None, live: bool | None = None) -> Run:
        """A run with a slice of this budget; what it spends counts here and in `spent`.

        Not `live`, its texts are shown to nobody: they lead up to an answer and are none.
        """
        sub = Run(
            self._door,
            self.budget.fork(limits),
            seed=self.seed,
            question_id=self.question_id,
            verifier=verifier or self._verifier,
            listener=self._listener,
            live=self._live if live is None else live,
        )
        sub.spent, sub.notes, sub._occurrences = self.spent, self.notes, self._occurrences
        sub.left = self.left
        return sub

    def rng(self, label: str) -> random.Random:
        """A random generator of this run, question and label: the same inputs draw the same."""
        return random.Random(bounds.seed_of(self.seed, self.question_id, "rng", label))

    def emit(self, event: str, **fields: Any) -> None:
        """Tell whoever listens: progress, or text of the leading candidate. Never part of the trace."""
        if self._listener is not None:
            self._listener({"event": event, "question_id": self.question_id, **fields})

    async def _work(self, key: str, target: str, values: list[str]) -> list[int] | None:
        """A function's result from a killable worker, traced; None, with a note, where that failed."""

        async def look() -> dict[str, Any]:
            try:
                return {"value": await self._door.session.workers.call(target, values, timeout_s=WORK_S)}
            except (WorkerFailed, WorkerKilled, MissingExtra) as error:
                return {"note": f"answers were compared by spelling only: {error}"}

        seen = await self.observe(key, look)
        if "note" in seen:
            self.notes.append(seen["note"])
        return seen.get("value")

    async def _draw(self, ask: Ask, indices: range) -> list[Completion | OutlayError]:
        if ask.prefix is not None:
            self.need(frozenset({"prefix"}), role=ask.role)
        if ask.sampling.top_logprobs is not None:
            self.need(frozenset({"logprobs"}), role=ask.role)
        if ask.sampling.extra.get("tools"):
            self.need(frozenset({"tools"}), role=ask.role)
        label = ask.label if ask.label == "draw" or indices[0] else self._unique(ask.label)
        # What somebody may have seen is never begun anew by another model, so only those who look are told.
        on_delta = self._emit_text if self._listener and self._live else None
        results = await drawn(
            self._door, self.budget, ask, label, indices, self.seed, self.spent, on_delta, self.notes
        )
        for result in results:
            if isinstance(result, ProviderError) and result.fatal:
                raise result
        return results

    def _emit_text(self, index: int, delta: Delta) -> None:
        if delta.text:
            self.emit("text", sample=index, text=delta.text)

    async def _try_verify(self, question: Question, sample: Sample) -> Verdict | OutlayError:
        try:
            return await self.verify(question, sample)
        except ProviderError as error:
            if error.fatal:
                raise
            return error
        except BudgetExceeded as error:
            return error

    def _unique(self, key: str) -> str:
        count = self._occurrences.get(key, 0)
        self._occurrences[key] = count + 1
        return key if count == 0 else f"{key}#{count}"
