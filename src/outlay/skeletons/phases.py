"""Thinking and answering with a budget each, on one growing text: what `elastic` and `budget_forcing` share.

The opening tag is always written for the model, so that every call continues a text. A model that thinks between tags
by itself is `native`: nothing is added to the question. A server that takes that thinking out of the text and sends it
as reasoning is served too: the reasoning is put back between the tags before the model goes on. A plain model is
`asked`: the question gets one more sentence. A model whose thinking nobody sees lacks the ability `prefix`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from outlay.door.bounds import DEFAULT_OUTPUT_TOKENS, text_bound
from outlay.errors import BudgetExceeded, NoAnswer, ProviderError
from outlay.prompts.answer_format import LABEL, beginning
from outlay.prompts.thinking import CLOSE, CLOSED, OPEN, OPENED, ask_to_think, without_tags
from outlay.run import Run
from outlay.types import Bound, Completion, Draws, Question, Usage

NEEDS = frozenset({"chat", "prefix"})
THINKING_TOKENS = ANSWER_TOKENS = 1024
"""The budgets with which the published models were trained."""

Thinks: TypeAlias = Literal["asked", "native"]
"""Whether the model must be asked to think between tags, or does so by itself."""
ThinkingTokens: TypeAlias = Annotated[int, Meta(ge=0, le=10_000_000)]
"""A budget of thinking; 0 is an empty thinking block."""


class Thought(Struct, frozen=True):
    """Thinking so far, without its tags.

    `closed`: the model ended it itself. `begun`: what it then already wrote of its answer (servers that take thinking
    out of the text stop at no tag), and `finish_reason` how that ended. `why` says what ended it from outside.
    """

    text: str = ""
    tokens: int = 0
    read_tokens: int = 0
    """What the first call read before any of it was written; 0 where that is not known."""
    closed: bool = False
    begun: str = ""
    finish_reason: str = ""
    why: str = ""


def caps(question: Question, thinking: int, answer: int) -> tuple[int, int]:
    """The two budgets (t, s) within the question's own output bound c: t + s <= c.

    A c that is too small takes from the thinking first, down to half of c for each: an answer must have room.

    Example:
        >>> from outlay.types import Sampling
        >>> [caps(Question.of("?", sampling=Sampling(max_output_tokens=c)), 1024, 256) for c in (2000, 512, 100, 1)]
        [(1024, 256), (256, 256), (50, 50), (0, 1)]
    """
    most = question.sampling.max_output_tokens or max(DEFAULT_OUTPUT_TOKENS, thinking + answer)
    answer = min(answer, max(most - thinking, (most + 1) // 2))
    return min(thinking, most - answer), answer


def worst(question: Question, *, thinking: int, answer: int, calls: int, thinks: str) -> Bound:
    """The worst case of `calls` calls on one text: each reads the question and all thinking before it again."""
    asked = framed(question, thinks)
    text = text_bound(asked.messages, asked.sampling) + len((OPENED + CLOSED + LABEL).encode())
    return Bound({"default": Draws(calls, calls * text + (calls - 1) * thinking, thinking + answer)})


def framed(question: Question, thinks: str) -> Question:
    """The question as the model is to see it."""
    return ask_to_think(question) if thinks == "asked" else question


async def think(run: Run, question: Question, so_far: str, *, most: int, label: str) -> Thought:
    """Thinking from `so_far` on, within `most` tokens; what fails or is refused ends it and says why.

    Args:
        run: what buys it.
        question: as the model is to see it (`framed`).
        so_far: the thinking to go on from, without tags; empty at the beginning.
        most: tokens; 0 buys nothing.
        label: names the call within the answer.

    Returns:
        All of the thinking, `so_far` included.
    """
    if most == 0:
        return Thought(so_far)
    extra = {k: v for k, v in question.sampling.extra.items() if k != "response_format"}
    sampling = msgspec.structs.replace(
        question.sampling, max_output_tokens=most, stop=(CLOSE,), extra=extra, top_logprobs=None
    )
    try:
        (said,) = await run.complete(
            question.messages, role="default", label=label, sampling=sampling, prefix=OPENED + so_far
        )
    except (BudgetExceeded, ProviderError) as failure:
        return _ended(run, so_far, failure)
    return _thought(said, so_far)


async def conclude(
    run: Run, question: Question, thought: Thought, *, most: int, outright: bool, label: str = "answer"
) -> Completion:
    """The answer after the thinking, as one completion of the whole: its text, the thinking as its reasoning.

    The thinking is closed by its tag, whoever ended it. A second opening tag stops the answer: a model that begins to
    think again would use up the answer's budget. With `outright` the line that states the answer is begun for the
    model. A refusal or a failure leaves a completion without text, marked as cut.

    Raises:
        BudgetExceeded: refused, and nothing was bought before.
        ProviderError: failed, and nothing was bought before.
    """
    whole = Completion("", "length", Usage(0, thought.tokens), reasoning=thought.text)
    if thought.begun and thought.finish_reason == "stop":
        return msgspec.structs.replace(whole, text=thought.begun, finish_reason="stop")
    begun = thought.begun or (beginning(question) if outright else "")
    prefix = f"{OPENED}{thought.text}{CLOSED}{begun}"
    sampling = msgspec.structs.replace(
        question.sampling, max_output_tokens=most, stop=(*question.sampling.stop, OPEN)
    )
    try:
        (said,) = await run.complete(
            question.messages, role="default", label=label, sampling=sampling, prefix=prefix
        )
    except (BudgetExceeded, ProviderError) as failure:
        if not thought.text:
            raise _nothing(run, failure) from failure
        run.notes.append(f"the answer after the thinking could not be bought: {failure}")
        remember(run, failure)
        return whole
    _tell_dropped_thinking(run, thought, said)
    usage = msgspec.structs.replace(said.usage, output_tokens=said.usage.output_tokens + thought.tokens)
    return msgspec.structs.replace(said, text=begun + said.text, reasoning=thought.text, usage=usage, sample=0)


def cut_at_blank_line(text: str) -> str:
    r"""The text up to its last blank line; all of it where it has none.

    Example:
        >>> cut_at_blank_line("one step\n\nanother\n\nhalf of a th")
        'one step\n\nanother'
    """
    head, found, _ = text.rstrip().rpartition("\n\n")
    return head if found and head.strip() else text


def _thought(said: Completion, so_far: str) -> Thought:
    """What a reply says of the thinking: in the text up to the tag, or apart as reasoning with the answer begun."""
    if said.reasoning.strip():
        new, begun, ended = said.reasoning, said.text.strip(), bool(said.text.strip()) or not said.truncated
    else:
        new, tag, begun = said.text.partition(CLOSE)
        begun, ended = begun.strip(), bool(tag) or not said.truncated
    joined = so_far + new if so_far else without_tags(new)
    usage = said.usage
    finish = said.finish_reason if begun else ""
    return Thought(joined.rstrip(), usage.output_tokens, usage.input_tokens, ended, begun, finish)


def _ended(run: Run, so_far: str, failure: BudgetExceeded | ProviderError) -> Thought:
    if isinstance(failure, ProviderError) and failure.fatal:
        raise failure
    remember(run, failure)
    what = "the budget refused more thinking" if isinstance(failure, BudgetExceeded) else "thinking failed"
    run.notes.append(f"{what}: {failure}")
    return Thought(so_far, why=f"{what}: {failure}")


def remember(run: Run, failure: BudgetExceeded | ProviderError) -> None:
    """Keep what ended a part early, the first of its kind, for the answer to tell."""
    if isinstance(failure, BudgetExceeded):
        run.refused = run.refused or str(failure)
    else:
        run.failure = run.failure or failure


def _nothing(run: Run, failure: BudgetExceeded | ProviderError) -> BudgetExceeded | NoAnswer:
    if isinstance(failure, BudgetExceeded):
        return failure
    return NoAnswer(f"Neither thinking nor an answer came back: {run.failure or failure}.")


def _tell_dropped_thinking(run: Run, thought: Thought, said: Completion) -> None:
    """Some chat templates delete what stands between the tags of an assistant's message: then the answer saw none.

    The prompt must have grown by the thinking; half of its tokens are allowed for another cut into tokens.
    """
    if thought.read_tokens and said.usage.input_tokens < thought.read_tokens + thought.tokens / 2:
        run.notes.append(
            "the server took the thinking out of the prompt of the answer (its chat template does that to earlier "
            "turns); the answer was written without it"
        )
