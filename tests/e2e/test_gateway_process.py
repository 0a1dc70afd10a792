"""`outlay serve` as a process: it starts, serves, drains on SIGTERM, and does not open itself to strangers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from ledgers import rows
from upstream import Upstream, chat

from outlay.store.sqlite import Sqlite

CONFIG = """
default = "m"
[models.m]
model = "fake"
base_url = "{base_url}"
dialect = "openai"
input_usd_per_mtok = 1.0
output_usd_per_mtok = 4.0
"""
ASKED = {"model": "m", "messages": [{"role": "user", "content": "say two words"}]}


@asynccontextmanager
async def serving(home: Path, *words: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A served process and its base URL."""
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).parent / "outlay"), "serve", "--port", "0", *words),
        env={**os.environ, "OUTLAY_HOME": str(home)},
        cwd=home,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            line = (await process.stderr.readline()).decode()
        yield process, line.split()[-1] if line.startswith("outlay serves at") else line
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_serves_a_configuration_and_drains_when_it_is_asked_to_end(tmp_path):
    release = asyncio.Event()
    async with Upstream() as up:
        up.always(chat("two words", hold=release))
        (tmp_path / "my.toml").write_text(CONFIG.format(base_url=up.base_url))
        async with (
            serving(tmp_path, "--config", "my.toml") as (process, url),
            aiohttp.ClientSession() as session,
        ):
            asking = asyncio.create_task(session.post(f"{url}/chat/completions", json=ASKED))
            await up.arrived.wait()
            process.send_signal(signal.SIGTERM)
            release.set()
            reply = await (await asking).json()
            assert reply["choices"][0]["message"]["content"] == "two words"
            assert await process.wait() == 0
    ledger = await Sqlite.open(tmp_path / "outlay.db")
    (row,) = await rows(ledger)
    await ledger.close()
    assert (row["state"], row["cost_nusd"]) == ("settled", 11_000)


async def test_without_a_configuration_it_is_ready_and_offers_the_local_model(tmp_path):
    async with serving(tmp_path) as (process, url), aiohttp.ClientSession() as session:
        async with session.get(url.removesuffix("/v1") + "/ready") as reply:
            assert (reply.status, await reply.json()) == (200, {"status": "ready", "models_failing": 0})
        async with session.get(f"{url}/models") as reply:
            assert (await reply.json())["data"][0]["id"] == "local/qwen2.5-coder-0.5b"
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


async def test_a_kill_under_load_forgets_nothing_and_the_next_server_says_what_was_lost(tmp_path):
    async with Upstream() as up:
        (tmp_path / "outlay.toml").write_text(CONFIG.format(base_url=up.base_url))
        up.always(chat("two words"))
        async with serving(tmp_path) as (process, url), aiohttp.ClientSession() as session:
            for _ in range(5):
                async with session.post(f"{url}/chat/completions", json=ASKED) as reply:
                    assert reply.status == 200
            up.always(chat("two words", hold=asyncio.Event()))
            asking = [
                asyncio.create_task(session.post(f"{url}/chat/completions", json=ASKED)) for _ in range(3)
            ]
            async with asyncio.timeout(10):
                while up.n_chats < 8:
                    up.arrived.clear()
                    await up.arrived.wait()
            process.kill()
            await asyncio.wait(asking)
        assert all(isinstance(one.exception(), aiohttp.ClientError) for one in asking)
        up.always(chat("two words"))
        async with serving(tmp_path) as (_, url), aiohttp.ClientSession() as session:
            async with session.post(f"{url}/chat/completions", json=ASKED) as reply:
                assert reply.status == 200
            assert up.n_chats == 9
    ledger = await Sqlite.open(tmp_path / "outlay.db")
    found = await rows(ledger)
    await ledger.close()
    lost = [row for row in found if row["state"] == "lost"]
    assert sorted(row["state"] for row in found) == ["lost"] * 3 + ["settled"] * 6
    assert all(row["cost_nusd"] == row["bound_nusd"] > 0 for row in lost)


async def test_a_second_one_on_the_same_ledger_is_refused_with_a_sentence_while_commands_share_it(tmp_path):
    async with serving(tmp_path) as (first, _):
        async with serving(tmp_path) as (second, line):
            assert "Another gateway serves from the ledger" in line
            assert await second.wait() == 1
        ledger = await Sqlite.open(tmp_path / "outlay.db")
        await ledger.flush()
        await ledger.close()
        first.kill()
        await first.wait()
    async with serving(tmp_path) as (_, url):
        assert url.startswith("http://")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_it_does_not_listen_beyond_this_machine_without_a_key(tmp_path, host):
    async with serving(tmp_path, "--host", host) as (process, line):
        assert "make a key first" in line
        assert await process.wait() == 2
