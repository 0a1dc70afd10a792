"""Local models that share the cores take turns, and no reply waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from outlay.models.turns import Turns, turns


class Stage:
    """Replies that begin when their turn comes and end when they are told to."""

    def __init__(self, on: Turns):
        self._turns = on
        self.begun: list[str] = []
        self._begins: dict[str, asyncio.Event] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, model: str, reply: str) -> None:
        self._begins[reply], self._ends[reply] = asyncio.Event(), asyncio.Event()
        self._tasks[reply] = asyncio.create_task(self._reply(model, reply))
        await settled()

    async def begins(self, reply: str) -> None:
        await asyncio.wait_for(self._begins[reply].wait(), 5)

    async def end(self, reply: str) -> None:
        self._ends[reply].set()
        await self._tasks[reply]
        await settled()

    async def cancel(self, reply: str) -> None:
        self._tasks[reply].cancel()
        await asyncio.wait((self._tasks[reply],))
        await settled()

    async def _reply(self, model: str, reply: str) -> None:
        async with self._turns.turn(model):
            self.begun.append(reply)
            self._begins[reply].set()
            await self._ends[reply].wait()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def stage(wait_s: float = 60.0) -> AsyncIterator[Stage]:
    made = Stage(Turns(wait_s))
    try:
        yield made
    finally:
        for task in made._tasks.values():
            task.cancel()


async def test_replies_of_one_model_run_together() -> None:
    async with stage() as on:
        await on.ask("a", "a1")
        await on.ask("a", "a2")
        assert on.begun == ["a1", "a2"]


async def test_a_second_model_waits_until_the_first_has_no_reply_left() -> None:
    async with stage() as on:
        await on.ask("a", "a1")
        await on.ask("a", "a2")
        await on.ask("b", "b1")
        await on.end("a1")
        assert on.begun == ["a1", "a2"]
        await on.end("a2")
        assert on.begun == ["a1", "a2", "b1"]


async def test_who_holds_the_cores_does_not_go_on_past_one_who_waits() -> None:
    async with stage() as on:
        await on.ask("a", "a1")
        await on.ask("b", "b1")
        await on.ask("a", "a2")
        await on.ask("b", "b2")
        assert on.begun == ["a1"]
        await on.end("a1")
        assert on.begun == ["a1", "b1", "b2"], "all that wait for the next model go in together"
        await on.end("b1")
        await on.end("b2")
        assert on.begun == ["a1", "b1", "b2", "a2"]


async def test_a_reply_that_waited_long_goes_in_beside_the_other_model() -> None:
    async with stage(wait_s=0.0) as on:
        await on.ask("a", "a1")
        await on.ask("b", "b1")
        await on.begins("b1")
        await on.end("a1")
        await on.end("b1")
        await on.ask("a", "a2")
        assert on.begun == ["a1", "b1", "a2"]


@pytest.mark.parametrize(
    "cancelled", [["b1"], ["b1", "a1"], ["a1", "b1"]], ids=lambda names: " then ".join(names)
)
async def test_cancelled_replies_leave_the_cores_to_the_next(cancelled: list[str]) -> None:
    async with stage() as on:
        await on.ask("a", "a1")
        await on.ask("b", "b1")
        await on.ask("a", "a2")
        for reply in cancelled:
            await on.cancel(reply)
        assert on.begun[-1] == "a2"
        await on.ask("c", "c1")
        for reply in {"a1", "a2"} - set(cancelled):
            await on.end(reply)
        assert on.begun[-1] == "c1", "nothing of the cancelled ones is left behind"


async def test_a_reply_that_fails_gives_up_its_turn() -> None:
    on = Turns()
    with pytest.raises(ValueError, match="broken"):
        async with on.turn("a"):
            raise ValueError("broken")
    async with on.turn("b"):
        pass


def test_every_event_loop_has_turns_of_its_own() -> None:
    async def mine() -> Turns:
        assert turns() is turns()
        return turns()

    assert asyncio.run(mine()) is not asyncio.run(mine())
