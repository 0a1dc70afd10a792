"""A model grades the last step of a chain from 0 to 9, as the chain's next turn: cheap where prefixes are cached."""

from __future__ import annotations

from outlay.prompts._data import LARGEST, cut
from outlay.prompts.grade import TOP
from outlay.run import Run
from outlay.skeletons.grading import CHAT_TOKENS, Reading, grade, input_of_a_grade
from outlay.types import Bound, Draws, Question, Sample, Share, Verdict
from outlay.verifiers._reply import ROLE, text_of

NEEDS = frozenset({"chat"})


def bound(question: Question, *, reading: Reading = "average", threshold: Share = 0.5) -> Bound:
    """One grade."""
    return Bound({ROLE: Draws(1, input_of_a_grade(question, LARGEST), CHAT_TOKENS)})


async def self_grade(
    run: Run, question: Question, candidate: Sample, *, reading: Reading = "average", threshold: Share = 0.5
) -> Verdict:
    """The grade of a candidate's last step, divided by 9: E[digit] over the digits' probabilities at one token.

    The candidate stands in the chat as the grader's own turn, so a model that reads it anyway reads only the question
    for the grade; it is not fenced off as data. A model grades what it would have written itself too well: calibrate
    the threshold for your pair of models, and use `judge` for candidates of others.

    Args:
        run: what buys the grade.
        question: what was asked.
        candidate: the sample to grade.
        reading: `average`, or `greedy`: the likeliest digit.
        threshold: the score in [0, 1] from which a candidate is accepted.

    Returns:
        The verdict.

    Raises:
        ProviderError: the call failed.
        BudgetExceeded: it does not fit.

    Cost: one output token of the role `judge` (4 where it cannot be begun for it), after the candidate.
    Source: SpecReason (arXiv 2504.07891), section 4.1, whose threshold is 7 of 9; the average is an option of its code.
    Example: `outlay ask "17 + 4 - 9?" --strategy beam_search:n=4 --kind number --verifier self_grade`
    """
    found = await grade(run, question, cut(text_of(candidate)), role=ROLE, reading=reading)
    return Verdict(found / TOP, found / TOP >= threshold, f"graded {found:.2f} of {TOP}")


async def prefix(
    run: Run,
    question: Question,
    steps: tuple[str, ...],
    *,
    reading: Reading = "average",
    threshold: Share = 0.5,
) -> float:
    """The grade of the last step so far, divided by 9."""
    return await grade(run, question, cut("".join(steps)), role=ROLE, reading=reading) / TOP
