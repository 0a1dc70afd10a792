"""However a model calls, no tool passes its budget, and what is told is what was spent."""

from __future__ import annotations

import asyncio
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from ledgers import rows

from outlay.budget import Limits
from outlay.errors import BudgetExceeded
from outlay.testing import FIXED, scripted, shop
from outlay.types import Question, Sampling

NAMES = ("find", "lie", "fail", "nothing")
turns = st.lists(st.lists(st.sampled_from(NAMES), max_size=12), min_size=1, max_size=6)
ASK = Question.of("What is 6 times 7?", id="q1", kind="number", sampling=Sampling(max_output_tokens=200))


async def _check(batches, budgets, nusd, tracker):
    said = iter(batches)

    def script(request, index):
        calls = [json.dumps({"name": name, "arguments": {"query": "a"}}) for name in next(said, ())]
        return "".join(f"<tool_call>{c}</tool_call>" for c in calls) or "Answer: 42"

    named = [f"odd_tools:{n}:calls={b},usd=0.001" for n, b in zip(NAMES, budgets, strict=False)]
    spec = f"budget_aware_agent:tools='{';'.join(named)}',verify=false,tracker={str(tracker).lower()}"
    limits = Limits(nusd=nusd)
    async with shop(scripted(script, price=FIXED, keep=False), limits=limits) as outlay:
        try:
            answer = await outlay.ask(ASK, strategy=spec)
        except BudgetExceeded:
            assert nusd is not None
            answer = None
        found = await rows(outlay.store)
        assert set(outlay.budget.reserved.values()) == {0}
    for name, most in zip(NAMES, budgets, strict=False):
        made = sum(r["role"] == f"tool/{name}" for r in found)
        assert made <= most
        assert answer is None or f"{made} of {most} calls of {name}" in answer.stopped
    assert not any(r["role"] == "tool/nothing" for r in found)
    paid = sum(r["paid_nusd"] for r in found)
    assert nusd is None or paid <= nusd
    assert answer is None or answer.paid_nusd == answer.cost_nusd == paid


@given(
    turns, st.tuples(*[st.integers(0, 5)] * 3), st.sampled_from([None, 5_000_000, 20_000_000]), st.booleans()
)
@settings(max_examples=25, deadline=None)
def test_no_tool_passes_its_budget_and_what_is_told_is_what_was_spent(batches, budgets, nusd, tracker):
    asyncio.run(_check(batches, budgets, nusd, tracker))
