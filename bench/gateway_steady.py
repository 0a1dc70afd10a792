"""Memory and open files of a gateway over many requests.

    .venv/bin/python bench/gateway_steady.py [--requests 50000] [--clients 64]

A line every tenth of the way goes to standard error, one JSON object to standard output. The first tenth is warm-up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

import gateway as bench


def standing(pid: int) -> dict[str, float]:
    """Resident megabytes and open files of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return {
        "rss_mb": round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1),
        "files": len(os.listdir(f"/proc/{pid}/fd")),
    }


async def run(requests: int, clients: int, home: Path) -> dict[str, object]:
    """Ten equal parts, each with clients of its own."""
    seen: list[dict[str, float]] = []
    async with (
        bench.fake(20.0) as (upstream, _),
        bench.gateway(home / "a", upstream, 128) as (port, pid, _),
    ):
        for part in range(10):
            body = bench.CASES["pass-through" if part % 2 == 0 else "pass-through, streamed"][1]
            data = json.dumps(body).encode()
            each = requests // 10 // clients
            await asyncio.gather(*(bench.client(port, data, each, []) for _ in range(clients)))
            await asyncio.sleep(0.2)
            seen.append(standing(pid))
            print(f"{(part + 1) * each * clients:8} requests, {seen[-1]}", file=sys.stderr)
    first, last = seen[0], seen[-1]
    return {
        "requests": requests // 10 // clients * clients * 10,
        "after_a_tenth": first,
        "at_the_end": last,
        "memory_grew_by": round(last["rss_mb"] / first["rss_mb"] - 1, 3),
        "files_grew_by": last["files"] - first["files"],
        "load average": os.getloadavg()[0],
    }


def main() -> None:
    """Print what was seen as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--clients", type=int, default=64)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        print(json.dumps(asyncio.run(run(args.requests, args.clients, Path(home))), indent=1))


if __name__ == "__main__":
    main()
