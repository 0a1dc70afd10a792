"""The tools of one answer: opened once, called in order, each within its own budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from outlay.door.tooling import most_nusd
from outlay.errors import BudgetExceeded, nearest
from outlay.prompts import agent as prompts
from outlay.run import Run
from outlay.skeletons.tool_calls import Call
from outlay.skeletons.tracker import Tracker
from outlay.tools._tool import Tool, Work, open_tools, refuse_unready

AT_ONCE = 8
"""The most calls of one turn; the rest is not made, and the model is told."""

LARGEST_REFUSAL = 700


class Response(Struct, frozen=True):
    """What came back for one call; `made`: a tool was called."""

    call: Call
    text: str
    made: bool
    failed: bool = False

    @property
    def shown(self) -> str:
        """As the model reads it."""
        return prompts.response(self.call.name, self.text)


class Toolbox:
    """Tools with their budgets, for one run.

    A replay needs none of their code: what they are and what they said is read from the trace.
    """

    def __init__(self, run: Run, tools: Sequence[Tool], works: Mapping[str, Work], nusd: int | None = None):
        self._run, self._works = run, works
        self.tools = {tool.name: tool for tool in tools}
        self.tracker = Tracker({tool.name: tool.calls for tool in tools}, nusd)
        self._spent_before = run.spent.paid_nusd or 0

    @staticmethod
    async def open(run: Run, text: str, *, calls: int) -> Toolbox:
        """The tools that a text names (`outlay.tools._tool.open_tools`), refused here if they cannot work.

        Raises:
            UsageError: a tool that does not exist or is none.
            MissingAbility: one that cannot work on this machine.
        """
        works: dict[str, Work] = {}

        async def look() -> dict[str, Any]:
            refuse_unready(text)
            opened = open_tools(text, calls=calls)
            works.update((tool.name, work) for tool, work in opened)
            return {"tools": [msgspec.to_builtins(tool) for tool, _ in opened], "nusd": run.budget.left("nusd")}

        seen = await run.observe("tools", look)
        return Toolbox(run, msgspec.convert(seen["tools"], list[Tool]), works, seen["nusd"])

    @property
    def exhausted(self) -> bool:
        """Whether no further call is to be made: the budget of a tool is used up, or there is no tool."""
        return not self.tools or self.tracker.exhausted

    def enough(self, reply_nusd: int | None) -> bool:
        """Whether the money lasts for one more turn, its dearest call, and the answer after it; True without a cap."""
        if self.tracker.nusd is None or reply_nusd is None:
            return True
        dearest = max((most_nusd(tool) for tool in self.tools.values()), default=0)
        return self.tracker.nusd - self._spent >= 2 * reply_nusd + dearest

    @property
    def _spent(self) -> int:
        return (self._run.spent.paid_nusd or 0) - self._spent_before

    @property
    def block(self) -> str:
        """The budget as the model sees it."""
        return self.tracker.block(self._spent)

    @property
    def specs(self) -> list[dict[str, Any]]:
        """The tools as a model is told of them."""
        return [
            {"name": t.name, "description": t.description, "parameters": t.schema} for t in self.tools.values()
        ]

    @property
    def native(self) -> list[dict[str, Any]]:
        """The same in the shape of OpenAI's `tools`."""
        return [{"type": "function", "function": spec} for spec in self.specs]

    async def answer(self, calls: Sequence[Call]) -> tuple[tuple[Response, ...], BudgetExceeded | None]:
        """A response to each call, made one after the other, and why the budget of the run ended them, if it did.

        A batch beyond a tool's budget is trimmed: the first calls are made, each of the others is told that there is
        no more (our choice; it could be refused as a whole). What was never made is not counted; a call with wrong
        arguments is made and fails.
        """
        made: list[Response] = []
        refusal: BudgetExceeded | None = None
        for number, call in enumerate(calls):
            # Once the run's budget has refused a call nothing more is counted.
            why = str(refusal) if refusal is not None else self._refused(call, number)
            if why:
                made.append(Response(call, f"Not called: {why}"[:LARGEST_REFUSAL], False))
                continue
            try:
                work, given = self._works.get(call.name), call.arguments
                said = await self._run.tool(
                    self.tools[call.name],
                    lambda work=work, given=given: work(given),  # type: ignore[misc]
                )
                made.append(Response(call, said.text, True, said.failed))
            except BudgetExceeded as error:
                self.tracker.give_back(call.name)
                refusal = error
                made.append(Response(call, f"Not called: {error}"[:LARGEST_REFUSAL], False))
        return tuple(made), refusal

    def _refused(self, call: Call, number: int) -> str:
        """Why a call is not made, or empty once it is counted."""
        if call.wrong:
            return call.wrong
        if call.name not in self.tools:
            return f"there is no tool {call.name[:64]!r}; {nearest(call.name[:64], self.tools)}"
        if number >= AT_ONCE:
            return f"a turn has at most {AT_ONCE} calls"
        return "" if self.tracker.take(call.name) else f"the budget of {call.name} is used up"
