"""What the gateway adds between the chunks of many concurrent streams.

    .venv/bin/python bench/gateway_streams.py [--streams 300] [--chunks 100] [--every-ms 50]

Each chunk carries the moment at which the upstream wrote it; all processes read the same clock. The delay added between
two chunks is how much further apart they arrive than they were written. The same streams are read from the upstream
itself first: what it shows is the load generator's and the machine's. One JSON object goes to standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import gateway as bench

BODY = {**bench.PLAIN, "stream": True, "stream_options": {"include_usage": True}}


class Slow(asyncio.Protocol):
    """An upstream that answers every chat with chunks at a fixed pace."""

    chunks, every_s = 100, 0.05

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.buffer, self.streaming = b"", None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop writing."""
        if self.streaming is not None:
            self.streaming.cancel()

    def data_received(self, data: bytes) -> None:
        """Begin a stream once a request is whole."""
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        if not found or len(rest) < length:
            return
        self.buffer = rest[length:]
        if head.startswith(b"GET"):
            told = b'{"data": [{"id": "fake", "owned_by": "vllm", "max_model_len": 32768}]}'
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(told) + told)
            return
        self.streaming = asyncio.ensure_future(self.stream())

    async def stream(self) -> None:
        """The chunks, each with the moment of its writing."""
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for number in range(self.chunks):
            await asyncio.sleep(self.every_s)
            finish = "stop" if number == self.chunks - 1 else None
            choice = {"index": 0, "delta": {"content": f"<{time.monotonic_ns()}>"}, "finish_reason": finish}
            self.event(json.dumps({"choices": [choice]}))
        usage = {"prompt_tokens": 12, "completion_tokens": self.chunks, "total_tokens": 12 + self.chunks}
        self.event(json.dumps({"choices": [], "usage": usage}))
        self.event("[DONE]")
        self.transport.write(b"0\r\n\r\n")

    def event(self, text: str) -> None:
        """One event in one chunk."""
        data = f"data: {text}\n\n".encode()
        self.transport.write(b"%x\r\n%s\r\n" % (len(data), data))


async def serve(args: argparse.Namespace) -> None:
    """Be the upstream until standard input closes."""
    Slow.chunks, Slow.every_s = args.chunks, args.every_ms / 1000
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Slow, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


async def read_stream(port: int, delays_ms: list[list[float]]) -> None:
    """Read one stream; its chunks' delays, in order."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({**BODY, "max_tokens": 1000}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    mine: list[float] = []
    delays_ms.append(mine)
    while (line := await reader.readline()) not in (b"0\r\n", b""):
        if b'"content":' in line and b"<" in line:
            written_ns = int(line.partition(b"<")[2].partition(b">")[0])
            mine.append((time.monotonic_ns() - written_ns) / 1e6)
    writer.close()


async def measure(
    port: int, streams: int, chunks: int, every_s: float, pid: int | None = None
) -> dict[str, float]:
    """Delays of all the chunks of so many streams that begin within one pace of each other."""
    cpu_s = bench.cpu_s_of(pid)
    delays_ms: list[list[float]] = []

    async def begin(number: int) -> None:
        await asyncio.sleep(every_s * number / streams)
        await read_stream(port, delays_ms)

    await asyncio.gather(*(begin(number) for number in range(streams)))
    assert all(len(each) == chunks for each in delays_ms), "chunks are missing"
    added = sorted(b - a for each in delays_ms for a, b in itertools.pairwise(each))
    every = sorted(d for each in delays_ms for d in each)
    return {
        "added_between_chunks_p50_ms": round(added[len(added) // 2], 2),
        "added_between_chunks_p99_ms": round(added[int(len(added) * 0.99)], 2),
        "delay_p50_ms": round(every[len(every) // 2], 2),
        "delay_p99_ms": round(every[int(len(every) * 0.99)], 2),
        "cpu_us_per_chunk": round((bench.cpu_s_of(pid) - cpu_s) * 1e6 / len(every), 1),
    }


async def run(args: argparse.Namespace, home: Path) -> dict[str, object]:
    """The upstream alone, then through the gateway."""
    words = ("--serve", "--chunks", str(args.chunks), "--every-ms", str(args.every_ms))
    async with (
        bench.fake(20.0, "gateway_streams.py", *words) as (upstream, _),
        bench.gateway(home / "a", upstream, 128) as (port, pid, _),
    ):
        every_s = args.every_ms / 1000
        return {
            "streams": args.streams,
            "chunks": args.chunks,
            "every_ms": args.every_ms,
            "upstream alone": await measure(upstream, args.streams, args.chunks, every_s),
            "through the gateway": await measure(port, args.streams, args.chunks, every_s, pid),
            "load average": os.getloadavg()[0],
        }


def main() -> None:
    """Measure, or be the upstream."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--chunks", type=int, default=100)
    parser.add_argument("--every-ms", type=float, default=50.0)
    parser.add_argument("--latency-ms", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve(args))
        return
    with tempfile.TemporaryDirectory() as home:
        print(json.dumps(asyncio.run(run(args, Path(home))), indent=1))


if __name__ == "__main__":
    main()
