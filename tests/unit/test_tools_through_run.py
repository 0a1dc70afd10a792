"""A call of a tool through the run: what it costs, what it may say, what a replay repeats, and how it ends."""

import asyncio

import pytest
from ledgers import rows
from odd_tools import HANGING, LIE
from stepping import run_on

from outlay.budget import Limits
from outlay.door.work import CPU_NUSD_PER_S
from outlay.errors import BudgetExceeded, PastDeadline
from outlay.testing import FIXED, scripted
from outlay.tools._tool import open_tool


def model():
    return scripted(lambda request, index: "42", price=FIXED)


async def said_by(run, text, query="a"):
    tool, work = open_tool(text, calls=10)
    return await run.tool(tool, lambda: work({"query": query}))


@pytest.mark.parametrize(
    ("tool", "failed", "begins"),
    [
        ("find", False, "found a 3"),
        ("record", False, '{"found":[1,2]}'),
        ("binary", False, "� "),
        ("silent", False, "null"),
        ("fail", True, "ValueError: no such thing: a"),
        ("leave", True, "SystemExit: 3"),
        ("give_up", True, "it was cancelled"),
        ("unspeakable", True, "TypeError"),
        ("hang", True, "hang did not end within its 0.02 s"),
        ("lie", False, LIE),
    ],
)
async def test_whatever_a_tool_does_is_data_and_is_paid(tool, failed, begins):
    async with run_on(model()) as run:
        said = await said_by(run, f"odd_tools:{tool}:usd=0.001,seconds=0.02")
        assert (said.failed, said.text[: len(begins)]) == (failed, begins)
        assert "\x00" not in said.text
        assert "\x1b" not in said.text
        (row,) = await rows(run.store)
    assert (row["role"], row["model"], row["n"]) == (f"tool/{tool}", f"odd_tools:{tool}", 1)
    assert (row["state"], row["cost_nusd"]) == ("settled", 1_000_000)
    assert (row["error"] != "") == failed
    assert (run.spent.calls, run.spent.cost_nusd, run.spent.paid_nusd) == (1, 1_000_000, 1_000_000)
    assert set(run.budget.reserved.values()) == {0}


async def test_megabytes_are_cut_to_the_cap_and_that_is_said():
    async with run_on(model()) as run:
        said = await said_by(run, "odd_tools:megabytes:bytes=400")
    assert len(said.text.encode()) <= 400
    assert said.text.startswith("begin xxx")
    assert said.text.endswith("xxx end")
    assert "bytes are left out here" in said.text


async def test_a_tool_that_does_not_stop_is_left_behind(monkeypatch):
    monkeypatch.setattr("outlay.door.tooling.GRACE_S", 0.02)
    async with run_on(model()) as run:
        said = await said_by(run, "odd_tools:stubborn:seconds=0.02")
        assert said.text == "stubborn did not end within its 0.02 s and does not stop"
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait({task})


async def test_seconds_are_paid_at_the_price_of_a_core_and_never_beyond_the_claim():
    async with run_on(model()) as run:
        tool, _ = open_tool("odd_tools:find:usd=0.001,seconds=2", calls=10)
        clock = run.door.session.clock

        async def slow(seconds):
            clock.advance(seconds)
            return "done"

        for seconds, paid_s in ((0.5, 0.5), (5.0, 2.0)):
            before = run.spent.cost_nusd
            await run.tool(tool, lambda seconds=seconds: slow(seconds))
            assert run.spent.cost_nusd - before == 1_000_000 + paid_s * CPU_NUSD_PER_S


@pytest.mark.parametrize(
    "limits", [Limits(calls=0), Limits(nusd=1_000_000), Limits(calls_by_role={"tool/find": 0})]
)
async def test_a_call_that_does_not_fit_is_not_made(limits):
    async with run_on(model(), limits=limits) as run:
        made = []
        tool, _ = open_tool("odd_tools:find:usd=0.001", calls=10)

        async def work():
            made.append(1)

        with pytest.raises(BudgetExceeded):
            await run.tool(tool, work)
        assert (made, await rows(run.store)) == ([], [])


async def test_a_deadline_ends_a_call_and_what_follows_is_refused():
    async with run_on(model(), limits=Limits(deadline_s=0.03)) as run:
        said = await said_by(run, "odd_tools:hang:seconds=5")
        assert said.text == "hang did not end within the deadline"
        run.door.session.clock.advance(1)
        with pytest.raises(PastDeadline):
            await said_by(run, "odd_tools:find")


async def test_cancelling_settles_the_call_and_stops_the_tool():
    async with run_on(model()) as run:
        HANGING.clear()
        task = asyncio.create_task(said_by(run, "odd_tools:hang:usd=0.001"))
        await asyncio.wait_for(HANGING.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (row,) = await rows(run.store)
        assert (row["state"], row["cost_nusd"], row["error"]) == ("settled", 1_000_000, "cancelled")
        assert set(run.budget.reserved.values()) == {0}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_replay_calls_no_tool():
    async with run_on(model(), limits=Limits(calls=2)) as run:
        first = [await said_by(run, "odd_tools:find"), await said_by(run, "odd_tools:fail")]
        with pytest.raises(BudgetExceeded):
            await said_by(run, "odd_tools:find")
        trace = run.door.trace.encode()
    async with run_on(model(), trace=trace) as again:
        tools = [open_tool(f"odd_tools:{name}", calls=10)[0] for name in ("find", "fail", "find")]

        async def never():
            raise AssertionError("a replay called a tool")

        assert [await again.tool(tool, never) for tool in tools[:2]] == first
        with pytest.raises(BudgetExceeded):
            await again.tool(tools[2], never)
        assert again.door.trace.encode() == trace
        assert again.spent.cost_nusd == run.spent.cost_nusd
