"""What a call can use at most, before it is made: input and output bounds, seeds and cache keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

import msgspec

from outlay.budget import Amount, Budget
from outlay.errors import BudgetExceeded, ContextFull, UnknownPrice
from outlay.models.provider import Card, Provider
from outlay.money import worst_nusd
from outlay.types import Message, Request, Sampling

MIN_OUTPUT_TOKENS = 64
"""A derived output bound below this is refused: it would buy a truncated sample."""
DEFAULT_OUTPUT_TOKENS = 4096
"""The output bound where neither the buyer, the card nor the budget names one (our choice)."""
MESSAGE_OVERHEAD = 16
"""Input tokens a message can cost beyond its bytes: role and separators."""

IMAGE_TOKENS = 1_445
"""What an image is reserved at where `image_tokens` of its model is not set: GPT-4o's rule, 85 + 170 for each of the at
most 8 tiles of a large image in full detail. Others charge more, so nothing in dollars rests on it (`open_ended`)."""

REFERENCES = frozenset({"file", "input_file", "audio_url", "video_url"})
"""Parts of a message that can stand for more tokens than they have bytes."""

UNREAD = frozenset({
    "logit_bias", "metadata", "modalities", "parallel_tool_calls", "prompt_cache_key", "reasoning_effort",
    "safety_identifier", "service_tier", "store", "tool_choice", "user", "verbosity",
})  # fmt: skip
"""Fields of OpenAI's that no model reads as a prompt; a word of them costs nothing."""

_encoder = msgspec.json.Encoder(order="deterministic")


BYTES_A_TOKEN = 3
"""What a token is taken for where a prompt's bytes alone would fill the context (our choice; prose has 4 to 5)."""


async def input_bound(
    provider: Provider | None, card: Card, request: Request, *, capped_money: bool
) -> tuple[int, bool]:
    """Input tokens of a request, and whether they were counted by the model's tokenizer.

    Where they were not, they are the UTF-8 bytes + 16 a message: a token is at least one byte of text in every
    tokenizer in use, so bytes never undercount. An image is `image_tokens` of its model, else `IMAGE_TOKENS`.

    Raises:
        UnknownPrice: money is capped and the model has no price, or the card does not say what an image costs.
    """
    if card.price is None and capped_money:
        raise UnknownPrice(
            f"The budget caps money and the price of {card.name} is unknown; {price_line(card)}."
        )
    images = count_images(request.messages)
    if images and card.image_tokens is None and capped_money:
        raise UnknownPrice(
            f"The budget caps money, and what an image costs of {card.name} is unknown; send none, or set image_tokens "
            f"of the model in outlay.toml."
        )
    if capped_money and any(map(_by_reference, request.messages)):
        raise UnknownPrice(
            "The budget caps money, and what a file, a sound or a film costs is unknown; send none."
        )
    if provider is not None and not images:
        counted = await provider.count_input(request)
        if counted is not None:
            return counted, True
    text = text_bound(request.messages, request.sampling, request.prefix)
    return text + images * image_tokens(card), False


def count_images(messages: Sequence[Message]) -> int:
    """How many images the messages hold."""
    return sum(map(_images, messages))


def image_tokens(card: Card) -> int:
    """The input tokens that an image is reserved at: what the model's entry says, else `IMAGE_TOKENS`."""
    return IMAGE_TOKENS if card.image_tokens is None else card.image_tokens


def open_ended(card: Card, messages: Sequence[Message]) -> bool:
    """Whether nobody knows what messages cost at most, though the model's price is known: images, files, sounds.

    Example:
        >>> from outlay.money import FREE, Price
        >>> image = {"role": "user", "content": [{"type": "image_url"}]}
        >>> [open_ended(Card("m", "m", frozenset(), price), [image]) for price in (Price(1, 1), FREE)]
        [True, False]
    """
    if card.price is None or card.price.input_nusd_per_mtok == 0:
        return False
    unknown = card.image_tokens is None and count_images(messages) > 0
    return unknown or any(map(_by_reference, messages))


def text_bound(messages: Sequence[Message], sampling: Sampling, prefix: str | None = None) -> int:
    """The most input tokens of messages, prefix and fields without images: bytes + 16 a message.

    Tools and an answer schema are read by the model, and so may any other field be that holds a text, a list or an
    object, but for those in `UNREAD` (vLLM reads `documents`).
    """
    text = sum(len(_encoder.encode(_without_images(m))) + MESSAGE_OVERHEAD for m in messages)
    parts = (p for name, p in sampling.extra.items() if name not in UNREAD and isinstance(p, str | list | dict))
    return text + sum(len(_encoder.encode(p)) for p in parts if p) + len((prefix or "").encode())


