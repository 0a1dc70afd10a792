"""Elastic: separate budgets for thinking and for the answer, so that a cap never costs the answer."""

from __future__ import annotations

import msgspec

from outlay.run import Run
from outlay.skeletons import phases
from outlay.skeletons.counted import counted
from outlay.skeletons.forced_answer import reply_then_answer
from outlay.skeletons.one_chain import answer_of
from outlay.skeletons.pair_rules import Thinks
from outlay.skeletons.phases import ANSWER_TOKENS, THINKING_TOKENS, ThinkingTokens
from outlay.types import Answer, Bound, Question, Tokens

NEEDS = phases.NEEDS
ONE_CHAIN = True


def bound(
    question: Question,
    *,
    thinking: ThinkingTokens = THINKING_TOKENS,
    answer: Tokens = ANSWER_TOKENS,
    cut: bool = False,
    outright: bool = False,
    thinks: Thinks = "asked",
) -> Bound:
    """At most two calls, t and s output tokens."""
    t, s = phases.caps(question, thinking, answer)
    return phases.worst(question, thinking=t, answer=s, calls=1 + (t > 0), thinks=thinks)


async def elastic(
    run: Run,
    question: Question,
    *,
    thinking: ThinkingTokens = THINKING_TOKENS,
    answer: Tokens = ANSWER_TOKENS,
    cut: bool = False,
    outright: bool = False,
    thinks: Thinks = "asked",
) -> Answer:
    """One answer after at most `thinking` tokens of thought, which is closed by force where it does not end itself.

    Thinking that ends early does not lengthen the answer. The tag that closes it costs no output token here: it is
    sent, not drawn. A question's own output bound caps both together (`phases.caps`).

    Args:
        run: what to buy through.
        question: what is asked; without an answer kind the text is the answer.
        thinking: t, the most tokens of thinking; 0 is an empty thinking block.
        answer: s, the most tokens of the answer.
        cut: thinking that was closed by force ends at its last blank line, not in the middle of a sentence.
        outright: the answer is begun for the model with `Answer:`, for kinds that are stated so. A plain model whose
            thinking was closed by force otherwise often goes on thinking in the answer's budget.
        thinks: `asked` for plain models, which get a sentence that asks for it; `native` for models that think
            between tags by themselves, or whose server sends that as reasoning; `plain` where the reply itself is the
            thinking, without tags: one that is cut always has its answer begun for it, one that ends is the answer.

    Cost: two calls of the default model: t + s output tokens, and the question twice with at most t tokens between.
        One call where a `plain` reply ends itself.
    Source: Scalable Chain of Thoughts via Elastic Reasoning (arXiv 2505.05315), inference of section 3. Tags are
        written with the line breaks of Qwen's template, where the paper's code adds the bare tag; thinking of a
        model that ends without closing is closed as if it had. `cut`, `outright`, `asked` and `plain` are ours.
    Example: `outlay ask "17 * 23?" --strategy elastic:thinking=64,answer=32 --kind number`
    """
    t, s = phases.caps(question, thinking, answer)
    if thinks == "plain":
        whole, how = await reply_then_answer(run, question, most=t, answer=s, cut=cut)
        return await answer_of(run, question, whole, stopped=f"reply of at most {counted(t, 'token')}, {how}")
    asked = phases.framed(question, thinks)
    thought = await phases.think(run, asked, "", most=t, label="thinking")
    forced = t > 0 and not thought.closed
    if forced and cut:
        kept = phases.cut_at_blank_line(thought.text)
        thought = msgspec.structs.replace(thought, text=kept, read_tokens=0)
    whole = await phases.conclude(run, asked, thought, most=s, outright=outright)
    how = thought.why or ("closed by force" if forced else "ended by the model" if t else "none was asked for")
    return await answer_of(run, question, whole, stopped=f"thinking: {counted(thought.tokens, 'token')}, {how}")
