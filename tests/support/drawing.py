"""Draw from a provider in a test: gather a stream into plain values."""

from __future__ import annotations

from collections import defaultdict
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from outlay.models.openai_chat import openai_chat
from outlay.types import Request, Sampling, Usage


@dataclass
class Drawn:
    """What a stream brought, by choice; `whole` is the usage of the whole request."""

    texts: dict[int, str] = field(default_factory=lambda: defaultdict(str))
    reasoning: dict[int, str] = field(default_factory=lambda: defaultdict(str))
    finishes: dict[int, str] = field(default_factory=dict)
    usages: dict[int, Usage] = field(default_factory=dict)
    whole: Usage | None = None
    logprobs: list[Any] = field(default_factory=list)
    tool_calls: list[Any] = field(default_factory=list)


def ask(text: str = "What is 6 times 7 ?", **fields: Any) -> Request:
    """A request of one user message; sampling fields may be given too."""
    names = set(Sampling.__struct_fields__) - {"max_output_tokens"}
    known = {name: fields.pop(name) for name in names & fields.keys()}
    made = {"max_output_tokens": 64, "sampling": Sampling(**known)} | fields
    return Request(messages=({"role": "user", "content": text},), **made)


async def draw(provider: Any, request: Request, into: Drawn | None = None) -> Drawn:
    """Gather a stream; `into` keeps what came before an error."""
    drawn = into or Drawn()
    async with aclosing(provider.stream(request)) as deltas:
        async for delta in deltas:
            if delta.choice is None:
                drawn.whole = delta.usage
                continue
            drawn.texts[delta.choice] += delta.text
            drawn.reasoning[delta.choice] += delta.reasoning
            drawn.logprobs += delta.logprobs
            drawn.tool_calls += delta.tool_calls
            if delta.finish_reason:
                drawn.finishes[delta.choice] = delta.finish_reason
            if delta.usage:
                drawn.usages[delta.choice] = delta.usage
    return drawn


@asynccontextmanager
async def opened(upstream: Any, **settings: Any):
    """An `openai_chat` of the fake upstream, closed at the end."""
    dialect = settings.pop("dialect", upstream.flavour)
    provider = openai_chat("fake", base_url=upstream.base_url, dialect=dialect, **settings)
    try:
        yield provider
    finally:
        await provider.close()
