"""Where more samples stop paying, and how far a perfect check would get with four times as many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct

from outlay.errors import CannotSay
from outlay.laws import coverage, coverage_beta
from outlay.money import NUSD
from outlay.report.outcome import PoolCell
from outlay.report.resampling import DRAWS, outward
from outlay.report.samples import Samples
from outlay.stats.pass_at_k import pass_at_k
from outlay.stats.resampled_means import resampled_means
from outlay.stats.wilson import wilson

FURTHER = 4
"""How many times the samples drawn a curve is prolonged."""


class At(Struct, frozen=True):
    """The coverage with k samples, with its 95 % interval; `warning` where it is more guess than measurement."""

    k: int
    coverage: float
    low: float
    high: float
    warning: str = ""


class Law(Struct, frozen=True):
    """A law fitted to the coverage of a pool: its parameters, whether the data reject its form, and its curve."""

    form: str
    """`power` or `beta`."""
    parameters: dict[str, float]
    rejected: bool
    words: str
    """What was tested and what came out."""
    curve: tuple[At, ...]
    """At powers of two up to four times the samples, or as far as the law can be prolonged."""


class Step(Struct, frozen=True):
    """From `k` to `to_k` samples: points of accuracy, and what each right answer more costs (None: no gain)."""

    k: int
    to_k: int
    gain: float
    low: float
    high: float
    usd_per_right: float | None


class Settled(Struct, frozen=True):
    """Under one selection: the smallest measured k beyond which no larger one is shown to be better."""

    strategy: str
    k: int
    most: int
    """The largest k measured."""
    steps: tuple[Step, ...]


class MoreSamples(Struct, frozen=True):
    """Coverage of one model's pool with its laws, and where each selection stops paying."""

    task: str
    model: str
    questions: int
    samples: int
    measured: tuple[At, ...]
    laws: tuple[Law, ...]
    settled: tuple[Settled, ...]
    unsaid: tuple[str, ...]
    """What cannot be said from these samples, and why."""


def more_samples(samples: Sequence[Samples], pools: Sequence[PoolCell], *, seed: int) -> list[MoreSamples]:
    """The measured coverage, both laws of it prolonged four times, and where each selection stops paying.

    `coverage` is the share of questions with a right one among k samples: what a perfect check would make of
    them. A k is settled where, in paired intervals over questions, every larger measured k could be no better;
    each interval stands on its own.

    Args:
        samples: recorded samples; pools of fewer than 2 samples or questions are passed over.
        pools: the same samples under selections, with the chances of each question.
        seed: seed of the intervals.

    Returns:
        One entry a pool.

    Source:
        As in `outlay.laws.coverage` and `outlay.laws.coverage_beta`. Where selections settle is ours.

    Example:
        >>> right = np.random.default_rng(1).random((60, 8)) < np.linspace(0.05, 0.6, 60)[:, None]
        >>> pool = Samples("t", "m", tuple(map(str, range(60))), right)
        >>> print(more_samples([pool], [], seed=1)[0].laws[1].curve[-1].k)
        32
    """
    return [_one(s, pools, seed) for s in samples if min(s.correct_QS.shape) > 1]


def _one(s: Samples, pools: Sequence[PoolCell], seed: int) -> MoreSamples:
    size = s.correct_QS.shape[1]
    right_Q = s.correct_QS.sum(axis=1)
    ks = _doubled(size)
    table_QK = np.stack([np.asarray(pass_at_k(size, right_Q, k)) for k in ks], axis=1)
    means_DK = resampled_means(table_QK, draws=DRAWS, seed=seed)
    measured = tuple(_at(k, table_QK[:, j], means_DK[:, j]) for j, k in enumerate(ks))
    unsaid: list[str] = []
    laws = [
        _law(form, fit, names, right_Q, size, seed, unsaid)
        for form, fit, names in (
            ("power", coverage.fit, ("a", "b")),
            ("beta", coverage_beta.fit, ("alpha", "beta")),
        )
    ]
    mine = [p for p in pools if (p.task, p.model) == (s.task, s.model) and p.accuracy_Q and not p.oracle]
    settled = [
        settled_at(strategy, [p for p in mine if p.strategy == strategy], seed=seed)
        for strategy in dict.fromkeys(p.strategy for p in mine)
    ]
    return MoreSamples(
        task=s.task,
        model=s.model,
        questions=len(right_Q),
        samples=size,
        measured=measured,
        laws=tuple(law for law in laws if law is not None),
        settled=tuple(found for found in settled if found is not None),
        unsaid=tuple(dict.fromkeys(unsaid)),
    )


