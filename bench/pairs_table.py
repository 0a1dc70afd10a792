"""What the rows of `bench/pairs.py` say: accuracy, tokens, modelled latency, and what can be claimed of each arm.

Modelled latency assumes that each model reads only what it has not read or written yet, alone at the measured speeds:
what a pair costs on two servers with prefix caches, one question at a time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path
from statistics import fmean

import msgspec
import numpy as np
from msgspec import Struct

from outlay.charts import Point, frontier_chart
from outlay.errors import CannotSay
from outlay.money import NUSD
from outlay.stats.equivalence import non_inferiority
from outlay.stats.paired import paired
from outlay.stats.wilson import wilson

MARGIN, ALPHA, CUT = 0.05, 0.05, 1.5
"""The loss of accuracy that does not matter, one-sided level, and the aim: large-model tokens cut by so much."""
POWER_Z, LEVEL_Z = 0.8416, 1.6449


class Arm(Struct, frozen=True):
    """One way to share the chain; `kind` says what is read and written at each step."""

    name: str
    spec: str
    kind: str


class Row(Struct, frozen=True):
    """One question under one arm. `steps`: (role, tokens, tokens of a dropped draft, signal).

    `apart` are the large model's tokens that stand in none of them: glimpse's answer, draws that were not kept.
    """

    arm: str
    question_id: str
    correct: bool
    answered: bool
    steps: list[tuple[str, int, int, float | None]]
    apart: int = msgspec.field(name="end_tokens")
    cost_nusd: int
    paid_nusd: int
    wall_s: float
    missing: tuple[str, ...] = ()


class Speeds(Struct, frozen=True):
    """Seconds a token read and written by each model alone; tokens of a prompt and of a grade's turn."""

    read_small_s: float
    write_small_s: float
    read_large_s: float
    write_large_s: float
    prompt_tokens: int
    turn_tokens: int


class Work(Struct):
    """Tokens that each model reads and writes for one question."""

    read_small: int = 0
    write_small: int = 0
    read_large: int = 0
    write_large: int = 0

    def seconds(self, s: Speeds) -> float:
        """The time that takes, one after the other."""
        return (
            self.read_small * s.read_small_s
            + self.write_small * s.write_small_s
            + self.read_large * s.read_large_s
            + self.write_large * s.write_large_s
        )


def work(row: Row, kind: str, s: Speeds) -> Work:
    """What a row's steps make each model read and write: only what is new to it.

    SpecReason: draft, grade (a turn is read, a token written), and a step of the large model where it was dropped.
    Glimpse: one token of the small model before each step. Arbitrage: a draft, and a step where it was dropped. Chance
    decides before the draft, so its dropped drafts cost nothing. A step drawn again reads nothing anew.
    """
    done, place, seen_small, seen_large = Work(), s.prompt_tokens, 0, 0
    for role, tokens, dropped, _ in row.steps:
        drafted = tokens if role == "small" else 0 if kind == "chance" else dropped
        if kind == "glimpse" or drafted:
            done.read_small += place - seen_small
            done.write_small += drafted + (kind == "glimpse")
            seen_small = place
        if kind == "speculative_reasoning":
            done.read_large += place + drafted - seen_large + s.turn_tokens
            done.write_large += 1
            seen_large = place
        if role == "large":
            done.read_large += place - seen_large
            done.write_large += tokens
        place += tokens
        if role == "large":
            seen_large = place
        else:
            seen_small = place
            seen_large = place if kind == "speculative_reasoning" else seen_large
    if row.apart and kind == "glimpse":
        last = row.steps[-1][1] if row.steps else 0
        done.read_large += max(place - last - seen_large, 0)
    done.write_large += row.apart
    return done


class Summary(Struct, frozen=True):
    """An arm over the questions that it shares with the large model alone."""

    arm: Arm
    questions: int
    accuracy: float
    low: float
    high: float
    answered: float
    large_tokens: float
    small_tokens: float
    read_large: float
    cut: float
    kept: float
    latency_s: float
    cost_usd: float
    difference: float
    verdict: str
    right_Q: list[bool]


def summaries(arms: Sequence[Arm], rows: Sequence[Row], s: Speeds) -> list[Summary]:
    by_arm = {arm.name: {r.question_id: r for r in rows if r.arm == arm.name} for arm in arms}
    alone = by_arm["large alone"]
    return [
        _summary(
            arm, [(by_arm[arm.name][q], alone[q]) for q in sorted(by_arm[arm.name].keys() & alone.keys())], s
        )
        for arm in arms
        if by_arm[arm.name].keys() & alone.keys()
    ]


