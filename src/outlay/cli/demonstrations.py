"""List and forget what a cascade keeps: solved questions that are shown to the small model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cyclopts import App

if TYPE_CHECKING:
    from outlay.store.sqlite import Sqlite

demonstrations = App(
    "demonstrations",
    help="""List and forget what a cascade keeps: solved questions that are shown to the small model.

Example: outlay demonstrations list
""",
)
SHOWN_CHARS = 60


@demonstrations.command(name="list")
def show_all(*, limit: int = 100, tenant: str = "local", json: bool = False) -> None:
    """List demonstrations, the newest first.

    Example: outlay demonstrations list --json

    Parameters
    ----------
    limit:
        The most that are listed.
    tenant:
        Whose.
    json:
        Print a JSON array with everything that is kept of each.
    """
    from outlay.cli import _terminal
    from outlay.errors import UsageError

    if limit < 1:
        raise UsageError("At least one is listed: --limit is a number from 1 up.")
    found = asyncio.run(_with(lambda store: store.demonstrations(tenant, limit=limit)))
    if json:
        _terminal.json(found)
        return
    columns = ("source", "step", "asked", "answered", "model", "kept")
    _terminal.rows(_counted(len(found)), columns, map(_row, found))
    if found:
        _terminal.note("outlay demonstrations forget SOURCE deletes those of one question or episode.")


@demonstrations.command
def forget(source: str | None = None, *, everything: bool = False, tenant: str = "local") -> None:
    """Forget the demonstrations of a question or an episode, or all of a tenant's.

    The answers that they came from stay in the ledger.

    Example: outlay demonstrations forget --everything --tenant acme

    Parameters
    ----------
    source:
        The question or episode, as the list names it.
    everything:
        Forget all of them.
    tenant:
        Whose.
    """
    from outlay.cli._terminal import note
    from outlay.errors import UsageError

    if (source is None) != everything:
        raise UsageError("Name one source of `outlay demonstrations list`, or say --everything.")
    gone = asyncio.run(_with(lambda store: store.forget_demonstrations(tenant, source=source)))
    if not gone and not everything:
        raise UsageError(
            f"{tenant} has no demonstration of {source!r}; `outlay demonstrations list` shows all."
        )
    note(f"{_counted(gone)} of {tenant} {'is' if gone == 1 else 'are'} forgotten.")


def _row(kept: dict[str, Any]) -> tuple[str, ...]:
    """A demonstration as cells. Of an episode's step what was seen is told; of a question, what was asked."""
    asked = " ".join((kept["observation"] or kept["goal"]).split())
    answered = " ".join(kept["action"].split())
    at = datetime.fromtimestamp(kept["at_us"] / 1e6, UTC)
    model = kept["model"][:SHOWN_CHARS]
    return (
        kept["source"],
        str(kept["position"]),
        asked[:SHOWN_CHARS],
        answered[:SHOWN_CHARS],
        model,
        f"{at:%Y-%m-%d %H:%M}",
    )


def _counted(n: int) -> str:
    return f"{n:,} demonstration{'' if n == 1 else 's'}"


async def _with(use: Callable[[Sqlite], Awaitable[Any]]) -> Any:
    from outlay import config
    from outlay.store.sqlite import Sqlite

    store = await Sqlite.open(config.database())
    try:
        return await use(store)
    finally:
        await store.close()
