"""Solved examples from the store, the most alike ones, before the question."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from outlay.door.bounds import MESSAGE_OVERHEAD
from outlay.door.embedding import LARGEST
from outlay.framings._placing import most_tokens
from outlay.framings._solved import asked, look_up, shown, source_of, space, vector_of
from outlay.prompts import demonstrations as prompts
from outlay.run import Run
from outlay.types import Bound, Draws, Question

Examples = Annotated[int, Meta(ge=0, le=16)]
"""A number of examples."""


def adds(question: Question, *, k: Examples = 6) -> int:
    """At most k examples at their largest, with the texts around them."""
    return most_tokens(k * prompts.LARGEST_EXAMPLE + prompts.LARGEST_WORDS, messages=2 * k + 1)


def bound(question: Question, *, k: Examples = 6) -> Bound:
    """One embedding of the question, cut at 8,000 bytes."""
    return Bound({"embed": Draws(1, LARGEST + MESSAGE_OVERHEAD, 0)}) if k else Bound()


async def demonstrations(run: Run, question: Question, *, k: Examples = 6) -> Question:
    """The question with the k most alike solved questions of its tenant before it, as turns of the conversation.

    What was asked stands between tags that it cannot forge, as data.

    Demonstrations are kept by `cascade` from what the large model solved. Only those of the same task class, answer
    kind and embedder are looked at; the question itself is left out. Without a model for the role `embed`, or if it
    fails, the question stays as it is and the answer says so.

    Args:
        run: what to buy through.
        question: what is asked.
        k: the most examples; 0 looks for none.

    Cost: one embedding; at most k times 3,600 bytes more in the input of each call.
    Source: In-context distillation, Sarukkai et al. 2025 (arXiv 2512.02543), phase 2 for episodes of one step. Never
        showing a question its own solution, the order, and turns in place of one text are our choice.
    Example: `outlay ask "17 * 23?" --kind number --framing demonstrations:k=4 --model embed=words/384`
    """
    if k == 0:
        return question
    vector_D = await vector_of(run, asked(question))
    if vector_D is None:
        return question
    found = await look_up(run, space(run, question, "answers"), vector_D, k, but=source_of(question))
    return shown(question, found)
