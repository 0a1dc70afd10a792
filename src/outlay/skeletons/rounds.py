"""An agent loop with tools and a visible budget: turns until the model answers, a budget ends, or turns run out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from outlay.door.bounds import MIN_OUTPUT_TOKENS
from outlay.errors import BudgetExceeded, ProviderError
from outlay.prompts import agent as prompts
from outlay.prompts._data import cut
from outlay.run import Run
from outlay.skeletons.tool_calls import Call, calls_of
from outlay.skeletons.toolbox import AT_ONCE, Response, Toolbox
from outlay.types import Completion, Message, Question, Sampling

KEPT_TURNS = 10
"""Turns that stay in the prompt; older ones are left out, as the paper summarises a trace after 10 iterations."""
MOST_CALLS = 2 * AT_ONCE
"""Calls of one turn that are answered at all."""
STOP = "<tool_response"
"""A model that begins to make up what a tool says is stopped."""
MOST_STOPS = 4


class Turn(Struct, frozen=True):
    """What the model said, what it called and what came back, with the budget after it."""

    said: str
    responses: tuple[Response, ...]
    block: str
    native: tuple[dict[str, Any], ...] = ()


class Played(Struct, frozen=True):
    """One attempt. Without a `completion` it has no answer, and `why` says what ended it."""

    turns: tuple[Turn, ...]
    completion: Completion | None
    why: str
    refused: BudgetExceeded | None = None
    failure: ProviderError | None = None

    @property
    def calls_made(self) -> int:
        """Calls of tools that were made."""
        return sum(r.made for turn in self.turns for r in turn.responses)


async def play(
    run: Run,
    question: Question,
    box: Toolbox,
    opening: str,
    *,
    turns: int,
    label: str,
    native: bool = False,
    tracked: bool = True,
) -> Played:
    """One attempt at a question: at most `turns` turns with calls, and one more for the answer.

    It is asked for its final answer as soon as the budget of any tool is used up, or while there is just enough money
    for it. Only the newest responses stand in
    the prompt, in full; nothing that a tool says reaches another role or place.

    Args:
        run: what to buy through.
        question: what is asked, its sampling included.
        box: the tools; none makes this a single sample.
        opening: what stands before the question, as a system message.
        turns: the most turns that call tools.
        label: names the calls in the trace; unique within the answer.
        native: tools are declared to the server, and calls come back in fields of their own.
        tracked: whether the model sees its budget.

    Raises:
        ProviderError: no sample can succeed (a refused key, a dead server).
    """
    begun, taken, poor = opened(question.messages, opening), [], False
    for number in range(turns + 1):
        last, why = _last(box, taken=number, turns=turns, poor=poor)
        messages = (*begun, *_shown(taken, native=native, tracked=tracked, last=last))
        sampling = _sampling(question.sampling, box, native=native and not last)
        (said,) = await run.attempts(messages, role="default", label=f"{label}/{number}", sampling=sampling)
        if isinstance(said, BudgetExceeded):
            return Played(tuple(taken), None, "the budget ended", said)
        if not isinstance(said, Completion):
            failure = said if isinstance(said, ProviderError) else ProviderError(str(said))
            return Played(tuple(taken), None, f"the model failed: {said}", failure=failure)
        calls = () if last or _is_the_clients(said, question, box) else calls_of(said)[:MOST_CALLS]
        if not calls:
            return Played(tuple(taken), said, why)
        responses, refusal = await box.answer(calls)
        text = cut(prompts.plain(said.text), prompts.LARGEST_SAID)
        taken.append(Turn(text, responses, box.block, _wire(calls, said)))
        run.emit("progress", turn=number, called=[c.name for c in calls], budget=box.block)
        if refusal is not None:
            return Played(tuple(taken), None, "the budget ended", refusal)
        poor = not box.enough(_next_reply_nusd(run, said, taken[-1], question.sampling))
    raise AssertionError("the last turn answers")


def _last(box: Toolbox, *, taken: int, turns: int, poor: bool) -> tuple[bool, str]:
    """Whether the next reply is the final answer, and why."""
    if box.exhausted:
        return True, "the budget of a tool was used up" if box.tools else "answered"
    if poor:
        return True, "the money was about to end"
    return taken == turns, f"all {turns} turns were taken" if taken == turns else "answered"


def _next_reply_nusd(run: Run, said: Completion, turn: Turn, sampling: Sampling) -> int | None:
    """The most that the next reply can cost: it reads what this one read and wrote, and what came back, in tokens."""
    back = sum(len(r.shown.encode()) for r in turn.responses) + len(turn.block) + 200
    read = said.usage.input_tokens + said.usage.output_tokens + back
    return run.worst_price(read, sampling.max_output_tokens or MIN_OUTPUT_TOKENS)


def _is_the_clients(said: Completion, question: Question, box: Toolbox) -> bool:
    """Whether a reply calls tools that came with the question: they are the client's to call, so it is an answer."""
    return bool("tools" in question.sampling.extra and said.tool_calls) and all(
        call.name not in box.tools for call in calls_of(said)
    )


