"""How much of a question its reasoning repeats, and how much a model prefers a text that begins with the repetition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import fsum, isnan

from msgspec import Struct

from outlay.errors import UsageError

HEAD_CHARS = 500
"""Characters of the reasoning in which an echo is looked for, as in the authors' code."""
ECHO = 0.5
"""The share of the question's words above which the reasoning is said to echo it, as there."""
MOST_CHARS = 20_000
_WORD = re.compile(r"[^\W_]+")


class Gap(Struct, frozen=True):
    """What an echo e before a text s is worth to the model, in nats a token.

    Attributes:
        raw: L(e, s), the mean log-probability of the text with its echo.
        trimmed: L(s) without the echo.
        gap: raw - trimmed; 0 without an echo.
        suffix_gap: L(s | e) - L(s): what the echo does to the rest alone.
    """

    raw: float
    trimmed: float
    gap: float
    suffix_gap: float


def echo_share(question: str, reasoning: str, *, chars: int = HEAD_CHARS) -> float | None:
    """The share of the question's distinct words that stand in the first characters of the reasoning.

    Args:
        question: what was asked, without instructions or documents; its first 20,000 characters count.
        reasoning: what the model wrote; spaces before it do not count.
        chars: how much of it is looked at.

    Returns:
        In [0, 1]; None for a question without words. Case and punctuation do not count, order neither.

    Source:
        Echoes as Anchors (arXiv 2602.06600), the code's fallback without training; its probe is a trained network.

    Example:
        >>> echo_share("How many eggs are left?", "So we need how many eggs are left. 42 - 5 = 37.")
        1.0
        >>> echo_share("How many eggs are left?", "42 - 5 = 37.")
        0.0
    """
    asked = set(_WORD.findall(question[:MOST_CHARS].lower()))
    if not asked:
        return None
    said = set(_WORD.findall(reasoning.lstrip()[:chars].lower()))
    return len(asked & said) / len(asked)


def echoes(question: str, reasoning: str) -> bool:
    """Whether more than half of the question's words stand in the head of the reasoning.

    Example:
        >>> echoes("How many eggs are left?", "How many are left? 37.")
        True
    """
    share = echo_share(question, reasoning)
    return share is not None and share > ECHO


def likelihood_gap(
    echo_logps: Sequence[float], suffix_logps: Sequence[float], alone_logps: Sequence[float]
) -> Gap:
    """Echo likelihood gap L(y_raw) - L(y_trim), and the same of the suffix alone, in nats a token.

    |y_raw| L(y_raw) = |e| L(e | x) + |s| L(s | x, e). The gap separates right from wrong chains by 0.1 standard
    deviations and the suffix gap points the other way: neither is a measure of confidence.

    Args:
        echo_logps: of the tokens of the echo e after the prompt; empty without one.
        suffix_logps: of the tokens of s after prompt and echo.
        alone_logps: of the same tokens of s after the prompt alone.

    Returns:
        The four figures; the gaps are 0 without an echo.

    Raises:
        UsageError: an empty suffix, suffixes of different lengths, or a NaN.

    Source:
        Echoes as Anchors (arXiv 2602.06600), definitions. Its script trims far more than the echo: here exactly it.

    Example:
        >>> gap = likelihood_gap([-0.5, -0.5], [-1.0, -1.0], [-1.5, -2.5])
        >>> gap.raw, gap.trimmed, gap.gap, gap.suffix_gap
        (-0.75, -2.0, 1.25, 1.0)
    """
    e, s, alone = list(echo_logps), list(suffix_logps), list(alone_logps)
    if not s or len(s) != len(alone):
        raise UsageError("a gap needs a suffix, with as many tokens after the echo as without it")
    if any(isnan(v) for v in (*e, *s, *alone)):
        raise UsageError("a log-probability is not a number, so the gap cannot be said")
    raw, trimmed = fsum((*e, *s)) / (len(e) + len(s)), fsum(alone) / len(alone)
    if not e:
        return Gap(raw, raw, 0.0, 0.0)
    return Gap(raw, trimmed, raw - trimmed, fsum(s) / len(s) - trimmed)