def _summary(arm: Arm, pairs: list[tuple[Row, Row]], s: Speeds) -> Summary:
    works = [work(row, arm.kind, s) for row, _ in pairs]
    base = fmean(work(other, "large", s).write_large for _, other in pairs)
    right = [row.correct for row, _ in pairs]
    reference = [other.correct for _, other in pairs]
    interval = wilson(sum(right), len(right))
    steps = [step for row, _ in pairs for step in row.steps]
    large = fmean(w.write_large for w in works)
    return Summary(
        arm, len(pairs), fmean(right), interval.low, interval.high, fmean(r.answered for r, _ in pairs), large,
        fmean(w.write_small for w in works), fmean(w.read_large for w in works),
        base / large if large else float("inf"),
        sum(step[0] == "small" for step in steps) / max(len(steps), 1), fmean(w.seconds(s) for w in works),
        fmean(row.cost_nusd for row, _ in pairs) / NUSD, fmean(right) - fmean(reference),
        "reference" if arm.name == "large alone" else claim(reference, right), right,
    )  # fmt: skip


def claim(reference_Q: Sequence[bool], right_Q: Sequence[bool]) -> str:
    """Not inferior by 5 points (one-sided 95 %), inferior, or inconclusive with the questions that would settle it."""
    if len(right_Q) < 2:
        return "too few questions"
    try:
        found = non_inferiority(reference_Q, right_Q, margin=MARGIN, alpha=ALPHA)
    except CannotSay as why:
        return str(why)
    if found.shown:
        return "not inferior"
    if found.interval.high < -MARGIN:
        return "inferior"
    room = MARGIN + found.difference
    if room <= 0.005:
        return "inconclusive; the difference seen is the margin or more"
    # With one more question for either side: where none told the two apart so far, some will.
    differences = [*(np.asarray(right_Q, float) - np.asarray(reference_Q, float)), 1.0, -1.0]
    spread = float(np.std(differences, ddof=1))
    n = ceil(((LEVEL_Z + POWER_Z) * spread / room) ** 2)
    return f"inconclusive; {max(n, len(right_Q) + 1)} questions would settle it with 80 %"


def beside_chance(arm: Arm, arms: Sequence[Arm], by_arm: dict[str, dict[str, Row]], s: Speeds) -> str:
    """Random routing at the arm's large-model tokens, on the arm's questions, and the arm's paired gain on it.

    Between the two nearest of the models alone and the chance arms that have answered them all, question by question;
    a dash outside them.
    """
    own = by_arm[arm.name]
    controls = []
    for other in arms:
        if other.kind in ("chance", "large", "small") and own.keys() <= by_arm[other.name].keys():
            found = [by_arm[other.name][q] for q in own]
            controls.append(
                (fmean(work(r, other.kind, s).write_large for r in found), [float(r.correct) for r in found])
            )
    controls.sort(key=lambda c: c[0])
    large = fmean(work(r, arm.kind, s).write_large for r in own.values())
    for (low, fewer), (high, more) in pairwise(controls):
        if low <= large <= high and low < high:
            part = (large - low) / (high - low)
            chance = [(1 - part) * a + part * b for a, b in zip(fewer, more, strict=True)]
            gain = paired(chance, [float(r.correct) for r in own.values()], seed=0)
            inside = f"{gain.interval.low:+.3f} … {gain.interval.high:+.3f}"
            return f"{fmean(chance):.3f}, {gain.difference:+.3f} ({inside})"
    return "–"


def best_arms(out: Path) -> list[Arm]:
    """The large model alone, and the three most accurate arms that cut its tokens enough and are not shown inferior."""
    arms, rows, s = read_all(out)
    found = [x for x in summaries(arms, rows, s) if x.arm.kind not in ("large", "small", "chance")]
    able = sorted(
        (x for x in found if x.verdict != "inferior"), key=lambda x: (x.cut < CUT, -x.accuracy, x.large_tokens)
    )
    return [arms[0], *(x.arm for x in able[:3])]


def break_even(rows: Sequence[Row], s: Speeds) -> str:
    """The acceptance above which SpecReason gains time: a > t_S / t_B + t_V / (L t_B)."""
    lengths = [tokens for r in rows for _, tokens, _, _ in r.steps]
    if not lengths:
        return "no steps yet"
    step = fmean(lengths)
    t_v = s.turn_tokens * s.read_large_s + s.write_large_s
    read = step * s.read_large_s
    paper = (s.write_small_s + t_v / step) / s.write_large_s
    whole = (step * s.write_small_s + t_v + read) / (step * s.write_large_s + step * s.read_small_s)
    said = "no acceptance gains time on this pair" if min(paper, whole) > 1 else ""
    return (
        f"break-even acceptance of speculative_reasoning: {paper:.2f} by the paper's formula, {whole:.2f} with the "
        f"reading of each other's steps ({step:.1f} tokens a step, a grade {t_v:.2f} s). {said}"
    )


