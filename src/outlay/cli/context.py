"""Add, list, show, edit, export and delete contexts with their notes, and set what may be spent on them offline."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from outlay.sleep._worth import Record
    from outlay.store.contexts import Context, Notes
    from outlay.store.sqlite import Sqlite

context = App(
    "context",
    help="""Keep texts that questions come back to, with the notes made on them.

Example: outlay context add handbook.md --questions 200
""",
)


@context.command
def add(
    file: Path,
    *,
    name: str | None = None,
    questions: int | None = None,
    level: int | None = None,
    tenant: str = "local",
) -> None:
    """Keep a text that questions come back to.

    Another text of the same name takes its place, and its notes are deleted,
    for they are stale. Notes are made by outlay sleep, once the tenant has an
    offline budget.

    Example: outlay context add handbook.md --questions 200

    Parameters
    ----------
    file:
        The text, in UTF-8.
    name:
        What to call it; the file's name unless given.
    questions:
        How many questions are expected on it; as many as in the last seven days unless given.
    level:
        How much answers on it write with notes, 0 (one sentence) to 4 (all worked out again); 3 unless given.
    tenant:
        Whose it is.
    """
    from outlay.cli._terminal import note
    from outlay.errors import UsageError
    from outlay.store.contexts import Context, context_id, named_well

    text = _text(file)
    if (questions is not None and questions < 0) or level not in (None, 0, 1, 2, 3, 4):
        raise UsageError("Expected questions are a number from 0 up, and a level is 0 to 4.")
    called = named_well(file.name if name is None else name)
    at_us = time.time_ns() // 1000
    kept = Context(context_id(text), tenant, called, text, "added", questions, level, at_us)
    asyncio.run(_with(lambda store: store.add_context(kept)))
    note(f"{called} is {kept.id}, {len(text):,} characters.")


@context.command(name="list")
def show_all(*, tenant: str = "local", json: bool = False) -> None:
    """List contexts, with what their notes cost and saved.

    Example: outlay context list

    Parameters
    ----------
    tenant:
        Whose.
    json:
        Print a JSON array with one object a context.
    """
    from outlay.cli import _terminal
    from outlay.cli._context_words import row
    from outlay.sleep._account import account

    records = asyncio.run(_with(lambda store: _records(store, tenant)))
    if json:
        _terminal.json([account(record) for record in records])
        return
    columns = ("context", "name", "characters", "questions", "notes", "offline", "saved", "breaks even")
    title = f"{len(records)} context{'' if len(records) == 1 else 's'}"
    _terminal.rows(title, columns, map(row, records))


@context.command
def show(context: str, *, tenant: str = "local", json: bool = False) -> None:
    """Show a context's notes, what they cost offline, what they saved online, and when they have paid back.

    Example: outlay context show handbook.md

    Parameters
    ----------
    context:
        Its id or name.
    tenant:
        Whose it is.
    json:
        Print one JSON object, the notes with it.
    """
    from outlay.cli import _terminal
    from outlay.cli._context_words import about, told
    from outlay.sleep._account import account

    record = asyncio.run(_with(lambda store: _record(store, context, tenant)))
    if json:
        _terminal.json(account(record))
        return
    for notes in record.notes:
        print(_terminal.safe(notes.text))
        _terminal.note(about(notes))
    if not record.notes:
        _terminal.note("There are no notes on it yet; outlay sleep makes them where they are expected to pay.")
    _terminal.note(told(record))


@context.command
def edit(context: str, file: Path, *, tenant: str = "local") -> None:
    """Put your own text in the place of the notes in use.

    Example: outlay context edit handbook.md notes.txt

    Parameters
    ----------
    context:
        Its id or name.
    file:
        The notes, in UTF-8; at most 5,000 characters.
    tenant:
        Whose it is.
    """
    from outlay.cli._context_words import about
    from outlay.cli._terminal import note

    text = _text(file).strip()
    kept = asyncio.run(_with(lambda store: _edit(store, context, tenant, text)))
    note(about(kept))


@context.command
def export(context: str, *, tenant: str = "local") -> None:
    """Print everything that is kept of a context as one JSON object: its text, notes and questions' costs.

    Example: outlay context export handbook.md > handbook.json

    Parameters
    ----------
    context:
        Its id or name.
    tenant:
        Whose it is.
    """
    import msgspec

    from outlay.cli import _terminal

    record = asyncio.run(_with(lambda store: _record(store, context, tenant)))
    _terminal.json(msgspec.to_builtins(record))


@context.command
def delete(context: str, *, tenant: str = "local") -> None:
    """Forget a context with its notes. What they cost stays in the ledger.

    Example: outlay context delete handbook.md

    Parameters
    ----------
    context:
        Its id or name.
    tenant:
        Whose it is.
    """
    from outlay.cli._terminal import note

    gone = asyncio.run(_with(lambda store: _delete(store, context, tenant)))
    note(f"{gone.name} ({gone.id}) is deleted.")


@context.command
def budget(usd_per_day: float, *, tenant: str = "local") -> None:
    """Set what a tenant may spend offline in a day (UTC); nothing unless set, and then nothing is made by itself.

    Example: outlay context budget 0.50 --tenant acme

    Parameters
    ----------
    usd_per_day:
        Dollars a day; 0 ends it.
    tenant:
        Whose budget it is.
    """
    from outlay.cli._terminal import note
    from outlay.errors import UsageError
    from outlay.money import nusd, show

    if not 0 <= usd_per_day < 1e9:
        raise UsageError("A budget is a number of dollars from 0 up.")
    allowed = nusd(usd_per_day)
    asyncio.run(_with(lambda store: store.set_offline_budget(tenant, allowed)))
    note(f"{tenant} may spend {show(allowed)} a day offline.")


def _text(file: Path) -> str:
    """The text of a file that can be a context's; no larger file is read.

    Raises:
        UsageError: it is larger, or not UTF-8.
    """
    from outlay.errors import UsageError
    from outlay.store.contexts import MOST_CHARS

    with file.open("rb") as opened:
        data = opened.read(4 * MOST_CHARS + 1)
    if len(data) > 4 * MOST_CHARS:
        raise UsageError(f"{file} is too large: at most {MOST_CHARS:,} characters are read at once; split it.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not text in UTF-8.") from None


async def _with(use: Callable[[Sqlite], Awaitable[Any]]) -> Any:
    from outlay import config
    from outlay.store.sqlite import Sqlite

    store = await Sqlite.open(config.database())
    try:
        return await use(store)
    finally:
        await store.close()


async def _record(store: Sqlite, name: str, tenant: str) -> Record:
    from outlay.sleep._choose import record_of

    return await record_of(store, await _found(store, name, tenant))


async def _records(store: Sqlite, tenant: str) -> list[Record]:
    from outlay.sleep._choose import record_of

    return [await record_of(store, found) for found in await store.contexts(tenant)]


async def _found(store: Sqlite, name: str, tenant: str) -> Context:
    from outlay.errors import UsageError, nearest

    found = await store.context(name, tenant=tenant)
    if found is None:
        known = [c.name for c in await store.contexts(tenant)]
        told = nearest(name, known) if known else "none is kept yet."
        raise UsageError(f"There is no context {name!r}; {told}")
    return found


async def _edit(store: Sqlite, name: str, tenant: str, text: str) -> Notes:
    from outlay.sleep._edited import edited

    record = await _record(store, name, tenant)
    notes = edited(record, text, time.time_ns() // 1000)
    await store.put_notes(notes)
    return notes


async def _delete(store: Sqlite, name: str, tenant: str) -> Context:
    found = await _found(store, name, tenant)
    await store.delete_context(found.id, tenant=tenant)
    return found
