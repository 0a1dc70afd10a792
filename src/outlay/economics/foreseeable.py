"""How well a context foretells a question, without asking any model: a cheap stand-in for log P(question | context)."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from math import log

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
MOST_WORDS = 20_000
"""Words of a context that are counted: its first ones."""


def foreseeable(question: str, context: str) -> float:
    """Mean over the question's words of log P(word), P the context's word counts with one added to each.

    A word of the context scores by how often it stands there, one that is not there as low as a word can:
    log(1 / (words + distinct + 1)). Long questions are not punished for their length, for it is a mean. At most 0;
    without a word in the question nothing speaks against it, and the score is that of an unknown word.

    Args:
        question: what was asked, without the context.
        context: the text it was asked about.

    Returns:
        Natural log-probability a word.

    Source:
        Sleep-time compute, Lin et al. 2025 (arXiv 2504.13171), section 5.4, scores log P(q | c) under a language
        model. Word counts instead are our choice: they cost nothing, and they know nothing of meaning.

    Example:
        >>> context = "A box holds 6 rows of 7 eggs."
        >>> print(foreseeable("How many eggs?", context) > foreseeable("Who won?", context))
        True
    """
    counts = Counter(_words(context))
    total = counts.total() + len(counts) + 1
    asked = _words(question)
    if not asked:
        return log(1 / total)
    return sum(log((counts[word] + 1) / total) for word in asked) / len(asked)


def _words(text: str) -> list[str]:
    return [found[0].lower() for found in islice(_WORD.finditer(text), MOST_WORDS)]
