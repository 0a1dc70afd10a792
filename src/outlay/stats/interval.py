"""An interval of plausible values with its confidence level."""

from __future__ import annotations

from msgspec import Struct


class Interval(Struct, frozen=True):
    """The range [low, high] that holds the true value in a share `level` of repeated experiments.

    Example:
        >>> Interval(0.2, 0.5, 0.95).high
        0.5
    """

    low: float
    high: float
    level: float = 0.95
