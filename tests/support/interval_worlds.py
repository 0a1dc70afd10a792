"""Planted worlds for the intervals of the report: each draws one data set and gives what is said of each quantity.

A world's truths are exact, by closed forms or sums over the law that it draws from. Its seed is its name's.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from zlib import crc32

import numpy as np
from msgspec import Struct
from scipy.special import betaln, gammaln
from scipy.stats import binom

from outlay.economics.amortisation import measured_break_even
from outlay.economics.imperfect_verifier import ceiling_from, two_types, two_types_intervals
from outlay.economics.sub_pools import vote
from outlay.economics.trend import fit_trend
from outlay.errors import UsageError
from outlay.report.cells import cells
from outlay.report.cost_by_question import costs_by_question
from outlay.report.more_samples import settled_at
from outlay.report.outcome import Outcome, PoolCell
from outlay.report.samples import Samples
from outlay.stats.interval import Interval
from outlay.stats.paired import paired

Said = dict[str, tuple[float, float]]
"""The ends of the interval of each quantity; a quantity that cannot be said is left out."""


class World(Struct, frozen=True):
    """A named regime: its truths, and a draw with what is said of them."""

    name: str
    truths: dict[str, float]
    draw: Callable[[np.random.Generator], Said]

    @property
    def seed(self) -> int:
        """The seed that belongs to its name."""
        return crc32(self.name.encode())


def ends(interval: Interval | tuple[float, float | None]) -> tuple[float, float]:
    """The ends of an interval, infinite where it has none."""
    low, high = (interval.low, interval.high) if isinstance(interval, Interval) else interval
    return low, float("inf") if high is None else high


def costs(questions: int, spread: float) -> World:
    """Lognormal costs a question, independent of being right."""
    truth = 0.001 * float(np.exp(spread**2 / 2))

    def draw(rng: np.random.Generator) -> Said:
        usd_Q = 0.001 * rng.lognormal(0.0, spread, questions)
        outcomes = [
            Outcome("t", "m", "s", f"q{i}", True, 1.0, cost_nusd=round(usd * 1e9))
            for i, usd in enumerate(usd_Q)
        ]
        (cell,) = cells(outcomes, seed=int(rng.integers(2**31)))
        return {"cost": ends(cell.cost_interval or (0.0, None))}

    return World(f"cost of {questions} questions, lognormal {spread}", {"cost": truth}, draw)


def bills(questions: int, p: float, spread: float) -> World:
    """Right with p on every question, at lognormal costs: what the bill divided by the right answers is."""
    truth = 0.001 * float(np.exp(spread**2 / 2)) / p

    def draw(rng: np.random.Generator) -> Said:
        usd_Q, right_Q = 0.001 * rng.lognormal(0.0, spread, questions), rng.random(questions) < p
        outcomes = [
            Outcome("t", "m", "s", f"q{i}", bool(right), 1.0, cost_nusd=round(usd * 1e9))
            for i, (usd, right) in enumerate(zip(usd_Q, right_Q, strict=True))
        ]
        (cell,) = cells(outcomes, seed=int(rng.integers(2**31)))
        return {"a right answer": ends(cell.cost_of_pass_interval or (0.0, None))}

    return World(
        f"bill of {questions} questions, right with {p}, lognormal {spread}", {"a right answer": truth}, draw
    )


def differences(questions: int, p: float, gain: float) -> World:
    """One plan right with p; another with 0.95 where the first is, and so often elsewhere that it gains `gain`."""
    elsewhere = (p + gain - 0.95 * p) / (1 - p)

    def draw(rng: np.random.Generator) -> Said:
        one_Q = rng.random(questions) < p
        two_Q = rng.random(questions) < np.where(one_Q, 0.95, elsewhere)
        return {"difference": ends(paired(one_Q, two_Q, seed=int(rng.integers(2**31))).interval)}

    return World(f"difference on {questions} questions, {p} and {gain} more", {"difference": gain}, draw)


def trend(dates: int, noise: float, floor: float) -> World:
    """V = 10 exp(-b t) + floor with a halving time of 6 dates, and errors of `noise` everywhere."""

    def draw(rng: np.random.Generator) -> Said:
        t = np.arange(float(dates))
        v = np.maximum(10 * np.exp(-np.log(2) / 6 * t) + floor + noise * rng.normal(size=dates), 0.0)
        try:
            return {"halving time": ends(fit_trend(t, v).halving_interval)}
        except UsageError:
            return {}

    return World(f"halving over {dates} dates, errors of {noise}, floor {floor}", {"halving time": 6.0}, draw)


def types(questions: int, samples: int, soundness: float) -> World:
    """58 % of the questions right with 0.87, the others with 0.13; a checker that accepts 95 % of what is right."""
    truths = {"share_easy": 0.58, "p_easy": 0.87, "p_hard": 0.13, "completeness": 0.95, "soundness": soundness}
    right, wrong = ([r * 0.95 for r in (0.87, 0.13)], [(1 - r) * (1 - soundness) for r in (0.87, 0.13)])
    tops = [a / (a + b) for a, b in zip(right, wrong, strict=True)]
    # Questions of which nothing was accepted have no ceiling; the others' mean weighs the types by that chance.
    seen = [w * (1 - (1 - a - b) ** samples) for w, a, b in zip((0.58, 0.42), right, wrong, strict=True)]
    truths["ceiling"] = sum(s * top for s, top in zip(seen, tops, strict=True)) / sum(seen)

    def draw(rng: np.random.Generator) -> Said:
        p = np.where(rng.random(questions) < 0.58, 0.87, 0.13)
        correct = rng.random((questions, samples)) < p[:, None]
        accepted = rng.random(correct.shape) < np.where(correct, 0.95, 1 - soundness)
        seed = int(rng.integers(2**31))
        two_types(accepted, correct)
        said = {k: ends(v) for k, v in two_types_intervals(accepted, correct).items()}
        return said | {"ceiling": ends(ceiling_from(accepted, correct, seed=seed).interval)}

    return World(f"two types, {questions} questions x {samples}, soundness {soundness}", truths, draw)


def by_question(questions: int, runs: int, alpha: float, beta: float) -> World:
    """Success rates from a Beta law; a second model that is three times as dear and right as often as 1 - (1 - p)^2."""
    usd = 0.001
    n = np.arange(runs + 1)
    log_p = gammaln(runs + 1) - gammaln(n + 1) - gammaln(runs - n + 1) + betaln(alpha + n, beta + runs - n)
    weight = np.exp(log_p - betaln(alpha, beta))
    smoothed = usd * float(weight @ ((runs + 1) / (n + 0.5)))
    grid = (np.arange(4000) + 0.5) / 4000
    density = grid ** (alpha - 1) * (1 - grid) ** (beta - 1)
    density /= density.sum()
    one, two = (binom.pmf(n[None, :], runs, p[:, None]) for p in (grid, 1 - (1 - grid) ** 2))
    v_one, v_two = usd * (runs + 1) / (n + 0.5), 3 * usd * (runs + 1) / (n + 0.5)
    without = float(density @ (two @ v_two))
    best = np.minimum(v_one[:, None], v_two[None, :])
    front = float(density @ np.einsum("gi,gj,ij->g", one, two, best))
    truths = {
        "smoothed V": smoothed,
        "frontier": front,
        "gain": without - front,
        "essentialness": (without - front) / without,
    }

    def draw(rng: np.random.Generator) -> Said:
        p = rng.beta(alpha, beta, questions)
        ids = tuple(map(str, range(questions)))
        made = [
            Samples("t", name, ids, rng.random((questions, runs)) < p_Q[:, None], np.full(questions, price))
            for name, p_Q, price in (("one", p, usd), ("two", 1 - (1 - p) ** 2, 3 * usd))
        ]
        (found,) = costs_by_question([], made, seed=int(rng.integers(2**31)))
        mine = found.models[0]
        return {
            "smoothed V": ends(found.plans[0].value.smoothed_interval),
            "frontier": ends(found.frontier.smoothed_interval),
            "gain": ends(mine.gain_interval),
            "essentialness": ends(mine.essentialness_interval),
        }

    return World(f"by question, {questions} questions x {runs}, Beta({alpha}, {beta})", truths, draw)


def votes(questions: int, law: str) -> World:
    """Two answers a question. `flat`: a coin on every question, so that no vote is better than one sample."""
    samples, ks = 16, [1, 2, 4, 8, 16]
    p_grid = np.full(1, 0.5) if law == "flat" else (np.arange(2000) + 0.5) / 2000
    density = np.ones(len(p_grid)) / len(p_grid)
    right_K = [float(density @ _majority(p_grid, k)) for k in ks]
    truths = {f"gain {a} to {b}": right_K[i + 1] - right_K[i] for i, (a, b) in enumerate(pairwise(ks))}
    if law == "flat":
        truths["settled k"] = 1.0

    def draw(rng: np.random.Generator) -> Said:
        p = np.full(questions, 0.5) if law == "flat" else rng.random(questions)
        right = rng.random((questions, samples)) < p[:, None]
        value_QK = vote(np.where(right, 0, 1), right, ks)
        pools = [
            PoolCell(
                "t", "m", "vote", k, questions, float(v.mean()), Interval(0, 1), 1.0, 1, 1, accuracy_Q=tuple(v)
            )
            for k, v in zip(ks, value_QK.T.tolist(), strict=True)
            for v in [np.array(v)]
        ]
        settled = settled_at("vote", pools, seed=int(rng.integers(2**31)))
        assert settled is not None
        said = {f"gain {s.k} to {s.to_k}": (s.low, s.high) for s in settled.steps}
        return said | {"settled k": (float(settled.k), float(settled.k))}

    return World(f"votes of two answers, {questions} questions, {law}", truths, draw)


def _majority(p: np.ndarray, k: int) -> np.ndarray:
    """The chance that most of k are right, ties shared."""
    half = binom.pmf(k // 2, k, p) / 2 if k % 2 == 0 else 0.0
    return binom.sf(k // 2, k, p) + half


def paying_back(questions: int) -> World:
    """Exponential costs before, a third less with offline work of $0.01."""

    def draw(rng: np.random.Generator) -> Said:
        before = 0.003 * rng.exponential(size=questions)
        after = before * rng.uniform(0.3, 1.0333, questions)
        found = measured_break_even(0.01, before, after, seed=int(rng.integers(2**31)))
        return {"break-even": ends(found.interval)}

    return World(f"break-even from {questions} questions", {"break-even": 0.01 / 0.001}, draw)


WORLDS = (
    costs(40, 0.5),
    costs(100, 1.0),
    bills(60, 0.6, 0.5),
    bills(40, 0.95, 0.0),
    differences(40, 0.6, 0.1),
    differences(40, 0.9, 0.05),
    trend(12, 0.3, 1.0),
    trend(24, 0.5, 0.0),
    types(60, 16, 0.75),
    types(200, 8, 0.9),
    by_question(60, 16, 2.0, 2.0),
    by_question(60, 8, 1.0, 1.0),
    votes(60, "all difficulties"),
    votes(60, "flat"),
    paying_back(60),
)
MORE = (
    types(100, 6, 0.8),
    by_question(40, 16, 3.0, 1.0),
    by_question(80, 12, 1.5, 1.5),
)
"""Further worlds, for the long form."""


def held(world: World, replications: int) -> dict[str, tuple[float, int]]:
    """Of each quantity the share of intervals that hold the truth, and how many there were."""
    rng = np.random.default_rng(world.seed)
    hits, said = dict.fromkeys(world.truths, 0), dict.fromkeys(world.truths, 0)
    for _ in range(replications):
        for name, (low, high) in world.draw(rng).items():
            if name in world.truths:
                said[name] += 1
                hits[name] += low - 1e-12 <= world.truths[name] <= high + 1e-12
    return {name: (hits[name] / max(said[name], 1), said[name]) for name in world.truths}
