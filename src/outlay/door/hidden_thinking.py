"""A cap on thinking where the server hides it: nobody can end what nobody sees, so it is bounded with the answer.

A server that hides thinking bills it as output and counts it within the output bound. So once a model is known to think
unseen, a sample may have the cap and the answer's bound together, and no more. Whatever could not be held is told.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from outlay.door.draws import Door
from outlay.door.session import Ask
from outlay.errors import OutlayError
from outlay.prompts.thinking import OPEN
from outlay.types import Completion, Sampling

ANSWER_TOKENS = 1024
"""The bound of the answer after it, where none is stated: the one that elastic reasoning was trained with."""


async def bounded(door: Door, ask: Ask, label: str, start: int) -> Ask:
    """The draw as it is asked for: its output within cap and answer where its model is known to think unseen.

    It is known by a `reasoning_effort` in the request, or from a reply that counted thinking and showed none (our
    choice: to bound every reply of a server that might hide thinking would cut long answers without any).
    """
    sampling = ask.sampling
    if sampling.reasoning_tokens is None or not door.card(ask.role).hides_reasoning:
        return ask

    async def look() -> bool:
        return ask.role in door.session.unseen or _told_to_think(sampling)

    # Traced, as what other replies showed decides it.
    if not await door.observe(f"unseen/{ask.role}/{label}/{start}", look):
        return ask
    most = sampling.reasoning_tokens + (sampling.answer_tokens or ANSWER_TOKENS)
    if sampling.max_output_tokens is not None:
        most = min(most, sampling.max_output_tokens)
    return replace(ask, sampling=replace(sampling, max_output_tokens=most))


def noted(
    door: Door, ask: Ask, indices: Sequence[int], results: Sequence[Completion | OutlayError]
) -> list[str]:
    """What is to be told of samples whose thinking could not be watched; remembers whose model thinks unseen.

    Args:
        door: whose models they are.
        ask: the draw as it was asked for, its output bound included.
        indices: of the samples.
        results: what came of each.
    """
    cap, most = ask.sampling.reasoning_tokens, ask.sampling.max_output_tokens
    if cap is None or not door.card(ask.role).hides_reasoning:
        return []
    told: list[str] = []
    unknown = False
    for index, said in zip(indices, results, strict=True):
        if not isinstance(said, Completion) or said.reasoning or said.text.lstrip().startswith(OPEN):
            continue
        thought = said.usage.reasoning_tokens
        unknown = unknown or thought is None
        if not thought:
            continue
        door.session.unseen.add(ask.role)
        if thought > cap:
            end = f" and was ended with the answer at {most:,} tokens" if said.finish_reason == "length" else ""
            told.append(
                f"sample {index}: it thought for {thought:,} tokens, more than the cap of {cap:,}; the server hides "
                f"thinking, so it could not be ended there{end}"
            )
    if unknown:
        told.append(
            f"the server neither showed thinking nor said how much there was, so the cap of {cap:,} tokens on it could "
            f"not be watched"
        )
    return told


def _told_to_think(sampling: Sampling) -> bool:
    return sampling.extra.get("reasoning_effort") not in (None, "none")
