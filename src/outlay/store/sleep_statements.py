"""The SQL of contexts, notes and jobs, in the dialect that SQLite and Postgres share, positional parameters as `?`."""

HEADS = 9
"""Beginnings by which a text's contexts are looked for: 16, 32 … 4,096 characters."""

_CONTEXT = "id, tenant, name, text, source, expected, level, created_us"
ADD_CONTEXT = (
    "INSERT INTO contexts (id, tenant, name, text, source, expected, level, created_us, head) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO UPDATE SET "
    "name = excluded.name, expected = excluded.expected, level = excluded.level"
)
CONTEXT_NAMED = (
    f"SELECT {_CONTEXT} FROM contexts WHERE tenant = ? AND (id = ? OR name = ?) ORDER BY id = ? DESC"
)
CONTEXTS = (
    f"SELECT {_CONTEXT} FROM contexts WHERE tenant = ? OR CAST(? AS TEXT) IS NULL ORDER BY created_us, id"
)
COUNT_CONTEXTS = "SELECT COUNT(*) FROM contexts WHERE tenant = ?"
ANY_CONTEXT = "SELECT EXISTS (SELECT 1 FROM contexts WHERE tenant = ?)"
HELD_BY = (
    f"SELECT {_CONTEXT} FROM contexts WHERE tenant = ? AND head IN ({', '.join('?' * HEADS)}) "
    "AND text = SUBSTR(?, 1, LENGTH(text)) "
    "ORDER BY LENGTH(text) DESC LIMIT 1"
)
OLDEST_SEEN = (
    "SELECT id FROM contexts c WHERE tenant = ? AND source = 'seen' AND NOT EXISTS "
    "(SELECT 1 FROM notes n WHERE n.tenant = c.tenant AND n.context_id = c.id) ORDER BY created_us, id LIMIT 1"
)
DELETE_CONTEXT = "DELETE FROM contexts WHERE tenant = ? AND id = ?"
DELETE_NOTES_OF = "DELETE FROM notes WHERE tenant = ? AND context_id = ?"
DELETE_USES_OF = "DELETE FROM context_uses WHERE tenant = ? AND context_id = ?"
DELETE_JOBS_OF = "DELETE FROM jobs WHERE tenant = ? AND SUBSTR(id, 1, LENGTH(?)) = ? AND state <> 'leased'"

_NOTES = (
    "tenant, context_id, prompts, model, text, author, mark, rewrites, paid_nusd, input_tokens, output_tokens, job_id, "
    "at_us, dropped"
)
PUT_NOTES = (
    f"INSERT INTO notes ({_NOTES}) VALUES ({', '.join('?' * 14)}) "
    "ON CONFLICT (tenant, context_id, prompts, model) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _NOTES.split(", ")[4:])
)
NOTES_OF = f"SELECT {_NOTES} FROM notes WHERE tenant = ? AND context_id = ? ORDER BY at_us DESC, model, prompts"
EDIT_NOTES = (
    "UPDATE notes SET text = ?, mark = ?, author = 'person', at_us = ?, dropped = '' "
    "WHERE tenant = ? AND context_id = ? AND prompts = ? AND model = ?"
)
DROP_NOTES = "UPDATE notes SET dropped = ? WHERE tenant = ? AND context_id = ? AND dropped = ''"

_USE = "id, tenant, context_id, noted, level, cost_nusd, input_tokens, output_tokens, foreseen, at_us"
ADD_USE = f"INSERT INTO context_uses ({_USE}) VALUES ({', '.join('?' * 10)}) ON CONFLICT (id) DO NOTHING"
USES_OF = f"SELECT {_USE} FROM context_uses WHERE tenant = ? AND context_id = ? ORDER BY at_us, id"

