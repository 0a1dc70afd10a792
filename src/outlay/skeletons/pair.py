"""A small and a large model write one chain of thought together: who writes the next step is decided before the draft
or after it.

Both models continue the same text, so each reads only what the other wrote since its last turn (with a prefix cache).
Draws are named by role and prefix (`steps.digest`): at the same point of the same chain the same model says the same
thing, whichever strategy or threshold led there. So arms of an experiment share what they have in common.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec
from msgspec import Struct

from outlay.door.metering import total
from outlay.errors import BudgetExceeded, NoAnswer, ProviderError
from outlay.prompts.thinking import CLOSE, OPENED
from outlay.run import Run
from outlay.skeletons.counted import counted
from outlay.skeletons.pair_rules import LARGE, SMALL, Rules
from outlay.skeletons.steps import Step, digest, states_answer, step
from outlay.types import Question


class Written(Struct, frozen=True):
    """One step of a chain: who wrote it and what decided that. `signal` is None where nothing was to be decided by."""

    text: str
    role: str
    tokens: int
    signal: float | None = None
    dropped_tokens: int = 0
    """Tokens of the draft that was thrown away for it."""


class Chain(Struct, frozen=True):
    """The text so far and its steps; `over` says why it ended, and `cut` that this was no end of its own."""

    text: str = ""
    steps: tuple[Written, ...] = ()
    over: str = ""
    cut: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of the kept steps."""
        return sum(s.tokens for s in self.steps)


class Counts(Struct):
    """What a pair bought. Drafts are small steps that something looked at, or wrote as chosen; probes are one token."""

    kept: int = 0
    dropped: int = 0
    large_steps: int = 0
    probes: int = 0
    grades: int = 0
    kept_tokens: int = 0
    dropped_tokens: int = 0
    large_tokens: int = 0
    blind: int = 0
    """Decisions without a signal: the probe or grade failed."""
    redrawn: int = 0
    """Further draws of steps of the large model that the verifier showed wrong."""

    def words(self) -> str:
        """The counts in one sentence's part."""
        total = self.kept + self.large_steps
        parts = [
            f"{counted(total, 'step')}: {self.kept} by the small model, {self.large_steps} by the large one "
            f"({counted(self.large_tokens, 'token')})",
            f"{counted(self.dropped, 'draft')} dropped ({counted(self.dropped_tokens, 'token')})"
            if self.dropped
            else "",
            f"{counted(self.redrawn, 'step')} drawn again" if self.redrawn else "",
            counted(self.probes, "probe") if self.probes else "",
            counted(self.grades, "grade") if self.grades else "",
            f"{counted(self.blind, 'decision')} without a signal went to the large model" if self.blind else "",
        ]
        return ", ".join(p for p in parts if p)


class Decision(Struct, frozen=True):
    """Who writes the next step, and the number that decided it; None: there was none, so the large model writes."""

    large: bool
    signal: float | None = None
    written: Step | None = None
    """The large model's step where deciding bought it already (an oracle does)."""


Before: TypeAlias = Callable[[Run, Question, Chain, Counts], Awaitable[Decision]]
"""Decides who writes the next step before there is a draft."""
After: TypeAlias = Callable[[Run, Question, Chain, Step, Counts], Awaitable[Decision]]
"""Decides whether the large model writes the step anew, after the small model's draft."""
Again: TypeAlias = Callable[[Run, Question, Chain, Step, Counts], Awaitable[Step]]
"""Looks at a step of the large model and returns it, or one that it drew in its place."""


class Router(Struct, frozen=True):
    """Who looks at a step: before its draft, after it, at the large model's. Without any the small model writes all."""

    before: Before | None = None
    after: After | None = None
    again: Again | None = None


async def write(run: Run, question: Question, kept: Rules, router: Router, counts: Counts) -> Chain:
    """The chain that the two models write under the rules.

    A model that fails at a step is stood in for by the other; where both fail, or the budget ends, the chain ends as
    cut and the answer says why. Repeated steps end it from the third step on.

    Args:
        run: what buys it; it must play the roles `small` and `large`.
        question: as both models see it (`framed`).
        kept: the rules.
        router: decides who writes a step.
        counts: is added to.

    Raises:
        MissingAbility: one of the two does not continue a given text.
        BudgetExceeded: nothing was bought.
        NoAnswer: both models failed at the first step.
    """
    for role in (SMALL, LARGE):
        await run.continues(role=role)
    if run.card(SMALL).identity == run.card(LARGE).identity:
        run.notes.append("one model plays the small and the large part, so nothing is saved; name a small one")
    chain = Chain(OPENED if kept.thinks != "plain" else "")
    while not chain.over:
        try:
            found, written = await _next(run, question, kept, chain, router, counts)
            chain = _joined(chain, found, written, kept)
        except BudgetExceeded as refusal:
            if not run.spent.calls:
                raise
            run.refused = run.refused or str(refusal)
            chain = _ended(chain, f"the budget ended after {len(chain.steps)} steps: {refusal}")
        except ProviderError as failure:
            if failure.fatal:
                raise
            run.failure = run.failure or failure
            if not chain.steps:
                raise NoAnswer(f"Neither model wrote a first step: {failure}.") from failure
            chain = _ended(chain, f"both models failed at step {len(chain.steps)}: {failure}")
    return chain


