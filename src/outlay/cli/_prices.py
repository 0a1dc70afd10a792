"""What a model costs as far as this machine knows: nobody is asked and no server is started."""

from __future__ import annotations

import os
from pathlib import Path

from outlay.config import Config, ModelEntry
from outlay.money import Price


def known(name: str, config: Config) -> Price | None:
    """The price of a model as users or the ledger name it; None where it is unknown, or not measured yet.

    A model of `outlay.toml` is found by its name there or by the server's name for it.

    Raises:
        UsageError: `outlay.toml` gives half a price, or the price book is damaged.
    """
    head, _, rest = name.partition("/")
    if head == "local":
        return _local(rest)
    if head == "recorded":
        return _recorded(rest)
    from outlay.models.endpoints import OPENAI
    from outlay.models.open import price_of

    named = [e for key, e in config.models.items() if name in (key, e.model)]
    entry = named[0] if named else ModelEntry(model=rest if head == "openai" and rest else name)
    return price_of(entry, entry.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI)


def _local(model: str) -> Price | None:
    """The frozen price of a file that is here, at the slots that outlay opens it with."""
    from outlay.errors import UsageError
    from outlay.models import digest, price_book
    from outlay.models.catalogue import installed
    from outlay.models.cores import cores
    from outlay.models.local import SLOTS

    try:
        path = installed(model)
    except UsageError:
        return None
    return price_book.find(digest.sha256(path), SLOTS, cores())


def _recorded(rest: str) -> Price | None:
    """By file or shipped name, or as the ledger writes it: MODEL on TASK."""
    from outlay.models.recording_file import read, shipped

    model, on, task = rest.partition(" on ")
    if not on:
        return read(rest).price if rest in shipped() or Path(rest).is_file() else None
    return next((r.price for r in map(read, shipped().values()) if (r.model, r.task) == (model, task)), None)
