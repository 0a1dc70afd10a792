"""How a chain of a small and a large model becomes an answer, and who writes its end."""

from __future__ import annotations

import msgspec

from outlay.errors import BudgetExceeded, ProviderError
from outlay.prompts.thinking import CLOSED, OPEN
from outlay.run import Run
from outlay.skeletons.one_chain import answer_of
from outlay.skeletons.pair import Chain, Counts
from outlay.skeletons.pair_rules import LARGE, SMALL, Rules
from outlay.skeletons.steps import digest, unparted
from outlay.types import Answer, Completion, Question, Usage

ANSWER_TOKENS = 2048
"""Cap of the answer that the large model writes after a thinking block, or in the place of a small model's."""


async def answered(
    run: Run, question: Question, kept: Rules, chain: Chain, counts: Counts, *, answer_by_large: bool, by: str
) -> Answer:
    """The chain's answer.

    Where the steps were thinking between tags, the large model closes it and answers. Where they were the reply itself
    and `answer_by_large` is set, the large model writes the last step anew if the small one wrote it. Where that cannot
    be bought, what stands there stands, and the answer says so.

    Args:
        run: what buys the end.
        question: as both models saw it.
        kept: the rules of the chain.
        chain: the finished chain.
        counts: what was bought so far; is added to, and told in `stopped` and in the event `pair`.
        answer_by_large: whether the large model has the last word of a plain chain.
        by: what decided, in words, for `stopped`.

    Returns:
        The answer.
    """
    whole = Completion(chain.text, "length" if chain.cut else "stop", Usage(0, chain.tokens))
    if chain.cut and (told := unparted([[s.text for s in chain.steps]], kept.separator)):
        run.notes.append(told)
    place = _end(chain, kept, answer_by_large)
    if place is not None:
        whole = await _ended_by_large(run, question, whole, place, counts)
    run.emit("pair", counts=counts, chain=chain)
    return await answer_of(run, question, whole, stopped=f"{counts.words()}; {by}; {chain.over}")


def bound_of_end(thinks: str, answer_by_large: bool) -> int:
    """The most tokens of an end that the large model writes; 0 where it writes none."""
    return ANSWER_TOKENS if thinks != "plain" or answer_by_large else 0


def _end(chain: Chain, kept: Rules, answer_by_large: bool) -> str | None:
    """The text that the large model goes on from to its answer, or None where the chain has its end."""
    if kept.thinks != "plain":
        return chain.text.rstrip() + CLOSED
    written = [s for s in chain.steps if s.text.strip()]
    if not answer_by_large or chain.cut or not written or written[-1].role != SMALL:
        return None
    return "".join(s.text for s in written[:-1])


async def _ended_by_large(
    run: Run, question: Question, whole: Completion, place: str, counts: Counts
) -> Completion:
    sampling = msgspec.structs.replace(
        question.sampling,
        max_output_tokens=min(ANSWER_TOKENS, question.sampling.max_output_tokens or ANSWER_TOKENS),
        stop=(*question.sampling.stop, OPEN),
    )
    try:
        (said,) = await run.complete(
            question.messages,
            role=LARGE,
            label=f"end/{digest(place)}",
            sampling=sampling,
            prefix=place or None,
        )
    except (BudgetExceeded, ProviderError) as failure:
        if isinstance(failure, ProviderError) and failure.fatal:
            raise
        run.refused = run.refused or (str(failure) if isinstance(failure, BudgetExceeded) else "")
        run.notes.append(f"the large model did not write the answer: {failure}")
        return whole
    counts.large_tokens += said.usage.output_tokens
    thought = place if place.endswith(CLOSED) else ""
    text = said.text if thought else place + said.text
    return msgspec.structs.replace(said, text=text, reasoning=thought, sample=0)
