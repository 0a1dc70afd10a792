"""When to try again: pure rules over a `ProviderError`, so that every caller waits in the same way.

The caller's part of the contract: never retry after the first delta of a reply was handed on, and meter each
try.
"""

from __future__ import annotations

import random

from outlay.errors import ProviderError

MAX_RETRIES = 2
"""Tries after the first one."""
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 8.0
MAX_RETRY_AFTER_S = 120.0
"""A server that asks to wait longer than this is not waited for."""


def delay_s(error: ProviderError, attempt: int, rng: random.Random) -> float | None:
    """Seconds to wait before the next try, or None to give up.

    min(8, 0.5 * 2^attempt), less up to a quarter at random; or what the server asked for, plus up to a tenth at
    random, so that many waiting samples do not come back in the same instant and none comes back too early.

    Gives up on what cannot succeed (`error.retryable` is false), after two retries, and when the server asks to
    wait more than 120 s. `why_not` says which.

    Args:
        error: what the try ended in.
        attempt: how many retries were made before, from 0.
        rng: the source of jitter; the same state gives the same delay.

    Returns:
        Seconds in [0, 132], or None.

    Source: the policy of the OpenAI SDK 3.57 (2 retries, 0.5 s doubling to 8 s, Retry-After up to 120 s). One
        difference: the SDK adds no jitter to Retry-After.

    Example:
        >>> from outlay.errors import RateLimited
        >>> slow = RateLimited("slow down", retryable=True, retry_after_s=7.0)
        >>> 7.0 <= delay_s(slow, 0, random.Random(1)) <= 7.7, delay_s(slow, 2, random.Random(1))
        (True, None)
    """
    if why_not(error, attempt):
        return None
    jitter = rng.random()
    if error.retry_after_s is not None:
        return error.retry_after_s * (1 + 0.1 * jitter)
    return min(MAX_DELAY_S, FIRST_DELAY_S * 2**attempt) * (1 - 0.25 * jitter)


def why_not(error: ProviderError, attempt: int) -> str:
    """One sentence that says why there is no further try; empty where there is one.

    Example:
        >>> from outlay.errors import RateLimited
        >>> why_not(RateLimited("slow down", retryable=True, retry_after_s=300.0), 0)
        'The server asks to wait 300 s, more than the 120 s allowed; try again later or use another model.'
    """
    if not error.retryable:
        return "Trying again cannot help."
    if attempt >= MAX_RETRIES:
        return f"It failed {attempt + 1} times."
    if error.retry_after_s is not None and error.retry_after_s > MAX_RETRY_AFTER_S:
        limit = f"more than the {MAX_RETRY_AFTER_S:.0f} s allowed; try again later or use another model."
        return f"The server asks to wait {error.retry_after_s:.0f} s, {limit}"
    return ""
