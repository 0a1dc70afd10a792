"""How often the drift alarm of a cascade goes off: on a planted drop of 10 points, and where nothing dropped.

python bench/drift.py [--runs 1000]

A reference of 200, 400 or 1,000 outcomes, then outcomes one by one: without a drop 2,000 of them (a false alarm is one
anywhere in them), with a drop after 0, 200 or 600 of them 1,000 more (an alarm before the drop counts as false, not as
found). Rates before the drop 0.97 to 0.7. Prints JSON. Aims: at least 90 % found, at most 5 % false.
"""

from __future__ import annotations

import argparse
import json
import statistics
from random import Random

from outlay.stats.drop_alarm import drop_alarm

LONG, AFTER, DROP = 2000, 1000, 0.1
RATES, STARTS, REFERENCES = (0.97, 0.95, 0.9, 0.8, 0.7), (0, 200, 600), (200, 400, 1000)


def draw(rng: Random, rate: float, n: int) -> list[bool]:
    return [rng.random() < rate for _ in range(n)]


def false_alarms(rate: float, of: int, runs: int) -> float:
    rng = Random(f"steady {rate} {of}")
    gone_off = 0
    for _ in range(runs):
        right = sum(draw(rng, rate, of))
        gone_off += drop_alarm(draw(rng, rate, LONG), right=right, of=of).at is not None
    return gone_off / runs


def found(rate: float, of: int, start: int, runs: int) -> dict[str, float]:
    rng = Random(f"dropped {rate} {of} {start}")
    delays = []
    for _ in range(runs):
        right = sum(draw(rng, rate, of))
        outcomes = draw(rng, rate, start) + draw(rng, rate - DROP, AFTER)
        at = drop_alarm(outcomes, right=right, of=of).at
        if at is not None and at > start:
            delays.append(at - start)
    return {"found": len(delays) / runs, "median_delay": statistics.median(delays)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=1000)
    runs = options.parse_args().runs
    told = {
        f"rate {rate}, reference {of}": {"false": false_alarms(rate, of, runs)}
        | {f"drop after {start}": found(rate, of, start, runs) for start in STARTS}
        for rate in RATES
        for of in REFERENCES
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
