"""A model that answers from a script: for exact tests and for measuring outlay itself. It never stands in for a model.

The script is a function of the request and one sample index, so the same sample is the same text whatever arrives
first. Faults are scripted too: an exception in place of a text is raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from msgspec.structs import replace

from outlay.errors import ProviderError
from outlay.models.provider import Card
from outlay.money import Price
from outlay.types import Completion, Delta, Request, Usage

Script = Callable[[Request, int], "str | Completion | ProviderError"]
"""What sample `index` of a request says, or how it fails."""


class scripted:  # a provider's class is named as users write it
    """A `Provider` over a script.

    Args:
        script: what each sample says; a text costs one token a word.
        price: per million tokens; None is an unknown price.
        abilities: what the card claims.
        overbill: output tokens billed beyond what was delivered (a provider that cheats).
        gate: awaited before each reply, to put arrivals in a chosen order.
        usage: whether the stream carries usage.
        tells_stop: whether it says which stop string ended a text; some servers do not.
        keep: whether `requests` keeps what was asked; off for long measurements.
    """

    def __init__(
        self,
        script: Script,
        *,
        name: str = "scripted",
        price: Price | None = Price(1_000_000, 4_000_000),
        abilities: frozenset[str] = frozenset({"chat", "n", "seed", "logprobs", "prefix", "tools"}),
        max_n: int = 64,
        shares_prompt: bool = True,
        hides_reasoning: bool = False,
        overbill: int = 0,
        usage: bool = True,
        tells_stop: bool = True,
        keep: bool = True,
        gate: Callable[[Request], asyncio.Future[None] | None] | None = None,
    ):
        self._tells_stop = tells_stop
        self._script, self._overbill, self._usage, self._gate, self._keep = script, overbill, usage, gate, keep
        self._card = Card(
            name,
            f"scripted/{name}",
            abilities,
            price,
            max_n=max_n,
            shares_prompt=shares_prompt,
            hides_reasoning=hides_reasoning,
            max_output_tokens=4096,
        )
        self.requests: list[Request] = []
        self.stopped = 0
        """Streams that were closed before they ended."""

    async def card(self) -> Card:
        """The card it was given."""
        return self._card

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """The script's texts, choice by choice, cut at the output bound; then the usage."""
        if self._keep:
            self.requests.append(request)
        ended = False
        try:
            if self._gate is not None and (waiting := self._gate(request)) is not None:
                await waiting
            output = 0
            for choice, index in enumerate(request.sample_indices or range(request.n)):
                said = self._script(request, index)
                if isinstance(said, ProviderError):
                    ended = True
                    raise said
                words, delta = _spoken(said, request, choice)
                output += words
                yield delta if self._tells_stop else replace(delta, stopped_by=None)
            if self._usage:
                yield Delta(choice=None, usage=Usage(prompt_tokens(request), output + self._overbill))
            ended = True
        finally:
            self.stopped += not ended

    async def count_input(self, request: Request) -> int | None:
        """One token a word of the messages and the prefix."""
        return prompt_tokens(request)

    async def count_text(self, text: str) -> int | None:
        """One token a word."""
        return len(text.split())

    async def close(self) -> None:
        """Nothing to release."""


def prompt_tokens(request: Request) -> int:
    """Words in the messages and the prefix, at least 1."""
    texts = [str(m.get("content", "")) for m in request.messages] + [request.prefix or ""]
    return max(sum(len(t.split()) for t in texts), 1)


def _spoken(said: str | Completion, request: Request, choice: int) -> tuple[int, Delta]:
    """The tokens of a text and the text as one delta, cut at the first stop string or at the output bound."""
    stops = request.sampling.stop
    if isinstance(said, Completion):
        by = "" if stops and said.finish_reason == "stop" and said.stopped_by is None else said.stopped_by
        return said.usage.output_tokens, Delta(
            choice,
            said.text,
            said.reasoning,
            said.logprobs or (),
            tuple({**c, "index": i} for i, c in enumerate(said.tool_calls)),
            said.finish_reason,
            stopped_by=by,
        )
    end, by = min(((at, s) for s in stops if (at := said.find(s)) >= 0), default=(len(said), ""))
    words, most = said[:end].split(" "), request.max_output_tokens
    if len(words) > most:
        return most, Delta(choice, " ".join(words[:most]), finish_reason="length")
    return len(words), Delta(choice, said[:end], finish_reason="stop", stopped_by=by if stops else None)
