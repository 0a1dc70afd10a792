"""What the gateway adds to a fake upstream of 20 ms: latency with one client, requests a second with 64.

    .venv/bin/python bench/gateway.py [--requests 3000] [--latency-ms 20]

The upstream, one `outlay serve` process with its ledger on, and the load generator (this process) share the machine's
cores, all in one run. The upstream is asked directly too, with the same load, which is the floor and the ceiling. One
JSON object goes to standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

CONFIG = """
default = "m"
[models.m]
model = "fake"
base_url = "{url}"
dialect = "vllm"
context_tokens = 32768
input_usd_per_mtok = 1.0
output_usd_per_mtok = 4.0
concurrency = 1024
max_n = {max_n}
"""
MESSAGES = [{"role": "user", "content": "What is 6*7?"}]
VOTE = {"kind": "number", "parameters": {"n": 8}}
PLAIN = {"model": "m", "messages": MESSAGES, "max_tokens": 64}
CASES = {
    "upstream alone": ("upstream", {**PLAIN, "stream": True, "stream_options": {"include_usage": True}}),
    "pass-through": ("gateway", PLAIN),
    "pass-through, streamed": ("gateway", {**PLAIN, "stream": True}),
    "self_consistency, n = 8 in one call": (
        "gateway",
        {"model": "outlay/self_consistency", "messages": MESSAGES, "max_tokens": 64, "outlay": VOTE},
    ),
    "self_consistency, n = 8 in eight calls": (
        "one by one",
        {"model": "outlay/self_consistency", "messages": MESSAGES, "max_tokens": 64, "outlay": VOTE},
    ),
}


class Fake(asyncio.Protocol):
    """An upstream in raw asyncio that answers every chat request after a fixed time, streamed."""

    latency_s = 0.02

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Take a request in; answer it a while after it is whole."""
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        if head.startswith(b"GET"):
            self.buffer = rest
            self.reply(
                "application/json", b'{"data": [{"id": "fake", "owned_by": "vllm", "max_model_len": 32768}]}'
            )
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        n = json.loads(rest[:length]).get("n") or 1
        asyncio.get_running_loop().call_later(self.latency_s, self.answer, n)

    def answer(self, n: int) -> None:
        """The events of n choices."""
        events = [
            {"choices": [{"index": i, "delta": {"content": "Answer: 42"}, "finish_reason": "stop"}]}
            for i in range(n)
        ]
        usage = {"prompt_tokens": 12, "completion_tokens": 4 * n, "total_tokens": 12 + 4 * n}
        lines = [*map(json.dumps, events), json.dumps({"choices": [], "usage": usage}), "[DONE]"]
        self.reply("text/event-stream", "".join(f"data: {line}\n\n" for line in lines).encode())

    def reply(self, kind: str, body: bytes) -> None:
        """Send a whole reply."""
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)  # type: ignore[attr-defined]


async def serve_fake(latency_ms: float) -> None:
    """Serve the fake upstream until standard input closes; its port goes to standard output."""
    Fake.latency_s = latency_ms / 1000
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Fake, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@asynccontextmanager
async def fake(latency_ms: float, script: str = "", *options: str) -> AsyncIterator[tuple[int, int]]:
    """Port and process of a fake upstream in a process of its own: this file's, or another script beside it."""
    file = str(Path(__file__).parent / script) if script else __file__
    words = (sys.executable, file, "--latency-ms", str(latency_ms), *(options or ("--serve-fake",)))
    process = await asyncio.create_subprocess_exec(
        *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline()), process.pid
    finally:
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def gateway(home: Path, upstream: int, max_n: int) -> AsyncIterator[tuple[int, int, float]]:
    """The port and the id of an `outlay serve` process, and how many seconds it took to be there."""
    _configure(home, upstream, max_n)
    start = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).parent / "outlay"), "serve", "--port", "0"),
        env={**os.environ, "OUTLAY_HOME": str(home)},
        cwd=home,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said = (await process.stderr.readline()).decode()
    took_s = time.perf_counter() - start
    # The log goes on being written; somebody must read it.
    reading = asyncio.create_task(process.stderr.read())
    try:
        yield int(said.split("/v1")[0].rpartition(":")[2]), process.pid, took_s
    finally:
        process.terminate()
        await process.wait()
        await reading


