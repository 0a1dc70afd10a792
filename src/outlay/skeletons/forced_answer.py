"""A plain reply within a budget, and an answer with a budget of its own where the reply is cut."""

from __future__ import annotations

import msgspec

from outlay.errors import BudgetExceeded, NoAnswer, ProviderError
from outlay.prompts.answer_format import beginning
from outlay.run import Run
from outlay.skeletons.phases import cut_at_blank_line, remember
from outlay.types import Completion, Question


async def reply_then_answer(
    run: Run, question: Question, *, most: int, answer: int, cut: bool
) -> tuple[Completion, str]:
    """A reply of at most `most` tokens; one that does not end itself is made to state its answer in `answer` more.

    No tags are written and nothing is added to the question. The line that states the answer is begun for the model;
    where the kind of question has none, the reply just goes on.

    Args:
        run: what buys it.
        question: what is asked.
        most: tokens of the reply; 0 begins with the answer.
        answer: tokens of the answer.
        cut: a reply that was cut goes back to its last blank line before.

    Returns:
        The whole text as one completion, and how the reply ended. What fails or is refused after the reply leaves
        it, marked as cut.

    Raises:
        MissingAbility: the model does not continue a given text; found out before the reply is bought.
        BudgetExceeded: nothing was bought.
        NoAnswer: nothing came.
        ProviderError: a failure that no other call can mend.
    """
    await run.continues()
    text, written = "", 0
    said: Completion | None = None
    if most:
        sampling = msgspec.structs.replace(question.sampling, max_output_tokens=most)
        try:
            (said,) = await run.complete(question.messages, role="default", label="reply", sampling=sampling)
        except ProviderError as failure:
            raise _nothing(failure) from failure
        if not said.truncated:
            return said, "ended by the model"
        text, written = said.text, said.usage.output_tokens
    begun = beginning(question)
    if begun:
        kept = (cut_at_blank_line(text) if cut else text).rstrip()
        text = f"{kept}\n\n{begun}" if kept else begun
    sampling = msgspec.structs.replace(question.sampling, max_output_tokens=answer)
    try:
        (more,) = await run.complete(
            question.messages, role="default", label="answer", sampling=sampling, prefix=text or None
        )
    except (BudgetExceeded, ProviderError) as failure:
        if isinstance(failure, ProviderError) and (said is None or failure.fatal):
            raise _nothing(failure) from failure
        if said is None:
            raise
        remember(run, failure)
        run.notes.append(f"the answer after the cut reply could not be bought: {failure}")
        return said, "cut"
    usage = msgspec.structs.replace(more.usage, output_tokens=more.usage.output_tokens + written)
    how = "made to answer" if most else "none was asked for"
    return msgspec.structs.replace(more, text=text + more.text, usage=usage, sample=0), how


def _nothing(failure: ProviderError) -> ProviderError | NoAnswer:
    return failure if failure.fatal else NoAnswer(f"No reply came back: {failure}.")
