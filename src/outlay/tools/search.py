"""Finds documents of a corpus by their words."""

from __future__ import annotations

import asyncio
from typing import Annotated

from msgspec import Meta

from outlay.corpus.read import SHIPPED
from outlay.corpus.read import corpus as read

Query = Annotated[
    str, Meta(min_length=1, max_length=2_000, description="Words to look for; rare ones count most.")
]
Few = Annotated[int, Meta(ge=1, le=10, description="How many documents.")]


async def search(query: Query, k: Few = 3, *, corpus: str = SHIPPED) -> str:
    """Finds the documents that share the rarest words with a query.

    Args:
        query: words, at most 2,000 characters.
        k: the most documents, 1 to 10.
        corpus: a folder or a file of .txt, .md or .jsonl, or `harbour`, which is shipped (docs/documents.md).

    Returns:
        The documents by name, the best first; or that none shares a word with the query.

    Raises:
        UsageError: the corpus cannot be read.

    Cost: the seconds it takes, at the price of a core of this machine, and the price that its user set on a call.
    Source: BM25 (`outlay.corpus.bm25`).
    """
    found = (await asyncio.to_thread(read, corpus)).best(query, k)
    return "\n\n".join(f"[{d.id}]\n{d.text}" for d in found) or "no document shares a word with that"


def ready(*, corpus: str = SHIPPED) -> None:
    """Refuse, before anything is bought, a corpus that cannot be read.

    Raises:
        UsageError: says why.
    """
    read(corpus)
