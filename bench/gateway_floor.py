"""What a process in between costs by itself: a forwarder of bytes and a bare HTTP proxy, under the load of gateway.py.

    .venv/bin/python bench/gateway_floor.py [--requests 3000] [--latency-ms 20]

Neither reads a body, checks a key, bounds, meters or writes anything: whatever the gateway adds beyond the second is
what it is there for. `forward` copies bytes between two connections; `proxy` is aiohttp's server and client with one
handler. The same fake upstream, the same load, all on the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys

from aiohttp import ClientSession, TCPConnector, web
from gateway import CASES, fake, measure

BODY = CASES["upstream alone"][1]
HOPS = ("forward", "proxy")


async def forward(upstream: int) -> int:
    """The port of a forwarder of bytes."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=2048)
    return server.sockets[0].getsockname()[1]


async def proxy(upstream: int) -> int:
    """The port of a bare HTTP proxy."""
    session = ClientSession(connector=TCPConnector(limit=0))

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        async with session.post(f"http://127.0.0.1:{upstream}{request.path}", data=body) as reply:
            return web.Response(body=await reply.read(), content_type="text/event-stream")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
    await site.start()
    return runner.addresses[0][1]


async def serve(hop: str, upstream: int) -> None:
    """Serve one of the two until standard input closes; its port goes to standard output."""
    print(await {"forward": forward, "proxy": proxy}[hop](upstream), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    # Connections of the load are still open, and nothing of them is worth an orderly end.
    os._exit(0)


async def run(requests: int, latency_ms: float) -> dict[str, object]:
    """The upstream alone, then behind each of the two, with one client and with 64."""
    found: dict[str, object] = {}

    async def both(name: str, port: int, pid: int) -> None:
        found[name] = {
            "one client": await measure(port, BODY, 1, min(requests // 10, 300), pid),
            "64 clients": await measure(port, BODY, 64, requests, pid),
        }

    async with fake(latency_ms) as (upstream, pid):
        await both("upstream alone", upstream, pid)
        for hop in HOPS:
            async with fake(latency_ms, "gateway_floor.py", "--serve", hop, "--upstream", str(upstream)) as (
                port,
                at,
            ):
                await both(hop, port, at)
    return {**found, "load average": os.getloadavg()[0]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--latency-ms", type=float, default=20.0)
    parser.add_argument("--serve", choices=HOPS, help=argparse.SUPPRESS)
    parser.add_argument("--upstream", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.upstream))
    else:
        print(json.dumps(asyncio.run(run(given.requests, given.latency_ms)), indent=1))
