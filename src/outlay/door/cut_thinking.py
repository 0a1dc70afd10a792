"""Thinking that ran past its cap is closed, and the model's best answer asked for: a second purchase for one sample.

The cap stands in the sampling; whoever streams ends the thinking there with the finish reason `CUT` (the engine puts
`guards` around its models). What is bought here is metered and traced like everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from outlay.budget import Budget
from outlay.concurrency import together
from outlay.door.confirm import PROBE_INPUT_TOKENS, PROBE_OUTPUT_TOKENS
from outlay.door.draws import Door
from outlay.door.hidden_thinking import ANSWER_TOKENS, bounded, noted
from outlay.door.session import Ask, Spent
from outlay.errors import BudgetExceeded, MissingAbility, OutlayError, ProviderError
from outlay.prompts.answer_now import TOKENS as ANSWER_NOW_TOKENS
from outlay.prompts.answer_now import answer_now
from outlay.prompts.thinking import CLOSED, OPEN, OPENED, without_tags
from outlay.types import Completion, Delta, Draws, Usage

CUT = "reasoning_cap"
"""The finish reason of a choice whose thinking was ended from outside."""
WATCHED = frozenset({"draw", "pass"})
"""Draws whose thinking is capped: of the question itself. Others, a judge's or a strategy's own, have their bounds."""
OnDelta = Callable[[int, Delta], None]


async def drawn(
    door: Door,
    budget: Budget,
    ask: Ask,
    label: str,
    indices: Sequence[int],
    run_seed: int,
    spent: Spent,
    on_delta: OnDelta | None,
    notes: list[str],
) -> list[Completion | OutlayError]:
    """A draw (`Door.draw`) in which a choice whose thinking was cut comes with the answer bought after it.

    Where that answer is refused or fails, the choice stands as one that was cut at its bound. `notes` is told of each.

    Cost: for each choice that was cut one call more, which reads the question and the thinking and writes at most
        `answer_tokens`; at most one probe of the ability `prefix` a session.
    """
    if ask.sampling.reasoning_tokens is not None and not _capped(door, ask):
        ask = replace(ask, sampling=replace(ask.sampling, reasoning_tokens=None))
    ask = await bounded(door, ask, label, indices[0])
    results = await door.draw(budget, ask, label, indices, run_seed, spent, on_delta)
    notes.extend(told for told in noted(door, ask, indices, results) if told not in notes)
    cut = {
        index: said
        for index, said in zip(indices, results, strict=True)
        if isinstance(said, Completion) and said.finish_reason == CUT
    }
    if not cut:
        return results
    able = await _continues(door, budget, ask, label, spent)
    ends = [
        _Ended(door, budget, ask, label, index, run_seed, spent, on_delta, said, able)
        for index, said in cut.items()
    ]
    whole = dict(zip(cut, await together(end.answered(notes) for end in ends), strict=True))
    return [whole.get(index, said) for index, said in zip(indices, results, strict=True)]


def with_answers(draws: Draws, answer_tokens: int | None) -> Draws:
    """The worst case of draws whose thinking is capped: every one cut, its text read again, an answer after it.

    Example:
        >>> with_answers(Draws(1, 10, 500), 100)
        Draws(calls=3, input_tokens=1007, output_tokens=604)
    """
    most = answer_tokens or ANSWER_TOKENS
    reread = 2 * draws.input_tokens + draws.output_tokens + draws.calls * ANSWER_NOW_TOKENS
    return Draws(
        2 * draws.calls + 1,
        reread + PROBE_INPUT_TOKENS,
        draws.output_tokens + draws.calls * most + PROBE_OUTPUT_TOKENS,
    )


def _capped(door: Door, ask: Ask) -> bool:
    """Whether the cap concerns a draw; what was recorded can be drawn, but not be gone on from."""
    return ask.label in WATCHED and not door.card(ask.role).identity.startswith("recorded/")


async def _continues(door: Door, budget: Budget, ask: Ask, label: str, spent: Spent) -> bool:
    """Whether the model continues a given text, by its card and a probe; traced, as it decides what is bought."""
    able = "prefix" in door.card(ask.role).abilities
    if able:
        try:
            await door.confirm_prefix(budget, ask.question_id, ask.role, spent)
        except (MissingAbility, BudgetExceeded, ProviderError):
            able = False

    async def look() -> bool:
        return able

    return await door.observe(f"continues/{ask.role}/{label}", look)


class _Ended:
    """One choice whose thinking was cut."""

    def __init__(
        self,
        door: Door,
        budget: Budget,
        ask: Ask,
        label: str,
        index: int,
        run_seed: int,
        spent: Spent,
        on_delta: OnDelta | None,
        said: Completion,
        able: bool,
    ):
        self._door, self._budget, self._ask, self._label, self._index = door, budget, ask, label, index
        self._run_seed, self._spent, self._on_delta, self._said, self._able = (
            run_seed,
            spent,
            on_delta,
            said,
            able,
        )

    async def answered(self, notes: list[str]) -> Completion:
        """The choice with its answer."""
        cap = self._ask.sampling.reasoning_tokens
        told = f"sample {self._index}: its thinking was ended at {cap:,} tokens"
        most = self._left()
        if most < 1:
            notes.append(f"{told}, and its output bound leaves no room for an answer")
            return replace(self._said, finish_reason="length")
        more = await self._bought(most)
        if not isinstance(more, Completion):
            notes.append(f"{told}, and the answer after it could not be bought: {more}")
            return replace(self._said, finish_reason="length")
        notes.append(f"{told}, and its best answer asked for")
        return self._joined(more)

    def _left(self) -> int:
        """Tokens that the answer may have: its own bound, within what the thinking left of the sample's."""
        sampling, used = self._ask.sampling, self._said.usage.output_tokens
        if self._said.mark == "unreconciled":
            used = sampling.reasoning_tokens or 0
        most = sampling.answer_tokens or ANSWER_TOKENS
        bound = sampling.max_output_tokens
        return most if bound is None else min(most, bound - used)

    async def _bought(self, most: int) -> Completion | OutlayError:
        ask, said = self._ask, self._said
        sampling = replace(ask.sampling, max_output_tokens=most, reasoning_tokens=None, answer_tokens=None)
        if self._able:
            prefix = f"{said.text}{CLOSED}" if _in_text(said) else f"{OPENED}{said.reasoning}{CLOSED}"
            ask = replace(ask, prefix=prefix, sampling=sampling, planned=1)
        else:
            messages = answer_now(ask.messages, without_tags(said.reasoning or said.text), most)
            ask = replace(ask, messages=messages, sampling=sampling, planned=1)
        if self._on_delta is not None and _in_text(said):
            self._on_delta(self._index, Delta(text=CLOSED))
        # Not a draw of the question itself: a recorded or cached one must not stand in for it.
        label = f"{self._label}/answer"
        try:
            (more,) = await self._door.draw(
                self._budget, ask, label, [self._index], self._run_seed, self._spent, self._on_delta
            )
        except (BudgetExceeded, ProviderError) as failure:
            return failure
        return more

    def _joined(self, more: Completion) -> Completion:
        """One completion of both: the thinking as it was sent, the answer, and what both used."""
        said = self._said
        usage = Usage(
            said.usage.input_tokens + more.usage.input_tokens,
            said.usage.output_tokens + more.usage.output_tokens,
        )
        return replace(
            more,
            text=f"{said.text}{CLOSED}{more.text}" if _in_text(said) else more.text,
            reasoning=said.reasoning + more.reasoning,
            usage=usage,
            sample=said.sample,
            seed=said.seed,
            batch=said.batch,
            latency_s=round(said.latency_s + more.latency_s, 6),
            mark=said.mark or more.mark,
            logprobs=None if more.logprobs is None else (*(said.logprobs or ()), *more.logprobs),
        )


def _in_text(said: Completion) -> bool:
    """Whether the thinking stands in the text, between its tags."""
    return said.text.lstrip().startswith(OPEN)
