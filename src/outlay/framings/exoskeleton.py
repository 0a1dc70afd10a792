"""A short directed check of the evidence before the answer, which keeps it inside its source."""

from __future__ import annotations

from outlay.framings._placing import after_question, most_tokens
from outlay.prompts.exoskeleton import CHECKS, Check
from outlay.run import Run
from outlay.types import Bound, Question


def adds(question: Question, *, check: Check = "directed") -> int:
    """The demand for the check."""
    return most_tokens(len(CHECKS[check].encode()))


def bound(question: Question, *, check: Check = "directed") -> Bound:
    """Nothing is bought."""
    return Bound()


async def exoskeleton(run: Run, question: Question, *, check: Check = "directed") -> Question:
    """The question followed by a demand to list, before answering, what is needed, found with quotes, and missing.

    For questions whose answer stands in what is sent with them: their own text, or documents of a framing named before
    this one. The reply's check stays in its text, the answer follows under the kind's own instruction. Where the
    request fixes the form of the reply (tools, an answer schema) it is left as it is. Verify with `grounded`, which
    looks the quotes up: a model may invent them.

    Args:
        run: unused; nothing is bought.
        question: what is asked, with its source.
        check: `directed`, or a control for experiments: `plain` only names the source, `undirected` asks to think step
            by step, `partial` leaves conflicts, coverage and plan out, `filler` is as long as the check and empty.

    Cost: no call; about 200 tokens more in each call, and the check in each reply.
    Source: Humains-Junior (arXiv 2510.25933), directed exoskeleton reasoning. Its wording was not found: the fields and
        the controls are its sheet's proposal. Small models that were not tuned to obey it gain little.
    Example: `outlay bench corpus_qa --framing documents --framing exoskeleton`
    """
    if not {"tools", "functions", "response_format"}.isdisjoint(question.sampling.extra):
        return question
    return after_question(question, CHECKS[check])
