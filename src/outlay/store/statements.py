"""The SQL of the store, written once in the dialect that SQLite and Postgres share, positional parameters as `?`."""

_AHEAD = (
    "id, run_id, tenant, phase, lease_id, question_id, role, model, sample, n, "
    "bound_nusd, bound_input_tokens, bound_output_tokens, reserved_us"
)
_END = (
    "state, cost_nusd, paid_nusd, overrun_nusd, input_tokens, cache_read_tokens, cache_write_tokens, "
    "output_tokens, reasoning_tokens, mark, error, settled_us"
)

TAKE_LEASE = "INSERT INTO leases (id, host, boot, pid, started, beat_us) VALUES (?, ?, ?, ?, ?, ?)"
BEAT = "UPDATE leases SET beat_us = ? WHERE id = ?"
LEASES = (
    "SELECT id, host, boot, pid, started, beat_us FROM leases "
    "WHERE id IN (SELECT lease_id FROM calls WHERE state = 'reserved')"
)
GIVE_UP_LEASE = (
    "DELETE FROM leases WHERE id = ? "
    "AND NOT EXISTS (SELECT 1 FROM calls WHERE lease_id = ? AND state = 'reserved')"
)

OPEN_RUN = (
    "INSERT INTO runs (id, tenant, what, detail, started_us) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
)
WRITE_AHEAD = (
    f"INSERT INTO calls ({_AHEAD}, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'reserved')"
)
SETTLE = f"UPDATE calls SET {_END.replace(',', ' = ?,')} = ? WHERE id = ?"
RECORD_CACHED = f"INSERT INTO calls ({_AHEAD}, {_END}) VALUES ({', '.join('?' * 26)})"
CACHE = "INSERT INTO completions (key, call_id, completion) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING"
CACHED = "SELECT key, completion FROM completions WHERE key IN ({})"

SAVE_ANSWER = (
    "INSERT INTO answers (id, run_id, question_id, answer, trace, at_us) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET answer = excluded.answer, trace = excluded.trace, at_us = excluded.at_us"
)
TRACE = "SELECT trace FROM answers WHERE id = ?"

MARK_LOST = (
    "UPDATE calls SET state = 'lost', paid_nusd = bound_nusd, cost_nusd = bound_nusd, "
    "input_tokens = bound_input_tokens, output_tokens = bound_output_tokens, settled_us = ? "
    "WHERE state = 'reserved' AND lease_id = ? AND (run_id = ? OR CAST(? AS TEXT) IS NULL)"
)
UNSENT = (
    "UPDATE calls SET state = 'failed', cost_nusd = 0, paid_nusd = 0, input_tokens = 0, output_tokens = 0, mark = '', "
    "error = 'reconciled: never sent', settled_us = ? WHERE id = ?"
)
ONE_CALL = "SELECT state, mark FROM calls WHERE id = ?"
OPEN_TO_RECONCILE = "SELECT id FROM calls WHERE state = 'lost' OR mark = 'unreconciled'"

_BILLED = "state IN ('settled', 'failed', 'cached')"
TOTALS = f"""
SELECT COALESCE(SUM(n) FILTER (WHERE state IN ('settled', 'cached')), 0),
       COALESCE(SUM(n) FILTER (WHERE state = 'cached'), 0),
       CASE WHEN COUNT(*) FILTER (WHERE {_BILLED} AND cost_nusd IS NULL) > 0 THEN NULL
            ELSE COALESCE(SUM(cost_nusd) FILTER (WHERE {_BILLED}), 0) END,
       CASE WHEN COUNT(*) FILTER (WHERE {_BILLED} AND paid_nusd IS NULL) > 0 THEN NULL
            ELSE COALESCE(SUM(paid_nusd) FILTER (WHERE {_BILLED}), 0) END,
       CASE WHEN COUNT(*) FILTER (WHERE state = 'lost' AND bound_nusd IS NULL) > 0 THEN NULL
            ELSE COALESCE(SUM(bound_nusd) FILTER (WHERE state = 'lost'), 0) END,
       COALESCE(SUM(n) FILTER (WHERE state = 'lost'), 0),
       COALESCE(SUM(overrun_nusd), 0),
       COALESCE(SUM(input_tokens) FILTER (WHERE state IN ('settled', 'failed', 'lost')), 0),
       COALESCE(SUM(output_tokens) FILTER (WHERE state IN ('settled', 'failed', 'lost')), 0)
FROM calls WHERE run_id = ? OR CAST(? AS TEXT) IS NULL
"""
CALLS = "SELECT * FROM calls ORDER BY reserved_us DESC, id DESC LIMIT ?"
LOST = "SELECT * FROM calls WHERE state = 'lost' OR mark = 'unreconciled' ORDER BY reserved_us DESC, id DESC LIMIT ?"
