"""Documents for a query, by words and, where a model embeds, by vectors; traced, so a replay needs no corpus."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from outlay.corpus.read import LARGEST_BYTES, corpus
from outlay.door.bounds import MESSAGE_OVERHEAD
from outlay.door.embedding import LARGEST
from outlay.errors import BudgetExceeded, ProviderError
from outlay.run import Run
from outlay.types import Bound, Draws

Documents = Annotated[int, Meta(ge=0, le=64)]
"""A number of documents."""
Shots = Annotated[int, Meta(ge=0, le=32)]
"""A number of solved examples."""
Candidates = Annotated[int, Meta(ge=1, le=120)]
"""Documents that are embedded for a query: the best by words."""
MOST_BYTES = LARGEST_BYTES + 400
"""Bytes of one document with its name and fence."""
LARGEST_QUERY = 2_000
"""Characters of a query; of a longer one its end, where questions stand."""
FUSED = 60
"""The constant of reciprocal rank fusion, as published."""

Found = list[dict[str, Any]]


async def retrieved(run: Run, path: str, query: str, k: int, candidates: int) -> Found:
    """The k best documents for a query, the best first; without a model that embeds, by BM25 alone.

    Where the role `embed` is played, the best `candidates` by BM25 (all documents, where there are no more) are
    ranked by cosine too, exactly, and both ranks are fused: the sum of 1 / (60 + rank). What shares no word with the
    query has no rank by words.

    Raises:
        UsageError: the corpus cannot be read.

    Source: Cormack et al. 2009 (reciprocal rank fusion); the paper used a dense retriever alone.
    """
    if k == 0:
        return []
    query = query[-LARGEST_QUERY:]
    embeds = run.has("embed")

    async def look() -> Found:
        return await asyncio.to_thread(_candidates, path, query, max(k, candidates) if embeds else k, embeds)

    found: Found = await run.observe("documents", look)
    if not embeds or len(found) < 2:
        return found[:k]
    try:
        rows_ND = await run.embed([query, *(f"{d['id']} {d['text']}" for d in found)])
    except (ProviderError, BudgetExceeded) as error:
        said = f"documents were found by their words alone: {error}"
        if said not in run.notes:
            run.notes.append(said)
        return found[:k]
    near_N = rows_ND[1:] @ rows_ND[0]
    order = sorted(range(len(found)), key=lambda i: (-float(near_N[i]), i))
    fused = {i: 1 / (FUSED + rank) for rank, i in enumerate(order, 1)}
    for i, document in enumerate(found):
        if document["words"]:
            fused[i] += 1 / (FUSED + i + 1)
    best = sorted(fused, key=lambda i: (-fused[i], i))[:k]
    return [found[i] for i in best]


async def solved(run: Run, path: str, query: str, m: int, k: int, *, steps: bool) -> list[tuple[dict, Found]]:
    """The m examples of a corpus that are most like a query, the likest last, each with the k best documents by words.

    With `steps`, an example carries the steps to its answer, and the documents of each.
    """
    if m == 0:
        return []

    async def look() -> list[list[Any]]:
        return await asyncio.to_thread(_solved, path, query[-LARGEST_QUERY:], m, k, steps)

    return [(one, found) for one, found in await run.observe("examples", look)]


def finding(k: int, times: int, candidates: int) -> Bound:
    """The worst case of so many retrievals: one request of embeddings each."""
    if k == 0:
        return Bound()
    texts = 1 + max(k, candidates)
    return Bound({"embed": Draws(times, times * texts * (LARGEST + MESSAGE_OVERHEAD), 0)})


def _candidates(path: str, query: str, most: int, every: bool) -> Found:
    held = corpus(path)
    best = held.best(query, most)
    found = [{"id": d.id, "text": d.text, "words": True} for d in best]
    if every and len(held.documents) <= most:
        seen = {id(d) for d in best}
        rest = (d for d in held.documents if id(d) not in seen)
        found += [{"id": d.id, "text": d.text, "words": False} for d in rest]
    return found


def _solved(path: str, query: str, m: int, k: int, steps: bool) -> list[list[Any]]:
    held = corpus(path)
    shown: list[list[Any]] = []
    for example in reversed(held.alike(query, m)):
        asked: Sequence[str] = [example.question, *(s.question for s in example.steps if steps)]
        found = {d.id: d for text in asked for d in held.best(text, k)}
        plain = msgspec.to_builtins(example)
        told = [{"id": d.id, "text": d.text} for d in found.values()]
        shown.append([plain if steps else {**plain, "steps": []}, told[: k * len(asked)]])
    return shown
