"""Work for a client ends when the client leaves, whoever tells of it."""

import asyncio

import pytest
from starlette.requests import ClientDisconnect

from outlay.gateway.clients import CLIENT, Client
from outlay.gateway.live import while_connected


class Flow:
    """What a connection's flow is asked for."""

    resumed = 0

    def resume_reading(self) -> None:
        self.resumed += 1


async def silent() -> dict[str, str]:
    """A client of whom nothing more comes."""
    await asyncio.Event().wait()
    return {}


class Work:
    """Work that waits, and says how it ended."""

    def __init__(self) -> None:
        self.begun, self.release, self.settled = asyncio.Event(), asyncio.Event(), False

    async def __call__(self) -> str:
        self.begun.set()
        try:
            await self.release.wait()
        finally:
            self.settled = True
        return "done"


async def test_work_whose_client_stays_returns_and_nothing_is_told_afterwards() -> None:
    client, work = Client(flow := Flow()), Work()
    work.release.set()
    assert await while_connected({CLIENT: client}, silent, work()) == "done"
    client.leave()
    await asyncio.sleep(0)
    assert flow.resumed == 1


@pytest.mark.parametrize("ours", [True, False])
async def test_a_client_that_leaves_ends_the_work_once_it_is_settled(ours) -> None:
    client, work, gone = Client(Flow()), Work(), asyncio.Event()

    async def receive() -> dict[str, str]:
        await gone.wait()
        return {"type": "http.disconnect"}

    task = asyncio.create_task(while_connected({CLIENT: client} if ours else {}, receive, work()))
    await work.begun.wait()
    client.leave() if ours else gone.set()
    with pytest.raises(ClientDisconnect):
        await task
    assert work.settled
    assert not task.cancelling()


async def test_for_a_client_that_is_gone_nothing_is_begun() -> None:
    client, work = Client(Flow()), Work()
    client.leave()
    with pytest.raises(ClientDisconnect):
        await while_connected({CLIENT: client}, silent, work())
    assert not work.begun.is_set()


async def test_a_server_that_ends_cancels_even_where_the_client_leaves_at_the_same_time() -> None:
    client, work = Client(Flow()), Work()
    task = asyncio.create_task(while_connected({CLIENT: client}, silent, work()))
    await work.begun.wait()
    task.cancel()
    client.leave()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.settled
