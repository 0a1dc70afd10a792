"""How long outlay takes to start, as ratios to `python -c "import asyncio"` in the same run.

    .venv/bin/python bench/start_up.py [--rounds 15]

Medians of alternating rounds; aims: `import outlay` at most 1.5, `outlay --help` at most 4. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

OUTLAY = str(Path(sys.executable).parent / "outlay")
COMMANDS = {
    "import asyncio": (sys.executable, "-c", "import asyncio"),
    "import outlay": (sys.executable, "-c", "import outlay"),
    "outlay --help": (OUTLAY, "--help"),
    "outlay ask --help": (OUTLAY, "ask", "--help"),
}


def seconds(command: tuple[str, ...]) -> float:
    """The wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    took: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            took[name].append(seconds(command))
    medians = {name: statistics.median(times) for name, times in took.items()}
    base = medians["import asyncio"]
    print(json.dumps({
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "seconds": {name: round(s, 4) for name, s in medians.items()},
        "ratios": {name: round(s / base, 2) for name, s in medians.items()},
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()
