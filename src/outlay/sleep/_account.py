"""The account of a context: what its notes cost offline, what they saved online, and when they break even."""

from __future__ import annotations

from math import isfinite
from typing import Any

import msgspec

from outlay.money import usd
from outlay.sleep._worth import Record, ledger


def account(record: Record) -> dict[str, Any]:
    """The account as plain data, in dollars; null is what was not measured, or never happens.

    `saved_usd` is the noted questions times the difference of the mean costs without and with notes;
    `break_even_questions` the questions after which the notes have paid back. These are means of different questions:
    where their mix changed, so did the saving. What replaced or dropped notes cost counts too.

    Args:
        record: of one context.

    Returns:
        Fields of JSON, the notes among them without the context's text.
    """
    known, context = ledger(record), record.context
    investment = known.investment
    even = None if investment is None else investment.break_even().uses
    return {
        "id": context.id,
        "object": "outlay.context",
        "tenant": context.tenant,
        "name": context.name,
        "characters": len(context.text),
        "source": context.source,
        "expected_questions": context.expected,
        "level": context.level,
        "created_us": context.created_us,
        "questions_with_notes": known.n_noted,
        "questions_without": known.n_plain,
        "cost_with_notes_usd": _usd(known.noted_nusd),
        "cost_without_usd": _usd(known.plain_nusd),
        "offline_usd": usd(known.offline_nusd),
        "saved_usd": _usd(known.saving_nusd),
        "break_even_questions": even if even is not None and isfinite(even) else None,
        "notes": [_notes(n) for n in record.notes],
    }


def _notes(notes: Any) -> dict[str, Any]:
    fields = msgspec.to_builtins(notes)
    left_out = ("tenant", "context_id", "paid_nusd")
    return {k: v for k, v in fields.items() if k not in left_out} | {"paid_usd": usd(notes.paid_nusd)}


def _usd(nusd: float | None) -> float | None:
    return None if nusd is None else nusd / 1e9
