"""A gateway under a steady load with everything going wrong, and its ledger held against the upstream's own account.

    .venv/bin/python bench/soak.py --minutes 10 --share 0.5 [--faults 0.3] [--leave 0.05] [--seed 0]

The maximum load is measured first, without faults; then `share` of it is offered for so long: models passed through
whole and streamed, and votes of four. The upstream (`bench/faulty.py`) fails in every way it can, clients leave at any
moment. At the end every row of the ledger must be closed and agree to the token with what the upstream wrote; nothing
may be left in flight; memory and open files must be where they were. Exits with 1 where something differs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import gateway as bench
from faulty import PROMPT_BYTES

TEXT = "What is 6*7? " + "x" * PROMPT_BYTES
ASKED = {"messages": [{"role": "user", "content": TEXT}], "max_tokens": 64}
VOTE = {"kind": "number", "parameters": {"n": 4}, "deadline_s": 2.0}
BODIES = (
    {"model": "m", **ASKED, "outlay": {"deadline_s": 2.0}},
    {"model": "m", **ASKED, "stream": True, "outlay": {"deadline_s": 2.0}},
    {"model": "outlay/self_consistency", **ASKED, "outlay": VOTE},
)
PRICE = {"input": 1000, "cached": 1000, "output": 4000}
"""Nano-dollars a token, as the bench's configuration says."""
MOST_AT_ONCE = 512
KEPT_S = 4.0


class Load:
    """The clients: what they asked, and what became of it."""

    def __init__(self, port: int, leave: float, seed: int):
        self.port, self.leave, self.dice = port, leave, random.Random(seed)
        self.said: Counter[str] = Counter()
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter, float]] = []
        self.under_way: set[asyncio.Task[None]] = set()
        self.late = 0

    def begin(self) -> None:
        """One request more."""
        body = json.dumps(self.dice.choice(BODIES)).encode()
        leaves_s = self.dice.expovariate(20) if self.dice.random() < self.leave else None
        task = asyncio.create_task(self.ask(body, leaves_s))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def ask(self, body: bytes, leaves_s: float | None) -> None:
        """Make a request and read its reply, or leave after a while."""
        reader, writer = await self.connected()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        try:
            async with asyncio.timeout(leaves_s):
                status, told = await reply(reader)
        except TimeoutError:
            self.said["left"] += 1
            writer.transport.abort()
            return
        except (OSError, EOFError):
            self.said["connection broke"] += 1
            writer.transport.abort()
            return
        broken = status == 200 and (b'"error":{' in told or b'"choices"' not in told)
        self.said["200 with an error" if broken else str(status)] += 1
        self.idle.append((reader, writer, time.perf_counter()))

    async def connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A kept connection, or a new one: the gateway closes those that were idle for 5 s."""
        while self.idle:
            reader, writer, since_s = self.idle.pop()
            if time.perf_counter() - since_s < KEPT_S:
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def offer(self, rate: float, seconds: float, every_s: float = 10.0) -> None:
        """So many requests a second for so long; a line of progress now and then."""
        start = said_s = time.perf_counter()
        begun = 0
        while (now := time.perf_counter()) - start < seconds:
            for _ in range(int((now - start) * rate) - begun):
                begun += 1
                if len(self.under_way) < MOST_AT_ONCE:
                    self.begin()
                else:
                    self.late += 1
            if now - said_s > every_s:
                said_s = now
                print(f"{now - start:6.0f} s {dict(self.said)}", file=sys.stderr)
            await asyncio.sleep(0.005)
        if self.under_way:
            await asyncio.wait(self.under_way)

    def close(self) -> None:
        """Close every connection."""
        for _, writer, _ in self.idle:
            writer.close()
        self.idle.clear()


async def reply(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of a reply."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"content-length: " in head:
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        return int(head.split(b" ")[1]), await reader.readexactly(length)
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size + 2))
    await reader.readline()
    return int(head.split(b" ")[1]), b"".join(parts)


def compare(ledger: Path, account: dict[str, object], n_replies: int) -> dict[str, object]:
    """The ledger against the upstream's account, and the whole replies that clients had.

    Raises:
        AssertionError: they differ.
    """
    written: dict[str, list[int]] = account["written"]  # type: ignore[assignment]
    with closing(sqlite3.connect(ledger)) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute("SELECT * FROM calls").fetchall()
    states = Counter(row["state"] for row in rows)
    assert set(states) <= {"settled", "failed"}, f"rows are left open: {states}"
    seen: set[str] = set()
    whole = cut = bound = 0
    for row in rows:
        if row["mark"] == "unreconciled":
            bound += 1
            assert row["output_tokens"] == row["bound_output_tokens"]
        elif row["output_tokens"]:
            bill = f"{row['input_tokens']}/{row['cache_read_tokens'] or 0}"
            assert bill in written, f"the upstream knows no call {bill}"
            assert bill not in seen, f"the call {bill} is in the ledger twice"
            seen.add(bill)
            tokens, ended = written[bill]
            assert row["output_tokens"] <= tokens, f"{bill} was settled beyond what was written"
            as_written = ended and row["output_tokens"] == tokens and not row["error"]
            whole += bool(as_written)
            cut += not as_written
            cost = row["input_tokens"] * PRICE["input"] + row["output_tokens"] * PRICE["output"]
            assert row["cost_nusd"] == cost, f"{bill} costs {row['cost_nusd']}, not {cost}"
    assert whole >= n_replies, f"clients had {n_replies} whole replies, {whole} are in the ledger as written"
    asked = sum(account["asked"].values())  # type: ignore[attr-defined]
    assert asked <= len(rows), f"the upstream was asked {asked} times, the ledger has {len(rows)} rows"
    return {
        "rows": len(rows),
        "asked_of_the_upstream": asked,
        "states": dict(states),
        "whole_and_equal_to_the_upstream": whole,
        "cut_and_within_what_was_written": cut,
        "at_the_bound": bound,
    }


def _standing(pid: int) -> dict[str, float]:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return {
        "rss_mb": round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1),
        "files": len(os.listdir(f"/proc/{pid}/fd")),
    }


async def in_flight(port: int) -> float:
    """Requests that the gateway says are under way, this one aside."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
    _, told = await reply(reader)
    writer.close()
    line = next(x for x in told.decode().splitlines() if x.startswith("outlay_requests_in_flight "))
    return float(line.split()[1]) - 1


