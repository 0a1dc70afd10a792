"""What strategies that write one chain of text share: how that chain becomes an answer.

A chain is one sample, in however many calls it was written: it is classified, told and paid as one.
"""

from __future__ import annotations

import msgspec

from outlay.run import Run
from outlay.selection.vote import vote
from outlay.skeletons.pool import answer
from outlay.types import Answer, Completion, Pool, Question, Sample


async def answer_of(run: Run, question: Question, chain: Completion, *, stopped: str) -> Answer:
    """The answer that a chain states, or an answer without one where it was cut or states none.

    `p_correct` stays unknown: one chain says nothing about how sure it is. The price of going on is the price of
    another such chain.

    Args:
        run: what bought the chain.
        question: what was asked; without an answer kind the text is the answer.
        chain: the whole text as one completion; `length` as its finish reason says that it was cut.
        stopped: why buying stopped.

    Returns:
        The answer.
    """
    empty = Pool(question.id, question.kind, ())
    pool = await run.merge(empty, msgspec.structs.replace(empty, samples=(Sample(0, chain),)))
    made = answer(run, question, pool, vote(pool), stopped=stopped)
    return msgspec.structs.replace(made, next_sample_nusd=run.spent.cost_nusd)
