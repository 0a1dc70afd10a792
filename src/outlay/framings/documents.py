"""Documents found for the question, with solved examples that have theirs, in the proportion that was fitted."""

from __future__ import annotations

from outlay.corpus.read import SHIPPED
from outlay.framings._allocated import Budget, chosen
from outlay.framings._placing import before_question, last_text, most_tokens
from outlay.framings._retrieving import MOST_BYTES, Candidates, Documents, Shots, finding, retrieved, solved
from outlay.prompts import documents as prompts
from outlay.run import Run
from outlay.types import Bound, Question

OPERATORS = ("corpus", "allocation")
"""Paths: no caller of a gateway may name one."""


def adds(
    question: Question,
    *,
    corpus: str = SHIPPED,
    k: Documents = 5,
    m: Shots = 0,
    candidates: Candidates = 32,
    allocation: str | None = None,
    budget: Budget | None = None,
) -> int:
    """At most k documents for the question and for each of m examples, at their largest."""
    k, m = chosen(k, m, allocation, budget)
    example = prompts.LARGEST_EXAMPLE + prompts.FENCE
    return most_tokens((m + 1) * k * MOST_BYTES + m * example + prompts.LARGEST_WORDS)


def bound(
    question: Question,
    *,
    corpus: str = SHIPPED,
    k: Documents = 5,
    m: Shots = 0,
    candidates: Candidates = 32,
    allocation: str | None = None,
    budget: Budget | None = None,
) -> Bound:
    """One request of embeddings: the question, and the candidates."""
    return finding(chosen(k, m, allocation, budget)[0], 1, candidates)


async def documents(
    run: Run,
    question: Question,
    *,
    corpus: str = SHIPPED,
    k: Documents = 5,
    m: Shots = 0,
    candidates: Candidates = 32,
    allocation: str | None = None,
    budget: Budget | None = None,
) -> Question:
    """The question after m solved examples with k documents each, and k documents of its own, the best next to it.

    With k = m = 0 it stays as it is. Documents are found by BM25; where a model plays the role `embed`, the best
    candidates are ranked by cosine too, exactly, and both ranks are fused. Examples are those of the corpus that are
    most like the question, never the question itself.

    Args:
        run: what to buy through.
        question: what is asked.
        corpus: a folder of .txt, .md and .jsonl files, one such file, or `harbour`, which is shipped.
        k: documents of the question, and of each example.
        m: examples.
        candidates: documents, best by words, that are embedded; a corpus of no more is ranked whole.
        allocation: a file that `bench/documents.py` fitted for this model and corpus; with `budget` it sets k and m.
        budget: the most input tokens of the framed question.

    Raises:
        UsageError: the corpus or the allocation cannot be read, or only one of `allocation` and `budget` is given.
        CannotSay: no setting fits the budget.

    Cost: one request of embeddings, if any; (m + 1) k documents in the input of each call.
    Source: DRAG, Yue et al. 2024 (arXiv 2410.04343), section 3: order inside an example, reversed ranks, 1,024 words a
        document. BM25 and fusion instead of a dense retriever, and choosing examples by likeness, are ours.
    Example: `outlay bench corpus_qa --framing documents:k=5 --strategy single`
    """
    k, m = await _settled(run, k, m, allocation, budget)
    query = last_text(question)
    examples = await solved(run, corpus, query, m, k, steps=False)
    found = await retrieved(run, corpus, query, k, candidates)
    if k and not found:
        run.notes.append("no document shares a word with the question")
    return before_question(question, prompts.before(found, examples))


async def _settled(run: Run, k: int, m: int, allocation: str | None, budget: int | None) -> tuple[int, int]:
    """The setting, traced where it comes from a file."""
    if allocation is None and budget is None:
        return k, m

    async def look() -> list[int]:
        return list(chosen(k, m, allocation, budget))

    k, m = await run.observe("allocation", look)
    return k, m
