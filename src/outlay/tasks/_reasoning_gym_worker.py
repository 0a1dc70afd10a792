"""reasoning_gym's datasets by name, and its own scorers, which run only in a killable worker.

Some of those scorers hand the answer to sympy's parser, which evaluates text: they never run in the process
that holds keys.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec


@lru_cache(maxsize=8)
def dataset(name: str, options_json: str, seed: int, size: int) -> Any:
    """The dataset of a name with its options (a JSON object) and the seed as reasoning_gym understands it."""
    import reasoning_gym  # pyright: ignore[reportMissingImports]

    return reasoning_gym.create_dataset(name, seed=seed, size=size, **msgspec.json.decode(options_json))


def score(value: str, name: str, options_json: str, seed: int, index: int) -> float:
    """reasoning_gym's own score of an answer to question `index`, in [0, 1]."""
    questions = dataset(name, options_json, seed, index + 1)
    return float(questions.score_answer(answer=value, entry=questions[index]))