def _configure(home: Path, upstream: int, max_n: int) -> None:
    home.mkdir()
    (home / "outlay.toml").write_text(CONFIG.format(url=f"http://127.0.0.1:{upstream}/v1", max_n=max_n))


async def client(port: int, body: bytes, n: int, seconds: list[float]) -> None:
    """One client with one kept-alive connection makes n requests in a row."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
    sent = head.encode() + body
    for _ in range(n):
        start = time.perf_counter()
        writer.write(sent)
        got = await reader.readuntil(b"\r\n\r\n")
        if not got.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not a 200: {got!r} {await reader.read(1000)!r}")
        lowered = got.lower()
        if b"content-length: " in lowered:
            await reader.readexactly(int(lowered.partition(b"content-length: ")[2].split(b"\r\n")[0]))
        else:
            await reader.readuntil(b"\r\n0\r\n\r\n")
        seconds.append(time.perf_counter() - start)
    writer.close()


async def measure(
    port: int, body: dict, clients: int, requests: int, pid: int | None = None
) -> dict[str, float | None]:
    """p50 and p99 in milliseconds, requests a second, the process's CPU and how often it falls asleep, of this load.

    After a short warm-up.
    """
    data = json.dumps(body).encode()
    await asyncio.gather(*(client(port, data, 5, []) for _ in range(clients)))
    seconds: list[float] = []
    start, cpu_s, slept = time.perf_counter(), cpu_s_of(pid), sleeps_of(pid)
    await asyncio.gather(*(client(port, data, requests // clients, seconds) for _ in range(clients)))
    took = time.perf_counter() - start
    seconds.sort()
    return {
        "p50_ms": round(statistics.median(seconds) * 1000, 2),
        "p99_ms": round(seconds[int(len(seconds) * 0.99)] * 1000, 2),
        "requests_per_s": round(len(seconds) / took, 1),
        "cpu_us_per_request": pid and round((cpu_s_of(pid) - cpu_s) * 1e6 / len(seconds)),
        "sleeps_per_request": pid and round((sleeps_of(pid) - slept) / len(seconds), 2),
    }


async def run(args: argparse.Namespace, home: Path) -> dict[str, object]:
    """Every case with one client, then with 64."""
    cases: dict[str, dict[str, object]] = {}
    async with (
        fake(args.latency_ms) as (upstream, upstream_pid),
        gateway(home / "a", upstream, 128) as (port, pid, took_s),
        gateway(home / "b", upstream, 1) as (one_by_one, other, _),
    ):
        asked = {
            "upstream": (upstream, upstream_pid),
            "gateway": (port, pid),
            "one by one": (one_by_one, other),
        }
        for name, (where, body) in CASES.items():
            at, process = asked[where]
            cases[name] = {
                "one client": await measure(at, body, 1, min(args.requests // 10, 300), process),
                "64 clients": await measure(at, body, 64, args.requests, process),
            }
            print(f"{name}: {cases[name]}", file=sys.stderr)
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load average": os.getloadavg()[0],
        "latency_ms": args.latency_ms,
        "start_to_ready_s": round(took_s, 2),
        "cases": cases,
    }


def cpu_s_of(pid: int | None) -> float:
    """Seconds of CPU that a process has used, its threads included, to the microsecond."""
    if pid is None:
        return 0.0
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def sleeps_of(pid: int | None) -> int:
    """How often the threads of a process have waited for something: each wait ends with a wake-up."""
    if pid is None:
        return 0
    status = Path(f"/proc/{pid}/task").glob("*/status")
    return sum(int(one.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for one in status)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def main() -> None:
    """Measure, or be the upstream."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--latency-ms", type=float, default=20.0)
    parser.add_argument("--serve-fake", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve_fake:
        asyncio.run(serve_fake(args.latency_ms))
        return
    with tempfile.TemporaryDirectory() as home:
        print(json.dumps(asyncio.run(run(args, Path(home))), indent=1))


if __name__ == "__main__":
    main()
