"""The question once more after a first stretch of reasoning that does not repeat it itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from outlay.door.bounds import text_bound
from outlay.framings._placing import after_question, last_text, most_tokens
from outlay.prompts import echo as prompts
from outlay.run import Run
from outlay.skeletons.pool import draws
from outlay.skeletons.set_aside import before_answer
from outlay.stats.echo import HEAD_CHARS, echo_share
from outlay.types import Bound, Completion, Draws, Question, Share

First = Annotated[int, Meta(ge=0, le=8192)]
"""Tokens of the first stretch."""
When = Literal["missing", "always", "never"]
"""When the question is repeated: where the reasoning does not echo it, in any case, or not (the control)."""


def adds(question: Question, *, first: First = 256, when: When = "missing", threshold: Share = 0.5) -> int:
    """The first stretch, the question once more, and the texts around them, at their largest."""
    return most_tokens(prompts.LARGEST_THOUGHT + prompts.LARGEST_QUESTION + prompts.LARGEST_WORDS)


def bound(question: Question, *, first: First = 256, when: When = "missing", threshold: Share = 0.5) -> Bound:
    """One call of the default model for the first stretch."""
    if first == 0:
        return Bound()
    asked = after_question(question, prompts.first())
    read = text_bound(asked.messages, question.sampling) + most_tokens(len(prompts.first()))
    return Bound({"default": Draws(1, read, first)})


async def echo(
    run: Run, question: Question, *, first: First = 256, when: When = "missing", threshold: Share = 0.5
) -> Question:
    """The question, what the model thought of it in `first` tokens, and the question again if that did not repeat it.

    Only the last user message is repeated, without instruction; documents and notes that other framings put there are
    not, if they come after this one. The answer says how much of the question the reasoning repeated.

    Args:
        run: what to buy through.
        question: what is asked.
        first: tokens of the first stretch; 0 buys none and repeats the question at once.
        when: `always` is the paper's way, `never` the control that shows the first stretch alone.
        threshold: the share of the question's words in the first 500 characters from which it counts as repeated.

    Cost: one call of `first` tokens; the stretch and the question once more in the input of each call.
    Source: Echoes as Anchors (arXiv 2602.06600), echoic prompting and the detector of its code. In a chat the stretch
        stands in the prompt, where the paper continues the model's own text; not repeating what was repeated is ours,
        and so is leaving a first stretch that fails out.
    Example: `outlay ask "17 * 23?" --kind number --framing echo:first=128`
    """
    text = last_text(question)
    thought = await _thought(run, question, first) if first else ""
    share = echo_share(text, thought) if thought else None
    again = when == "always" or (when == "missing" and (share is None or share <= threshold))
    if share is not None:
        told = "repeated" if again else "not repeated again"
        run.notes.append(
            f"echo: {share:.2f} of the question's words in the first {HEAD_CHARS} characters; the question was {told}"
        )
    if not thought and not again:
        return question
    return after_question(question, prompts.after(thought, text if again else None))


async def _thought(run: Run, question: Question, most: int) -> str:
    """The first stretch; empty, with a note, where it failed or was refused."""
    extra: dict[str, Any] = {
        k: v for k, v in question.sampling.extra.items() if k not in ("response_format", "tools", "tool_choice")
    }
    sampling = msgspec.structs.replace(
        question.sampling, max_output_tokens=most, extra=extra, top_logprobs=None
    )
    asked = after_question(question, prompts.first())
    # The answer must stay affordable.
    before = run.fork(before_answer(run, draws(question, 1).by_role["default"]), live=False)
    (said,) = await before.attempts(asked.messages, role="default", label="first stretch", sampling=sampling)
    if isinstance(said, Completion):
        return said.text.strip()
    run.notes.append(f"the first stretch is left out: {said}")
    return ""
