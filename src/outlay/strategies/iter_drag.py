"""Iterated retrieval: the model asks follow-up questions, documents are found for each, then it answers."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from outlay import plugins
from outlay.corpus.read import SHIPPED
from outlay.door.bounds import DEFAULT_OUTPUT_TOKENS, text_bound
from outlay.framings._placing import after_question, before_question, last_text, most_tokens
from outlay.framings._retrieving import (
    MOST_BYTES,
    Candidates,
    Documents,
    Found,
    Shots,
    finding,
    retrieved,
    solved,
)
from outlay.prompts import documents as prompts
from outlay.prompts.answer_format import bare, instruct
from outlay.run import Run
from outlay.skeletons.asking import bought, concluded
from outlay.skeletons.one_chain import answer_of
from outlay.skeletons.pool import draws
from outlay.skeletons.set_aside import before_answer
from outlay.types import Answer, Bound, Completion, Draws, Question, Usage

NEEDS = frozenset({"chat"})
OPERATORS = ("corpus",)
"""A path: no caller of a gateway may name one."""
ONE_CHAIN = True
LINE_TOKENS = 96
"""The most tokens of a follow-up question or of its answer."""
ONE_LINE = ("number", "math", "choice", "text")
"""Answer kinds that a final line can state."""
Iterations = Annotated[int, Meta(ge=0, le=8)]
"""A number of sub-questions."""
Trace = list[tuple[str, str]]


def bound(
    question: Question,
    *,
    corpus: str = SHIPPED,
    k: Documents = 3,
    m: Shots = 1,
    n: Iterations = 3,
    least: Iterations = 0,
    candidates: Candidates = 32,
) -> Bound:
    """Three calls a sub-question, the answer, and once more without documents; one request of embeddings each."""
    plain = text_bound(question.messages, question.sampling)
    steps = n * (2 * prompts.LARGEST_LINE + 60) + prompts.LARGEST_WORDS
    shown = m * (4 * k * MOST_BYTES + prompts.LARGEST_EXAMPLE + prompts.FENCE)
    read = plain + most_tokens((n + 1) * k * MOST_BYTES + shown + steps, messages=2)
    most = question.sampling.max_output_tokens or DEFAULT_OUTPUT_TOKENS
    default = Draws(3 * n + 2, (3 * n + 1) * read + plain, 3 * n * LINE_TOKENS + 2 * most)
    return Bound({"default": default, **finding(k, n + 1, candidates).by_role})


async def iter_drag(
    run: Run,
    question: Question,
    *,
    corpus: str = SHIPPED,
    k: Documents = 3,
    m: Shots = 1,
    n: Iterations = 3,
    least: Iterations = 0,
    candidates: Candidates = 32,
) -> Answer:
    """One answer after at most n sub-questions, for each of which k documents are found and kept.

    Each turn the model writes one line: a follow-up question, or the final answer. After a follow-up, documents for it
    join those of the question, and it is answered from all of them. A line of neither form is asked for once more;
    then, after n sub-questions, or where the budget refuses one, the answer is asked for. n = 0 is the framing
    `documents` in one call.

    Args:
        run: what to buy through.
        question: what is asked.
        corpus: as of the framing `documents`.
        k: documents of the question, and of each sub-question.
        m: solved examples, with their sub-questions where the corpus has them and the documents of each.
        n: the most sub-questions.
        least: sub-questions before a final answer is taken: small models answer at once what they have not looked up.
        candidates: as of the framing `documents`.

    Raises:
        UsageError: the corpus cannot be read.

    Cost: at most 3 n + 1 calls, each reading all documents so far; the price of asking without any is set aside first.
    Source: IterDRAG, Yue et al. 2024 (arXiv 2410.04343), section 3. Instead of constrained decoding each turn has a
        prompt of its own, as its sheet proposes for chat models. Examples come from the corpus; the paper runs its own
        loop on training questions and keeps what ends right. `least` is ours.
    Example: `outlay bench "corpus_qa?hops=2" --strategy single iter_drag:n=3`
    """
    before = run.fork(before_answer(run, draws(question, 1).by_role["default"]), live=False)
    query = last_text(question)
    examples = await solved(before, corpus, query, m, k, steps=True)
    found = await retrieved(before, corpus, query, k, candidates)
    trace: Trace = []
    said = ""
    while len(trace) < n and not said:
        step = await _line(before, question, found, examples, trace, final=len(trace) >= least)
        if step is None:
            break
        if step[0] == "final":
            said = step[1]
            break
        more = await retrieved(before, corpus, step[1], k, candidates)
        # The newest stand next to the question, and the best of them nearest.
        found = [*more, *(d for d in found if d["id"] not in {new["id"] for new in more})]
        told = await _between(before, question, found, examples, trace, step[1])
        if told is None:
            break
        trace.append((step[1], told.text))
        run.emit("progress", sub_questions=len(trace), most=n)
    run.refused, run.failure = run.refused or before.refused, run.failure or before.failure
    chain = _stated(question, said, trace) or await _answer(run, question, found, examples, trace)
    return await answer_of(run, question, chain, stopped=_said(run, trace, found, said))


async def _line(
    run: Run, question: Question, found: Found, examples: prompts.Shown, trace: Trace, *, final: bool
) -> tuple[str, str] | None:
    """The next line; None where two attempts gave none that is wanted, or none could be bought."""
    for again in (False, True):
        asked_now = _shown(bare(question), found, examples, prompts.next_line(trace, final=final, again=again))
        label = f"line/{len(trace)}{'/again' if again else ''}"
        said = await _bought(run, question, asked_now, label)
        if said is None:
            return None
        line = prompts.read_line(said.text)
        if line is not None and (final or line[0] == "follow"):
            return line
    return None


async def _between(
    run: Run, question: Question, found: Found, examples: prompts.Shown, trace: Trace, asked_now: str
) -> Completion | None:
    shown = _shown(bare(question), found, examples, prompts.intermediate(trace, asked_now))
    said = await _bought(run, question, shown, f"between/{len(trace)}")
    return None if said is None else msgspec.structs.replace(said, text=prompts.read_answer(said.text))


async def _answer(
    run: Run, question: Question, found: Found, examples: prompts.Shown, trace: Trace
) -> Completion:
    """The answer in its kind's own form, from everything that was found; the steps as its reasoning."""
    asked_last = instruct(_shown(bare(question), found, examples, prompts.so_far(trace)))
    same = asked_last.messages == question.messages
    chain = await concluded(run, question, question if same else asked_last)
    return msgspec.structs.replace(chain, reasoning=_told(trace))