async def maximum(home: Path, seconds: float) -> float:
    """Requests a second of this mix at 64 clients, without faults."""
    async with (
        bench.fake(20.0, "faulty.py", "--faults", "0", "--account", str(home / "calm.json")) as (upstream, _),
        bench.gateway(home / "calm", upstream, 128) as (port, _, _),
    ):
        load, start = Load(port, 0.0, 0), time.perf_counter()
        while time.perf_counter() - start < seconds:
            while len(load.under_way) < 64:
                load.begin()
            await asyncio.wait(load.under_way, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(load.under_way)
        load.close()
        return sum(load.said.values()) / (time.perf_counter() - start)


async def soak(args: argparse.Namespace, home: Path) -> dict[str, object]:
    """The whole soak; see the top of this file."""
    most = args.rate / args.share if args.rate else await maximum(home, min(args.minutes * 10, 10.0))
    account = home / "account.json"
    words = ("--faults", str(args.faults), "--seed", str(args.seed), "--account", str(account))
    async with (
        bench.fake(20.0, "faulty.py", *words) as (upstream, _),
        bench.gateway(home / "soak", upstream, 128) as (port, pid, _),
    ):
        load = Load(port, args.leave, args.seed)
        # Memory is what the most requests at once take: an outage that lines them up later is no leak.
        for _ in range(MOST_AT_ONCE):
            load.begin()
        await load.offer(most * args.share, min(args.minutes * 6, 20.0))
        load.close()
        before = _standing(pid)
        await load.offer(most * args.share, args.minutes * 60)
        left = await in_flight(port)
        for _ in range(100):
            if left == 0:
                break
            await asyncio.sleep(0.1)
            left = await in_flight(port)
        assert left == 0, f"{left} requests are still under way"
        await healthy(load)
        load.close()
        await asyncio.sleep(0.2)
        after = _standing(pid)
    kept = json.loads(account.read_text())
    told = compare(home / "soak" / "outlay.db", kept, load.said["200"])
    return {
        "load average": os.getloadavg()[0],
        "maximum_per_s": round(most, 1),
        "offered_per_s": round(most * args.share, 1),
        "minutes": args.minutes,
        "not_begun": load.late,
        "replies": dict(load.said.most_common()),
        "upstream": {"asked": kept["asked"], "deaths": kept["deaths"]},
        "ledger": told,
        "before": before,
        "after": after,
        "balanced": True,
    }


async def healthy(load: Load) -> None:
    """Return once a request succeeds: the upstream goes on failing, so it may take several."""
    load.leave = 0.0
    for _ in range(200):
        before = load.said["200"]
        load.begin()
        await asyncio.wait(load.under_way)
        if load.said["200"] > before:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no request succeeds any more")


def main() -> None:
    """Print what happened as JSON; exits with 1 where the ledger does not balance."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--share", type=float, default=0.5, help="of the maximum load")
    parser.add_argument(
        "--rate", type=float, default=0.0, help="requests a second, in place of measuring the maximum"
    )
    parser.add_argument("--faults", type=float, default=0.3, help="share of upstream calls that fail")
    parser.add_argument("--leave", type=float, default=0.05, help="share of clients that leave")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        print(json.dumps(asyncio.run(soak(args, Path(home))), indent=1))


if __name__ == "__main__":
    main()
