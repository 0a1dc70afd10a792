"""Settings of retrieval, how long they are, and measured accuracies made ready for the allocation's fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from outlay.errors import CannotSay, UsageError

Floats = NDArray[np.float64]


class Setting(Struct, frozen=True):
    """Documents an example, demonstrations, iterations at most, and the longest input over all questions."""

    documents: int
    shots: int
    iterations: int
    input_tokens: int


class Standardised(Struct, frozen=True):
    """Accuracies standardised by task, with what the first document and demonstration are worth there.

    `spread` is the mean standard deviation of the tasks: the unit in which the probes of a new task, whose own
    spread is unknown, are to be divided.
    """

    score_N: tuple[float, ...]
    i_document_N: tuple[float, ...]
    i_shot_N: tuple[float, ...]
    spread: float


def standardised(
    accuracy_N: ArrayLike,
    task_N: Sequence[str],
    documents_N: ArrayLike,
    shots_N: ArrayLike,
    iterations_N: ArrayLike,
) -> Standardised:
    """(accuracy - mean) / std by task; i = P(1, 0, 1) - P(0, 0, 1) and P(0, 1, 1) - P(0, 0, 1).

    Args:
        accuracy_N: accuracy of each setting, one metric, in [0, 1].
        task_N: its task (and metric, where there are several).
        documents_N: documents an example, from 0.
        shots_N: demonstrations, from 0.
        iterations_N: iterations at most, from 1.

    Returns:
        What `fit` takes.

    Raises:
        UsageError: unequal lengths, or values out of range.
        CannotSay: a task without one of the three probes, or whose accuracy never changes.

    Source:
        Yue et al. 2024, section 5. That i is taken from standardised scores, and a new task's probes divided by
        the mean spread of the known ones, is our reading.

    Example:
        >>> s = standardised([0.2, 0.4, 0.3, 0.5], ["t"] * 4, [0, 1, 0, 9], [0, 0, 1, 1], [1, 1, 1, 1])
        >>> print(round(s.i_document_N[0], 3), round(s.i_shot_N[0], 3))
        1.789 0.894
    """
    accuracy, names = np.asarray(accuracy_N, float), np.asarray(task_N, str)
    theta = np.stack([np.asarray(a, float) for a in (documents_N, shots_N, iterations_N)])
    if accuracy.ndim != 1 or accuracy.shape != names.shape or theta.shape != (3, len(accuracy)):
        raise UsageError("Each accuracy needs its task and its setting.")
    if not (np.isfinite(accuracy).all() and (accuracy >= 0).all() and (accuracy <= 1).all()):
        raise UsageError("Accuracies must be in [0, 1].")
    score, spreads = np.empty(len(accuracy)), []
    worth = np.empty((2, len(accuracy)))
    for name in np.unique(names):
        rows = names == name
        spread = float(accuracy[rows].std())
        if spread < 1e-12:
            raise CannotSay(
                f"The accuracy of {name} never changes, so it says nothing about settings; leave it out."
            )
        spreads.append(spread)
        score[rows] = (accuracy[rows] - accuracy[rows].mean()) / spread
        none, document, shot = (
            _probe(score[rows], theta[:, rows], k, m, name) for k, m in ((0, 0), (1, 0), (0, 1))
        )
        worth[0, rows], worth[1, rows] = document - none, shot - none
    columns = (tuple(a.tolist()) for a in (score, worth[0], worth[1]))
    return Standardised(*columns, spread=float(np.mean(spreads)))


def longest_input_tokens(
    documents: int, shots: int, iterations: int, *, document_tokens: int, question_tokens: int
) -> int:
    """The input tokens of one question over all calls, at most; an estimate for settings not yet measured.

    One iteration is one call with m demonstrations and the question, each with k documents. With n > 1, each
    iteration adds k documents and takes two calls, a sub-question and its answer, and one call concludes: the
    growing prompt is read 2 n + 1 times. With a prompt cache the bill is far smaller; this is the length.

    Args:
        documents: k, from 0.
        shots: m, from 0.
        iterations: n, from 1.
        document_tokens: the longest a document can be; the paper cuts at 1,024 words.
        question_tokens: the longest an example is without its documents, intermediate steps included.

    Returns:
        Tokens.

    Raises:
        UsageError: a value out of range.

    Source:
        Yue et al. 2024, section 3 (the effective context length is the sum over calls); the estimate is ours.

    Example:
        >>> longest_input_tokens(5, 2, 1, document_tokens=100, question_tokens=20)
        1560
    """
    if min(documents, shots, document_tokens, question_tokens) < 0 or iterations < 1:
        raise UsageError("Documents, demonstrations and tokens are counted from 0, iterations from 1.")
    block, example = documents * document_tokens, documents * document_tokens + question_tokens
    if iterations == 1:
        return (shots + 1) * example
    # Demonstrations carry the documents of all their steps; the test block has one more after each sub-question.
    shown = shots * ((iterations + 1) * block + question_tokens) + question_tokens
    read = sum(block * (step + 1) + block * (step + 2) for step in range(iterations)) + block * (iterations + 1)
    return (2 * iterations + 1) * shown + read


def _probe(score_N: Floats, theta_3N: Floats, documents: int, shots: int, task: str) -> float:
    found = (theta_3N == np.array([[documents], [shots], [1]])).all(axis=0)
    if not found.any():
        raise CannotSay(
            f"{task} lacks the run with {documents} documents, {shots} demonstrations, 1 iteration."
        )
    return float(score_N[found].mean())
