"""How often the intervals of the report, and of the economics behind it, hold planted truths.

python bench/report_intervals.py                     2,000 replications a world (about half an hour)
python bench/report_intervals.py --replications 200  fewer
python bench/report_intervals.py --only types        worlds whose name contains a word
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from interval_worlds import MORE, WORLDS, held


def main(replications: int, only: str) -> None:
    print(f"{replications} replications; 95 % intervals that hold the truth, in per cent")
    for world in (*WORLDS, *MORE):
        if only in world.name:
            shares = held(world, replications)
            said = "  ".join(
                f"{name} {100 * share:.1f}{f' of {n:,} said' if n < replications else ''}"
                for name, (share, n) in shares.items()
            )
            print(f"  {world.name:52s} {said}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    main(asked.replications, asked.only)
