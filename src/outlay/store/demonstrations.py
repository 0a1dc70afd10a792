"""Demonstrations in the store: kept with the answer they come from, found by their vectors, deleted whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from outlay.store import vectors
from outlay.store.kept import CascadeStep, Demonstration, Kept
from outlay.store.vectors import Entry

MOST_STEPS, MOST_AUDITS = 20_000, 2_000
"""How many of the newest steps of a cascade are remembered in one stream, and how many audits, however old."""
_ADD = (
    "INSERT INTO demonstrations (tenant, space, id, source, position, goal, plan, observation, reasoning, action, "
    "model, prompts, verified, trace_id, at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (tenant, space, id) DO NOTHING"
)
_SHOWN = "source, position, goal, plan, observation, reasoning, action, verified"
_ONE = "SELECT source, position FROM demonstrations WHERE tenant = ? AND space = ? AND id = ?"
_WINDOW = (
    f"SELECT {_SHOWN} FROM demonstrations WHERE tenant = ? AND space = ? AND source = ? "
    "AND position BETWEEN ? AND ? ORDER BY position"
)
_DELETE = "DELETE FROM demonstrations WHERE tenant = ? AND space = ? AND id = ?"
_OF_TENANT = (
    "SELECT space, id FROM demonstrations WHERE tenant = ? AND (source = ? OR CAST(? AS TEXT) IS NULL) "
    "ORDER BY space"
)
_OF_ANSWER = "SELECT space, id FROM demonstrations WHERE trace_id = ? AND tenant = ? ORDER BY space"
_SOLUTIONS = (
    "SELECT space, id, action FROM demonstrations WHERE tenant = ? AND source = ? AND space LIKE 'answers%' "
    "ORDER BY space, id"
)
_LISTED = (
    f"SELECT space, {_SHOWN}, model, prompts, trace_id, at_us FROM demonstrations WHERE tenant = ? "
    "ORDER BY at_us DESC, space, source, position LIMIT ?"
)
_LAST_STEP = "SELECT COALESCE(MAX(seq), 0) FROM cascade_steps WHERE tenant = ? AND stream = ?"
_ADD_STEP = (
    "INSERT INTO cascade_steps (tenant, stream, seq, outcome, small_nusd, large_nusd, at_us) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_OLD_STEPS = (
    "DELETE FROM cascade_steps WHERE tenant = ? AND stream = ? AND seq <= ? "
    "AND outcome NOT IN ('matched', 'differed')"
)
_STEPS = (
    "SELECT outcome, small_nusd, large_nusd FROM cascade_steps WHERE tenant = ? AND stream = ?{} "
    "ORDER BY seq DESC LIMIT ?"
)
_AUDITED = " AND outcome IN ('matched', 'differed')"
_OLD_AUDITS = (
    f"DELETE FROM cascade_steps WHERE tenant = ? AND stream = ?{_AUDITED} AND seq <= "
    f"(SELECT seq FROM cascade_steps WHERE tenant = ? AND stream = ?{_AUDITED} "
    "ORDER BY seq DESC LIMIT 1 OFFSET ?)"
)


def keep(db: sqlite3.Connection, tenant: str, kept: Kept, trace_id: str, at_us: int) -> None:
    """Write what an answer leaves behind, and drop what is beyond the bounds."""
    spaces: dict[str, list[Demonstration]] = {}
    for demonstration in kept.demonstrations:
        spaces.setdefault(demonstration.space, []).append(demonstration)
    for space, made in spaces.items():
        for d in made:
            told = (d.goal, d.plan, d.observation, d.reasoning, d.action, d.model, d.prompts, int(d.verified))
            db.execute(_ADD, (tenant, space, d.id, d.source, d.position, *told, trace_id, at_us))
        gone = vectors.add(db, tenant, space, [Entry(d.id, d.source, d.vector) for d in made], kept.most)
        db.executemany(_DELETE, [(tenant, space, id) for id in gone])
    for step in kept.steps:
        _keep_step(db, tenant, step, at_us)


def with_windows(
    db: sqlite3.Connection, tenant: str, space: str, hits: Sequence[tuple[str, float]], window: int
) -> list[list[dict[str, Any]]]:
    """Each hit with the steps around it in its episode."""
    found = []
    for id, score in hits:
        row = db.execute(_ONE, (tenant, space, id)).fetchone()
        if row is None:
            continue
        source, position = row
        around = db.execute(_WINDOW, (tenant, space, source, position - window, position + window)).fetchall()
        names = _SHOWN.split(", ")
        found.append([dict(zip(names, r, strict=True)) | {"score": round(score, 6)} for r in around])
    return found


def listed(db: sqlite3.Connection, tenant: str, limit: int) -> list[dict[str, Any]]:
    """The newest demonstrations of a tenant."""
    names = ["space", *_SHOWN.split(", "), "model", "prompts", "trace_id", "at_us"]
    return [dict(zip(names, row, strict=True)) for row in db.execute(_LISTED, (tenant, limit))]


def forget(db: sqlite3.Connection, tenant: str, source: str | None) -> int:
    """Delete a tenant's demonstrations, or those of one source; returns how many."""
    return _delete(db, tenant, db.execute(_OF_TENANT, (tenant, source, source)).fetchall())


def forget_answer(
    db: sqlite3.Connection, tenant: str, trace_id: str, also: Sequence[tuple[str, str]] = ()
) -> int:
    """Delete the demonstrations that an answer left behind, and further ones by space and id; returns how many."""
    named = [place for place in also if db.execute(_ONE, (tenant, *place)).fetchone()]
    found = dict.fromkeys([*db.execute(_OF_ANSWER, (trace_id, tenant)).fetchall(), *named])
    return _delete(db, tenant, list(found))


def solutions(db: sqlite3.Connection, tenant: str, source: str) -> list[tuple[str, str, str]]:
    """Space, id and action of what single answers to a question left behind; an episode's steps have observations."""
    return db.execute(_SOLUTIONS, (tenant, source)).fetchall()


def steps(
    db: sqlite3.Connection, tenant: str, stream: str, limit: int, audited: bool
) -> list[tuple[str, int | None, int | None]]:
    """The newest steps, or audits, of a stream, the oldest of them first."""
    return db.execute(_STEPS.format(_AUDITED if audited else ""), (tenant, stream, limit)).fetchall()[::-1]


def _delete(db: sqlite3.Connection, tenant: str, found: Sequence[tuple[str, str]]) -> int:
    spaces: dict[str, list[str]] = {}
    for space, id in found:
        spaces.setdefault(space, []).append(id)
    for space, ids in spaces.items():
        vectors.remove(db, tenant, space, ids)
        db.executemany(_DELETE, [(tenant, space, id) for id in ids])
    return len(found)


def _keep_step(db: sqlite3.Connection, tenant: str, step: CascadeStep, at_us: int) -> None:
    seq = db.execute(_LAST_STEP, (tenant, step.stream)).fetchone()[0] + 1
    values = (tenant, step.stream, seq, step.outcome, step.small_nusd, step.large_nusd, at_us)
    db.execute(_ADD_STEP, values)
    db.execute(_OLD_STEPS, (tenant, step.stream, seq - MOST_STEPS))
    if step.outcome in ("matched", "differed"):
        db.execute(_OLD_AUDITS, (tenant, step.stream, tenant, step.stream, MOST_AUDITS))