def read_rows(path: Path) -> list[Row]:
    """The rows of a file; a last line that was cut short is dropped."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    if lines[-1]:
        path.write_bytes(b"\n".join(lines[:-1]) + b"\n" if lines[:-1] else b"")
    return [msgspec.json.decode(line, type=Row) for line in lines[:-1] if line]


def read_all(out: Path) -> tuple[list[Arm], list[Row], Speeds]:
    arms = msgspec.json.decode((out / "arms.json").read_bytes(), type=list[Arm])
    return (
        arms,
        read_rows(out / "rows.jsonl"),
        msgspec.json.decode((out / "speeds.json").read_bytes(), type=Speeds),
    )


def print_table(out: Path) -> None:
    arms, rows, s = read_all(out)
    found = summaries(arms, rows, s)
    by_arm = {arm.name: {r.question_id: r for r in rows if r.arm == arm.name} for arm in arms}
    print(f"speeds alone: small {1 / s.read_small_s:.0f} tokens/s read, {1 / s.write_small_s:.1f} written; "
          f"large {1 / s.read_large_s:.0f} and {1 / s.write_large_s:.1f}")  # fmt: skip
    print(f"{break_even(rows, s)}\n")
    print("| arm | questions | accuracy | chance at its large tokens, gain on it (paired, 95 %) | by small | "
          "large tokens | cut | small tokens | large reads | modelled s | $ a question | "
          "against large alone |")  # fmt: skip
    print("| --- " * 12 + "|")
    for x in found:
        routed = x.arm.kind not in ("chance", "large", "small")
        shown = beside_chance(x.arm, arms, by_arm, s) if routed else "–"
        print(
            f"| {x.arm.name} | {x.questions} | {x.accuracy:.3f} ({x.low:.3f}–{x.high:.3f}) | {shown} | {x.kept:.0%} | "
            f"{x.large_tokens:.1f} | {x.cut:.2f} | {x.small_tokens:.1f} | {x.read_large:.0f} | {x.latency_s:.2f} | "
            f"{x.cost_usd:.6f} | {x.difference:+.3f}, {x.verdict} |"
        )
    _print_live(out, arms)
    _write_picture(out, found)


def _print_live(out: Path, arms: Sequence[Arm]) -> None:
    """What was bought anew, one question at a time: right answers, large-model tokens, wall clock."""
    rows = read_rows(out / "live.jsonl")
    by_arm = {arm.name: {r.question_id: r for r in rows if r.arm == arm.name} for arm in arms}
    alone = by_arm["large alone"]
    if not rows:
        return
    print(
        "\n| live | questions | accuracy | large tokens | s a question | against large alone (paired, 95 %) |"
    )
    print("| --- " * 6 + "|")
    for name, own in by_arm.items():
        shared = sorted(own.keys() & alone.keys())
        if len(shared) < 2:
            continue
        found = [own[q] for q in shared]
        large = fmean(r.apart + sum(tokens for role, tokens, *_ in r.steps if role == "large") for r in found)
        told = paired([alone[q].wall_s for q in shared], [r.wall_s for r in found], seed=0)
        against = f"{told.difference:+.1f} s ({told.interval.low:+.1f} … {told.interval.high:+.1f})"
        print(
            f"| {name} | {len(found)} | {fmean(r.correct for r in found):.3f} | {large:.0f} "
            f"| {fmean(r.wall_s for r in found):.1f} | {'–' if own is alone else against} |"
        )


def _write_picture(out: Path, found: Sequence[Summary]) -> None:
    """The Pareto plot: accuracy against cost as Vega-Lite, best buys joined."""
    points, best = [], -1.0
    for x in sorted(found, key=lambda x: (x.cost_usd, -x.accuracy)):
        front, best = x.accuracy > best, max(best, x.accuracy)
        series = re.sub(r"^\w+ (?=alone$)| \d+%$|,.*$", "", x.arm.name)
        points.append(
            Point(
                x.arm.name, series, x.cost_usd, x.accuracy, x.low, x.high, x.questions, front, label=x.arm.name
            )
        )
    (out / "pareto.vl.json").write_bytes(msgspec.json.encode(frontier_chart(points, width=900)))
    print(f"\nPareto plot: {out / 'pareto.vl.json'}")
