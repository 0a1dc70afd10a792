"""What a request costs the gateway, told so that a busy machine does not blur it: instructions and system calls.

    .venv/bin/python bench/gateway_cost.py [--requests 96]

The gateway runs under `valgrind --tool=callgrind`, which counts the instructions of its own code (the kernel's are not
among them), then under `strace -c`. Both make it many times slower, which changes neither count by much. Needs valgrind
and strace; takes about two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import gateway as bench

CASES = ("pass-through", "self_consistency, n = 8 in one call")
SHOWN = ("futex", "epoll_pwait", "write", "writev", "read", "pwrite64", "fcntl")


@asynccontextmanager
async def gateway(home: Path, upstream: int, around: tuple[str, ...] = ()) -> AsyncIterator[tuple[int, int]]:
    """Port and process of a gateway that another program may run."""
    bench._configure(home, upstream, 128)
    served = str(Path(sys.executable).parent / "outlay")
    process = await asyncio.create_subprocess_exec(
        *(*around, sys.executable, served, "serve", "--port", "0"),
        env={**os.environ, "OUTLAY_HOME": str(home)},
        cwd=home,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    while "outlay serves" not in (said := (await process.stderr.readline()).decode()):
        if not said:
            raise SystemExit("the gateway did not start")
    reading = asyncio.create_task(process.stderr.read())
    try:
        yield int(said.split("/v1")[0].rpartition(":")[2]), process.pid
    finally:
        process.terminate()
        await process.wait()
        await reading


async def load(port: int, case: str, clients: int, each: int) -> None:
    """So many requests from each of so many clients."""
    body = json.dumps(bench.CASES[case][1]).encode()
    await asyncio.gather(*(bench.client(port, body, each, []) for _ in range(clients)))


async def instructions(folder: Path, upstream: int, case: str, clients: int, requests: int) -> float:
    """Instructions a request."""
    out = folder / "callgrind"
    around = ("valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}")
    async with gateway(folder / "home", upstream, around) as (port, pid):
        await load(port, case, clients, 3)
        for command in (("-i", "on"), None, ("-i", "off"), ("-d",)):
            if command is None:
                await load(port, case, clients, requests // clients)
            else:
                await told("callgrind_control", *command, str(pid))
    return counted(folder) / (requests // clients * clients)


async def told(*words: str) -> None:
    """Run a program to its end."""
    quiet = asyncio.subprocess.DEVNULL
    await (await asyncio.create_subprocess_exec(*words, stdout=quiet, stderr=quiet)).wait()


def counted(folder: Path) -> int:
    """Instructions in every dump of a folder."""
    dumps = (dump.read_text(errors="replace") for dump in folder.glob("callgrind*"))
    return sum(int(n) for dump in dumps for n in re.findall(r"^totals: (\d+)", dump, re.MULTILINE))


async def calls(folder: Path, upstream: int, case: str, clients: int, requests: int) -> dict[str, float]:
    """System calls a request, by name."""
    out = folder / "strace"
    async with gateway(folder / "home", upstream) as (port, pid):
        await load(port, case, clients, 5)
        words = ("strace", "-f", "-c", "-o", str(out), "-p", str(pid))
        tracing = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.PIPE)
        assert tracing.stderr is not None
        # One line for each thread that it has got hold of; the first of them is enough to begin.
        await tracing.stderr.readline()
        await asyncio.sleep(0.5)
        await load(port, case, clients, requests // clients)
        tracing.send_signal(signal.SIGINT)
        await tracing.communicate()
    rows = (line.split() for line in out.read_text().splitlines())
    return {row[-1]: int(row[3]) / requests for row in rows if len(row) >= 5 and row[3].isdigit()}


async def run(requests: int) -> None:
    """Print both tables."""
    print("| a request, 16 clients | instructions |\n|---|---|")
    async with bench.fake(20.0) as (upstream, _):
        for case in CASES:
            with tempfile.TemporaryDirectory() as folder:
                found = await instructions(Path(folder), upstream, case, 16, requests)
            print(f"| {case} | {found / 1000:,.0f} thousand |", flush=True)
        print(f"\n| system calls a request, passed through | {' | '.join(SHOWN)} | in all |")
        print("|---" * (len(SHOWN) + 2) + "|")
        for clients, n in ((1, 40), (64, 640)):
            with tempfile.TemporaryDirectory() as folder:
                made = await calls(Path(folder), upstream, CASES[0], clients, n)
            shown = " | ".join(f"{made.get(name, 0):.1f}" for name in SHOWN)
            whole = sum(value for name, value in made.items() if name != "total")
            print(
                f"| {clients} {'client' if clients == 1 else 'clients'} | {shown} | {whole:.1f} |", flush=True
            )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=96)
    args = parser.parse_args()
    for needed in ("valgrind", "strace"):
        if shutil.which(needed) is None:
            raise SystemExit(f"This needs {needed}; install it (apt-get install {needed}).")
    asyncio.run(run(args.requests))


if __name__ == "__main__":
    main()
