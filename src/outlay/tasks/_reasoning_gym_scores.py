"""reasoning_gym's own scorers, which run only in a killable worker.

Some of them hand the answer to sympy's parser, which evaluates text: they never run in the process that holds keys.
The package is imported with this file and not with the first score: importing it takes seconds on a busy machine, which
count as the start of a worker and not as a comparison that takes too long.
"""

from __future__ import annotations

import reasoning_gym  # noqa: F401  # pyright: ignore[reportMissingImports]

from outlay.tasks._reasoning_gym_data import dataset


def score(value: str, name: str, options_json: str, seed: int, index: int) -> float:
    """reasoning_gym's own score of an answer to question `index`, in [0, 1]."""
    questions = dataset(name, options_json, seed, index + 1)
    return float(questions.score_answer(answer=value, entry=questions[index]))
