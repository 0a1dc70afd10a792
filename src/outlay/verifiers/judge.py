"""A model scores each candidate from 0 to 9: the mean over its score tokens where it reports logprobs."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct

from outlay.errors import BadReply
from outlay.prompts import judge as prompt
from outlay.run import Run
from outlay.types import Bound, Completion, Question, Sample, Sampling, Share, Tokens, Verdict
from outlay.verifiers._reply import ROLE, bound_of, probabilities, rivals_wanted, text_of, token_at

NEEDS = frozenset({"chat"})

_NUMBER = r"(?P<value>[0-9]{1,3}(?:\.[0-9]{1,4})?)(?![0-9]|[.,][0-9])"
_OUT_OF = r"(?:[\s*_]{0,3}(?:/|out of)[\s*_]{0,3}(?P<top>[0-9]{1,3})(?![0-9])|(?P<percent>\s?%))"
_LABEL = r"\b(?:score|rating|grade)\b(?:\s{1,3}is|\s{1,3}of)?[\s*_:=\"'`|(\[{]{0,10}"
_OPENING = re.compile(
    rf"^[ \t*_#\"'`(\[-]{{0,10}}(?:(?:the|my|final|overall)[ \t]{{1,3}}){{0,3}}{_LABEL}{_NUMBER}{_OUT_OF}?",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE = re.compile(rf"(?<![\"'`“‘]){_LABEL}{_NUMBER}{_OUT_OF}?", re.IGNORECASE)
_BARE = re.compile(rf"[\s*_\"'`#(\[]{{0,10}}{_NUMBER}{_OUT_OF}?[\s*_\"'`.)\]]{{0,10}}", re.IGNORECASE)
_LONGEST = 4000


class Stated(Struct, frozen=True):
    """A score as a reply states it: the number, the top of its scale, and where it begins in the reply."""

    value: float
    top: float
    start: int
    digits: str

    @property
    def share(self) -> float:
        """The score in [0, 1]."""
        return min(self.value / self.top, 1.0)


def bound(
    question: Question, *, temperature: float = 0.0, max_output_tokens: Tokens = 64, threshold: Share = 0.5
) -> Bound:
    """One call of the judge."""
    return bound_of(question, prompt.messages, n=1, max_output_tokens=max_output_tokens)


async def judge(
    run: Run,
    question: Question,
    candidate: Sample,
    *,
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.0,
    max_output_tokens: Tokens = 64,
    threshold: Share = 0.5,
) -> Verdict:
    """The judge's score of one candidate divided by 9: E[score] over the score token, or the score it states.

    Each candidate is judged on its own, identical ones too, and each call is paid. A reply without a score
    gives no verdict: the sample stands unverified and is never scored by a guess. Judges have biases, and
    with a biased judge more samples come to hurt best-of-n. The expectation counts a rival token `1` as 1,
    though a judge that ignores the scale may mean to write 10.

    Args:
        run: what buys the judge's calls.
        question: what was asked.
        candidate: the sample to judge.
        temperature: of the judge; 0 takes its likeliest reply.
        max_output_tokens: of the reply. A judge that thinks first needs more.
        threshold: the score in [0, 1] from which a candidate is accepted.

    Returns:
        The verdict; `why` quotes what was read.

    Raises:
        BadReply: the reply states no score.
        ProviderError: the call failed.
        BudgetExceeded: it does not fit.

    Cost: one call of the role `judge`.
    Source: the expectation over score tokens is G-Eval's (Liu et al. 2023, arXiv 2303.16634, section 2.3), with
        the model's own probabilities in place of samples; the scale of one digit is ours (see
        `outlay.prompts.judge`).
    Example: `outlay ask "17 * 23?" --strategy best_of_n:n=8 --kind number --verifier judge`
    """
    sampling = Sampling(
        temperature=temperature, max_output_tokens=max_output_tokens, top_logprobs=rivals_wanted(run)
    )
    chat = prompt.messages(question.messages, text_of(candidate))
    (reply,) = await run.complete(chat, role=ROLE, label=f"judge/{candidate.index}", sampling=sampling)
    stated = stated_score(readable(reply))
    if stated is None:
        raise BadReply(f"the judge stated no score: {reply.text[:80]!r}")
    score = expected(reply, stated)
    return Verdict(score, score >= threshold, f"the judge said {stated.digits}")


def readable(reply: Completion) -> str:
    """The part of a reply that may state the score: all of it; of a truncated one only a whole first line.

    A cut reply may end in the middle of a number, or in a quotation of the candidate.
    """
    if not reply.truncated:
        return reply.text[:_LONGEST] if len(reply.text) <= _LONGEST else reply.text[-_LONGEST:]
    line, newline, _ = reply.text[:_LONGEST].lstrip().partition("\n")
    return line if newline else ""


def stated_score(text: str) -> Stated | None:
    r"""The score that a judge's reply states: the last line that opens with it, else what the last line says.

    `7/10`, `70 %` and `7 out of 10` carry their own scale. A bare 10 is the top, whatever the scale. A score in
    quotation marks inside a sentence is the candidate's claim, not the judge's.

    Example:
        >>> [stated_score(t).share for t in ("7/10", "Rating: 9", "**10**", "Score: 4.5")]
        [0.7, 1.0, 1.0, 0.5]
        >>> stated_score("I found 3 errors.") is None
        True
    """
    opening = list(_OPENING.finditer(text))
    if opening:
        return _stated(opening[-1], 0)
    last = text.rstrip().rpartition("\n")[2]
    inline = list(_INLINE.finditer(last))
    match = _BARE.fullmatch(last) or (inline[-1] if inline else None)
    return None if match is None else _stated(match, len(text.rstrip()) - len(last))


def expected(reply: Completion, stated: Stated) -> float:
    """E[score] / top over the digits at the score's token; the stated score where there is no such token."""
    logprobs = reply.logprobs or ()
    joined = "".join(t.token for t in logprobs)
    place = stated_score(joined) if len(joined) <= _LONGEST else None
    if place is None or reply.truncated or place.digits != stated.digits or len(stated.digits) != 1:
        return stated.share
    token = token_at(logprobs, place.start)
    if token is None:
        return stated.share
    p = {
        int(word): mass
        for word, mass in probabilities(token).items()
        if len(word) == 1 and word in "0123456789"
    }
    total = sum(p.values())
    if stated.value not in p or total <= 0.0:
        return stated.share
    return min(sum(digit * mass for digit, mass in p.items()) / total / stated.top, 1.0)


def _stated(match: re.Match[str], offset: int) -> Stated | None:
    value = float(match["value"])
    if match["percent"]:
        top = 100.0
    elif match["top"]:
        top = float(match["top"])
    else:
        top = 10.0 if value == 10 else float(prompt.TOP)
    if top <= 0 or value > top:
        return None
    return Stated(value, top, offset + match.start("value"), match["value"])
