"""Which split of a token budget into documents, demonstrations and iterations buys the most accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from outlay.errors import CannotSay, UsageError
from outlay.laws._form import form_of
from outlay.laws._rag_settings import Setting, Standardised, longest_input_tokens, standardised
from outlay.laws._rag_squash import PUBLISHED, Squash, refitted, wide_enough
from outlay.laws._result import FormTest, Prediction
from outlay.stats.interval import Interval
from outlay.stats.least_squares import covariance, lack_of_fit

__all__ = [
    "PUBLISHED",
    "Allocation",
    "Fit",
    "Setting",
    "Squash",
    "Standardised",
    "fit",
    "longest_input_tokens",
    "standardised",
]

Floats = NDArray[np.float64]
SHIFT = 0.01
"""epsilon in log(theta + epsilon): none of a thing is log 0.01."""
AGAINST = "squares of the logarithms"


class Allocation(Struct, frozen=True):
    """The setting chosen and the standardised accuracy that the model expects of it."""

    setting: Setting
    score: Prediction


class Fit(Struct, frozen=True):
    """sigma^-1(P) = (a + b i) . log(theta + 0.01) + c, theta = (documents, shots, iterations).

    P is standardised by task and metric, so it ranks settings; it is not an accuracy, and of a new task neither
    mean nor spread are known. b is negative where the first document already says much: each further one then
    helps less.

    Attributes:
        documents: a of log documents.
        shots: a of log demonstrations.
        iterations: a of log iterations.
        documents_slope: b of log documents, times how informative a document is; 0 if all tasks are alike in it.
        shots_slope: b of log demonstrations, times how informative a demonstration is.
        constant: c.
        intervals: of the six, in this order; given sigma, robust to unequal spread.
        r2: share of the variance of P explained, at most 1.
        squash: sigma.
        form: the residual test.
        ranges: smallest and largest documents, shots, iterations, i_document and i_shot of the data.
        spread_66: covariance of the six coefficients.
        freedom: degrees of freedom left.
        level: level of the intervals.
    """

    documents: float
    shots: float
    iterations: float
    documents_slope: float
    shots_slope: float
    constant: float
    intervals: tuple[Interval, ...]
    r2: float
    squash: Squash
    form: FormTest
    ranges: tuple[tuple[float, float], ...]
    spread_66: tuple[tuple[float, ...], ...]
    freedom: int
    level: float

    def predict(
        self, documents: float, shots: float, iterations: float, i_document: float, i_shot: float
    ) -> Prediction:
        """P = sigma((a + b i) . log(theta + 0.01) + c), with the interval of the mean.

        Args:
            documents: k, from 0.
            shots: m, from 0.
            iterations: n, from 1.
            i_document: P of one document minus P of none, both without demonstrations.
            i_shot: P of one demonstration without documents minus P of none.

        Returns:
            Standardised accuracy; a warning outside the fitted settings or kinds of task.

        Raises:
            UsageError: a value out of range.
        """
        point = (documents, shots, iterations, i_document, i_shot)
        row = _design(*(np.array([v], float) for v in point))[0]
        linear = float(row @ self._coefficients())
        half = float(stdtrit(self.freedom, (1 + self.level) / 2)) * float(
            np.sqrt(max(row @ np.array(self.spread_66) @ row, 0.0))
        )
        value, low, high = (float(v) for v in self.squash.value([linear, linear - half, linear + half]))
        return Prediction(value, Interval(low, high, self.level), self._past(point))

    def allocate(
        self, budget_tokens: int, settings: Sequence[Setting], i_document: float, i_shot: float
    ) -> Allocation:
        """The setting of highest P whose longest input fits the budget; of equals the shortest.

        The budget holds for every question, not on average: give each setting's longest input. Never falls as
        the budget grows.

        Args:
            budget_tokens: L_max, input tokens over all calls for one question.
            settings: what can be chosen (`longest_input_tokens` estimates their lengths).
            i_document: as in `predict`.
            i_shot: as in `predict`.

        Returns:
            The choice.

        Raises:
            CannotSay: nothing fits.
        """
        return self._first(settings, i_document, i_shot, lambda s, _: s.input_tokens <= budget_tokens, _best)

    def cheapest(
        self, score: float, settings: Sequence[Setting], i_document: float, i_shot: float
    ) -> Allocation:
        """The inverse of `allocate`: the setting of shortest input whose P reaches the score.

        Args:
            score: standardised accuracy wanted.
            settings: what can be chosen.
            i_document: as in `predict`.
            i_shot: as in `predict`.

        Returns:
            The choice.

        Raises:
            CannotSay: nothing reaches it.
        """
        return self._first(settings, i_document, i_shot, lambda _, p: p.value >= score, _shortest)

    def _first(self, settings, i_document, i_shot, admits, order) -> Allocation:
        scored = [
            Allocation(s, self.predict(s.documents, s.shots, s.iterations, i_document, i_shot))
            for s in settings
        ]
        kept = [a for a in scored if admits(a.setting, a.score)]
        if not kept:
            raise CannotSay("None of the settings fits; offer smaller ones, or a larger budget or lower score.")
        return min(kept, key=order)

    def _coefficients(self) -> Floats:
        slopes = (self.documents_slope, self.shots_slope, self.constant)
        return np.array([self.documents, self.shots, self.iterations, *slopes])

    def _past(self, point: tuple[float, ...]) -> str:
        names = ("documents", "demonstrations", "iterations", "worth of a document", "worth of a demonstration")
        said = [
            f"{name} {low:.4g} to {high:.4g}"
            for name, value, (low, high) in zip(names, point, self.ranges, strict=True)
            if not low - 1e-9 <= value <= high + 1e-9
        ]
        return f"The allocation was fitted on {', '.join(said)} only." if said else ""


def fit(
    score_N: ArrayLike,
    documents_N: ArrayLike,
    shots_N: ArrayLike,
    iterations_N: ArrayLike,
    i_document_N: ArrayLike,
    i_shot_N: ArrayLike,
    *,
    squash: Squash | None = None,
    level: float = 0.95,
) -> Fit:
    """Least squares of sigma^-1(P) on log(theta + 0.01), those times i, and 1: six coefficients.

    With one kind of task (all i equal) the terms with i cannot be told and are left out. Refit for every model:
    the published coefficients are one model's.

    Args:
        score_N: P, accuracy standardised by task (`standardised`).
        documents_N: documents an example, from 0.
        shots_N: demonstrations, from 0.
        iterations_N: iterations at most, from 1.
        i_document_N: worth of the first document on the task of each point.
        i_shot_N: worth of the first demonstration.
        squash: sigma, if known; otherwise the published one, refitted in two rounds.
        level: level of the intervals.

    Returns:
        The fit; its intervals take sigma as known.

    Raises:
        UsageError: unequal lengths or values out of range.
        CannotSay: settings too few or too alike to tell the coefficients.

    Source:
        Yue et al. 2024 (arXiv 2410.04343), section 5, equation 3. Whether sigma was fitted before or with the
        rest is not stated: alternating twice is our choice, clipping P just inside sigma's range too.

    Example:
        >>> k, m, n = (a.ravel() for a in np.meshgrid([0, 1, 10, 100], [0, 1, 8], [1, 3]))
        >>> x = 0.325 * np.log(k + 0.01) + 0.101 * np.log(m + 0.01) + 0.177 * np.log(n + 0.01) - 0.73
        >>> fitted = fit(PUBLISHED.value(x), k, m, n, 0 * k, 0 * k, squash=PUBLISHED)
        >>> print(round(fitted.documents, 3), round(fitted.iterations, 3))
        0.325 0.177
    """
    columns = [
        np.asarray(a, float).reshape(-1) for a in (documents_N, shots_N, iterations_N, i_document_N, i_shot_N)
    ]
    score = np.asarray(score_N, float).reshape(-1)
    if any(len(column) != len(score) for column in columns) or not np.isfinite([score, *columns]).all():
        raise UsageError("The allocation needs as many settings as scores, all of them numbers.")
    if len(score) < 7 or np.ptp(score) < 1e-12:
        raise CannotSay("The allocation needs at least 7 points, and scores that differ.")
    design = _design(*columns)
    told = np.array([True, True, True, np.ptp(columns[3]) > 1e-12, np.ptp(columns[4]) > 1e-12, True])
    rounds, sigma = (0, squash) if squash is not None else (2, wide_enough(score))
    best = _solved(design, told, sigma.inverse(score))
    for _ in range(rounds):
        sigma = refitted(score, design @ best, sigma)
        best = _solved(design, told, sigma.inverse(score))
    left = sigma.inverse(score) - design @ best
    spread = np.zeros((6, 6))
    spread[np.ix_(told, told)] = covariance(design[:, told], left)
    freedom = len(score) - int(told.sum())
    half = float(stdtrit(freedom, (1 + level) / 2)) * np.sqrt(np.diag(spread))
    error = score - sigma.value(design @ best)
    return Fit(
        *(float(c) for c in best),
        intervals=tuple(Interval(float(c - h), float(c + h), level) for c, h in zip(best, half, strict=True)),
        r2=1 - float(error @ error) / float(((score - score.mean()) ** 2).sum()),
        squash=sigma,
        form=form_of(lack_of_fit(left, design[:, told], design[:, :3] ** 2, against=AGAINST)),
        ranges=tuple((float(column.min()), float(column.max())) for column in columns),
        spread_66=tuple(tuple(row) for row in spread.tolist()),
        freedom=freedom,
        level=level,
    )


def _best(a: Allocation) -> tuple[float, int]:
    return -a.score.value, a.setting.input_tokens


def _shortest(a: Allocation) -> tuple[int, float]:
    return a.setting.input_tokens, -a.score.value


def _design(k_N: Floats, m_N: Floats, n_N: Floats, i_document_N: Floats, i_shot_N: Floats) -> Floats:
    if not (min(k_N.min(), m_N.min()) >= 0 and n_N.min() >= 1):
        raise UsageError("Documents and demonstrations are counted from 0, iterations from 1.")
    k, m, n = (np.log(a + SHIFT) for a in (k_N, m_N, n_N))
    return np.stack([k, m, n, i_document_N * k, i_shot_N * m, np.ones_like(k)], axis=1)


def _solved(design_N6: Floats, told_6: NDArray[np.bool_], x_N: Floats) -> Floats:
    best = np.zeros(6)
    best[told_6] = np.linalg.lstsq(design_N6[:, told_6], x_N, rcond=None)[0]
    return best
