"""Looks up the quotes by which a reply says what its answer rests on: free, and blind to what follows from them."""

from __future__ import annotations

from outlay.prompts.exoskeleton import read, real, source_of
from outlay.run import Run
from outlay.types import Bound, Question, Sample, Share, Verdict
from outlay.verifiers._reply import text_of

NEEDS: frozenset[str] = frozenset()


def bound(question: Question, *, threshold: Share = 1.0) -> Bound:
    """Nothing is bought."""
    return Bound()


async def grounded(run: Run, question: Question, candidate: Sample, *, threshold: Share = 1.0) -> Verdict:
    """The share of the quotes under `Found` that stand in what was sent; 0 without quotes or with coverage none.

    For replies to the framing `exoskeleton`. Real quotes do not make the answer right: what is read from them is not
    checked, and a quote of the question counts. A reply without the check scores 0 and says so.

    Args:
        run: unused; nothing is bought.
        question: as it was asked, with its source.
        candidate: the sample to check.
        threshold: the share in [0, 1] from which a candidate is accepted.

    Returns:
        The verdict; `why` says how many quotes are real.

    Cost: nothing.
    Source: the string search that the sheet of Humains-Junior (arXiv 2510.25933) asks for before trusting coverage.
    Example: `outlay ask "…" --framing exoskeleton --strategy first_accepted --verifier grounded --kind number`
    """
    said = read(text_of(candidate))
    if not said.quotes:
        return Verdict(0.0, False, "unscaffolded: no quotes" if "Found" in said.missing else "no quotes")
    if said.coverage == "none":
        return Verdict(0.0, False, "the reply says that the source does not tell it")
    held = real(said.quotes, source_of(question.messages))
    score = sum(held) / len(held)
    return Verdict(
        score, score >= threshold and score > 0, f"{sum(held)} of {len(held)} quotes stand in the source"
    )
