"""How often the drift alarm of a cascade goes off: on a planted drop of 10 points, and where nothing dropped.

python bench/drift.py [--runs 300] [--rates 0.97 0.95 0.9 0.8 0.7]

The cascade's own rule looks at the newest audits after every 20th: the newer half of at most 1,400 against the older,
which is never less than 400. False alarms are told for the first 1,000 audits after the first reference and for 1,000
of a cascade that runs on; drops of 10 points come after 400, 800 and 2,000 audits and are found if the alarm goes off
within the 1,000 audits after them. Prints JSON. Aims: at least 90 % found, at most 5 % false.
"""

from __future__ import annotations

import argparse
import json
import statistics
from random import Random

from outlay.strategies._agreeing import AUDITS, REFERENCE, fallen

WITHIN, DROP, EVERY = 1000, 0.1, 20
RATES, STARTS = (0.97, 0.95, 0.9, 0.8, 0.7), (400, 800, 2000)


def draw(rng: Random, rate: float, n: int) -> list[int]:
    return [int(rng.random() < rate) for _ in range(n)]


def alarm(audits: list[int], start: int) -> int | None:
    """Audits after `start` at which the alarm first goes off, if it does within `WITHIN` of them."""
    for end in range(start + EVERY, start + WITHIN + 1, EVERY):
        if fallen(audits[max(0, end - AUDITS) : end]):
            return end - start
    return None


def false_alarms(rate: float, start: int, runs: int) -> float:
    rng = Random(f"steady {rate} {start}")
    return sum(alarm(draw(rng, rate, start + WITHIN), start) is not None for _ in range(runs)) / runs


def found(rate: float, start: int, runs: int) -> dict[str, float | None]:
    rng = Random(f"dropped {rate} {start}")
    delays = []
    for _ in range(runs):
        at = alarm(draw(rng, rate, start) + draw(rng, rate - DROP, WITHIN), start)
        if at is not None:
            delays.append(at)
    return {
        "found": len(delays) / runs,
        "median_audits_to_the_alarm": statistics.median(delays) if delays else None,
    }


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--runs", type=int, default=300)
    options.add_argument("--rates", type=float, nargs="+", default=RATES)
    given = options.parse_args()
    told = {
        f"rate {rate}": {
            "false in the first 1,000": false_alarms(rate, REFERENCE, given.runs),
            "false in 1,000 later": false_alarms(rate, AUDITS, given.runs),
        }
        | {f"drop after {start}": found(rate, start, given.runs) for start in STARTS}
        for rate in given.rates
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
