"""The purchases of an answer, read from its trace, as spans in the words of OpenTelemetry's GenAI conventions.

Pure, and without a text: no prompt, no reply, no error's sentence (a server may quote what it was asked).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from outlay.models.provider import Card
from outlay.types import Usage

Attributes = dict[str, "str | int | float | bool | Sequence[str]"]


class PurchaseSpan(Struct, frozen=True):
    """One upstream request: when it ran, in seconds since its answer was begun, and what is told of it."""

    name: str
    start_s: float
    end_s: float
    attributes: Attributes
    failed: bool


def purchases(events: Sequence[Mapping[str, Any]]) -> list[PurchaseSpan]:
    """The purchases in a trace so far, in the order in which they ended; one that goes on is not there yet.

    Source: OpenTelemetry semantic conventions for generative AI client spans, schema 1.37 (`gen_ai.*`); cost, mark and
        role have no name there and stand under `outlay.`.

    Example:
        >>> opened = {"event": "open", "key": "", "cards": {"default": Card("m", "openai_chat http://h m vllm")}}
        >>> granted = {"event": "grant", "key": "default/draw/0", "t_s": 0.5, "samples": [0]}
        >>> settled = {"event": "settle", "key": "default/draw/0", "t_s": 2.0, "usage": Usage(5, 2), "cost_nusd": 13}
        >>> (span,) = purchases([opened, granted, settled])
        >>> span.name, span.start_s, span.end_s, span.attributes["gen_ai.usage.output_tokens"]
        ('chat m', 0.5, 2.0, 2)
    """
    cards: Mapping[str, Any] = {}
    begun: dict[str, float] = {}
    found: list[PurchaseSpan] = []
    for event in events:
        kind, key = event["event"], event["key"]
        if kind == "open":
            cards = event.get("cards", {})
        elif kind == "grant":
            begun[key] = event["t_s"]
        elif kind == "settle" and key in begun:
            found.append(_span("chat", key.partition("/")[0], begun.pop(key), event, cards))
        elif kind == "relay":
            operation = "embeddings" if key == "embeddings" else "text_completion"
            found.append(_span(operation, "default", 0.0, event, cards))
    return found


def _span(
    operation: str, role: str, start_s: float, event: Mapping[str, Any], cards: Mapping[str, Any]
) -> PurchaseSpan:
    card = cards.get(role) or cards.get("default")
    model = card.name if isinstance(card, Card) else "unknown"
    usage = msgspec.convert(event["usage"], Usage, from_attributes=True)
    told: Attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _provider(card),
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "outlay.role": role,
    }
    optional = {
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        "outlay.cost_usd": None if event.get("cost_nusd") is None else event["cost_nusd"] / 1e9,
        "outlay.calls": event.get("calls"),
    }
    told |= {name: value for name, value in optional.items() if value is not None}
    reasons = tuple(c.finish_reason for c in event.get("completions", ()) if hasattr(c, "finish_reason"))
    if reasons:
        told["gen_ai.response.finish_reasons"] = reasons
    failed = bool(event.get("error"))
    if failed:
        told["error.type"] = "provider"
    return PurchaseSpan(f"{operation} {model}", start_s, event["t_s"], told, failed)


def _provider(card: Any) -> str:
    """Who answers: the dialect of a server, or the kind of model that needs none."""
    if not isinstance(card, Card):
        return "unknown"
    kind, _, rest = card.identity.partition(" ")
    return rest.rpartition(" ")[2] if kind == "openai_chat" else card.identity.partition("/")[0]
