"""How full 100 searches at once keep a server of 16 slots and 20 ms a step, over HTTP, and what that costs this side.

    .venv/bin/python bench/steps_http.py [--at-once 100]

The server is a process of its own: it speaks vLLM's dialect, gives each choice one of its slots for 20 ms, and adds up
how its slots fare. This process searches through outlay's own provider (`openai_chat`), its HTTP included, with its
ledger on. Prints a table: the share of slot time for which there was work and in which it was done, in all and until
the first search was over, and this process's CPU a step.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from toy_worlds import QUESTION, Scorer, Tree, noisy

from outlay.engine import Outlay
from outlay.models.openai_chat import openai_chat
from outlay.testing import FIXED
from outlay.types import Request, Sampling

SPECS = ("beam_search:n=8,width=4", "particle_filter:n=8", "diverse_tree_search:n=8,width=4", "astar:k=4")
SLOTS, STEP_S = 16, 0.020
ABILITIES = frozenset({"chat", "prefix", "n", "seed"})


class Slots:
    """`SLOTS` slots, and slot seconds in which there was work for one and in which it was done."""

    def __init__(self) -> None:
        self.free, self.script = asyncio.Semaphore(SLOTS), Tree().script()
        self.clear()

    def clear(self) -> None:
        """Begin to add up anew."""
        self._asked = self._used = 0
        self._at_s = self._since_s = time.perf_counter()
        self._asked_s = self._used_s = 0.0

    def change(self, asked: int, used: int) -> None:
        """So much more is asked for, and so many more slots are at work."""
        now_s = time.perf_counter()
        self._asked_s += min(self._asked, SLOTS) * (now_s - self._at_s)
        self._used_s += self._used * (now_s - self._at_s)
        self._asked, self._used, self._at_s = self._asked + asked, self._used + used, now_s

    def told(self) -> dict[str, float]:
        """Both shares until now."""
        self.change(0, 0)
        whole_s = SLOTS * (self._at_s - self._since_s)
        return {"with_work": self._asked_s / whole_s, "at_work": self._used_s / whole_s}


class Served(asyncio.Protocol):
    """One connection: `POST` is a chat, `GET /clear` and `GET /slots` are this bench's own."""

    slots: Slots

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport, self.buffer, self.tasks = transport, b"", set()

    def data_received(self, data: bytes) -> None:
        """Take a request in."""
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        if head.startswith(b"GET"):
            self.buffer = rest
            if head.startswith(b"GET /clear"):
                self.slots.clear()
            told = json.dumps(self.slots.told()).encode()
            self._write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(told), told))
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        task = asyncio.ensure_future(self._answer(json.loads(rest[:length])))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, body: dict[str, Any]) -> None:
        last, n = body["messages"][-1], body.get("n") or 1
        prefix = last["content"] if last["role"] == "assistant" else None
        sampling = Sampling(stop=tuple(body.get("stop") or ()))
        request = Request(tuple(body["messages"]), 1, n, body.get("seed"), prefix, sampling)
        self.slots.change(n, 0)
        self._write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        await asyncio.gather(*(self._choice(request, i) for i in range(n)))
        usage = {"prompt_tokens": 9, "completion_tokens": 3 * n, "total_tokens": 9 + 3 * n}
        self._event(json.dumps({"choices": [], "usage": usage}).encode() + b"\n\ndata: [DONE]")
        self._write(b"0\r\n\r\n")

    async def _choice(self, request: Request, index: int) -> None:
        async with self.slots.free:
            self.slots.change(0, 1)
            await asyncio.sleep(STEP_S)
            self.slots.change(-1, -1)
        text, _, rest = str(self.slots.script(request, index)).partition("\n\n")
        stopped = "\n\n" if rest or text[:6] != "Answer" else None
        choice = {"index": index, "delta": {"content": text}, "finish_reason": "stop", "stop_reason": stopped}
        self._event(json.dumps({"choices": [choice]}).encode())

    def _event(self, data: bytes) -> None:
        self._write(b"%x\r\ndata: %s\n\n\r\n" % (len(data) + 8, data))

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)  # type: ignore[attr-defined]


async def serve() -> None:
    """Serve until standard input closes; the port goes to standard output."""
    Served.slots = Slots()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Served, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@asynccontextmanager
async def server() -> AsyncIterator[int]:
    """The port of such a server in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--serve", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


async def said(port: int, path: str) -> dict[str, float]:
    """What the server says at one of the bench's own addresses."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    told = json.loads(await reader.readuntil(b"}"))
    writer.close()
    return told


async def searched(port: int, spec: str, at_once: int, ledger: Path) -> str:
    """One row of the table."""
    model = openai_chat(
        "tree",
        base_url=f"http://127.0.0.1:{port}/v1",
        dialect="vllm",
        price=FIXED,
        context_tokens=32_768,
        max_n=SLOTS,
        abilities=ABILITIES,
        concurrency=256,
    )
    first: dict[str, float] = {}
    async with Outlay(model, store=ledger) as outlay:
        plan = await outlay.plan(spec)

        async def one(number: int) -> int:
            question = QUESTION.of(QUESTION.messages[0]["content"], id=f"q{number}", kind="number")
            answer = await outlay.buy(question, plan, verifier=Scorer(noisy))
            if not first:
                first["now"] = 1.0
                first.update(await said(port, "/slots"))
            return answer.calls

        await said(port, "/clear")
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        steps = sum(await asyncio.gather(*(one(i) for i in range(at_once))))
        cpu_s, wall_s = time.process_time() - start_cpu_s, time.perf_counter() - start_s
        whole = await said(port, "/slots")
    await model.close()
    return (
        f"| `{spec}` | {steps} | {wall_s:.1f} s | {whole['with_work']:.1%} | {first['with_work']:.1%} | "
        f"{whole['at_work']:.1%} | {cpu_s / steps * 1e6:.0f} us |"
    )


async def run(at_once: int) -> None:
    print(f"{at_once} searches at once over HTTP, {SLOTS} slots, {STEP_S * 1e3:.0f} ms a step;", end=" ")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(
        "| search | steps | wall | slots with work | before the first search is over | slots at work | CPU a step |"
    )
    print("|---|---|---|---|---|---|---|")
    async with server() as port:
        for number, spec in enumerate(SPECS):
            with tempfile.TemporaryDirectory() as folder:
                print(await searched(port, spec, at_once, Path(folder) / f"{number}.db"), flush=True)


def main() -> None:
    """Measure, or be the server."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    asyncio.run(serve() if args.serve else run(args.at_once))


if __name__ == "__main__":
    main()
