"""List the models: what they can do, what they cost, and who says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outlay.cli._inventory import Listed


def models(name: str | None = None, *, json: bool = False) -> None:
    """List the models known here: local ones, configured ones, recordings.

    Listing asks nobody and starts nothing. A NAME is opened and asked what it
    can do, which is free; a local model's price is measured if it never was.

    Example: outlay models local/qwen2.5-coder-0.5b

    Parameters
    ----------
    name:
        A model to open: local/NAME, local/PATH.gguf, recorded/FILE, a name of outlay.toml, or a server's.
    json:
        Print JSON instead of a table.
    """
    from outlay.cli import _inventory, _terminal

    found = asyncio.run(_inventory.everything()) if name is None else [asyncio.run(_inventory.opened(name))]
    if json:
        import msgspec

        plain = msgspec.to_builtins(found)
        _terminal.json(plain if name is None else plain[0])
    elif name is None:
        _list(found)
    else:
        _describe(found[0])


def _list(found: list[Listed]) -> None:
    """A table a group; what all rows of a group share stands under it."""
    from outlay.cli import _terminal

    for group in dict.fromkeys(m.group for m in found):
        rows = [m for m in found if m.group == group]
        columns = ("model", "what it is", "here", "licence", "$ a million tokens")
        _terminal.rows(group, columns, ((m.name, m.what, m.here, m.licence, _price(m)) for m in rows))
        sets = dict.fromkeys(m.abilities for m in rows)
        for abilities in sets:
            seen = "seen when one is opened: outlay models NAME" if abilities is None else ", ".join(abilities)
            whose = (
                "" if len(sets) == 1 else f" of {', '.join(m.name for m in rows if m.abilities == abilities)}"
            )
            _terminal.note(f"Abilities{whose}: {seen}")
        for source in dict.fromkeys(_source(m) for m in rows if m.input_usd_per_mtok is not None):
            _terminal.note(f"Price from: {source}")


def _price(m: Listed) -> str:
    if m.input_usd_per_mtok is None or m.output_usd_per_mtok is None:
        return "unknown"
    return f"{m.input_usd_per_mtok:.4g} in, {m.output_usd_per_mtok:.4g} out"


def _source(m: Listed) -> str:
    return ", ".join(part for part in (m.price_source, m.price_date) if part) or "–"


def _describe(m: Listed) -> None:
    from outlay.cli._terminal import rows
    from outlay.models.provider import ABILITIES

    facts: list[tuple[str, Any]] = [
        ("what it is", m.what),
        ("context tokens", m.context_tokens or "unknown"),
        ("most choices a request", m.max_n),
        ("$ per million tokens", _price(m)),
        ("price from", _source(m)),
        ("licence", m.licence or "unknown"),
    ]
    rows(m.name, ("fact", "value"), ((k, str(v)) for k, v in facts))
    has = m.abilities or ()
    rows(
        "",
        ("ability", "has it", "meaning"),
        ((a, "yes" if a in has else "no", ABILITIES[a]) for a in ABILITIES),
    )
