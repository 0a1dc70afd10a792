"""Contexts and notes as rows. Every verb takes the tenant: nothing of one is ever found for another."""

from __future__ import annotations

import hashlib
import sqlite3

import msgspec
from msgspec import Struct

from outlay.errors import UsageError
from outlay.store import sleep_statements as sql

LEAST_CHARS = 16
"""A shorter text has nothing to work out beforehand (our choice), and its beginning finds it."""
MOST_CHARS = 400_000
"""About 100,000 tokens: what today's models read at once (our choice)."""
MOST_CONTEXTS = 1_000
"""Of a tenant (our choice). Beyond it the oldest one that was only seen, and has no notes, makes room."""


class Context(Struct, frozen=True):
    """A text that questions come back to."""

    id: str
    tenant: str
    name: str
    text: str
    source: str
    """`added` by somebody, or `seen` to come back."""
    expected: int | None
    """Questions expected on it; None: nobody said."""
    level: int | None
    """Verbosity of answers on it, 0 to 4; None: the framing's own."""
    created_us: int


class Notes(Struct, frozen=True):
    """What was worked out beforehand on a context. `paid_nusd` None: a price was unknown."""

    tenant: str
    context_id: str
    prompts: str
    model: str
    text: str
    author: str = "model"
    mark: str = ""
    """What in them reads like an instruction; empty: nothing does."""
    rewrites: int = 0
    paid_nusd: int | None = 0
    input_tokens: int = 0
    output_tokens: int = 0
    job_id: str = ""
    at_us: int = 0
    dropped: str = ""
    """Why they are no longer used; empty: they are."""


class Use(Struct, frozen=True):
    """One answered question on a context."""

    id: str
    tenant: str
    context_id: str
    noted: int
    level: int | None
    cost_nusd: int | None
    input_tokens: int
    output_tokens: int
    foreseen: float
    at_us: int


def context_id(text: str) -> str:
    """The id of a text: the same text is the same context.

    Example:
        >>> context_id("A box holds 6 rows of 7 eggs.")
        'ctx_8554adfc6b5c7e89c7e7'
    """
    return f"ctx_{hashlib.blake2b(text.encode(), digest_size=10).hexdigest()}"


def heads_of(text: str) -> list[str]:
    """Hashes of how a text begins, over 16, 32 … 4,096 characters; empty words in place of those it does not have."""
    lengths = [LEAST_CHARS << i for i in range(sql.HEADS)]
    return [_hash(text[:n]) if n <= len(text) else "" for n in lengths]


def head_of(text: str) -> str:
    """The hash by which a context is found: of its longest beginning among those lengths."""
    return next(head for head in reversed(heads_of(text)) if head)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def check_text(text: str) -> None:
    """Refuse a text that notes cannot be made on.

    Raises:
        UsageError: empty, too short, too long, or not text at all.
    """
    if not text.strip():
        raise UsageError("The context is empty; there is nothing to make notes on.")
    if len(text) < LEAST_CHARS:
        raise UsageError(f"The context is shorter than {LEAST_CHARS} characters; ask with it as it is.")
    if len(text) > MOST_CHARS:
        told = f"The context has {len(text):,} characters; at most {MOST_CHARS:,} are read at once: split it."
        raise UsageError(told)
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise UsageError("The context is not text: it holds bytes that no text has.")


def named_well(name: str) -> str:
    """A context's name: printable, at most 200 characters, and not like an id.

    Raises:
        UsageError: it is none.
    """
    if not name.strip() or not name.isprintable() or len(name) > 200 or name.startswith("ctx_"):
        raise UsageError(f"{name[:80]!r} cannot name a context; use up to 200 printable characters.")
    return name


def add(db: sqlite3.Connection, context: Context) -> UsageError | None:
    """Keep a context, in the place of another text of its name, whose notes are of no use any more."""
    for old in _of(db, context.tenant, context.name):
        if old.id != context.id and old.name == context.name:
            delete(db, context.tenant, old.id)
    (known,) = db.execute(sql.COUNT_CONTEXTS, (context.tenant,)).fetchone()
    if known >= MOST_CONTEXTS and not _of(db, context.tenant, context.id):
        oldest = db.execute(sql.OLDEST_SEEN, (context.tenant,)).fetchone()
        if oldest is None:
            return UsageError(f"There are {known:,} contexts already; delete one first.")
        delete(db, context.tenant, oldest[0])
    values = (context.id, context.tenant, context.name, context.text, context.source, context.expected)
    db.execute(sql.ADD_CONTEXT, (*values, context.level, context.created_us, head_of(context.text)))
    return None


def named(db: sqlite3.Connection, tenant: str, name: str) -> Context | None:
    """The tenant's context with this id or name, or None."""
    found = _of(db, tenant, name)
    return found[0] if found else None


def listed(db: sqlite3.Connection, tenant: str | None) -> list[Context]:
    """The contexts of a tenant, or of all, the oldest first."""
    return [Context(*row) for row in db.execute(sql.CONTEXTS, (tenant, tenant)).fetchall()]


def held_by(db: sqlite3.Connection, tenant: str, starts: tuple[str, ...]) -> Context | None:
    """The longest of the tenant's contexts that one of the texts begins with; of two texts, the first one's."""
    for text in starts:
        row = db.execute(sql.HELD_BY, (tenant, *heads_of(text), text)).fetchone()
        if row is not None:
            return Context(*row)
    return None


def delete(db: sqlite3.Connection, tenant: str, id: str) -> None:
    """Forget a context with its notes and uses. What was paid stays in the ledger."""
    for statement in (sql.DELETE_CONTEXT, sql.DELETE_NOTES_OF, sql.DELETE_USES_OF):
        db.execute(statement, (tenant, id))
    db.execute(sql.DELETE_JOBS_OF, (tenant, id, id))


def put_notes(db: sqlite3.Connection, notes: Notes) -> None:
    """Keep notes in the place of those of the same context, prompts and model."""
    db.execute(sql.PUT_NOTES, msgspec.structs.astuple(notes))


def notes_of(db: sqlite3.Connection, tenant: str, id: str) -> list[Notes]:
    """The notes of a context, the newest first, dropped ones too."""
    return [Notes(*row) for row in db.execute(sql.NOTES_OF, (tenant, id)).fetchall()]


def uses_of(db: sqlite3.Connection, tenant: str, id: str) -> list[Use]:
    """The answered questions on a context, in order."""
    return [Use(*row) for row in db.execute(sql.USES_OF, (tenant, id)).fetchall()]


def _of(db: sqlite3.Connection, tenant: str, name: str) -> list[Context]:
    return [Context(*row) for row in db.execute(sql.CONTEXT_NAMED, (tenant, name, name, name)).fetchall()]
