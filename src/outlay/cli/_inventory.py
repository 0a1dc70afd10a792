"""Every model that is known on this machine, and what one that is opened says of itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec import Struct

from outlay import config
from outlay.cli._prices import known
from outlay.money import Price, usd

LOCAL, SERVERS, RECORDED = "Models of this machine", "Models of servers", "Recorded samples"


class Listed(Struct, frozen=True):
    """A model for people and `--json`. None is unknown: a price, or abilities that only opening it shows."""

    group: str
    name: str
    what: str
    here: str = ""
    licence: str = ""
    abilities: tuple[str, ...] | None = None
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    price_source: str = ""
    price_date: str = ""
    context_tokens: int | None = None
    max_n: int | None = None


async def everything() -> list[Listed]:
    """Configured models, files that are here or can be pulled, shipped recordings. Asks nobody, starts nothing.

    Raises:
        UsageError: `outlay.toml` or the price book is damaged.
    """
    from outlay.models.recording_file import shipped

    return [*_configured(), *_local(), *[await _recording(name) for name in shipped()]]


async def opened(name: str) -> Listed:
    """What a model says of itself. A local one's price is measured if it never was, which starts its server.

    Raises:
        UsageError: there is no such model.
        ProviderError: its server cannot be used.
    """
    from outlay.models.open import open_model

    provider = open_model(name, config.read())
    try:
        card = await provider.card()
    finally:
        await provider.close()
    return _priced(
        "Opened",
        card.price,
        name=name,
        what=" · ".join(filter(None, (card.name, card.note))),
        here="yes",
        licence=_licence(name),
        abilities=tuple(sorted(card.abilities)),
        context_tokens=card.context_tokens,
        max_n=card.max_n,
    )


def _configured() -> Iterator[Listed]:
    read = config.read()
    for name, entry in read.models.items():
        host = urlsplit(entry.base_url or os.environ.get("OPENAI_BASE_URL", "")).hostname or "api.openai.com"
        yield _priced(
            SERVERS, known(name, read), name=name, what=f"{entry.model} at {host}", here="outlay.toml"
        )


def _local() -> Iterator[Listed]:
    from outlay.models.catalogue import CATALOGUE, folder, path_of
    from outlay.models.local import ABILITIES, abilities_of

    read = config.read()
    for name, entry in CATALOGUE.items():
        here = "yes" if path_of(name).is_file() else f"outlay pull {name}"
        can = ABILITIES | {"tools"} if entry.tools else ABILITIES
        yield _priced(
            LOCAL,
            known(f"local/{name}", read),
            name=f"local/{name}",
            here=here,
            licence=entry.licence,
            what=f"{entry.title}, {entry.size_bytes / 1e6:,.0f} MB",
            abilities=tuple(sorted(can)),
        )
    for path in sorted(folder().glob("*.gguf")):
        if path.stem not in CATALOGUE:
            yield _priced(
                LOCAL,
                known(f"local/{path.stem}", read),
                name=f"local/{path.stem}",
                here="yes",
                what=f"{path.stat().st_size / 1e6:,.0f} MB",
                abilities=tuple(sorted(abilities_of(path))),
            )


async def _recording(name: str) -> Listed:
    from outlay.models.recorded import recorded
    from outlay.models.recording_file import read

    recording = read(name)
    card = await recorded(recording).card()
    return _priced(
        RECORDED,
        card.price,
        name=f"recorded/{name}",
        here="yes",
        abilities=tuple(sorted(card.abilities)),
        what=f"{recording.model} on {recording.task}: {len(recording.questions)} questions × {card.max_n}",
    )


def _priced(
    group: str,
    price: Price | None,
    *,
    name: str,
    what: str,
    here: str,
    licence: str = "",
    abilities: tuple[str, ...] | None = None,
    context_tokens: int | None = None,
    max_n: int | None = None,
) -> Listed:
    if price is None:
        return Listed(group, name, what, here, licence, abilities, context_tokens=context_tokens, max_n=max_n)
    return Listed(
        group,
        name,
        what,
        here,
        licence,
        abilities,
        usd(price.input_nusd_per_mtok),
        usd(price.output_nusd_per_mtok),
        price.source,
        price.date,
        context_tokens,
        max_n,
    )


def _licence(name: str) -> str:
    from outlay.models.catalogue import CATALOGUE

    entry = CATALOGUE.get(name.removeprefix("local/"))
    return entry.licence if entry else ""
