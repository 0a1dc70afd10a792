"""Contexts and their notes in words, for people."""

from __future__ import annotations

from outlay.money import nusd, show
from outlay.sleep._account import account
from outlay.sleep._worth import Record
from outlay.store.contexts import Notes


def row(record: Record) -> tuple[str, ...]:
    """A context as a line of a table."""
    known = account(record)
    live = record.live
    state = "none" if not record.notes else "dropped" if live is None else f"by {live.model}"
    offline, saved = (_cents(known[name]) for name in ("offline_usd", "saved_usd"))
    even = known["break_even_questions"]
    kept = record.context
    return (
        kept.id,
        kept.name,
        f"{len(kept.text):,}",
        f"{known['questions_with_notes']} + {known['questions_without']}",
        state + (" (marked)" if live is not None and live.mark else ""),
        show(0) if not record.notes else offline,
        saved,
        "unknown" if even is None else f"at {even:,.1f} questions",
    )


def _cents(usd: float | None) -> str:
    if usd is None:
        return "unknown"
    return f"-{show(nusd(-usd))}" if usd < 0 else show(nusd(usd))


def about(notes: Notes) -> str:
    """Who wrote notes, what they cost, and what to mind."""
    said = [
        f"notes by {notes.model if notes.author == 'model' else notes.author}, {len(notes.text):,} characters",
        f"{notes.rewrites} rewrites, {show(notes.paid_nusd)} offline",
    ]
    if notes.mark:
        said.append(f"marked: they say {notes.mark!r}, which reads like an instruction")
    if notes.dropped:
        said.append(f"dropped: {notes.dropped}")
    return "; ".join(said)


def told(record: Record) -> str:
    """What notes on a context cost offline and saved online."""
    known = account(record)
    even = known["break_even_questions"]
    asked = f"{known['questions_with_notes']} questions with notes, {known['questions_without']} without"
    if known["saved_usd"] is None:
        return f"{asked}; what the notes save is unknown until there are priced questions of both kinds."
    back = (
        "they never pay back at this rate"
        if even is None
        else f"they have paid back after {even:,.1f} questions"
    )
    return (
        f"{asked}; offline {_cents(known['offline_usd'])}, saved online {_cents(known['saved_usd'])}; {back}."
    )