_JOB = (
    "id, kind, tenant, detail, state, claim, lease_id, beat_us, held_nusd, attempts, result, created_us, ended_us, "
    "model"
)
ADD_JOB = (
    "INSERT INTO jobs (id, kind, tenant, detail, state, created_us, model) VALUES (?, ?, ?, ?, 'waiting', ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET state = 'waiting', created_us = excluded.created_us "
    "WHERE jobs.state = 'failed' AND jobs.ended_us < excluded.created_us - 86400000000"
)
RENEW_JOB = (
    "UPDATE jobs SET state = 'waiting', created_us = ? "
    "WHERE id = ? AND state IN ('failed', 'done') AND ended_us < ?"
)
ONE_JOB = f"SELECT {_JOB} FROM jobs WHERE id = ?"
JOBS = f"SELECT {_JOB} FROM jobs WHERE tenant = ? OR CAST(? AS TEXT) IS NULL ORDER BY created_us, id"
HOLDERS = "SELECT DISTINCT lease_id FROM jobs WHERE state = 'leased' AND lease_id <> ?"
WAITING = (
    f"SELECT {', '.join('j.' + name for name in _JOB.split(', '))}, b.nusd_per_day FROM jobs j "
    "JOIN offline_budgets b ON b.tenant = j.tenant WHERE j.state = 'waiting' AND b.nusd_per_day > 0 "
    "AND (j.model = '' OR j.model = ? OR CAST(? AS TEXT) IS NULL) "
    "ORDER BY j.created_us, j.id LIMIT ?"
)
HAND_BACK = "UPDATE jobs SET state = 'waiting', held_nusd = 0 WHERE id = ? AND claim = ? AND state = 'leased'"
TAKE_BACK = "UPDATE jobs SET state = 'waiting', held_nusd = 0 WHERE lease_id = ? AND state = 'leased'"
TAKE_BACK_STALE = "UPDATE jobs SET state = 'waiting', held_nusd = 0 WHERE state = 'leased' AND beat_us < ?"
LEASE_JOB = (
    "UPDATE jobs SET state = 'leased', claim = ?, lease_id = ?, beat_us = ?, held_nusd = ?, attempts = attempts + 1 "
    "WHERE id = ?"
)
BEAT_JOB = "UPDATE jobs SET beat_us = ? WHERE id = ? AND claim = ? AND state = 'leased'"
END_JOB = (
    "UPDATE jobs SET state = ?, result = ?, held_nusd = 0, ended_us = ? "
    "WHERE id = ? AND claim = ? AND state = 'leased'"
)
JOB_CALLS = (
    "SELECT COUNT(*) FILTER (WHERE state = 'reserved'), "
    "CASE WHEN COUNT(*) FILTER (WHERE state <> 'reserved' AND paid_nusd IS NULL) > 0 THEN NULL "
    "ELSE COALESCE(SUM(paid_nusd), 0) END, "
    "COALESCE(SUM(input_tokens) FILTER (WHERE state <> 'cached'), 0), "
    "COALESCE(SUM(output_tokens) FILTER (WHERE state <> 'cached'), 0) "
    "FROM calls WHERE phase = 'offline' AND question_id = ? AND tenant = ?"
)

SET_BUDGET = (
    "INSERT INTO offline_budgets (tenant, nusd_per_day) VALUES (?, ?) "
    "ON CONFLICT (tenant) DO UPDATE SET nusd_per_day = excluded.nusd_per_day"
)
BUDGET = "SELECT nusd_per_day FROM offline_budgets WHERE tenant = ?"
BUDGETS = "SELECT tenant, nusd_per_day FROM offline_budgets WHERE nusd_per_day > 0 ORDER BY tenant"
SPENT_OFFLINE = (
    "SELECT COALESCE(SUM(CASE state WHEN 'reserved' THEN bound_nusd ELSE paid_nusd END), 0) FROM calls "
    "WHERE tenant = ? AND phase = 'offline' AND reserved_us >= ? "
    "AND question_id NOT IN (SELECT id FROM jobs WHERE state = 'leased')"
)
HELD_OFFLINE = "SELECT COALESCE(SUM(held_nusd), 0) FROM jobs WHERE tenant = ? AND state = 'leased'"
