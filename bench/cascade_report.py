"""What `bench/cascade.py` found, from the lines in its folder: bought nothing, printed as tables, written as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

import numpy as np

from outlay.errors import CannotSay
from outlay.stats.equivalence import non_inferiority
from outlay.stats.paired import paired
from outlay.stats.wilson import wilson

MARGIN = 0.05
POWER_AND_LEVEL = 1.6449 + 0.8416
"""Normal quantiles of 0.95 and 0.8: what the questions that would settle it are computed for."""
UNSEEN = math.ceil(math.log(0.05) / math.log(1 - MARGIN))
"""Questions without a difference that show one below the margin: (1 - margin)^n <= 0.05."""
BLOCKS = 6


def outcomes(path: Path) -> list[dict]:
    """The lines of a stream, one a question and arm: of several the last; a half-written last line is dropped."""
    found: dict[tuple[str, str], dict] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[row["arm"], row["question"]] = row
    return list(found.values())


def report(path: Path, meta: dict) -> dict:
    """Arms over the questions that every arm has answered, in the order of the stream."""
    rows = outcomes(path)
    arms = list(dict.fromkeys(r["arm"] for r in rows))
    by_arm = {arm: {r["index"]: r for r in rows if r["arm"] == arm} for arm in arms}
    shared = sorted(set.intersection(*(set(d) for d in by_arm.values()))) if arms else []
    told = {arm: _arm([by_arm[arm][i] for i in shared], meta["prices"]) for arm in arms} if shared else {}
    if len(shared) > 1 and "teacher" in by_arm:
        teacher = [float(by_arm["teacher"][i]["correct"]) for i in shared]
        for arm in (a for a in arms if a != "teacher"):
            right = [float(by_arm[arm][i]["correct"]) for i in shared]
            told[arm]["against_teacher"] = _against(teacher, right)
            for book in meta["prices"]:
                pair = ([cost(by_arm[a][i], meta["prices"][book]) for i in shared] for a in ("teacher", arm))
                told[arm]["usd"][book]["less_the_teacher"] = _difference(*pair)
    return {**meta, "questions": len(shared), "arms": told}


def cost(row: dict, book: dict) -> float:
    """Dollars of an answer under a price book, from its tokens by role."""
    return sum(
        (row["tokens"][role][0] * book[role][0] + row["tokens"][role][1] * book[role][1]) / 1e15
        for role in ("small", "large")
    )


def _arm(rows: list[dict], prices: dict) -> dict:
    right, n = sum(r["correct"] for r in rows), len(rows)
    interval = wilson(right, n)
    size = max(1, math.ceil(n / BLOCKS))
    blocks = [rows[at : at + size] for at in range(0, n, size)]
    agreed = [r for r in rows if r["outcome"] in ("agreed", "matched", "differed")]
    told = {
        "right": right / n,
        "interval": [interval.low, interval.high],
        "outcomes": {o: sum(r["outcome"] == o for r in rows) for o in sorted({r["outcome"] for r in rows})},
        "deferral_by_block": [_share(b, lambda r: r["outcome"] in ("deferred", "outright")) for b in blocks],
        "right_by_block": [_share(b, lambda r: r["correct"]) for b in blocks],
        "usd": {
            book: {
                "mean": fmean(cost(r, p) for r in rows),
                "by_block": [fmean(cost(r, p) for r in b) for b in blocks],
            }
            for book, p in prices.items()
        },
    }
    if agreed:
        told["right_given_agreement"] = fmean(r["student_correct"] for r in agreed)
    return told


def _share(rows: Iterable[dict], holds) -> float:
    return fmean(float(holds(r)) for r in rows)


def _against(teacher: list[float], arm: list[float]) -> dict:
    try:
        found = non_inferiority(teacher, arm, margin=MARGIN)
    except CannotSay as error:
        return {"verdict": f"inconclusive: {error}"}
    spread = float(np.std(np.subtract(arm, teacher), ddof=1))
    room = MARGIN + found.difference
    if found.shown:
        verdict = "not inferior"
    elif found.interval.high < -MARGIN:
        verdict = "inferior"
    elif room <= 0:
        verdict = "inconclusive: the estimate lies beyond the margin, so more questions would not show it"
    else:
        wanted = max(math.ceil((POWER_AND_LEVEL * spread / room) ** 2), UNSEEN)
        verdict = f"inconclusive: about {wanted} questions would settle it"
    ends = [found.interval.low, found.interval.high]
    return {"difference": found.difference, "interval_90": ends, "margin": MARGIN, "verdict": verdict}


def _difference(teacher: list[float], arm: list[float]) -> dict:
    found = paired(np.array(teacher), np.array(arm), seed=1)
    return {"mean": found.difference, "interval": [found.interval.low, found.interval.high]}


def show(told: dict) -> str:
    """The report as a Markdown table, a line an arm and price book."""
    lines = [
        f"{told['questions']} questions of {told['task']}, seed {told['seed']}",
        "| arm | right | against the teacher | deferred, by sixths | cost by sixths, $ |",
        "| --- | --- | --- | --- | --- |",
    ]
    for arm, a in told["arms"].items():
        against = a.get("against_teacher", {})
        shown = (
            f"{100 * against['difference']:+.1f} points, {against['verdict']}"
            if "difference" in against
            else "–"
        )
        deferral = " ".join(f"{d:.2f}" for d in a["deferral_by_block"])
        costs = "; ".join(f"{b}: " + " ".join(f"{c:.6f}" for c in u["by_block"]) for b, u in a["usd"].items())
        low, high = a["interval"]
        lines.append(f"| {arm} | {a['right']:.3f} ({low:.3f} to {high:.3f}) | {shown} | {deferral} | {costs} |")
    return "\n".join(lines)