async def drawn(run: Run, question: Question, kept: Rules, chain: Chain, role: str, *, draw: int = 0) -> Step:
    """The next step by the model of a role, in as many pieces as give it the least tokens of a step.

    Equal chains have equal steps by the same role and `draw`; another draw is another sample.

    Raises:
        ProviderError: it failed.
        BudgetExceeded: it was refused.
    """
    found = await _piece(run, question, kept, chain, None, role, draw)
    for _ in range(kept.least_tokens - 1):
        written = found.usage.output_tokens
        enough = min(kept.least_tokens, kept.max_tokens - chain.tokens)
        if found.ended or found.cut or written >= enough or CLOSE in found.text:
            break
        found = _longer(found, await _piece(run, question, kept, chain, found, role))
    return found


async def _piece(
    run: Run, question: Question, kept: Rules, chain: Chain, begun: Step | None, role: str, draw: int = 0
) -> Step:
    """What follows the chain and what is begun of its next step, up to the next separator."""
    text, written = (chain.text + begun.text, begun.usage.output_tokens) if begun else (chain.text, 0)
    (found,) = await step(
        run,
        question,
        text,
        role=role,
        label=f"{role}/{digest(text)}",
        separator=kept.separator,
        max_tokens=max(min(kept.step_tokens, kept.max_tokens - chain.tokens) - written, 1),
        start=draw,
        # All drafts carry theirs, whoever looks at them: then the same draft is the same call in every strategy.
        top_logprobs=0 if role == SMALL and "logprobs" in run.card(role).abilities else None,
    )
    if isinstance(found, Step):
        return found
    raise found


def _longer(begun: Step, more: Step) -> Step:
    """A step with its next piece; how it ended is how that one did."""
    both = (begun.logprobs, more.logprobs)
    return msgspec.structs.replace(
        more,
        text=begun.text + more.text,
        usage=total([begun.usage, more.usage]),
        logprobs=None if None in both else tuple(token for part in both for token in part or ()),
        latency_s=begun.latency_s + more.latency_s,
    )


async def _next(
    run: Run,
    question: Question,
    kept: Rules,
    chain: Chain,
    router: Router,
    counts: Counts,
) -> tuple[Step, Written]:
    if len(chain.steps) < kept.first_large:
        return await _by_large(run, question, kept, chain, router, counts, Decision(True), None)
    decision = Decision(False) if router.before is None else await router.before(run, question, chain, counts)
    if decision.large:
        return await _by_large(run, question, kept, chain, router, counts, decision, None)
    try:
        draft = await drawn(run, question, kept, chain, SMALL)
    except ProviderError as failure:
        _stood_in(run, failure, "small", "large")
        return await _by_large(run, question, kept, chain, router, counts, decision, failure)
    if router.after is not None:
        try:
            decision = await router.after(run, question, chain, draft, counts)
            if decision.large:
                return await _by_large(run, question, kept, chain, router, counts, decision, draft)
        except BudgetExceeded as refusal:
            # The draft is paid for: it stands, unlooked at, and the next purchase ends the chain.
            run.refused = run.refused or str(refusal)
            run.notes.append(f"the last draft was not looked at: {refusal}")
    return _kept(draft, counts, decision)


async def _by_large(
    run: Run,
    question: Question,
    kept: Rules,
    chain: Chain,
    router: Router,
    counts: Counts,
    decision: Decision,
    draft: Step | ProviderError | None,
) -> tuple[Step, Written]:
    """The large model's step; where it fails, the draft that it should have replaced, or one bought now."""
    try:
        found = decision.written or await drawn(run, question, kept, chain, LARGE)
    except ProviderError as failure:
        if isinstance(draft, ProviderError):
            raise
        _stood_in(run, failure, "large", "small")
        return _kept(draft or await drawn(run, question, kept, chain, SMALL), counts, decision)
    lost = draft.usage.output_tokens if isinstance(draft, Step) else 0
    counts.dropped += isinstance(draft, Step)
    counts.dropped_tokens += lost
    counts.large_steps += 1
    counts.large_tokens += 0 if decision.written else found.usage.output_tokens
    if router.again is not None:
        found = await router.again(run, question, chain, found, counts)
    return found, Written(found.text, LARGE, found.usage.output_tokens, decision.signal, lost)


def _kept(draft: Step, counts: Counts, decision: Decision) -> tuple[Step, Written]:
    counts.kept += 1
    counts.kept_tokens += draft.usage.output_tokens
    return draft, Written(draft.text, SMALL, draft.usage.output_tokens, decision.signal)


def _joined(chain: Chain, found: Step, written: Written, kept: Rules) -> Chain:
    """The chain with a step, and whether it is over."""
    text, closed = found.text, CLOSE in found.text
    ended, why = found.ended, found.why
    if kept.thinks != "plain" and closed:
        answered = states_answer(text.partition(CLOSE)[0]) or kept.closing_ends
        text = text.partition(CLOSE)[0] if answered else text.replace(CLOSE, "")
        ended, why = answered, "the thinking was closed"
    written = msgspec.structs.replace(written, text=text)
    steps = (*chain.steps, written)
    longer = Chain(chain.text + text, steps)
    if ended:
        return Chain(longer.text, steps, why or "the model ended it", found.finish_reason == "length")
    if len(steps) > 2 and steps[-1].text.strip() == steps[-2].text.strip():
        return _ended(longer, "the last two steps are the same")
    if longer.tokens >= kept.max_tokens:
        return _ended(longer, f"the bound of {kept.max_tokens} tokens was reached")
    if len(steps) >= kept.max_steps:
        return _ended(longer, f"the bound of {kept.max_steps} steps was reached")
    return longer


def _ended(chain: Chain, why: str) -> Chain:
    return Chain(chain.text, chain.steps, why, cut=True)


def _stood_in(run: Run, failure: ProviderError, failed: str, other: str) -> None:
    if failure.fatal:
        raise failure
    run.failure = run.failure or failure
    run.notes.append(f"the {other} model stood in for the {failed} one at a step: {failure}")