def opened(messages: Sequence[Message], opening: str) -> tuple[Message, ...]:
    """The conversation with `opening` before it: in its system message where it has one, else in a new one."""
    if not opening:
        return tuple(messages)
    first = messages[0] if messages else {}
    if first.get("role") in ("system", "developer") and isinstance(first.get("content"), str):
        return ({**first, "content": f"{opening}\n\n{first['content']}"}, *messages[1:])
    return ({"role": "system", "content": opening}, *messages)


def trajectory(turns: Sequence[Turn]) -> str:
    """What happened, as text for a checker; the newest turns last."""
    parts = []
    for turn in turns:
        parts.append(f"The agent: {turn.said.strip()}")
        parts += [r.shown for r in turn.responses]
    return "\n\n".join(parts) or "The agent answered at once."


def _shown(turns: Sequence[Turn], *, native: bool, tracked: bool, last: bool) -> list[Message]:
    """The newest turns as messages; of all but the newest turn only that something came back."""
    found: list[Message] = []
    for place, turn in enumerate(kept := turns[-KEPT_TURNS:], 1):
        newest = place == len(kept)
        texts = [r.shown if newest else prompts.elided(r.call.name) for r in turn.responses]
        told = [turn.block] if tracked and newest else []
        if newest:
            told.append(prompts.LAST if last else prompts.GO_ON)
        if native and turn.native:
            found.append({"role": "assistant", "content": turn.said, "tool_calls": list(turn.native)})
            ids = [call["id"] for call in turn.native]
            found += [
                {"role": "tool", "tool_call_id": i, "content": t} for i, t in zip(ids, texts, strict=True)
            ]
            texts = []
        else:
            found.append({"role": "assistant", "content": turn.said})
        if texts or told:
            found.append({"role": "user", "content": "\n\n".join([*texts, *told])})
    return found


def _wire(calls: Sequence[Call], said: Completion) -> tuple[dict[str, Any], ...]:
    """The calls as they go back to the server that took them out of the reply; long arguments are left out."""
    if not said.tool_calls:
        return ()
    found, room = [], prompts.LARGEST_SAID
    for i, call in enumerate(calls):
        given = prompts.plain(msgspec.json.encode(call.arguments).decode())
        given = given if len(given.encode()) <= room else "{}"
        room -= len(given.encode())
        function = {"name": call.name[:64], "arguments": given}
        found.append({"id": call.id[:64] or f"call_{i}", "type": "function", "function": function})
    return tuple(found)


def _sampling(sampling: Sampling, box: Toolbox, *, native: bool) -> Sampling:
    if not box.tools:
        return sampling
    if native:
        declared = [*sampling.extra.get("tools", ()), *box.native]
        return msgspec.structs.replace(sampling, extra={**sampling.extra, "tools": declared})
    stops = sampling.stop if len(sampling.stop) >= MOST_STOPS else (*sampling.stop, STOP)
    return msgspec.structs.replace(sampling, stop=stops)
