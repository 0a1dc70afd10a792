"""A model writes V checks of each candidate that end in Yes or No; the score is their mean."""

from __future__ import annotations

import re
from statistics import fmean
from typing import Annotated

from msgspec import Meta

from outlay.prompts import verification as prompt
from outlay.run import Run
from outlay.types import Bound, Completion, Count, Question, Sample, Sampling, Share, Tokens, Verdict
from outlay.verifiers._reply import ROLE, bound_of, probabilities, rivals_wanted, text_of, token_at

NEEDS = frozenset({"chat"})

_VERDICT = re.compile(
    r"is the answer correct\s{0,3}(?:\(yes/no\))?\s{0,3}\?[\s*_:\"'`]{0,6}(?P<said>yes|no)\b", re.IGNORECASE
)
_WRONG = re.compile(r"\b(?:incorrect|not\s{1,3}correct)\b", re.IGNORECASE)
_RIGHT = re.compile(r"\bcorrect\b(?!\s{0,3}(?:\(yes|\?))", re.IGNORECASE)
_LONGEST = 100_000


def bound(
    question: Question,
    *,
    v: Count = 4,
    temperature: float = 0.7,
    max_output_tokens: Tokens = 1024,
    threshold: Share = 0.5,
) -> Bound:
    """V checks; the prompt is counted V times, as for a model that does not share it."""
    return bound_of(question, prompt.messages, n=v, max_output_tokens=max_output_tokens)


async def generative(
    run: Run,
    question: Question,
    candidate: Sample,
    *,
    v: Count = 4,
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.7,
    max_output_tokens: Tokens = 1024,
    threshold: Share = 0.5,
) -> Verdict:
    """The mean verdict of v written checks, sum_j P_j(Yes) / (number of checks with a verdict).

    P_j is the probability of Yes at the verdict's token where the model reports logprobs (1 - P(No) if only
    No is listed), else 1 or 0. Checks without a readable verdict and truncated ones are left out; with none
    left the score is 0. Repeats of a check on one candidate are strongly correlated: 4 checks tell little
    more than 1.

    Args:
        run: what buys the judge's calls.
        question: what was asked.
        candidate: the sample to judge.
        v: checks; one request where the model draws several choices at once.
        temperature: of the checks.
        max_output_tokens: of one check; a truncated check has no verdict.
        threshold: the score in [0, 1] from which a candidate is accepted.

    Returns:
        The verdict; `why` says how many checks said Yes.

    Raises:
        ProviderError: a check failed.
        BudgetExceeded: it does not fit.

    Cost: v calls of the role `judge`.
    Source: Singhi et al. 2025 (arXiv 2504.01005), GenRM; their code treats a probability of exactly 0
        as missing, here it is 0. The fallback to status words reads the last line only, not the whole check.
    Example: `outlay ask "17 * 23?" --strategy best_of_n:n=4 --kind number --verifier generative:v=2`
    """
    sampling = Sampling(
        temperature=temperature, max_output_tokens=max_output_tokens, top_logprobs=rivals_wanted(run)
    )
    chat = prompt.messages(question.messages, text_of(candidate))
    checks = await run.complete(chat, role=ROLE, label=f"check/{candidate.index}", n=v, sampling=sampling)
    found = [p for p in map(p_yes, checks) if p is not None]
    score = fmean(found) if found else 0.0
    yes = sum(p >= 0.5 for p in found)
    return Verdict(score, score >= threshold, f"{yes} of {v} checks said yes, {v - len(found)} gave no verdict")


def p_yes(check: Completion) -> float | None:
    """The probability that a check's verdict is Yes; None where it has none.

    Example:
        >>> from outlay.types import Usage
        >>> p_yes(Completion("Verification: Is the answer correct (Yes/No)? No", "stop", Usage(1, 9)))
        0.0
    """
    if check.truncated:
        return None
    said = stated_verdict(check.text)
    if said is None:
        return None
    logprobs = check.logprobs or ()
    joined = "".join(t.token for t in logprobs)
    matches = list(_VERDICT.finditer(joined[-_LONGEST:]))
    token = token_at(logprobs, max(len(joined) - _LONGEST, 0) + matches[-1].start("said")) if matches else None
    if token is None or token.token.strip(" \n\t*:").lower() != ("yes" if said else "no"):
        return float(said)
    p = probabilities(token)
    return min(p["yes"], 1.0) if "yes" in p else max(1.0 - p["no"], 0.0)


def stated_verdict(text: str) -> bool | None:
    """The last verdict in the asked form; else `incorrect` or `correct` in the last line, tested in that order.

    Example:
        >>> stated_verdict("The answer is not correct."), stated_verdict("Hm.")
        (False, None)
    """
    text = text[-_LONGEST:]
    matches = list(_VERDICT.finditer(text))
    if matches:
        return matches[-1]["said"].lower() == "yes"
    last = text.rstrip().rpartition("\n")[2]
    if _WRONG.search(last):
        return False
    return True if _RIGHT.search(last) else None
