"""A derived output bound is not refused because of what others only hold: it waits until they have settled."""

from __future__ import annotations

import asyncio

from outlay.budget import Limits
from outlay.testing import shop
from outlay.types import Question


async def test_questions_asked_at_once_under_one_token_cap_are_all_answered():
    from outlay.models.scripted import scripted

    model = scripted(lambda request, index: "so Answer: 7")
    async with shop(model, limits=Limits.of(max_tokens=4_000)) as outlay:
        plan = await outlay.plan("self_consistency:n=8", kind="number")
        questions = [Question.of(f"{i} + 1?", id=f"q{i}", kind="number") for i in range(3)]
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            tasks = [group.create_task(outlay.buy(q, plan)) for q in questions]
        assert [(t.result().answer, t.result().missing) for t in tasks] == [("7", ())] * 3
        assert outlay.budget.settled["output_tokens"] == 3 * 8 * 3
        assert not outlay.budget.in_flight
