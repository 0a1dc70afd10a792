"""The certificate of order averaging against theory: simulated orders, and a scripted model asked through the strategy.

python bench/order_average.py [--worlds 4000]

Prints, for m = 2 … 32 orders, the spread of the averaged probability (which must fall as m^-1/2), what the certificate
says on average beside the mean distance that it bounds, and how often the bound fails (never). Then the strategy
itself on a model with a known dependence on the first place, whose average over all orders is known exactly.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
from statistics import fmean

import numpy as np

from outlay.stats.order_average import dispersion, jensen_gap
from outlay.testing import scripted, shop
from outlay.types import Completion, Question, TokenLogprob, Usage

ORDERS = (2, 3, 4, 6, 8, 12, 16, 24, 32)
BELIEF, PLACES = 0.4, 4
ASKED = "Which?\nA) red\nB) blue\nC) green\nD) grey"


def say(text: str) -> None:
    """One line of the report."""
    sys.stdout.write(text + "\n")


def simulated(worlds: int) -> None:
    """Order effects drawn from a Beta: slopes, certificate, bound."""
    rng = np.random.default_rng(0)
    say("simulated, q of an order ~ Beta(1.2, 0.8)")
    say("  m   sd of mean  certificate  mean distance  bound fails  Jensen gap")
    spread = []
    for m in ORDERS:
        q_WP = rng.beta(1.2, 0.8, (worlds, m))
        found = [dispersion(q) for q in q_WP]
        spread.append(float(q_WP.mean(axis=1).std()))
        fails = sum(d.certificate < d.deviation - 1e-12 for d in found)
        gap = fmean(jensen_gap(q) for q in q_WP)
        certificate, distance = fmean(d.certificate for d in found), fmean(d.deviation for d in found)
        say(f"{m:3d}  {spread[-1]:10.4f}  {certificate:11.4f}  {distance:13.4f}  {fails:11d}  {gap:10.4f}")
    slope = np.polyfit(np.log(ORDERS), np.log(spread), 1)[0]
    say(f"slope of sd against m, both logarithmic: {slope:.3f} (theory -0.5)")


def biased(request, index):
    """Believes in blue with 0.4, and in whatever stands first with 0.6."""
    lines = [line for line in str(request.messages[-1]["content"]).splitlines() if line[1:3] == ") "]
    letter = next(line[0] for line in lines if line.endswith("blue"))
    p = dict.fromkeys("ABCD", 1e-12)
    p["A"] += 1 - BELIEF
    p[letter] += BELIEF
    top = tuple((k, math.log(v)) for k, v in p.items())
    return Completion("A", "length", Usage(0, 1), logprobs=(TokenLogprob("A", top[0][1], top),))


async def asked(seeds: int) -> None:
    """The strategy on the biased model: its error against the mean over all orders."""
    truth = BELIEF + (1 - BELIEF) / PLACES
    say(f"\nscripted: one order says 0.40 or 1.00 of blue, all orders {truth:.3f} on average")
    say("  m   mean told  rms error  error told  chosen blue")
    for m in (1, 2, 4, 6, 12, 24):
        told, chosen = [], 0
        for seed in range(seeds):
            async with shop(scripted(biased), seed=seed) as outlay:
                question = Question.of(ASKED, id=f"q{seed}", kind="choice")
                answer = await outlay.ask(question, strategy=f"order_average:orders={m}")
            right = answer.key == "B"
            chosen += right
            p = answer.p_correct or 0.0
            told.append((p if right else 1 - p, answer.stopped))
        means = [p for p, _ in told]
        rms = math.sqrt(fmean((p - truth) ** 2 for p in means))
        errors = [float(s.split("+- ")[1].split(",")[0]) for _, s in told if "+- " in s]
        error = f"{fmean(errors):10.3f}" if errors else "         –"
        say(f"{m:3d}  {fmean(means):10.3f}  {rms:9.3f}  {error}  {chosen / seeds:11.2f}")


def main() -> None:
    """Both parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--worlds", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=30)
    given = parser.parse_args()
    simulated(given.worlds)
    asyncio.run(asked(given.seeds))


if __name__ == "__main__":
    main()
