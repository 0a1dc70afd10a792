"""Solved work in the store: what it is found by, its space, looking it up for this tenant, and showing it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

import msgspec

from outlay.errors import ProviderError
from outlay.framings._placing import before_all, before_question
from outlay.prompts import demonstrations
from outlay.prompts._data import conversation
from outlay.prompts.answer_format import FIXED_BY, TEXTS
from outlay.prompts.demonstrations import VERSION
from outlay.run import Run
from outlay.store.memory import Memory
from outlay.store.protocol import Store
from outlay.types import Question

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

Windows = list[list[dict[str, Any]]]
"""What was found, the nearest first: each hit with the steps around it."""


def asked(question: Question) -> str:
    """What is asked, as text, without the instruction that its answer kind puts at its end."""
    text = conversation(question.messages)
    instruction = TEXTS.get(question.kind or "")
    return text.removesuffix(instruction).rstrip() if instruction else text


def source_of(question: Question) -> str:
    """What tells a question from another: a hash of its text and answer kind."""
    return digest(asked(question), question.kind or "")


def digest(*parts: str) -> str:
    """A hash of texts, 32 hexadecimal digits."""
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


def space(run: Run, question: Question, purpose: str) -> str:
    """What is comparable: purpose, task class, answer kind, the version of the texts, and the embedder."""
    embedder = run.card("embed").identity
    return "\n".join((purpose, question.task_class, question.kind or "", VERSION, embedder))


async def vector_of(run: Run, *texts: str) -> NDArray[float32] | None:
    """The vector of several keys at once: inner products are means of the cosine similarities over the keys.

    None, with a note in the answer, where no model embeds or it fails: then nothing is found and nothing kept.
    """
    if not run.has("embed"):
        note(run, "no examples: no model plays the role embed; add one like --model embed=words/384")
        return None
    try:
        rows_ND = await run.embed(texts)
    except ProviderError as error:
        note(run, f"no examples: they could not be looked for: {error}")
        return None
    return rows_ND.reshape(-1) / len(texts) ** 0.5


async def look_up(
    run: Run, space: str, vector_D: NDArray[float32], k: int, *, but: str = "", window: int = 0
) -> Windows:
    """The k nearest of this run's tenant, at most one a source, traced for replay."""
    query = vector_D.astype("<f4").tobytes()

    async def look(store: Store, tenant: str) -> Windows:
        return await cast(Memory, store).nearest(tenant, space, query, k, but=but, window=window)

    return await run.recall("demonstrations", look)


def shown(question: Question, found: Windows) -> Question:
    """The question with solved ones before it, as turns of the conversation.

    Where no instruction says how an answer of its kind is stated (tool calls, a format that the request fixes), they
    are one block of data before its last user message.
    """
    kind = question.kind or ""
    if kind in TEXTS and FIXED_BY.isdisjoint(question.sampling.extra):
        return before_all(question, demonstrations.turns(kind, found))
    return before_question(question, demonstrations.examples(found))


def note(run: Run, text: str) -> None:
    """Say something in the answer, once."""
    if text not in run.notes:
        run.notes.append(text)
