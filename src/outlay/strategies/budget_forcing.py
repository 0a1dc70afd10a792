"""Budget forcing: make a model think longer by putting "Wait" in the place of its end of thinking."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from outlay.prompts.thinking import WAIT
from outlay.run import Run
from outlay.skeletons import phases
from outlay.skeletons.counted import counted
from outlay.skeletons.one_chain import answer_of
from outlay.skeletons.phases import ANSWER_TOKENS, THINKING_TOKENS, Thinks
from outlay.types import Answer, Bound, Question, Tokens

NEEDS = phases.NEEDS
ONE_CHAIN = True

Waits = Annotated[int, Meta(ge=0, le=64)]
"""How often the end of thinking is suppressed."""


def bound(
    question: Question,
    *,
    waits: Waits = 1,
    thinking: Tokens = THINKING_TOKENS,
    answer: Tokens = ANSWER_TOKENS,
    outright: bool = False,
    thinks: Thinks = "asked",
) -> Bound:
    """At most waits + 2 calls, t and s output tokens."""
    t, s = phases.caps(question, thinking, answer)
    waited = phases.worst(
        question, thinking=t, answer=s, calls=1 + (1 + waits if t else 0), thinks=thinks
    ).by_role["default"]
    extra = waits * (waits + 1) // 2 + waits  # each later call reads every "Wait" before it, a token each
    return Bound({"default": msgspec.structs.replace(waited, input_tokens=waited.input_tokens + extra)})


async def budget_forcing(
    run: Run,
    question: Question,
    *,
    waits: Waits = 1,
    thinking: Tokens = THINKING_TOKENS,
    answer: Tokens = ANSWER_TOKENS,
    outright: bool = False,
    thinks: Thinks = "asked",
) -> Answer:
    """One answer after thinking that was made to go on `waits` times, within `thinking` tokens in all.

    Each time the model ends its thinking it is not let go: "Wait" follows what it thought, and it goes on from there.
    At the cap, or after the last wait, the thinking is closed and the answer written.

    Args:
        run: what to buy through.
        question: what is asked.
        waits: how often the end of thinking is suppressed; 0 is `elastic` without its options.
        thinking: the most tokens of thinking, waits included.
        answer: the most tokens of the answer.
        outright: see `elastic`.
        thinks: see `elastic`.

    Cost: at most waits + 2 calls of the default model: t + s output tokens; each call reads the question and the
        thinking before it.
    Source: Muennighoff et al. 2025 (arXiv 2501.19393), section 3.1, budget forcing; the separate answer budget is
        Elastic Reasoning's (arXiv 2505.05315), and their "Final
        Answer:" is `outright` here.
    Example: `outlay ask "17 * 23?" --strategy budget_forcing:waits=2 --kind number`
    """
    t, s = phases.caps(question, thinking, answer)
    asked = phases.framed(question, thinks)
    thought, used, waited, read = phases.Thought(), 0, 0, 0
    while used < t:
        so_far = f"{thought.text}\n{WAIT}" if waited else ""
        label = f"thinking/{waited}"
        thought = await phases.think(run, asked, so_far, most=t - used, label=label)
        used, read = used + thought.tokens, read or thought.read_tokens
        if thought.why or not thought.closed or waited == waits:
            break
        waited += 1
    whole = await phases.conclude(
        run, asked, msgspec.structs.replace(thought, tokens=used, read_tokens=read), most=s, outright=outright
    )
    how = thought.why or ("ended by the model" if thought.closed else "closed by force")
    return await answer_of(
        run,
        question,
        whole,
        stopped=f"thinking: {counted(used, 'token')}, made to go on {counted(waited, 'time')}, {how}",
    )
