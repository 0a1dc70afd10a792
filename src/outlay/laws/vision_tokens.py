"""How many image tokens to feed a vision-language model of which size: error = A / (N^alpha V^beta) + D."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import CannotSay, UsageError
from outlay.laws._form import form_of
from outlay.laws._result import FormTest, Prediction
from outlay.laws._vision_surface import checked, error_at, slopes_at, solved
from outlay.stats.interval import Interval
from outlay.stats.least_squares import lack_of_fit

Floats = NDArray[np.float64]
MOST_TOKENS = 576
"""Image tokens without compression in the paper: 24 x 24 patches."""
AGAINST = "an exponent that changes with size or tokens"


class Fit(Struct, frozen=True):
    """A fitted law of error over model size and image tokens.

    `scale` and `floor` trade against each other on the usual grids, and drag `alpha` and `beta` along: their
    ratio is what the data determine, and it alone sets the best number of tokens. Quote `ratio`.

    Attributes:
        scale: A (A · B in the paper), above 0.
        alpha: exponent of the model size, from 0.
        beta: exponent of the image tokens, from 0.
        floor: D, the error that remains, from 0.
        ratio: alpha / beta, infinite where beta is 0.
        alpha_interval: interval of alpha.
        beta_interval: interval of beta.
        floor_interval: interval of D.
        ratio_interval: interval of alpha / beta.
        rmse: root mean square of the residuals, in error.
        form: the residual test.
        sizes: smallest and largest model fitted, billions of parameters.
        tokens: fewest and most image tokens fitted.
        draws_D4: log A, alpha, beta, D of each bootstrap draw.
        level: level of the intervals.
    """

    scale: float
    alpha: float
    beta: float
    floor: float
    ratio: float
    alpha_interval: Interval
    beta_interval: Interval
    floor_interval: Interval
    ratio_interval: Interval
    rmse: float
    form: FormTest
    sizes: tuple[float, float]
    tokens: tuple[float, float]
    draws_D4: tuple[tuple[float, float, float, float], ...]
    level: float

    def predict(self, model_billions: float, visual_tokens: float) -> Prediction:
        """The mean error A / (N^alpha V^beta) + D, falling in both, with the interval of the curve.

        Args:
            model_billions: N, parameters of the language model in billions, above 0.
            visual_tokens: V, image tokens fed to it, above 0.

        Returns:
            Error, not cut at 1; a warning outside the fitted sizes or tokens.

        Raises:
            UsageError: a value that is not a positive number.
        """
        size, tokens = _positive(model_billions, "model size"), _positive(visual_tokens, "number of tokens")
        x = np.array([[np.log(size), np.log(tokens)]])
        value = float(error_at(np.array([np.log(self.scale), self.alpha, self.beta, self.floor]), x)[0])
        drawn = np.array([error_at(np.array(row), x)[0] for row in self.draws_D4])
        return Prediction(value, _around(value, drawn, self.level), self._past(size, tokens))

    def invert(self, error: float, visual_tokens: float) -> Prediction:
        """The model size with that error: N = (A / (V^beta (error - D)))^(1 / alpha), billions.

        Args:
            error: above the floor.
            visual_tokens: V, above 0.

        Returns:
            Billions of parameters, infinite end where the interval's floor is reached; a warning past the data.

        Raises:
            UsageError: a value that is not a positive number.
            CannotSay: no size reaches that error, or size does not matter.
        """
        error, tokens = _positive(error, "error"), _positive(visual_tokens, "number of tokens")
        if error <= self.floor or self.alpha <= 0:
            raise CannotSay(
                f"No model size reaches an error of {error} by this law; its floor is {self.floor:.4g}."
            )
        value = _size(np.array([[np.log(self.scale), self.alpha, self.beta, self.floor]]), error, tokens)[0]
        drawn = _size(np.array(self.draws_D4), error, tokens)
        return Prediction(float(value), _around(float(value), drawn, self.level), self._past(value, tokens))

    def best_tokens(self, text_tokens: float, *, most: int = MOST_TOKENS) -> Prediction:
        """V* = beta Q / (alpha - beta) in [1, most]: the image tokens of least error at a fixed compute.

        Compute is 2 N (Q + V): with it fixed, fewer tokens buy a larger model. V* depends neither on the
        compute nor on D. Text that is cached counts as Q = 0: then V* is 1. With alpha <= beta (documents,
        text in pictures) it is `most`. Answer tokens and the vision encoder are left out, as in the paper.

        Args:
            text_tokens: Q, text tokens processed with the image, from 0.
            most: image tokens without compression, from 1.

        Returns:
            Tokens, a real number; a warning where it lies outside the fitted tokens or the form is wrong.

        Raises:
            UsageError: a value out of range.
            CannotSay: neither size nor tokens change the error.

        Source:
            Li et al. 2024 (arXiv 2411.03312); the closed form is derived here from its law.
        """
        if not (np.isfinite(text_tokens) and text_tokens >= 0 and most >= 1):
            raise UsageError("Text tokens are counted from 0, image tokens from 1.")
        if self.alpha <= 0 and self.beta <= 0:
            raise CannotSay("Neither size nor tokens change the error here, so no number of tokens is best.")
        value = float(_best(np.array([self.alpha]), np.array([self.beta]), text_tokens, most)[0])
        draws = np.array(self.draws_D4)
        drawn = _best(draws[:, 1], draws[:, 2], text_tokens, most)
        warning = self._past(self.sizes[0], value)
        return Prediction(
            value, _around(value, drawn, self.level), warning or (self.form.words if self.form.wrong else "")
        )

    def best_size(self, flops: float, text_tokens: float, *, most: int = MOST_TOKENS) -> Prediction:
        """N* = F / (2 (Q + V*)): the model to take for so much compute a question, in billions.

        Args:
            flops: F, floating-point operations a question, above 0.
            text_tokens: Q, from 0.
            most: image tokens without compression, from 1.

        Returns:
            Billions of parameters; a warning outside the fitted sizes.

        Raises:
            UsageError: a value out of range.
            CannotSay: as `best_tokens`.
        """
        tokens = self.best_tokens(text_tokens, most=most)
        per_token = _positive(flops, "number of operations") / 2e9
        assert tokens.interval is not None
        low, high = (per_token / (text_tokens + v) for v in (tokens.interval.high, tokens.interval.low))
        size = per_token / (text_tokens + tokens.value)
        return Prediction(
            size, Interval(low, high, self.level), self._past(size, self.tokens[0]) or tokens.warning
        )

    def _past(self, size: float, tokens: float) -> str:
        said = []
        if not self.sizes[0] <= size <= self.sizes[1]:
            said.append(f"models of {self.sizes[0]:g} to {self.sizes[1]:g} billion parameters")
        if not self.tokens[0] <= tokens <= self.tokens[1]:
            said.append(f"{self.tokens[0]:g} to {self.tokens[1]:g} image tokens")
        if not said:
            return ""
        wrong = f" {self.form.words}" if self.form.wrong else ""
        return f"The law was fitted on {' and '.join(said)} only.{wrong}"


def fit(
    model_billions_N: ArrayLike,
    visual_tokens_N: ArrayLike,
    error_N: ArrayLike,
    *,
    seed: int,
    level: float = 0.95,
    draws: int = 200,
) -> Fit:
    """Least squares of error on A / (N^alpha V^beta) + D, with A > 0 and alpha, beta, D from 0.

    Intervals by residual bootstrap, residuals inflated by sqrt(n / (n - 4)): they presume equal, independent
    noise. D at its bound of 0 stays there in most draws. Keep kinds of task apart: reading text in pictures
    follows another ratio than looking at scenes.

    Args:
        model_billions_N: parameters of the language model of each point, billions, above 0.
        visual_tokens_N: image tokens of each point, above 0.
        error_N: 1 - mean accuracy of each point, in (0, 1].
        seed: seed of the bootstrap.
        level: coverage of the intervals.
        draws: bootstrap draws, from 20.

    Returns:
        The fit.

    Raises:
        UsageError: unequal lengths or values out of range.
        CannotSay: fewer than 6 points, two sizes and two token counts with three of either, or equal errors.

    Source:
        Li et al. 2024 (arXiv 2411.03312), section 3 and `scaling_law_code/objective.py`: there a random fifth
        of a grid of coefficients, which a bounded solver replaces. The exponent's base is V as in the code, not
        Q + V as in the paper's text.

    Example:
        >>> n, v = np.array([0.5, 2, 8] * 3), np.repeat([1, 16, 256], 3)
        >>> fitted = fit(n, v, 0.6 / (n**0.08 * v**0.02), seed=1, draws=20)
        >>> print(round(fitted.ratio, 2), round(fitted.best_tokens(50).value, 2))
        4.0 16.67
    """
    size, tokens, error = checked(model_billions_N, visual_tokens_N, error_N)
    if draws < 20 or not 0 < level < 1:
        raise UsageError("A fit needs at least 20 draws and a level between 0 and 1.")
    x = np.stack([np.log(size), np.log(tokens)], axis=1)
    best = solved(x, error, np.array([np.log(error.mean()), 0.1, 0.05, 0.1 * error.min()]))
    fitted = error_at(best, x)
    left = error - fitted
    pool = (left - left.mean()) * np.sqrt(len(error) / (len(error) - 4))
    rng = np.random.default_rng(seed)
    drawn = np.array([solved(x, fitted + rng.choice(pool, len(pool)), best) for _ in range(draws)])
    free = slopes_at(best, x)[:, : 4 if best[3] > 1e-6 else 3]
    more = np.stack([x[:, 0] * x[:, 1], x[:, 0] ** 2, x[:, 1] ** 2], axis=1)
    ratio, ratios = _ratio(best[1:2], best[2:3]), _ratio(drawn[:, 1], drawn[:, 2])
    return Fit(
        scale=float(np.exp(best[0])),
        alpha=float(best[1]),
        beta=float(best[2]),
        floor=float(best[3]),
        ratio=float(ratio[0]),
        alpha_interval=_around(float(best[1]), drawn[:, 1], level),
        beta_interval=_around(float(best[2]), drawn[:, 2], level),
        floor_interval=_around(float(best[3]), drawn[:, 3], level),
        ratio_interval=_around(float(ratio[0]), ratios, level),
        rmse=float(np.sqrt((left**2).mean())),
        form=form_of(lack_of_fit(left, free, more, against=AGAINST)),
        sizes=(float(size.min()), float(size.max())),
        tokens=(float(tokens.min()), float(tokens.max())),
        draws_D4=tuple((a, b, c, d) for a, b, c, d in drawn.tolist()),
        level=level,
    )


def _ratio(alpha_D: Floats, beta_D: Floats) -> Floats:
    return np.divide(alpha_D, beta_D, out=np.full(alpha_D.shape, np.inf), where=beta_D > 0)


def _size(q_D4: Floats, error: float, tokens: float) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_size = (q_D4[:, 0] - q_D4[:, 2] * np.log(tokens) - np.log(error - q_D4[:, 3])) / q_D4[:, 1]
        return np.where((error > q_D4[:, 3]) & (q_D4[:, 1] > 0), np.exp(log_size), np.inf)


def _best(alpha_D: Floats, beta_D: Floats, text_tokens: float, most: int) -> Floats:
    gap = alpha_D - beta_D
    best = np.divide(beta_D * text_tokens, gap, out=np.full(gap.shape, np.inf), where=gap > 0)
    return np.clip(best, 1, most)


def _around(value: float, drawn_D: Floats, level: float) -> Interval:
    """Percentiles outwards; never without the value itself, which a bound can push out of the draws."""
    tail = (1 - level) / 2
    low, high = np.quantile(drawn_D, tail, method="lower"), np.quantile(drawn_D, 1 - tail, method="higher")
    return Interval(min(float(low), value), max(float(high), value), level)


def _positive(value: float, what: str) -> float:
    if not (np.isfinite(value) and value > 0):
        raise UsageError(f"A {what} must be a positive number, not {value}.")
    return float(value)
