"""Fits of `Runtime` from timings: a grid on own hardware, a grid through a busy API, or a live server's calls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.economics.idealized_runtime import Runtime
from outlay.errors import CannotSay, UsageError
from outlay.stats.interval import Interval
from outlay.stats.least_squares import LackOfFit, coefficient_intervals, lack_of_fit

Floats = NDArray[np.float64]
Cells = tuple[Floats, Floats, Floats]
FURTHER = "a token time that changes with the prompt or with the tokens before it"


class Estimate(Struct, frozen=True):
    """Seconds of one call, the band of single calls around it, and a warning past the timed sizes or ""."""

    seconds: float
    interval: Interval
    warning: str


class RuntimeFit(Struct, frozen=True):
    """A fitted runtime with what its timings say about it.

    Attributes:
        runtime: the fitted T(p, o).
        per_token_interval: interval of g.
        r2: share of the variance of the time after the first token that o - 1 explains, at most 1.
        mean_relative_error: mean of |fitted - timed| / timed over the fitted cells.
        max_relative_error: its maximum.
        form: the residual test (does g depend on p or o?), or None with too few cells to say.
        max_prompt_tokens: longest prompt timed.
        max_output_tokens: longest output timed.
        ratio: band of timed / fitted over the fitted cells. Its level is what order statistics of so many cells
            promise for a further one, at least 95 % from 39 cells on; the fit's own error is not in it.
        dropped: timings left out because the server wrote another number of tokens than asked.
    """

    runtime: Runtime
    per_token_interval: Interval
    r2: float
    mean_relative_error: float
    max_relative_error: float
    form: LackOfFit | None
    max_prompt_tokens: int
    max_output_tokens: int
    ratio: Interval
    dropped: int = 0

    def predict(self, prompt_tokens: int, output_tokens: int) -> Estimate:
        """T(p, o) by the linear rule, with the band of ratios seen in the fit's own timings around it.

        Args:
            prompt_tokens: p, from 0.
            output_tokens: o, from 0.

        Returns:
            The estimate; past the timed sizes its `warning` says so, and whether the form was rejected there too.

        Raises:
            UsageError: a negative number of tokens.
        """
        seconds = float(self.runtime.seconds(prompt_tokens, output_tokens))
        said = []
        if prompt_tokens > self.max_prompt_tokens:
            said.append(f"prompts were timed up to {self.max_prompt_tokens} tokens only")
        if output_tokens > self.max_output_tokens:
            said.append(f"outputs were timed up to {self.max_output_tokens} tokens only")
        if said and self.form is not None and self.form.rejected:
            said.append(f"the timings show {self.form.against}")
        band = Interval(seconds * self.ratio.low, seconds * self.ratio.high, self.ratio.level)
        return Estimate(seconds, band, "; ".join(said))


def fit_idealized(
    prompt_tokens_N: ArrayLike, output_tokens_N: ArrayLike, seconds_N: ArrayLike, *, resolution_s: float = 0.0
) -> RuntimeFit:
    """F(p) = mean T(p, 1); g = slope of T - F on o - 1, pooled over all cells, with intercept; c = 0.

    For a grid of sizes on a machine of one's own, one call at a time, warmed up. Noise-free data give F and g
    back exactly; the order of trials changes nothing; k times the seconds give k times F and g.

    Args:
        prompt_tokens_N: p of each timing, from 1; every size needs a timing with one output token.
        output_tokens_N: tokens really written, from 1; at least two sizes.
        seconds_N: measured seconds, above 0.
        resolution_s: F and g are rounded to multiples of this; 0 rounds nothing, HELM rounds to 0.001.

    Returns:
        The fit.

    Raises:
        UsageError: a value out of range, or a prompt size without its one-token timing.
        CannotSay: too few cells to tell g.

    Source:
        Narayanan et al. 2023, `compute_best_fit` in `stanford-crfm/helm-efficiency`.

    Example:
        >>> p, o = [1, 1, 1, 64, 64], [1, 9, 17, 1, 9]
        >>> fit = fit_idealized(p, o, [0.1, 0.9, 1.7, 0.2, 1.0])
        >>> print(round(fit.runtime.per_token_s, 6), fit.runtime.first_token_s)
        0.1 (0.1, 0.2)
    """
    cells = _cells(prompt_tokens_N, output_tokens_N, seconds_N, np.mean)
    return _grid(cells, resolution_s, split_overhead=False)


def fit_denoised(
    prompt_tokens_N: ArrayLike,
    output_tokens_N: ArrayLike,
    seconds_N: ArrayLike,
    *,
    asked_tokens_N: ArrayLike | None = None,
    resolution_s: float = 0.0,
) -> RuntimeFit:
    """As `fit_idealized`, from the least time of each cell: queues only add time. c = T(p_min, 1) - g.

    The overhead c is what the first token at the shortest prompt takes beyond one token's time, and F(p) is
    without it. Ten or so trials of each cell are needed for the least to come near the quiet time.

    Args:
        prompt_tokens_N: p of each timing, from 1; every size needs a timing with one output token.
        output_tokens_N: tokens really written, from 1; at least two sizes.
        seconds_N: measured seconds, above 0.
        asked_tokens_N: tokens that were asked for: timings that wrote another number are dropped.
        resolution_s: as in `fit_idealized`.

    Returns:
        The fit. Where g exceeds the first token's time, c is 0.

    Raises:
        UsageError: as `fit_idealized`.
        CannotSay: as `fit_idealized`.

    Source:
        Narayanan et al. 2023; the split into g and c is read from the published constants (F("1") equals g in
        every entry), no code for it was found.

    Example:
        >>> p, o = [1, 1, 1, 1, 64, 64], [1, 1, 9, 17, 1, 9]
        >>> fit = fit_denoised(p, o, [0.4, 2.5, 1.2, 2.0, 0.5, 1.3])
        >>> print(round(fit.runtime.per_token_s, 6), round(fit.runtime.overhead_s, 6))
        0.1 0.3
    """
    p, o, s = _checked(prompt_tokens_N, output_tokens_N, seconds_N)
    kept = np.ones(len(o), bool) if asked_tokens_N is None else o == np.asarray(asked_tokens_N, float)
    if not kept.any():
        raise CannotSay("No timing wrote as many tokens as asked; ask for lengths that the server keeps to.")
    fit = _grid(_cells(p[kept], o[kept], s[kept], np.min), resolution_s, split_overhead=True)
    return RuntimeFit(
        **{name: getattr(fit, name) for name in fit.__struct_fields__[:-1]}, dropped=int((~kept).sum())
    )


def fit_calls(prompt_tokens_N: ArrayLike, output_tokens_N: ArrayLike, seconds_N: ArrayLike) -> RuntimeFit:
    """T = b + f p + g (o - 1) by least squares, for calls of any sizes, such as a ledger's.

    No grid and no one-token timings are needed; in exchange the prompt is read at one speed. F is stored at
    one token and at the longest prompt, the overhead inside it. Calls that queued behind others make every
    coefficient too high: time a quiet server, or use `fit_denoised`.

    Args:
        prompt_tokens_N: prompt tokens read (cached ones not counted), from 1; at least two sizes.
        output_tokens_N: tokens written, from 1; at least two sizes, not in proportion to the prompt.
        seconds_N: measured seconds, above 0.

    Returns:
        The fit.

    Raises:
        UsageError: a value out of range.
        CannotSay: fewer than four calls, sizes that do not vary, or a fitted time that is negative.

    Source:
        Ours; the grid form above is the paper's.

    Example:
        >>> fit = fit_calls([10, 200, 50, 400, 90], [5, 8, 40, 3, 16], [0.15, 0.37, 0.54, 0.52, 0.34])
        >>> print(round(fit.runtime.per_token_s, 4), round(float(fit.runtime.seconds(100, 1)), 4))
        0.01 0.2
    """
    p, o, s = _checked(prompt_tokens_N, output_tokens_N, seconds_N)
    design = np.stack([np.ones_like(p), p, o - 1], axis=1)
    if len(p) < 4 or np.linalg.matrix_rank(design) < 3:
        raise CannotSay("The speed of reading and of writing need four calls or more, whose sizes vary apart.")
    base, read, write = np.linalg.lstsq(design, s, rcond=None)[0]
    first, last = base + read, base + read * p.max()
    if min(first, last, write) < 0:
        raise CannotSay("The fitted time of a token is negative: these timings are noise; take more of them.")
    runtime = Runtime((1, int(p.max())), (float(first), float(last)), float(write))
    return _judged(runtime, (p, o, s), design, base + read * p)


def _grid(cells: Cells, resolution_s: float, *, split_overhead: bool) -> RuntimeFit:
    p, o, s = cells
    grid, first = p[o == 1], _rounded(s[o == 1], resolution_s)
    if len(grid) < len(np.unique(p)):
        missing = sorted(set(p.astype(int)) - set(grid.astype(int)))
        raise UsageError(
            f"Prompt size {missing[0]} has no timing with one output token; add it, or use fit_calls."
        )
    if len(s) < 3 or o.max() < 2:
        raise CannotSay("The time of a further token needs three cells or more, one of them with two tokens.")
    first_N = first[np.searchsorted(grid, p)]
    design = np.stack([np.ones_like(o), o - 1], axis=1)
    per_token = float(_rounded(np.linalg.lstsq(design, s - first_N, rcond=None)[0][1], resolution_s))
    if per_token < 0:
        raise CannotSay("The fitted time of a token is negative: these timings are noise; take more of them.")
    overhead = max(float(first[0]) - per_token, 0.0) if split_overhead else 0.0
    alone = np.maximum(first - overhead, 0.0)
    runtime = Runtime(tuple(grid.astype(int).tolist()), tuple(alone.tolist()), per_token, overhead)
    return _judged(runtime, cells, design, first_N)


def _judged(runtime: Runtime, cells: Cells, design: Floats, first_N: Floats) -> RuntimeFit:
    """The fit with its errors; the last column of the design is o - 1."""
    p, o, s = cells
    fitted = first_N + (o - 1) * runtime.per_token_s
    after, left = s - first_N, s - fitted
    spread = float(((after - after.mean()) ** 2).sum())
    relative = np.abs(left) / s
    intervals = coefficient_intervals([0.0] * (design.shape[1] - 1) + [runtime.per_token_s], design, left)
    further = np.stack([p * (o - 1), (o - 1) ** 2], axis=1)
    return RuntimeFit(
        runtime,
        intervals[-1],
        1 - float(left @ left) / spread,
        float(relative.mean()),
        float(relative.max()),
        lack_of_fit(left, design, further, against=FURTHER),
        int(p.max()),
        int(o.max()),
        _band(s / fitted),
    )


def _band(ratio_N: Floats) -> Interval:
    """The order statistics between which a further ratio falls with chance `level`, 95 % where there are enough."""
    n, ordered = len(ratio_N), np.sort(ratio_N)
    k = max(int(0.025 * (n + 1)), 1)
    return Interval(float(ordered[k - 1]), float(ordered[n - k]), (n + 1 - 2 * k) / (n + 1))


def _cells(p_N: ArrayLike, o_N: ArrayLike, s_N: ArrayLike, statistic: Callable[[Floats], np.floating]) -> Cells:
    """One time for each distinct (p, o), by rising p and o."""
    p, o, s = _checked(p_N, o_N, s_N)
    sizes, cell_N = np.unique(np.stack([p, o], axis=1), axis=0, return_inverse=True)
    # Sorted, so that the order of trials cannot change even the last bit of a mean.
    seconds = [float(statistic(np.sort(s[cell_N.reshape(-1) == i]))) for i in range(len(sizes))]
    return sizes[:, 0], sizes[:, 1], np.array(seconds)


def _checked(p_N: ArrayLike, o_N: ArrayLike, s_N: ArrayLike) -> Cells:
    p, o, s = (np.asarray(a, float).reshape(-1) for a in (p_N, o_N, s_N))
    if not len(p) == len(o) == len(s) > 0:
        raise UsageError("Timings need as many prompt sizes, output sizes and seconds, at least one.")
    if not (np.isfinite([p, o, s]).all() and (p >= 1).all() and (o >= 1).all() and (s > 0).all()):
        raise UsageError("Timings need at least one prompt and one output token each, and seconds above 0.")
    return p, o, s


def _rounded(value: ArrayLike, resolution_s: float) -> Floats:
    value = np.asarray(value, float)
    return np.round(value / resolution_s) * resolution_s if resolution_s > 0 else value