def _stated(question: Question, said: str, trace: Trace) -> Completion | None:
    """The final line as the answer, where the question's kind reads one from it."""
    if not said or question.kind not in (None, *ONE_LINE):
        return None
    text = f"Answer: {said}"
    if question.kind is not None and plugins.load("answer kind", question.kind).extract(text) is None:
        return None
    return Completion(text, "stop", Usage(0, 0), reasoning=_told(trace))


def _told(trace: Trace) -> str:
    return "\n".join(f"{prompts.FOLLOW_UP} {a}\n{prompts.INTERMEDIATE} {b}" for a, b in trace)


async def _bought(run: Run, question: Question, shown: Question, label: str) -> Completion | None:
    extra: dict[str, Any] = {k: v for k, v in question.sampling.extra.items() if k != "response_format"}
    most = min(question.sampling.max_output_tokens or LINE_TOKENS, LINE_TOKENS)
    sampling = msgspec.structs.replace(
        question.sampling, max_output_tokens=most, extra=extra, top_logprobs=None
    )
    return await bought(run, shown.messages, label, sampling)


def _shown(question: Question, found: Found, examples: prompts.Shown, after: str) -> Question:
    return after_question(before_question(question, prompts.before(found, examples)), after)


def _said(run: Run, trace: Trace, found: Found, said: str) -> str:
    how = "the model had enough" if said else "no further sub-question"
    return (
        f"{len(trace)} sub-questions, {len(found)} documents, {how}; effective context length (input tokens over all "
        f"calls) {run.spent.usage.input_tokens}"
    )
