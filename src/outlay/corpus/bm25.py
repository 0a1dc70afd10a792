"""BM25: documents that share rare words with a query come first. Exact, over a matrix of postings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

K1, B = 1.2, 0.75
"""How soon repeating a word stops counting, and how much a long document is held against it."""
LARGEST_QUERY = 8_000
"""Characters of a query that are read."""
_WORD = re.compile(r"[^\W_]+")

Floats = NDArray[np.float64]


def tokens(text: str) -> list[str]:
    """The words of a text in lower case; no stemming, no stop words.

    Example:
        >>> tokens("It's 42 metres HIGH.")
        ['it', 's', '42', 'metres', 'high']
    """
    return _WORD.findall(text.lower())


class BM25:
    """An index of documents.

    score(q, d) = sum over distinct words w of q of idf(w) f (k1 + 1) / (f + k1 (1 - b + b |d| / mean |d|)), with f how
    often w is in d and idf(w) = ln(1 + (N - n_w + 1/2) / (n_w + 1/2)), which is never negative.

    Args:
        texts: the documents.

    Source:
        Robertson and Zaragoza 2009, with the idf of Lucene; k1 and b as in the companion of arXiv 2507.11768.

    Example:
        >>> index = BM25(["a red house", "a blue house", "a boat"])
        >>> [(i, round(score, 3)) for i, score in index.best("blue house", 2)]
        [(1, 1.38), (0, 0.447)]
    """

    def __init__(self, texts: Sequence[str]):
        counts = [Counter(tokens(text)) for text in texts]
        length_N = np.array([c.total() for c in counts], float)
        self.size = len(counts)
        mean = float(length_N.mean()) if self.size and length_N.any() else 1.0
        self._damped_N = K1 * (1 - B + B * length_N / mean)
        found: dict[str, list[tuple[int, int]]] = {}
        for i, count in enumerate(counts):
            for word, times in count.items():
                found.setdefault(word, []).append((i, times))
        self._postings = {word: np.array(pairs, np.int64).T for word, pairs in found.items()}

    def scores(self, query: str) -> Floats:
        """The score of every document, from 0: none of the query's words is in it."""
        score_N = np.zeros(self.size)
        for word in sorted(set(tokens(query[:LARGEST_QUERY]))):
            if (posting := self._postings.get(word)) is not None:
                where, times = posting
                idf = np.log1p((self.size - len(where) + 0.5) / (len(where) + 0.5))
                score_N[where] += idf * times * (K1 + 1) / (times + self._damped_N[where])
        return score_N

    def best(self, query: str, k: int) -> list[tuple[int, float]]:
        """The k documents of highest score above 0 as (index, score), ties to the earlier; fewer where there are."""
        score_N = self.scores(query)
        order = np.argsort(-score_N, kind="stable")[:k]
        return [(int(i), float(score_N[i])) for i in order if score_N[i] > 0]
