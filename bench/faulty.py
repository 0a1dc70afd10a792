"""An upstream that fails in every way it can, and keeps its own account of every call it was asked for.

    python bench/faulty.py --account account.json [--faults 0.3] [--seed 0]

Its port goes to standard output; it ends when standard input closes, and writes its account then. Each call it answers
with usage is billed under a pair of numbers that no other call has (input tokens, cached tokens), by which the ledger's
row of it can be found; a chunk of a slow stream carries the usage so far.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

PROMPT_BYTES = 1000
"""Every prompt is at least so long, so that no pair of a bill is beyond a call's bound."""
STORM_EVERY_S, STORM_S = 15.0, 1.5
"""Every so often each call is a 429, for so long."""
DEAD_EVERY_S, DEAD_S = 40.0, 1.0
"""Every so often nobody listens, for so long."""
STATUSES = {"500": 500, "502": 502, "503": 503, "429": 429, "400": 400, "401": 401, "404": 404}
FAULTS = (
    *STATUSES,
    "hang",
    "slow bytes",
    "reset before the reply",
    "reset in the middle",
    "truncated",
    "no end",
    "malformed",
    "no JSON",
    "error event",
    "not HTTP",
)


def pairs() -> Iterator[tuple[int, int]]:
    """(input tokens, cached tokens) that come once each, half a million of them."""
    return ((read, cached) for read in range(PROMPT_BYTES, 0, -1) for cached in range(read + 1))


class Account:
    """What this server was asked for and what it sent."""

    def __init__(self, share: float, seed: int, latency_s: float):
        self.share, self.latency_s = share, latency_s
        self.dice, self.bills = random.Random(seed), pairs()
        self.asked: Counter[str] = Counter()
        self.written: dict[str, list[int]] = {}
        """By bill: the output tokens that were written so far, and 1 once the whole reply was."""
        self.started_s = asyncio.get_running_loop().time()

    def fault(self) -> str:
        """What the next call meets with; empty for a good reply."""
        if (asyncio.get_running_loop().time() - self.started_s) % STORM_EVERY_S > STORM_EVERY_S - STORM_S:
            return "429" if self.share else ""
        return self.dice.choice(FAULTS) if self.dice.random() < self.share else ""


class Faulty(asyncio.Protocol):
    """One connection of a client."""

    account: Account
    open: ClassVar[set[Faulty]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.buffer, self.answering = b"", None
        self.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left: nothing more is written."""
        self.open.discard(self)
        if self.answering is not None:
            self.answering.cancel()

    def data_received(self, data: bytes) -> None:
        """Take a request in; answer it once it is whole."""
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        if head.startswith(b"GET"):
            told = b'{"data": [{"id": "fake", "owned_by": "vllm", "max_model_len": 32768}]}'
            self.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(told) + told)
            return
        n = json.loads(rest[:length]).get("n") or 1
        self.answering = asyncio.ensure_future(self.answer(n))

    def send(self, data: bytes) -> None:
        """Write, if somebody is there."""
        if not self.transport.is_closing():
            self.transport.write(data)

    async def answer(self, n: int) -> None:
        """A reply to n choices, or what comes in its place."""
        fault = self.account.fault()
        self.account.asked[fault or "none"] += 1
        await asyncio.sleep(self.account.latency_s)
        if fault in STATUSES:
            told = json.dumps({"error": {"message": f"a {fault} on purpose"}}).encode()
            again = b"retry-after: 0\r\n" if fault == "429" else b""
            self.send(
                b"HTTP/1.1 %s No\r\n%scontent-length: %d\r\n\r\n" % (fault.encode(), again, len(told)) + told
            )
        elif fault == "hang":
            await asyncio.sleep(3600)
        elif fault == "reset before the reply":
            self.transport.abort()
        elif fault == "not HTTP":
            self.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            self.transport.close()
        else:
            await self.stream(n, fault)

    async def stream(self, n: int, fault: str) -> None:
        """Events of n choices, each chunk with the usage so far, whole or spoiled by the fault."""
        read, cached = next(self.account.bills)
        bill = self.account.written.setdefault(f"{read}/{cached}", [0, 0])
        self.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        words = ["Answer: ", "4", "2", "."]
        for number, word in enumerate(words):
            choices = [{"index": i, "delta": {"content": word}} for i in range(n)]
            if number == len(words) - 1 and fault != "no end":
                choices = [{**choice, "finish_reason": "stop"} for choice in choices]
            bill[0] += n
            self.event(
                {"choices": choices, "usage": usage(read, cached, bill[0])}, slowly=fault == "slow bytes"
            )
            if fault == "slow bytes":
                await asyncio.sleep(0.05)
            if number == 1 and fault and fault not in ("slow bytes", "no end"):
                self.spoil(fault)
                return
        bill[1] = int(fault != "no end")
        self.send(chunk(b"data: [DONE]\n\n") + END)

    def event(self, told: dict[str, object], *, slowly: bool) -> None:
        """One event; slowly is byte by byte."""
        data = f"data: {json.dumps(told)}\n\n".encode()
        for part in (data[i : i + 1] for i in range(len(data))) if slowly else (data,):
            self.send(chunk(part))

    def spoil(self, fault: str) -> None:
        """End a stream that has begun."""
        if fault == "malformed":
            self.send(chunk(b'data: {"choices": [\n\n') + END)
        elif fault == "no JSON":
            self.send(chunk(b"data: <html>busy</html>\n\n") + END)
        elif fault == "error event":
            self.send(chunk(b'data: {"error": {"message": "out of memory", "code": 500}}\n\n') + END)
        elif fault == "truncated":
            self.transport.close()
        else:
            self.transport.abort()


END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def usage(read: int, cached: int, written: int) -> dict[str, object]:
    """A usage object."""
    told = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {**told, "prompt_tokens_details": {"cached_tokens": cached}}


async def serve(args: argparse.Namespace) -> dict[str, object]:
    """Serve until standard input closes, dead for a while now and then; returns the account."""
    loop = asyncio.get_running_loop()
    account = Faulty.account = Account(args.faults, args.seed, args.latency_ms / 1000)
    server = await loop.create_server(Faulty, "127.0.0.1", 0, backlog=2048)
    port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    ending = loop.run_in_executor(None, sys.stdin.read)
    deaths = 0
    while not ending.done():
        await asyncio.wait((ending,), timeout=DEAD_EVERY_S)
        if ending.done() or not account.share:
            continue
        deaths += 1
        server.close()
        for connection in tuple(Faulty.open):
            connection.transport.abort()
        await asyncio.sleep(DEAD_S)
        server = await loop.create_server(Faulty, "127.0.0.1", port, backlog=2048, reuse_address=True)
    return {"asked": dict(account.asked), "deaths": deaths, "written": account.written}


def main() -> None:
    """Be the upstream."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--account", required=True)
    parser.add_argument("--faults", type=float, default=0.3)
    parser.add_argument("--latency-ms", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    Path(args.account).write_text(json.dumps(asyncio.run(serve(args))))


if __name__ == "__main__":
    main()
