"""How long a call takes on given hardware, and what its seconds cost: additive, free of queues, comparable."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor, isfinite
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import UsageError
from outlay.money import Price

Floats = NDArray[np.float64]
Rule = Literal["linear", "helm"]


class Runtime(Struct, frozen=True):
    """T(p, o) = F(p) + (o - 1) g + c for o >= 1, and F(p) + c for o = 0: the seconds of one call, one at a time.

    The first output token is part of F, so `per_token_s` is the price of each further one; price lists charge
    the first one too. Sound while attention over the prompt is small against reading the weights (a few
    thousand tokens); no batching, no prefix cache, no speculation.

    Attributes:
        prompt_tokens: the prompt sizes that were timed, rising, from 1.
        first_token_s: F at each, seconds to read the prompt and write the first token, from 0.
        per_token_s: g, seconds per further token, from 0.
        overhead_s: c, fixed seconds of a real server; 0 for idealised hardware.

    Source:
        Narayanan et al. 2023 (arXiv 2305.02440) and the metric of `stanford-crfm/helm`.

    Example:
        >>> runtime = Runtime((1, 512), (0.084, 0.178), 0.081)
        >>> print(round(float(runtime.seconds(512, 64)), 3))
        5.281
    """

    prompt_tokens: tuple[int, ...]
    first_token_s: tuple[float, ...]
    per_token_s: float
    overhead_s: float = 0.0

    def __post_init__(self) -> None:
        grid, first = self.prompt_tokens, self.first_token_s
        if not grid or len(grid) != len(first):
            raise UsageError("A runtime needs one first-token time for each prompt size, at least one.")
        if grid[0] < 1 or any(b <= a for a, b in pairwise(grid)):
            raise UsageError("The prompt sizes of a runtime must rise, from 1 token.")
        if not all(isfinite(s) and s >= 0 for s in (*first, self.per_token_s, self.overhead_s)):
            raise UsageError("The seconds of a runtime must be finite numbers from 0.")

    def first_s(self, prompt_tokens: ArrayLike, *, rule: Rule = "linear") -> Floats:
        """F(p): seconds to read p tokens and write the first one, overhead apart.

        Args:
            prompt_tokens: p, from 0; any shape.
            rule: "linear" interpolates between the timed sizes, over the running maximum of F so that a longer
                prompt is never faster. "helm" is the published rule F(K) · p / K with K the smallest timed size
                >= p: a saw-tooth, and below the smallest size far too fast; for exact replay. Past the largest
                size both go on in proportion to p.

        Returns:
            Seconds, shape of the argument.

        Raises:
            UsageError: a negative number of tokens, or NaN.

        Source:
            HELM's `compute_estimated_time_from_prompt_size_and_num_output_tokens`; the linear rule is ours.

        Example:
            >>> davinci = Runtime((512, 576, 640), (0.178, 0.217, 0.226), 0.081)
            >>> print(davinci.first_s([576, 600], rule="helm").round(3), davinci.first_s(600).round(3))
            [0.217 0.212] 0.22
        """
        p = _tokens(prompt_tokens)
        grid, first = np.array(self.prompt_tokens, float), np.array(self.first_token_s)
        if rule == "helm":
            key = np.minimum(np.searchsorted(grid, p), len(grid) - 1)
            return np.asarray(first[key] * p / grid[key])
        first = np.maximum.accumulate(first)
        return np.asarray(np.where(p > grid[-1], first[-1] * p / grid[-1], np.interp(p, grid, first)))

    def seconds(self, prompt_tokens: ArrayLike, output_tokens: ArrayLike, *, rule: Rule = "linear") -> Floats:
        """T(p, o); the completions of one request count as written one after the other.

        Args:
            prompt_tokens: p, from 0; any shape.
            output_tokens: o, all completions together, from 0; broadcasts.
            rule: as in `first_s`.

        Returns:
            Seconds, shape of the broadcast.

        Raises:
            UsageError: a negative number of tokens, or NaN.
        """
        further = np.maximum(_tokens(output_tokens) - 1, 0)
        return np.asarray(self.first_s(prompt_tokens, rule=rule) + further * self.per_token_s + self.overhead_s)

    def output_tokens_within(self, prompt_tokens: int, seconds: float) -> int:
        """The most output tokens that a call of p prompt tokens writes in so many seconds: the inverse of T.

        Args:
            prompt_tokens: p, from 0.
            seconds: the time there is, finite.

        Returns:
            Tokens, 0 where not even the first fits.

        Raises:
            UsageError: a further token takes no time, so there is no most.

        Example:
            >>> Runtime((1,), (0.5,), 0.25).output_tokens_within(1, 1.1)
            3
        """
        if self.per_token_s <= 0:
            raise UsageError(
                "A further token takes no measurable time here, so no number of tokens is the most."
            )
        left = seconds - float(self.seconds(prompt_tokens, 1))
        # A billionth more than there is: a time that was computed as T(p, o) must give back o.
        return 0 if left < -1e-9 * abs(seconds) else 1 + floor(left / self.per_token_s + 1e-9)


def cost_nusd(seconds: float, *, accelerators: int, nusd_per_accelerator_hour: int) -> int:
    """Seconds · accelerators · price: what keeping the hardware busy costs, in nano-dollars, rounded up once.

    Args:
        seconds: from 0.
        accelerators: GPUs or CPU cores that the call keeps busy, from 1.
        nusd_per_accelerator_hour: the price of one of them for an hour, from 0.

    Returns:
        Nano-dollars.

    Raises:
        UsageError: a value out of range.

    Source:
        Narayanan et al. 2023, idealised dollar cost. The paper's A100 is $4.096 an hour.

    Example:
        >>> cost_nusd(5.281, accelerators=8, nusd_per_accelerator_hour=4_096_000_000) / 1e9
        0.048068836
    """
    if not (isfinite(seconds) and seconds >= 0 and accelerators >= 1 and nusd_per_accelerator_hour >= 0):
        raise UsageError("A cost needs seconds and a price from 0, and at least one accelerator.")
    # A thousandth of a nano-dollar is float noise, not money.
    return ceil(round(seconds * accelerators * nusd_per_accelerator_hour / 3600, 3))


def token_price(
    runtime: Runtime,
    *,
    prompt_tokens: int,
    output_tokens: int,
    accelerators: int,
    nusd_per_accelerator_hour: int,
    source: str = "",
    date: str = "",
) -> Price:
    """The price per token at which a typical request costs what its seconds cost.

    Every output token, the first included, is priced at g; the rest of the request (reading, overhead) is
    spread over its prompt tokens. Exact, up to rounding up, at the request named; a shorter prompt is then
    undercharged by its share of the fixed part, a longer one overcharged.

    Args:
        runtime: seconds of a call.
        prompt_tokens: prompt of the typical request, from 1.
        output_tokens: its output, from 1.
        accelerators: GPUs or cores busy, from 1.
        nusd_per_accelerator_hour: price of one for an hour.
        source: where this comes from, in words.
        date: when it was timed, as YYYY-MM-DD: such prices age with the server's software.

    Returns:
        A price in whole nano-dollars per million tokens.

    Raises:
        UsageError: a value out of range.

    Source:
        Ours; the paper prices seconds only.

    Example:
        >>> runtime = Runtime((100,), (0.3,), 0.02)
        >>> price = token_price(
        ...     runtime, prompt_tokens=100, output_tokens=50, accelerators=1, nusd_per_accelerator_hour=3_600_000_000
        ... )
        >>> price.input_nusd_per_mtok, price.output_nusd_per_mtok
        (2800000000, 20000000000)
    """
    if prompt_tokens < 1 or output_tokens < 1:
        raise UsageError("A typical request has at least one prompt token and one output token.")
    writing_s = output_tokens * runtime.per_token_s
    reading_s = max(float(runtime.seconds(prompt_tokens, output_tokens)) - writing_s, 0.0) / prompt_tokens
    per_mtok = [
        cost_nusd(s * 1e6, accelerators=accelerators, nusd_per_accelerator_hour=nusd_per_accelerator_hour)
        for s in (reading_s, runtime.per_token_s)
    ]
    return Price(per_mtok[0], per_mtok[1], source=source, date=date)


def _tokens(value: ArrayLike) -> Floats:
    tokens = np.asarray(value, float)
    if not (np.isfinite(tokens).all() and (tokens >= 0).all()):
        raise UsageError("Numbers of tokens must be finite and from 0.")
    return tokens
