"""Notes made beforehand on the context of a question, and how much to write with them at hand."""

from __future__ import annotations

from typing import Annotated, Any, cast

from msgspec import Meta

from outlay.door.bounds import seed_of
from outlay.economics.foreseeable import foreseeable
from outlay.errors import UsageError
from outlay.framings._placing import after_question, before_question, in_system, most_tokens
from outlay.prompts import notes as prompts
from outlay.prompts._data import message_texts
from outlay.prompts.answer_format import ANSWER_ALONE
from outlay.run import Run
from outlay.store.contexts import MOST_CHARS
from outlay.store.protocol import Store
from outlay.store.sleeping import Sleeping
from outlay.types import Bound, Question, Share

Level = Annotated[int, Meta(ge=0, le=4)]
"""How much to write: 0 one sentence, nothing worked out again … 4 everything worked out again."""
DEFAULT_LEVEL = 3
STARTS = 4
"""Messages at whose beginning a context is looked for: the first ones."""
FEW_WORDS = 3
"""Below this level the answer kind's demand for steps gives way to the level's own."""
_CHAR_BYTES = 4


def adds(question: Question, *, context: str | None = None, **_: Any) -> int:
    """The notes at their longest with their texts, and the context itself where it is named."""
    chars = prompts.MEMORY_CHARS + 1_500 + (MOST_CHARS if context else 0)
    return most_tokens(_CHAR_BYTES * chars, messages=2)


def bound(question: Question, **_: Any) -> Bound:
    """Nothing is bought: the notes were paid for beforehand."""
    return Bound()


async def notes(
    run: Run,
    question: Question,
    *,
    level: Level | None = None,
    context: str | None = None,
    model: str | None = None,
    control: Share = 0.0,
) -> Question:
    """The question with the notes on its context before it, fenced as data; as it is where there are none.

    A question is on a context when one of its first messages, with what follows it, begins with the context's text.
    Notes are served as they were made, marked where a part of them reads like an instruction, and never across
    tenants. The context itself stays in the question.

    Args:
        run: what to buy through; this buys nothing.
        question: what is asked.
        level: how much to write, 0 to 4; None is the context's own, else 3.
        context: a context's id or name: it is put before the question too, unless the question begins with it.
        model: only notes by this model; None takes the newest.
        control: share of questions, chosen by their id, that go without notes although there are some, so that what
            the notes save can be measured.

    Raises:
        UsageError: the context that was named is not known.

    Cost: no call; the notes, at most 5,000 characters, in the input of each call.
    Source: Sleep-time compute, Lin et al. 2025 (arXiv 2504.13171), section 3, and the authors' code: the notes are a
        block beside the raw context, which the formula of the paper would replace. `control` is ours.
    Example: `outlay ask "How many eggs?" --framing notes:context=box`
    """
    starts = message_texts(question.messages, STARTS)

    async def look(store: Store, tenant: str) -> dict[str, Any]:
        return await _found(cast(Sleeping, store), tenant, starts, context, model)

    found = await run.recall("notes", look)
    if not found:
        return question
    said = found["level"] if level is None else level
    said = DEFAULT_LEVEL if said is None else said
    held_out = control > 0 and seed_of("notes", question.id) < control * 2**31
    noted = bool(found["notes"]) and not held_out
    run.on_context = {
        "context_id": found["id"],
        "noted": int(noted),
        "level": said if noted else None,
        "foreseen": found["foreseen"],
    }
    if found["before"]:
        question = before_question(question, found["before"])
    if not noted:
        return question
    free = {"tools", "functions", "response_format"}.isdisjoint(question.sampling.extra)
    told = prompts.told(found["notes"], level=said if free else None, mark=found["mark"])
    framed = in_system(question, told)
    return _briefly(framed, said) if free else framed


async def _found(
    store: Sleeping, tenant: str, starts: tuple[str, ...], named: str | None, model: str | None
) -> dict[str, Any]:
    """The context, its newest notes that are in use, and how well it foretells the question."""
    context = await store.context_of(starts, tenant=tenant)
    begins = context is not None
    if named is not None and (context is None or named not in (context.id, context.name)):
        context, begins = await store.context(named, tenant=tenant), False
    if context is None:
        return _unknown(named)
    kept = [n for n in await store.notes(context.id, tenant=tenant) if not n.dropped]
    kept = [n for n in kept if n.text and model in (None, n.model)]
    asked = next((s.removeprefix(context.text) for s in starts if s.startswith(context.text)), starts[-1])
    return {
        "id": context.id,
        "level": context.level,
        "before": "" if begins else context.text,
        "notes": kept[0].text if kept else "",
        "mark": kept[0].mark if kept else "",
        "foreseen": foreseeable(asked, context.text),
    }


def _unknown(named: str | None) -> dict[str, Any]:
    if named is None:
        return {}
    raise UsageError(f"There is no context {named!r}; `outlay context list` shows those that are.")


def _briefly(question: Question, level: int) -> Question:
    """The question ending in its kind's answer line without a demand for steps, at the levels that write little."""
    line = ANSWER_ALONE.get(question.kind or "")
    if level >= FEW_WORDS or line is None:
        return question
    return after_question(question, line)
