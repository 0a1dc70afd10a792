"""What every provider is: one model behind one door, with a card that says what it is, can do and costs.

`run` is the only caller. A provider knows nothing of budgets, ledgers or retries; it turns one `Request` into deltas
and raises `ProviderError` with what the caller must know: may it be retried, when, and could it have been billed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from msgspec import Struct

from outlay.money import Price
from outlay.types import Delta, Request, Usage

ABILITIES = {
    "chat": "answers chat messages",
    "prefix": "continues a given assistant text",
    "logprobs": "reports log-probabilities of what it drew",
    "score": "reports log-probabilities of a given text",
    "n": "draws several choices in one request, reading the prompt once",
    "seed": "accepts a seed",
    "embed": "embeds texts",
    "rate": "scores the steps of a text",
    "tools": "takes tool definitions and sends calls in fields of their own",
}
"""Every ability a plan may need, with what it means."""


class Card(Struct, frozen=True, omit_defaults=True):
    """A model's standing facts.

    `context_tokens` and `max_output_tokens` are None where nobody stated them. `shares_prompt`: choices of one request
    read the prompt once. `max_n` is the most choices one request may ask for. `hides_reasoning`: the provider bills
    tokens that it never sends, so deltas cannot be counted. `identity` is what the call cache keys on.
    """

    name: str
    identity: str
    abilities: frozenset[str] = frozenset({"chat"})
    price: Price | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    max_n: int = 1
    shares_prompt: bool = False
    hides_reasoning: bool = False
    concurrency: int = 64
    image_tokens: int | None = None
    """The most input tokens one image can cost, or None: then images are refused under a money cap."""
    note: str = ""


class Embedded(Struct, frozen=True):
    """Embeddings of texts in their order, each as little-endian float32, and what was billed for them."""

    vectors: tuple[bytes, ...]
    usage: Usage | None
    """None where the reply did not say."""


class Rated(Struct, frozen=True):
    """The scores of a text's marked steps, in [0, 1] and in their order, and what was billed for them."""

    scores: tuple[float, ...]
    usage: Usage | None
    """None where the reply did not say."""


class Rater(Protocol):
    """What a model with the ability `rate` does beside being a provider."""

    async def rate(self, text: str) -> Rated:
        """The scores of the steps that are marked in a text.

        Raises:
            ProviderError: see `outlay.errors`; `billed` where it may have been answered.
        """
        ...


class Embedder(Protocol):
    """What a model with the ability `embed` does beside being a provider."""

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """The embeddings of texts, all of one length.

        Raises:
            ProviderError: see `outlay.errors`; `billed` where it may have been answered.
        """
        ...


class Provider(Protocol):
    """One model, opened. `close` must be called once; a provider is used by one event loop."""

    async def card(self) -> Card:
        """The card, probed on the first call and kept."""
        ...

    def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Deltas of the reply, each with its choice. Closing the iterator stops generation upstream.

        Raises:
            ProviderError: see `outlay.errors`. Never after `finish_reason` of every choice and the usage were sent.
        """
        ...

    async def count_input(self, request: Request) -> int | None:
        """Input tokens of the rendered request by the model's own tokenizer, or None where there is none here."""
        ...

    async def count_text(self, text: str) -> int | None:
        """Tokens of a text by the model's own tokenizer, or None."""
        ...

    async def close(self) -> None:
        """Release what was opened; stops a server that the provider started."""
        ...
