"""What is known of a server's model: stated facts first, then what the server says of itself, then the dialect's."""

from __future__ import annotations

from msgspec import Struct

from outlay.models import dialects
from outlay.models.dialects import Dialect
from outlay.models.openai_http import Http
from outlay.models.openai_server import listed, props
from outlay.models.openai_wire import ListedModel, Props
from outlay.models.provider import Card
from outlay.money import Price


class Stated(Struct, frozen=True):
    """What the user says of a model; None is left to the server or the dialect."""

    model: str
    price: Price | None
    context_tokens: int | None
    max_output_tokens: int | None
    image_tokens: int | None
    max_n: int | None
    abilities: frozenset[str] | None
    concurrency: int


async def read(http: Http, stated: Stated, dialect: Dialect | None) -> tuple[Card, Dialect]:
    """The card, and the dialect that the server speaks.

    Costs at most two requests that are free of charge; none for a stated `openai` dialect.

    Raises:
        AuthError, Unreachable, TimedOut: the server was asked and cannot be used.
    """
    entry, note = ListedModel(), ""
    if dialect is None or dialect.name != "openai":
        entry = await listed(http, stated.model)
    if dialect is None:
        dialect = dialects.named_by(entry.owned_by or "")
        note = f"dialect {dialect.name}, by what the server calls itself"
    asked = dialect.has_tokenizer and (stated.max_n is None or stated.abilities is None)
    told = await props(http) if asked else Props()
    max_n = stated.max_n or max(told.total_slots or 0, 0) or dialect.max_n
    abilities = dialect.abilities if stated.abilities is None else stated.abilities
    if stated.abilities is None and not told.chat_template_caps.get("supports_tools", True):
        # A template that shows no tools drops what is declared, in silence.
        abilities -= {"tools"}
    card = Card(
        name=stated.model,
        identity=f"openai_chat {http.base_url} {stated.model} {dialect.name}",
        abilities=abilities - ({"n"} if max_n < 2 else set()),
        context_tokens=stated.context_tokens
        or entry.max_model_len
        or (entry.meta.n_ctx if entry.meta else None),
        max_n=max_n,
        shares_prompt=True,
        hides_reasoning=dialect.hides_reasoning,
        note=note,
        price=stated.price,
        max_output_tokens=stated.max_output_tokens,
        image_tokens=stated.image_tokens,
        concurrency=stated.concurrency,
    )
    return card, dialect
