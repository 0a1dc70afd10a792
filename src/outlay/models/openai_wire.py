"""The shapes of OpenAI's chat protocol as they arrive: only what outlay reads, everything optional.

These names (`prompt_tokens`, `completion_tokens`, …) live here and nowhere else.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct

from outlay.types import Beyond, TokenLogprob, Usage


class Top(Struct):
    """A rival token with its log-probability."""

    token: str = ""
    logprob: float | None = None


class Drawn(Struct):
    """A drawn token with its log-probability and its rivals."""

    token: str = ""
    logprob: float | None = None
    top_logprobs: list[Top] | None = None


class Logprobs(Struct):
    """The log-probabilities of one piece of one choice."""

    content: list[Drawn] | None = None


class Fragment(Struct):
    """A piece of a message, or a whole one in a reply that is not streamed."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class WireChoice(Struct):
    """A piece of one choice (`delta`), or the whole of it (`message`)."""

    index: int = 0
    delta: Fragment | None = None
    message: Fragment | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    stop_reason: Any = UNSET
    matched_stop: Any = UNSET


class InputDetails(Struct):
    """Parts of the prompt's tokens."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(Struct):
    """Parts of the output's tokens."""

    reasoning_tokens: int | None = None


class WireUsage(Struct):
    """Tokens as the server counts them; an absent or null part is unknown, not zero."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None


class Chunk(Struct):
    """One event of a stream, or a whole reply."""

    choices: list[WireChoice] | None = None
    usage: WireUsage | None = None
    error: Any = None


_READ_REPLY = frozenset({"id", "object", "created", "model", "choices", "usage", "error"})
_READ_CHOICE = frozenset({*WireChoice.__struct_fields__}) - {"stop_reason", "matched_stop"}
_READ_MESSAGE = frozenset({"role", *Fragment.__struct_fields__})


def beyond(data: bytes) -> list[Beyond | None]:
    """What an event or a whole reply holds that `Chunk` leaves out, one for each of its choices, in their order.

    None where a choice holds nothing of it. `id`, `object`, `created` and `model` are left out too: a server that
    passes a reply on has its own.

    Example:
        >>> beyond(b'{"id": "c", "service_tier": "flex", "choices": [{"index": 0, "delta": {"content": "a"}}]}')
        [Beyond(reply={'service_tier': 'flex'}, choice={}, message={})]
    """
    event: dict[str, Any] = msgspec.json.decode(data)
    reply = _beside(event, _READ_REPLY)
    found: list[Beyond | None] = []
    for choice in event.get("choices") or ():
        message = choice.get("delta") or choice.get("message") or {}
        more, inside = _beside(choice, _READ_CHOICE), _beside(message, _READ_MESSAGE)
        found.append(Beyond(reply, more, inside) if reply or more or inside else None)
    return found


def _beside(given: dict[str, Any], read: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in read}


class ModelMeta(Struct):
    """What llama.cpp adds to a model's entry."""

    n_ctx: int | None = None


class ListedModel(Struct):
    """One entry of the model list."""

    id: str = ""
    owned_by: str | None = None
    max_model_len: int | None = None
    meta: ModelMeta | None = None


class ModelList(Struct):
    """What `GET /models` answers."""

    data: list[ListedModel] | None = None


class Props(Struct):
    """What llama.cpp's `GET /props` answers, as far as it is needed."""

    total_slots: int | None = None
    chat_template_caps: dict[str, bool] = {}
    """What the model's chat template can show, of servers that say so: `supports_tools`, …"""


class Rendered(Struct):
    """What llama.cpp's `POST /apply-template` answers."""

    prompt: str


class Tokenized(Struct):
    """What llama.cpp's `POST /tokenize` answers."""

    tokens: list[Any]


def usage_of(wire: WireUsage | None) -> Usage | None:
    """Outlay's usage of a wire usage; None where the server did not count both sides.

    Negative counts are nonsense and count as absent, so that a hostile server cannot earn a credit.

    Example:
        >>> usage = usage_of(WireUsage(prompt_tokens=5, completion_tokens=2))
        >>> usage.input_tokens, usage.output_tokens, usage.cache_read_tokens
        (5, 2, None)
    """
    if wire is None or wire.prompt_tokens is None or wire.completion_tokens is None:
        return None
    if wire.prompt_tokens < 0 or wire.completion_tokens < 0:
        return None
    inputs = wire.prompt_tokens_details or InputDetails()
    outputs = wire.completion_tokens_details or OutputDetails()
    read = _part(inputs.cached_tokens, wire.prompt_tokens)
    return Usage(
        input_tokens=wire.prompt_tokens,
        output_tokens=wire.completion_tokens,
        cache_read_tokens=read,
        cache_write_tokens=_part(inputs.cache_write_tokens, wire.prompt_tokens - (read or 0)),
        reasoning_tokens=_part(outputs.reasoning_tokens, wire.completion_tokens),
    )


def logprobs_of(wire: Logprobs | None) -> tuple[TokenLogprob, ...]:
    """The drawn tokens with their log-probabilities; tokens without one are left out."""
    if wire is None or not wire.content:
        return ()
    return tuple(
        TokenLogprob(
            drawn.token,
            drawn.logprob,
            tuple((top.token, top.logprob) for top in drawn.top_logprobs or () if top.logprob is not None),
        )
        for drawn in wire.content
        if drawn.logprob is not None
    )


def stopped_by(choice: WireChoice) -> str | None:
    """The stop string that ended a choice, "" for the model's own end, None where the server does not say.

    vLLM says it in `stop_reason` (null: the model's own end), SGLang in `matched_stop` (a number: a token that ends
    texts). OpenAI and llama.cpp do not say.

    Example:
        >>> [stopped_by(WireChoice(finish_reason="stop", stop_reason=said)) for said in ("END", None, UNSET)]
        ['END', '', None]
    """
    if choice.finish_reason != "stop":
        return None
    said = choice.stop_reason if choice.stop_reason is not UNSET else choice.matched_stop
    if said is UNSET:
        return None
    return said if isinstance(said, str) else ""


def _part(tokens: int | None, whole: int) -> int | None:
    # A part larger than its whole would make the rest negative.
    return None if tokens is None or tokens < 0 else min(tokens, whole)
