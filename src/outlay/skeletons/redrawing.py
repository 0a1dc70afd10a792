"""A step of the large model that the verifier shows wrong is drawn again: whoever checks drafts only lets the large
model's own errors pass.
"""

from __future__ import annotations

from outlay.errors import BudgetExceeded, ProviderError
from outlay.run import Run
from outlay.skeletons.advantage import scored
from outlay.skeletons.chain import ACCEPTED
from outlay.skeletons.pair import Again, Chain, Counts, drawn
from outlay.skeletons.pair_rules import LARGE, Rules
from outlay.skeletons.steps import Step
from outlay.types import Question


def redrawing(kept: Rules, most: int) -> Again | None:
    """What looks at the large model's steps of one chain and draws those again with which it scores below one half.

    Of several draws of a step the first of the best score stays. A draw or a score that fails or is refused leaves
    what stands.

    Args:
        kept: the rules of the chain.
        most: draws in the whole chain, so that one step which no draw mends cannot cost more.

    Returns:
        A function for `pair.write`; None where nothing is to be drawn again.
    """
    if not most:
        return None
    left = most

    async def again(run: Run, question: Question, chain: Chain, found: Step, counts: Counts) -> Step:
        nonlocal left
        best, draw = found, 0
        try:
            highest = await _score(run, question, chain, found, counts)
            while highest < ACCEPTED and left:
                left, draw = left - 1, draw + 1
                other = await drawn(run, question, kept, chain, LARGE, draw=draw)
                counts.redrawn += 1
                counts.large_tokens += other.usage.output_tokens
                score = await _score(run, question, chain, other, counts)
                if score > highest:
                    best, highest = other, score
        except BudgetExceeded as refusal:
            run.refused = run.refused or str(refusal)
            run.notes.append(f"a step of the large model was not looked at to the end: {refusal}")
        except ProviderError as failure:
            if failure.fatal:
                raise
            run.failure = run.failure or failure
            run.notes.append(f"a step of the large model was not looked at to the end: {failure}")
        return best

    return again


async def _score(run: Run, question: Question, chain: Chain, step: Step, counts: Counts) -> float:
    counts.grades += 1
    return await scored(run, question, chain, step)