def output_bound(
    sampling: Sampling, card: Card, budget: Budget, input_tokens: int, *, planned: int, counted: bool = True
) -> int:
    """The most output tokens of one sample, when `planned` calls are still to come.

    The buyer's own bound, within the context; without one, the least of the model card, the context left and what
    the remaining budget buys for each planned call. Where the input was not `counted`, how much of the context is left
    is not known: the buyer's own bound is not cut by it, and the server says whether both fit.

    Raises:
        ContextFull: the prompt leaves no room for an answer.
        BudgetExceeded: a derived bound would be below 64 tokens.
    """
    if sampling.max_output_tokens is not None:
        room = _room(card, input_tokens) if counted else card.context_tokens
        return min(x for x in (sampling.max_output_tokens, room, card.max_output_tokens) if x is not None)
    room = _room(card, input_tokens)
    if room is not None and room < MIN_OUTPUT_TOKENS and not counted:
        room = _room(card, -(-input_tokens // BYTES_A_TOKEN))
    if room is not None and room < MIN_OUTPUT_TOKENS:
        raise ContextFull(
            f"The prompt can take {input_tokens:,} of the {card.context_tokens:,} tokens that {card.name} holds, "
            f"which leaves no room for an answer; shorten it."
        )
    bound = min(_most(card, budget, input_tokens, planned, room), default=DEFAULT_OUTPUT_TOKENS)
    if bound < MIN_OUTPUT_TOKENS:
        raise BudgetExceeded(
            f"The budget buys only {bound} output tokens a call for {planned} calls; raise it, or "
            f"ask for fewer samples or a bound of your own."
        )
    return bound


def _room(card: Card, input_tokens: int) -> int | None:
    """What is left of the context."""
    return None if card.context_tokens is None else max(card.context_tokens - input_tokens, 1)


def _most(card: Card, budget: Budget, input_tokens: int, planned: int, room: int | None) -> list[int]:
    """What bounds the output of each of `planned` calls: the card, the context left, the budget left."""
    bounds = [x for x in (card.max_output_tokens, room) if x is not None]
    left_tokens = budget.left("output_tokens")
    if left_tokens is not None:
        bounds.append(left_tokens // planned)
    left_nusd = budget.left("nusd")
    if left_nusd is not None and card.price is not None and card.price.output_nusd_per_mtok > 0:
        prompts = planned if not card.shares_prompt else -(-planned // card.max_n)
        spare = left_nusd - prompts * worst_nusd(card.price, input_tokens, 0)
        bounds.append(max(spare, 0) * 1_000_000 // (card.price.output_nusd_per_mtok * planned))
    return bounds


def amount(card: Card, *, prompts: int, input_tokens: int, n: int, output_tokens: int) -> Amount:
    """The worst case of `n` samples of at most `output_tokens` each, whose prompt is read `prompts` times."""
    total_in, total_out = prompts * input_tokens, n * output_tokens
    price = None if card.price is None else worst_nusd(card.price, total_in, total_out)
    return Amount(price, total_in, total_out, n)


def price_line(card: Card) -> str:
    """What to write into outlay.toml so that a model has a price."""
    name = json.dumps(card.name, ensure_ascii=False)
    return (
        f"add [models.{name}] to outlay.toml with model = {name}, input_usd_per_mtok = … and "
        f"output_usd_per_mtok = …, or with free = true"
    )


def seed_of(*parts: object) -> int:
    """A 31-bit seed that depends on every part: run seed, question, role and sample index.

    With one seed for several questions, sample i of each would follow the same random stream (draws correlate).
    """
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def cache_keys(
    tenant: str,
    card: Card,
    messages: Sequence[Message],
    prefix: str | None,
    sampling: Sampling,
    max_output_tokens: int,
    seeds: Iterable[tuple[int, int | None]],
) -> list[str]:
    """Call-cache keys of (sample index, seed) pairs: tenant, model, whole body, seed and index."""
    body = hashlib.blake2b(
        _encoder.encode([tenant, card.identity, messages, prefix, sampling, max_output_tokens]), digest_size=20
    )
    keys = []
    for index, seed in seeds:
        one = body.copy()
        one.update(f"{index}:{seed}".encode())
        keys.append(one.hexdigest())
    return keys


def _images(message: Message) -> int:
    content = message.get("content")
    if not isinstance(content, list):
        return 0
    return sum(1 for part in content if isinstance(part, dict) and "image" in str(part.get("type", "")))


def _by_reference(message: Message) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(part.get("type") in REFERENCES for part in content)


def _without_images(message: Message) -> Message:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [p for p in content if "image" not in str(p.get("type", ""))]}
