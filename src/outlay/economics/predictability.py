"""Buy offline work only for contexts whose questions can be foreseen: a gate on a predictability score."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import CannotSay, UsageError
from outlay.stats.bootstrap import bootstrap
from outlay.stats.interval import Interval

Floats = NDArray[np.float64]


class Bin(Struct, frozen=True):
    """Contexts of similar score: the lowest score, how many, and what buying for one of them nets on average."""

    from_score: float
    contexts: int
    net: float
    interval: Interval


class Gate(Struct, frozen=True):
    """The score from which the offline work is bought.

    Attributes:
        from_score: buy at and above it; infinite: never buy; minus infinite: always.
        net: mean net value a context under the gate, those not bought for counted as 0; same unit as the data.
        interval: interval of it; a gate whose interval holds 0 is not shown to pay.
        bins: by rising score.
    """

    from_score: float
    net: float
    interval: Interval
    bins: tuple[Bin, ...]

    def opens(self, score: float) -> bool:
        """Whether to buy for a context of this score; never for NaN."""
        return score >= self.from_score


def predictability_gate(
    score_C: ArrayLike, net_C: ArrayLike, *, seed: int, bins: int = 5, level: float = 0.95, draws: int = 2000
) -> Gate:
    """The bin edge t that maximises sum over score >= t of net value: one of at most `bins` + 1 choices.

    Only edges of equal-count bins are tried, so that a handful of contexts cannot choose a threshold of their
    own. The interval resamples contexts with the gate fixed; the gate was chosen on the same data, so on few
    contexts its net value is a little too good: judge it on others. Equal scores share a bin.

    Args:
        score_C: predictability of each context's typical question, higher is easier to foresee: the mean log
            probability a token of the question given the context, under any model.
        net_C: uses · saving a use - offline cost of each context where the work was bought, any unit.
        seed: seed of the bootstrap.
        bins: bins of equal count, from 2.
        level: coverage aimed at.
        draws: bootstrap draws.

    Returns:
        The gate.

    Raises:
        UsageError: unequal lengths, NaN, or fewer than two bins.
        CannotSay: fewer than two contexts a bin.

    Source:
        Sleep-time compute, Lin et al. 2025 (arXiv 2504.13171), section 5.4: five bins by log P(q | c), gains
        grow over them. The gate is our choice (future work there), and so is the mean per token: whether the
        authors summed is not known.

    Example:
        >>> gate = predictability_gate(range(10), [-1, -1, -1, -1, 1, 0, 2, 3, 4, 4], seed=1)
        >>> print(gate.from_score, round(gate.net, 2), gate.opens(3.5))
        4.0 1.4 False
    """
    score, net = np.asarray(score_C, float), np.asarray(net_C, float)
    if score.ndim != 1 or score.shape != net.shape or bins < 2:
        raise UsageError("A gate needs one score and one net value a context, and at least two bins.")
    if not (np.isfinite(score).all() and np.isfinite(net).all()):
        raise UsageError("Scores and net values must be finite numbers.")
    if len(score) < 2 * bins:
        raise CannotSay(f"A gate with {bins} bins needs at least {2 * bins} contexts, not {len(score)}.")
    edges = np.unique(np.quantile(score, np.arange(bins) / bins, method="higher"))
    total_E = np.array([net[score >= edge].sum() for edge in edges])
    best = int(total_E.argmax())
    opened = -np.inf if best == 0 else float(edges[best])
    opened = opened if total_E[best] > 0 else np.inf
    bought = np.where(score >= opened, net, 0.0)
    found = [
        _bin(float(edge), net[np.searchsorted(edges, score, side="right") - 1 == i], seed, level, draws)
        for i, edge in enumerate(edges)
    ]
    return Gate(
        opened,
        float(bought.mean()),
        bootstrap(np.mean, bought, seed=seed, level=level, draws=draws),
        tuple(found),
    )


def _bin(edge: float, net_C: Floats, seed: int, level: float, draws: int) -> Bin:
    interval = bootstrap(np.mean, net_C, seed=seed, level=level, draws=draws)
    return Bin(edge, len(net_C), float(net_C.mean()), interval)
