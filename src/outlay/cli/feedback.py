"""Say what turned out of an answer: right, wrong, or in between."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outlay.store.protocol import Feedback

WORDS = {"right": 1.0, "wrong": 0.0}
WHY_CHARS = 4096


def feedback(trace_id: str, verdict: str, *, why: str = "", tenant: str = "local", json: bool = False) -> None:
    """Keep a verdict on an answer in the ledger, beside the answer.

    Below 0.5 an answer was wrong: it is shown to no model as a solved example
    any more, and neither is the same solution of the same question that
    another answer left. A gateway keeps the same with POST /v1/outlay/feedback.

    Example: outlay feedback trace_… wrong --why "42 is the other box"

    Parameters
    ----------
    trace_id:
        The answer, as outlay ask --json, a bench's outcomes and a gateway name it.
    verdict:
        right, wrong, or a number from 0 (wrong) to 1 (right).
    why:
        The reason, at most 4,096 characters.
    tenant:
        Whose answer it is.
    json:
        Print one JSON object.
    """
    from outlay.cli import _terminal
    from outlay.errors import UsageError

    if len(why) > WHY_CHARS:
        raise UsageError(f"A reason has at most {WHY_CHARS:,} characters; this one has {len(why):,}.")
    score = _score(verdict)
    kept, forgotten = asyncio.run(_keep(trace_id, tenant, score, why))
    if json:
        _terminal.json({"id": kept.id, "trace_id": trace_id, "score": score, "forgotten": forgotten})
        return
    gone = f"; {forgotten} solved example{' is' if forgotten == 1 else 's are'} forgotten" if forgotten else ""
    _terminal.note(f"Kept for {trace_id}: {score:g} from 0 (wrong) to 1 (right){gone}.")


def _score(verdict: str) -> float:
    from outlay.errors import UsageError

    try:
        score = WORDS[verdict] if verdict in WORDS else float(verdict)
    except ValueError:
        score = -1.0
    if not 0.0 <= score <= 1.0:
        raise UsageError(f"{verdict!r} is no verdict: it is right, wrong, or a number from 0 to 1.")
    return score


async def _keep(trace_id: str, tenant: str, score: float, why: str) -> tuple[Feedback, int]:
    from outlay import config
    from outlay.errors import UsageError
    from outlay.feedback import keep
    from outlay.store.protocol import Feedback
    from outlay.store.sqlite import Sqlite

    store = await Sqlite.open(config.database())
    try:
        verdict = Feedback(store.new_id("feedback"), trace_id, tenant, None, score, why, time.time_ns() // 1000)
        forgotten = await keep(store, verdict)
    finally:
        await store.close()
    if forgotten is None:
        raise UsageError(
            f"{tenant} has no answer {trace_id!r}; outlay ask --json names the trace_id of an answer."
        )
    return verdict, forgotten
