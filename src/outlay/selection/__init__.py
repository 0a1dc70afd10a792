"""Which answer a pool of samples speaks for: one rule a file, each a pure function from a pool to a `Choice`.

Only `pool.voters` count; failed, answerless and truncated samples never do. Ties are shared evenly among the
tied answer classes. A choice has mass 1 or, with nothing to choose from, is empty. Strategies draw from it with
their seed; experiments take its expectation.
"""

from __future__ import annotations

from random import Random

from outlay.types import Choice


def draw(choice: Choice, rng: Random) -> str | None:
    """One answer class drawn by its probability, or None from an empty choice. A lone class uses no randomness.

    Example:
        >>> draw(Choice((("42", 1.0),)), Random(0))
        '42'
    """
    keys = [key for key, _ in choice.p]
    if len(keys) < 2:
        return keys[0] if keys else None
    return rng.choices(keys, [p for _, p in choice.p])[0]
