"""The worker pool: limits hold, failures are plain sentences, secrets stay out."""

from __future__ import annotations

import asyncio
import os

import pytest

from outlay.errors import UsageError
from outlay.sandbox.killable import WorkerFailed, WorkerKilled, Workers


async def until_busy(workers):
    for _ in range(1000):
        if workers._used:
            return
        await asyncio.sleep(0)
    raise AssertionError("no worker was taken")


async def test_a_call_returns_and_the_worker_is_used_again():
    async with Workers(size=1) as workers:
        assert await workers.call("operator:add", 2, 3, timeout_s=10) == 5
        first = await workers.call("os:getpid", timeout_s=10)
        assert await workers.call("os:getpid", timeout_s=10) == first != os.getpid()


async def test_over_time_is_killed_and_replaced():
    async with Workers(size=1) as workers:
        before = await workers.call("os:getpid", timeout_s=10)
        with pytest.raises(WorkerKilled, match=r"did not run within 0\.2 s"):
            await workers.call("time:sleep", 600, timeout_s=0.2)
        assert await workers.call("os:getpid", timeout_s=10) != before
        with pytest.raises(ProcessLookupError):
            os.kill(before, 0)


async def test_over_memory_is_killed_and_replaced():
    async with Workers(size=1, memory_bytes=400_000_000) as workers:
        before = await workers.call("os:getpid", timeout_s=10)
        with pytest.raises(WorkerKilled, match="memory"):
            await workers.call("builtins:bytearray", 4_000_000_000, timeout_s=10)
        assert await workers.call("os:getpid", timeout_s=10) != before


async def test_a_worker_that_dies_is_reported():
    async with Workers(size=1) as workers:
        with pytest.raises(WorkerKilled, match="died"):
            await workers.call("os:_exit", 3, timeout_s=10)
        assert await workers.call("operator:add", 1, 1, timeout_s=10) == 2


async def test_errors_come_back_as_sentences_and_the_worker_lives_on():
    async with Workers(size=1) as workers:
        pid = await workers.call("os:getpid", timeout_s=10)
        with pytest.raises(WorkerFailed, match="ZeroDivisionError"):
            await workers.call("operator:floordiv", 1, 0, timeout_s=10)
        with pytest.raises(WorkerFailed, match="No module named"):
            await workers.call("no_such_module:f", timeout_s=10)
        with pytest.raises(WorkerFailed, match="TypeError"):
            await workers.call("threading:Lock", timeout_s=10)
        with pytest.raises(UsageError, match="not an amount"):
            await workers.call("outlay.money:nusd", "x", timeout_s=10)
        assert await workers.call("os:getpid", timeout_s=10) == pid


async def test_what_the_function_prints_does_not_break_the_protocol():
    async with Workers(size=1) as workers:
        assert await workers.call("builtins:print", "x" * 100, timeout_s=10) is None
        assert await workers.call("os:system", "echo noise", timeout_s=10) == 0


async def test_no_secrets_reach_the_worker(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    async with Workers(size=1) as workers:
        assert await workers.call("os:getenv", "OPENAI_API_KEY", timeout_s=10) is None


async def test_cancelling_kills_the_worker_in_use():
    async with Workers(size=1) as workers:
        pid = await workers.call("os:getpid", timeout_s=10)
        task = asyncio.create_task(workers.call("signal:pause", timeout_s=60))
        await until_busy(workers)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_close_ends_calls_in_flight_and_refuses_new_ones():
    workers = Workers(size=1)
    await workers.call("os:getpid", timeout_s=10)
    task = asyncio.create_task(workers.call("signal:pause", timeout_s=60))
    await until_busy(workers)
    await workers.close()
    with pytest.raises(WorkerKilled, match="died"):
        await task
    with pytest.raises(WorkerKilled, match="closed"):
        await workers.call("os:getpid", timeout_s=10)


async def test_calls_share_the_pool():
    async with Workers(size=2) as workers:
        got = await asyncio.gather(*(workers.call("operator:mul", i, i, timeout_s=30) for i in range(6)))
    assert got == [i * i for i in range(6)]
