"""What goes wrong around a gateway: a full disk, a clock that jumps, a kill under load, clients that leave."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sqlite3
import sys
import time
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest
from gateways import config, gateway
from ledgers import rows
from upstream import Upstream, chat

from outlay.store.sqlite import Sqlite

CONFIG = """
default = "m"
[models.m]
model = "fake"
base_url = "{base_url}"
dialect = "vllm"
input_usd_per_mtok = 1.0
output_usd_per_mtok = 4.0
"""
ASKED = {"model": "m", "messages": [{"role": "user", "content": "say two words"}]}
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@asynccontextmanager
async def serving(home: Path, up: Upstream):
    """A served process over a fake upstream, and its base URL; its log is read and thrown away."""
    (home / "outlay.toml").write_text(CONFIG.format(base_url=up.base_url))
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).parent / "outlay"), "serve", "--port", "0"),
        env={**os.environ, "OUTLAY_HOME": str(home)},
        cwd=home,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            line = (await process.stderr.readline()).decode()
        assert line.startswith("outlay serves at"), line
        reading = asyncio.create_task(process.stderr.read())
        yield process, line.split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def asked(session, url, path="/chat/completions") -> tuple[int, dict]:
    """Status and body of one request."""
    async with session.post(f"{url}{path}", json=ASKED) as reply:
        return reply.status, json.loads(await reply.read())


async def test_a_full_disk_refuses_before_anything_is_bought_and_the_next_healthy_request_succeeds(tmp_path):
    async with (
        Upstream(flavour="vllm") as up,
        serving(tmp_path, up) as (process, url),
        aiohttp.ClientSession() as session,
    ):
        up.always(chat("two words"))
        assert (await asked(session, url))[0] == 200
        root = url.removesuffix("/v1")
        # No file of this process may grow any more.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        code, told = await asked(session, url)
        assert (code, up.n_chats) == (503, 1)
        assert "full" in told["error"]["message"]
        async with session.get(f"{root}/ready") as reply:
            assert reply.status == 503
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, UNLIMITED)
        async with session.get(f"{root}/ready") as reply:
            assert reply.status == 200
        assert (await asked(session, url))[0] == 200
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    ledger = await Sqlite.open(tmp_path / "outlay.db")
    found = await rows(ledger)
    await ledger.close()
    assert [(row["state"], row["cost_nusd"]) for row in found] == [("settled", 11_000)] * 2


async def test_a_disk_that_fills_while_a_reply_is_written_forgets_nothing_that_was_bought(tmp_path):
    release = asyncio.Event()
    async with (
        Upstream(flavour="vllm") as up,
        serving(tmp_path, up) as (process, url),
        aiohttp.ClientSession() as session,
    ):
        up.always(chat("two words", hold=release))
        asking = asyncio.create_task(asked(session, url))
        await up.arrived.wait()
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        release.set()
        assert (await asking)[0] == 503
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, UNLIMITED)
        assert (await asked(session, url))[0] == 200
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    ledger = await Sqlite.open(tmp_path / "outlay.db")
    found = await rows(ledger)
    await ledger.close()
    assert [(row["state"], row["cost_nusd"]) for row in found] == [("settled", 11_000)] * 2


@pytest.mark.parametrize("jump_s", [86_400 * 365, -86_400 * 365])
async def test_a_wall_clock_that_jumps_changes_neither_deadlines_nor_settlement(monkeypatch, jump_s):
    async with Upstream(flavour="vllm") as up, gateway(config(up)) as gate:
        release = asyncio.Event()
        up.always(chat("two words", hold=release))
        limited = {**ASKED, "outlay": {"deadline_s": 60, "max_usd": 0.01}}
        asking = asyncio.create_task(gate.post("/v1/chat/completions", limited))
        await up.arrived.wait()
        now, now_ns = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: now() + jump_s)
        monkeypatch.setattr(time, "time_ns", lambda: now_ns() + jump_s * 10**9)
        release.set()
        assert (await asking)[0] == 200
        assert (await gate.post("/v1/chat/completions", limited))[0] == 200
        assert await gate.state.outlay.store.sweep() == 0
        found = await rows(gate.state.outlay.store)
    assert [(row["state"], row["cost_nusd"]) for row in found] == [("settled", 11_000)] * 2


async def test_a_thousand_requests_whose_clients_leave_keep_no_place_connection_or_reservation(tmp_path):
    async with Upstream(flavour="vllm") as up, gateway(config(up, concurrency=8)) as gate:
        up.always(chat("two words", hold=asyncio.Event()))
        body = json.dumps(ASKED).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n".encode()

        async def leave(number: int) -> None:
            _, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            writer.write(head + body)
            await asyncio.sleep(number % 5 * 0.002)
            writer.transport.abort()

        files = len(os.listdir("/proc/self/fd"))
        for start in range(0, 1000, 50):
            await asyncio.gather(*(leave(start + i) for i in range(50)))
        for _ in range(2000):
            if not (gate.state.outlay.budget.in_flight or gate.state.metrics.in_flight):
                break
            await asyncio.sleep(0.01)
        up.always(chat("two words"))
        assert (await gate.post("/v1/chat/completions", ASKED))[0] == 200
        (_, limiter), *_ = gate.state.outlay.limiters
        assert (limiter.in_flight, limiter.n_waiting) == (0, 0)
        assert len(os.listdir("/proc/self/fd")) <= files + 8
        found = await rows(gate.state.outlay.store)
        assert {row["state"] for row in found} <= {"settled", "failed"}
        assert sum(row["cost_nusd"] for row in found) == gate.state.outlay.budget.settled["nusd"]


async def test_a_kill_under_load_loses_only_what_was_under_way_and_lists_it(tmp_path):
    async with Upstream(flavour="vllm") as up, aiohttp.ClientSession() as session:
        up.always(chat("two words"))
        replies: list[int] = []
        enough = asyncio.Event()

        async def client(url: str) -> None:
            while True:
                replies.append((await asked(session, url))[0])
                if len(replies) == 100:
                    enough.set()

        async with serving(tmp_path, up) as (process, url):
            clients = [asyncio.create_task(client(url)) for _ in range(16)]
            async with asyncio.timeout(60):
                await enough.wait()
            process.kill()
            await asyncio.wait(clients)
        assert all(isinstance(one.exception(), aiohttp.ClientError) for one in clients)
        arrived = up.n_chats
        async with serving(tmp_path, up) as (process, url):
            assert (await asked(session, url))[0] == 200
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    with closing(sqlite3.connect(tmp_path / "outlay.db")) as db:
        states = dict(db.execute("SELECT state, COUNT(*) FROM calls GROUP BY state").fetchall())
        wrong = db.execute(
            "SELECT COUNT(*) FROM calls WHERE state = 'settled' AND cost_nusd <> 11000"
        ).fetchone()
        lost = db.execute("SELECT cost_nusd = bound_nusd FROM calls WHERE state = 'lost'").fetchall()
    # Every reply that a client had is settled; what the upstream saw beyond that is listed at its worst case.
    assert set(states) <= {"settled", "lost"}
    assert wrong == (0,)
    assert all(equal for (equal,) in lost)
    assert len(replies) + 1 <= states["settled"] <= up.n_chats
    assert arrived + 1 <= states["settled"] + states.get("lost", 0)
