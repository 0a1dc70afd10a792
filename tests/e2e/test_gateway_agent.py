"""An agent behind the gateway: its tools are the operator's, and no request can name one."""

from __future__ import annotations

import openai
import pytest
from gateways import entry, gateway
from ledgers import rows
from upstream import Upstream, chat

from outlay.config import Config
from outlay.config.plans import PlanEntry

ASKED = [{"role": "user", "content": "6 * 7?"}]
CALL = '<tool_call>{"name": "find", "arguments": {"query": "six times seven"}}</tool_call>'
AGENT = PlanEntry(
    strategy="budget_aware_agent",
    parameters={"tools": "odd_tools:find:calls=2,usd=0.001", "verify": False},
    kind="number",
)


def selling(up: Upstream) -> Config:
    return Config(default="m", models={"m": entry(up)}, plans={"finder": AGENT})


async def test_a_plan_with_tools_is_bought_under_its_name_and_its_calls_are_in_the_ledger():
    async with Upstream() as up, gateway(selling(up)) as gate:
        up.script(chat(CALL), chat("Answer: 42"))
        reply = await gate.client().chat.completions.create(model="finder", messages=ASKED)
        told = reply.model_extra["outlay"]
        found = await rows(gate.state.outlay.store)
        asked = str(up.last["messages"])
    assert (reply.choices[0].message.content, told["answer"], told["calls"]) == ("Answer: 42", "42", 3)
    assert [r["role"] for r in found] == ["default", "tool/find", "default"]
    assert found[1]["cost_nusd"] >= 1_000_000
    assert told["cost_usd"] == pytest.approx(sum(r["cost_nusd"] for r in found) / 1e9)
    assert "found six times seven 3" in asked


@pytest.mark.parametrize("model", ["finder", "outlay/budget_aware_agent"])
async def test_a_request_cannot_name_a_tool(model):
    async with Upstream() as up, gateway(selling(up)) as gate:
        with pytest.raises(
            openai.BadRequestError, match="tools of budget_aware_agent is the operator's to set"
        ):
            await gate.client().chat.completions.create(
                model=model, messages=ASKED, extra_body={"outlay": {"parameters": {"tools": "python"}}}
            )
        assert up.n_chats == 0


async def test_a_quote_counts_the_calls_of_tools():
    async with Upstream() as up, gateway(selling(up)) as gate:
        code, told, _ = await gate.post("/v1/outlay/quote", {"model": "finder", "messages": ASKED})
        assert up.n_chats == 0
    assert code == 200, told
    assert told["worst_calls"] >= 17
    assert told["worst_usd"] is None
