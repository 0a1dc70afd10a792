"""A verdict on an answer: kept, and where it says wrong, what the answer's question left behind as an example goes."""

from __future__ import annotations

import msgspec

from outlay import plugins
from outlay.framings._solved import source_of
from outlay.store.memory import Memory
from outlay.store.protocol import RIGHT_FROM, Feedback
from outlay.types import Answer, Question


async def keep(store: Memory, verdict: Feedback) -> int | None:
    """Keep a verdict and return how many examples it deleted; None, and nothing is kept, where there is no such answer.

    A verdict below `RIGHT_FROM` deletes, in one commit with itself, what the answer left behind, and of single answers
    what an earlier or later answer to the same question left if it says the same: equal in spelling, or of one class
    under the answer kind. Another solution of that question stays, and so do the steps of episodes, whose verdict is
    the environment's. A ledger that keeps no prompts has no examples.

    Args:
        store: where the answer is.
        verdict: of one tenant; answers of others are as if they were not there.

    Raises:
        StoreError: the ledger cannot be written.
    """
    same = await _same(store, verdict) if verdict.score < RIGHT_FROM else []
    return await store.add_feedback(verdict, same)


async def _same(store: Memory, verdict: Feedback) -> list[tuple[str, str]]:
    """Space and id of the examples that say of the same question what the answer says."""
    trace = await store.trace(verdict.trace_id, tenant=verdict.tenant)
    events = [msgspec.json.decode(line) for line in (trace or "").split("\n") if line]
    if not events or "texts" in events[0] or "answer" not in events[-1]:
        return []
    question = msgspec.convert(events[0]["question"], Question)
    answer = msgspec.convert(events[-1]["answer"], Answer)
    if answer.key is None:
        return []
    found = await store.solutions(verdict.tenant, source_of(question))
    return [(space, id) for space, id, action in found if _alike(action, answer, question.kind)]


def _alike(action: str, answer: Answer, kind: str | None) -> bool:
    if action in (answer.answer, answer.key):
        return True
    return kind is not None and plugins.load("answer kind", kind).canonical(action) == answer.key
