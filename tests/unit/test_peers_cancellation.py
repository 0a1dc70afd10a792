"""Regressions: defects found in its_hub 1.2.0 where something was cancelled or failed while others waited."""

import asyncio

import pytest
from ledgers import rows

from outlay.budget import Limits
from outlay.errors import OutlayError, ProviderError
from outlay.testing import FIXED, Gates, scripted, shop
from outlay.types import Question


def asking(i):
    return Question.of("six times seven ?", id=f"q{i}", kind="number")


async def test_cancelled_waiters_take_no_room_and_the_next_call_goes_through():
    """its_hub orchestrator.py _ThreadSafeAsyncSemaphore: a cancelled waiter's thread took the permit for good; one
    call with budget 32 and 4 permits left 0, and the gateway never answered again."""
    gates = Gates()
    model = scripted(lambda r, i: "42", price=FIXED, shares_prompt=False, gate=gates)
    async with shop(model, limits=Limits(nusd=4 * 17_000_000)) as outlay:  # room for four 4,096-token bounds
        for _ in range(8):
            task = asyncio.create_task(outlay.ask(asking(0), strategy="self_consistency:n=32"))
            await gates.arrived(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert set(outlay.budget.reserved.values()) == {0}
        task = asyncio.create_task(outlay.ask(asking(1)))
        await gates.arrived(1)
        gates.open()
        assert (await asyncio.wait_for(task, 10)).key == "42"


async def test_failures_of_one_in_a_hundred_hang_nobody():
    """its_hub over HTTP: with 1 % of calls failing, the second 200 requests hung and the service stopped for good."""

    def say(request, index):
        fails = (int(request.question_id[1:]) * 8 + index) % 100 == 7
        return ProviderError("400: no") if fails else "42"

    model = scripted(say, price=FIXED, shares_prompt=False)
    async with shop(model, limits=Limits(nusd=10**12)) as outlay:
        free = asyncio.Semaphore(16)

        async def one(i):
            async with free:
                return await outlay.ask(asking(i), strategy="self_consistency:n=8")

        answers = await asyncio.wait_for(asyncio.gather(*(one(i) for i in range(200))), 60)
        assert {a.key for a in answers} == {"42"}
        assert sum(bool(a.missing) for a in answers) == 16
        assert set(outlay.budget.reserved.values()) == {0}


async def test_a_fatal_failure_beside_waiting_samples_ends_all_of_them():
    """its_hub: a failing sibling cancelled the others and their permits were lost."""
    model = scripted(
        lambda r, i: ProviderError("dead", fatal=True) if i == 0 else "42", price=FIXED, shares_prompt=False
    )
    async with shop(model, limits=Limits(nusd=20_000_000)) as outlay:
        for _ in range(3):
            with pytest.raises(OutlayError, match="dead"):
                await asyncio.wait_for(outlay.ask(asking(0), strategy="self_consistency:n=6"), 10)
            assert set(outlay.budget.reserved.values()) == {0}


async def test_cancelled_calls_are_counted():
    """its_hub beta_self_consistency.py: calls cancelled after the stop were not counted: 32 started, 5 reported."""
    gates = Gates()
    model = scripted(lambda r, i: "it is 42", price=FIXED, shares_prompt=False, gate=gates)
    async with shop(model) as outlay:
        task = asyncio.create_task(outlay.ask(asking(0), strategy="self_consistency:n=6"))
        await gates.arrived(6)
        gates.open()
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        found = await rows(outlay.store)
        assert sum(r["n"] for r in found) == outlay.budget.settled["calls"] == 6
        assert [r["mark"] for r in found].count("counted") == 5
    assert model.stopped == 5