def _at(k: int, chance_Q: np.ndarray, means_D: np.ndarray) -> At:
    """Where all questions agree, resampling them shows no width, and Wilson's interval does."""
    value = float(chance_Q.mean())
    if chance_Q.min() == chance_Q.max() and value in (0.0, 1.0):
        ends = wilson(value * len(chance_Q), len(chance_Q))
        return At(k, value, ends.low, ends.high)
    return At(k, value, *_ends(means_D))


def _doubled(most: int) -> list[int]:
    """Powers of two, and the end."""
    return [*(2**i for i in range(most.bit_length()) if 2**i < most), most]


def _law(
    form: str,
    fit: Callable[..., Any],
    names: Sequence[str],
    right_Q: np.ndarray,
    size: int,
    seed: int,
    unsaid: list[str],
) -> Law | None:
    curve: list[At] = []
    try:
        law = fit(right_Q, size, seed=seed)
    except CannotSay as why:
        unsaid.append(str(why))
        return None
    for k in sorted({*_doubled(size), *_doubled(FURTHER * size)}):
        try:
            p = law.predict(k)
        except CannotSay as why:
            unsaid.append(str(why))
            break
        curve.append(At(k, p.value, p.interval.low, p.interval.high, p.warning))
    found = {name: float(getattr(law, name)) for name in names}
    return Law(form, found, law.form.wrong, law.form.words, tuple(curve))


def settled_at(strategy: str, cells: Sequence[PoolCell], *, seed: int) -> Settled | None:
    """The smallest measured k beyond which no larger one is shown to be better, with the steps between them.

    Each larger k is compared on its own at 97.5 % from one side; nothing corrects for their number.

    Args:
        strategy: the selection's name.
        cells: one model's pool under it at several k, with the chances of each question.
        seed: seed of the resampling.

    Returns:
        What is settled; None for fewer than two k, or cells of different questions.
    """
    cells = sorted(cells, key=lambda p: p.k)
    if len(cells) < 2 or len({len(p.accuracy_Q) for p in cells}) > 1:
        return None
    means_DK = resampled_means(np.array([p.accuracy_Q for p in cells]).T, draws=DRAWS, seed=seed)
    last = len(cells) - 1
    settled = next(
        i
        for i in range(len(cells))
        if all(_ends(means_DK[:, j] - means_DK[:, i])[0] <= 0 for j in range(i + 1, last + 1))
    )
    steps = tuple(_step(a, b, means_DK[:, i + 1] - means_DK[:, i]) for i, (a, b) in enumerate(pairwise(cells)))
    return Settled(strategy, cells[settled].k, cells[last].k, steps)


def _step(a: PoolCell, b: PoolCell, gain_D: np.ndarray) -> Step:
    gain = b.accuracy - a.accuracy
    usd = None
    if a.cost_nusd is not None and b.cost_nusd is not None and gain > 0:
        usd = (b.cost_nusd - a.cost_nusd) / NUSD / gain
    return Step(a.k, b.k, gain, *_ends(gain_D), usd)


def _ends(values_D: np.ndarray) -> tuple[float, float]:
    low, high = outward(values_D)
    return low, low if high is None else high
