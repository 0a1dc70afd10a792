"""Two sleep workers and a gateway on one ledger, killed at random moments: every job is done once in effect."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from random import Random

import aiohttp
import pytest
from ledgers import rows
from upstream import Call, Upstream, chat

from outlay.store.contexts import Context, context_id
from outlay.store.sqlite import Sqlite

OUTLAY = str(Path(sys.executable).parent / "outlay")
TEXTS = [f"Shop number {n} has 6 rows of 7 eggs, and a cat. " for n in range(8)]
ASKED = "How many eggs are there?"
CONFIG = """
default = "m"
[models.m]
model = "fake"
base_url = "{base_url}"
dialect = "openai"
input_usd_per_mtok = 1.0
output_usd_per_mtok = 4.0
"""


class Site:
    """The processes of this test, and an upstream that has one of them killed as certain calls arrive."""

    def __init__(self, home: Path, seed: int):
        self.home, self.rng = home, Random(seed)
        self.kill_at = set(self.rng.sample(range(2, 26), 6))
        self.workers: list[asyncio.subprocess.Process] = []
        self.calls = self.kills = 0

    async def worker(self) -> None:
        """One worker after the other, until one of them ends by itself because nothing is left to do."""
        while True:
            process = await asyncio.create_subprocess_exec(
                *(OUTLAY, "sleep", "--once"),
                env={**os.environ, "OUTLAY_HOME": str(self.home)},
                cwd=self.home,
                stderr=asyncio.subprocess.DEVNULL,
            )
            self.workers.append(process)
            if await process.wait() == 0:
                return

    async def reply(self, call: Call):
        """The next version of the notes, or the answer; in between a worker is killed."""
        said = call.body["messages"][0]["content"]
        self.calls += 1
        if self.calls in self.kill_at:
            living = [p for p in self.workers if p.returncode is None]
            if living:
                self.kills += 1
                self.rng.choice(living).kill()
        if "You prepare for questions" not in said:
            return await chat("Answer: 42")(call)
        return await chat("FINISHED" if "<notes " in said else "42 eggs")(call)


@asynccontextmanager
async def serving(home: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A gateway on the ledger, and its address."""
    process = await asyncio.create_subprocess_exec(
        *(OUTLAY, "serve", "--port", "0"),
        env={**os.environ, "OUTLAY_HOME": str(home)},
        cwd=home,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        yield process, (await process.stderr.readline()).decode().split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def asking(url: str, text: str) -> bool:
    """Ask a question through a gateway; False where it was gone."""
    body = {"model": "outlay/single", "messages": [{"role": "user", "content": text + ASKED}]}
    with suppress(aiohttp.ClientError):
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/chat/completions", json=body) as reply,
        ):
            return reply.status == 200
    return False


@pytest.mark.timeout(180)
async def test_every_job_is_done_once_and_the_ledger_is_balanced(tmp_path):
    site = Site(tmp_path, seed=3)
    async with Upstream() as up, AsyncExitStack() as closing:
        up.always(site.reply)
        (tmp_path / "outlay.toml").write_text(CONFIG.format(base_url=up.base_url))
        store = await Sqlite.open(tmp_path / "outlay.db")
        closing.push_async_callback(store.close)
        await store.set_offline_budget("local", 10**12)
        for n, text in enumerate(TEXTS):
            await store.add_context(Context(context_id(text), "local", f"{n}", text, "added", 10**6, None, 1))
        answered = 0
        async with asyncio.TaskGroup() as group:
            working = [group.create_task(site.worker()) for _ in range(2)]
            for life in range(2):
                async with serving(tmp_path) as (gateway, url):
                    asked = [group.create_task(asking(url, text)) for text in TEXTS]
                    if life == 0:
                        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                        gateway.kill()
                    answered += sum(await asyncio.gather(*asked))
            await asyncio.wait(working)
        await store.sweep()
        jobs, found = await store.jobs(), await rows(store)
        notes = {text: await store.notes(context_id(text), tenant="local") for text in TEXTS}
    assert site.kills >= 3
    assert answered >= len(TEXTS)
    assert Counter(job.state for job in jobs) == {"done": len(TEXTS)}
    assert all(job.held_nusd == 0 for job in jobs)
    assert {row["state"] for row in found} <= {"settled", "failed", "lost", "cached"}
    offline = [row for row in found if row["phase"] == "offline"]
    settled = Counter(row["question_id"] for row in offline if row["state"] == "settled")
    assert settled == {job.id: 2 for job in jobs}
    assert sum(row["state"] == "lost" for row in offline) <= site.kills
    for text, made in notes.items():
        (kept,) = made
        assert kept.text == "42 eggs", text
        assert kept.paid_nusd == sum(r["paid_nusd"] for r in offline if r["question_id"] == kept.job_id)
