"""A reward model of a vLLM or SGLang server that scores the marked steps of a text, and answers no chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from outlay.errors import BadReply
from outlay.models.chatless import Chatless
from outlay.models.provider import Rated
from outlay.money import Price

PATHS = {"vllm": "pooling", "sglang": "v1/classify"}
"""Where each server takes a text, under its root."""
MOST_STEPS = 4096


class _Row(Struct):
    data: Any = None
    """vLLM: a row of probabilities for each marker."""
    probs: list[float] | None = None
    """SGLang: the probabilities of the classes, once for the whole text."""


class openai_rewards(Chatless):  # a provider's class is named as users write it
    """A `Provider` and `Rater` over the pooling address of one server.

    Args:
        model: the name by which the server knows the model.
        base_url: up to and including `/v1`; the pooling address is looked for beside it.
        dialect: `vllm` (`/pooling`, a score for each marked step) or `sglang` (`/v1/classify`, one for the text).
        api_key: sent as a bearer token; empty for none.
        headers: further headers of every request.
        price: of input tokens, or None where nobody knows.
        concurrency: the most requests at once.

    Raises:
        UsageError: not a base URL.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        dialect: Literal["vllm", "sglang"] = "vllm",
        api_key: str = "",
        headers: Mapping[str, str] | None = None,
        price: Price | None = None,
        concurrency: int = 64,
    ):
        super().__init__(
            model,
            base_url=base_url.rstrip("/").removesuffix("/v1"),
            path=PATHS[dialect],
            ability="rate",
            does="rates steps",
            api_key=api_key,
            headers=headers,
            price=price,
            concurrency=concurrency,
        )

    async def rate(self, text: str) -> Rated:
        """The scores of the text's marked steps, each the probability of the last class: sound.

        Raises:
            BadReply: not a list of probabilities.
            ProviderError: the server failed.
        """
        said, usage = await self._asked({"input": text})
        return Rated(_scores(said), usage)


def _scores(said: dict[str, Any]) -> tuple[float, ...]:
    try:
        (row,) = msgspec.convert(said.get("data"), list[_Row])
        found = [row.probs] if row.probs else row.data
        values = msgspec.convert(found, list[list[float] | float])
        scores = tuple(v[-1] if isinstance(v, list) else v for v in values)
    except (msgspec.ValidationError, ValueError, IndexError):
        scores = ()
    # nan fails the comparison too.
    if not 0 < len(scores) <= MOST_STEPS or not all(0.0 <= s <= 1.0 for s in scores):
        raise BadReply(
            "The server sent no probabilities of steps; serve the model as a process reward model whose scores lie "
            "in [0, 1].",
            billed=True,
        )
    return scores
