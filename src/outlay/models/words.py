"""An embedder that needs no model: hashed words, word pairs and letter triples of a text, free of charge."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise
from math import log
from zlib import crc32

import numpy as np

from outlay.errors import BadRequest, UsageError
from outlay.models.provider import Card, Embedded
from outlay.money import FREE
from outlay.types import Delta, Request, Usage

LARGEST = 8192
"""Characters of a text that are read, so that a huge one costs no more than this."""
PAIR, TRIPLE = 0.7, 0.3
"""Weights of word pairs and letter triples beside words (our choice)."""
_WORD = re.compile(r"[^\W_]+|[^\w\s]")


class words:  # a provider's class is named as users write it
    """A `Provider` and `Embedder` that sees spelling, not meaning: an honest baseline at no cost.

    A feature f with count c adds sign(f) · weight · (1 + log c) at place hash(f) of the vector, which is then scaled
    to length 1 (feature hashing). A number counts as itself and as its number of digits, so that questions which
    differ in their numbers alone are near each other. A text without words is the zero vector, near nothing.

    Args:
        dimensions: of the vectors, 16 … 4096; as text, since it is the second half of `words/384`.

    Raises:
        UsageError: not a number in that range.

    Source:
        Weinberger et al. 2009 (arXiv 0902.2206), signed feature hashing; features and weights are our choice.

    Example:
        >>> import asyncio
        >>> a, b, c = asyncio.run(words("384").embed(["12 + 30 =", "45 + 17 =", "Who wrote Faust?"])).vectors
        >>> near, far = (float(np.frombuffer(a, "<f4") @ np.frombuffer(x, "<f4")) for x in (b, c))
        >>> print(near > 0.5 > 0.2 > far)
        True
    """

    def __init__(self, dimensions: str = "384"):
        if not dimensions.isdecimal() or not 16 <= int(dimensions) <= 4096:
            raise UsageError(f"words/{dimensions} is no embedder; write words/384, from 16 to 4096 dimensions.")
        self._dimensions = int(dimensions)
        name = f"words/{self._dimensions}"
        self._card = Card(name, f"words/1/{self._dimensions}", frozenset({"embed"}), FREE)

    async def card(self) -> Card:
        """The card: free, and able to embed only."""
        return self._card

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """The embeddings of texts; nothing is billed."""
        return Embedded(tuple(self._one(t) for t in texts), Usage(0, 0))

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Nothing: it answers no chat.

        Raises:
            BadRequest: always.
        """
        raise BadRequest(
            f"{self._card.name} embeds texts and answers no chat; choose another model.", fatal=True
        )
        yield

    async def count_input(self, request: Request) -> int | None:
        """None: it has no tokens."""
        return None

    async def count_text(self, text: str) -> int | None:
        """None: it has no tokens."""
        return None

    async def close(self) -> None:
        """Nothing to release."""

    def _one(self, text: str) -> bytes:
        vector_D = np.zeros(self._dimensions, "<f4")
        for (feature, weight), count in Counter(_features(text[:LARGEST].lower())).items():
            digest = crc32(feature.encode("utf-8", "replace"))
            sign = 1.0 if digest & 1 else -1.0
            vector_D[(digest >> 1) % self._dimensions] += sign * weight * (1 + log(count))
        length = float(np.linalg.norm(vector_D))
        return (vector_D / length if length else vector_D).tobytes()


def _features(text: str) -> Iterator[tuple[str, float]]:
    found = _WORD.findall(text)
    shaped = [f"#{len(w)}" if w.isdecimal() else w for w in found]
    for word, shape in zip(found, shaped, strict=True):
        yield f"w {word}", 1.0
        if shape != word:
            yield f"w {shape}", 1.0
        elif len(word) > 3:
            yield from ((f"t {word[i : i + 3]}", TRIPLE) for i in range(len(word) - 2))
    yield from ((f"p {a} {b}", PAIR) for a, b in pairwise(shaped))
