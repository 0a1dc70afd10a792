"""The SQL of the store, written once in the dialect that SQLite and Postgres share, positional parameters as `?`."""

_AHEAD = (
    "id, run_id, tenant, phase, lease_id, question_id, role, model, sample, n, "
    "bound_nusd, bound_input_tokens, bound_output_tokens, reserved_us, key_id"
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
WRITE_AHEAD = f"INSERT INTO calls ({_AHEAD}, state) VALUES ({', '.join('?' * 15)}, 'reserved')"
SETTLE = f"UPDATE calls SET {_END.replace(',', ' = ?,')} = ? WHERE id = ?"
RECORD_CACHED = f"INSERT INTO calls ({_AHEAD}, {_END}) VALUES ({', '.join('?' * 27)})"
CACHE = "INSERT INTO completions (key, call_id, completion) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING"
CACHED = "SELECT key, completion FROM completions WHERE key IN ({})"

SAVE_ANSWER = (
    "INSERT INTO answers (id, tenant, run_id, question_id, answer, trace, at_us) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET answer = excluded.answer, trace = excluded.trace, at_us = excluded.at_us"
)
TRACE = "SELECT trace FROM answers WHERE id = ? AND tenant = ?"
ADD_FEEDBACK = (
    "INSERT INTO feedback (id, trace_id, tenant, key_id, score, why, at_us) SELECT ?, ?, ?, ?, ?, ?, ? "
    "WHERE EXISTS (SELECT 1 FROM answers WHERE id = ? AND tenant = ?)"
)

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
FROM calls WHERE (run_id = ? OR CAST(? AS TEXT) IS NULL) AND (tenant = ? OR CAST(? AS TEXT) IS NULL)
"""
_ENDED = "FILTER (WHERE state IN ('settled', 'failed', 'cached'))"
BILLS = f"""
SELECT phase, role, model,
       COALESCE(SUM(n) FILTER (WHERE state IN ('settled', 'cached')), 0),
       COALESCE(SUM(n) FILTER (WHERE state = 'cached'), 0),
       COALESCE(SUM(n) FILTER (WHERE state = 'failed'), 0),
       COALESCE(SUM(n) FILTER (WHERE state = 'lost'), 0),
       CASE WHEN COUNT(*) FILTER (WHERE {_BILLED} AND cost_nusd IS NULL) > 0 THEN NULL
            ELSE COALESCE(SUM(cost_nusd) {_ENDED}, 0) END,
       CASE WHEN COUNT(*) FILTER (WHERE {_BILLED} AND paid_nusd IS NULL) > 0 THEN NULL
            ELSE COALESCE(SUM(paid_nusd) {_ENDED}, 0) END,
       COALESCE(SUM(input_tokens) {_ENDED}, 0),
       SUM(cache_read_tokens) {_ENDED},
       COALESCE(SUM(output_tokens) {_ENDED}, 0),
       SUM(reasoning_tokens) {_ENDED}
FROM calls WHERE (run_id = ? OR CAST(? AS TEXT) IS NULL) AND (phase = ? OR CAST(? AS TEXT) IS NULL)
  AND (tenant = ? OR CAST(? AS TEXT) IS NULL) AND state <> 'reserved'
GROUP BY phase, role, model ORDER BY phase, role, model
"""
_OF_TENANT = "(tenant = ? OR CAST(? AS TEXT) IS NULL) ORDER BY reserved_us DESC, id DESC LIMIT ?"
CALLS = f"SELECT * FROM calls WHERE {_OF_TENANT}"
LOST = f"SELECT * FROM calls WHERE (state = 'lost' OR mark = 'unreconciled') AND {_OF_TENANT}"

_LIMITS = "nusd_per_day, tokens_per_minute, requests_per_minute, concurrency"
_KEY = f"id, hash, prefix, name, tenant, role, scope, {_LIMITS}, created_us, revoked_us"
ADD_KEY = f"INSERT INTO keys ({_KEY}) VALUES ({', '.join('?' * 13)})"
REVOKE_KEY = "UPDATE keys SET revoked_us = ? WHERE id = ? AND revoked_us IS NULL"
KEYS = f"SELECT {_KEY} FROM keys WHERE tenant = ? OR CAST(? AS TEXT) IS NULL ORDER BY created_us, id"
KEY_BY_HASH = f"SELECT {_KEY} FROM keys WHERE hash = ?"
ANY_KEY = "SELECT EXISTS (SELECT 1 FROM keys)"
LIMIT_TENANT = (
    f"INSERT INTO tenants (id, {_LIMITS}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _LIMITS.split(", "))
)
TENANT = f"SELECT {_LIMITS} FROM tenants WHERE id = ?"
QUOTAS = (
    "SELECT k.prefix, k.name, k.revoked_us, k.nusd_per_day, k.tokens_per_minute, k.requests_per_minute, k.concurrency, "
    "t.nusd_per_day, t.tokens_per_minute, t.requests_per_minute, t.concurrency "
    "FROM keys k LEFT JOIN tenants t ON t.id = k.tenant WHERE k.id = ? AND k.tenant = ?"
)
OPEN_BY_KEY = "SELECT COALESCE(SUM(n), 0) FROM calls WHERE key_id = ? AND state = 'reserved'"
OPEN_BY_TENANT = (
    "SELECT COALESCE(SUM(n), 0) FROM calls WHERE tenant = ? AND state = 'reserved' AND key_id IS NOT NULL"
)
DAY = "SELECT nusd, open_nusd FROM ledger_sums WHERE owner = ? AND span_s = 86400 AND start = ?"
_SECONDS = "FROM ledger_sums WHERE owner = ? AND span_s = 1 AND start BETWEEN ? AND ?"
MINUTE = f"SELECT COALESCE(SUM(calls), 0), COALESCE(SUM(tokens), 0) {_SECONDS}"
SECONDS = f"SELECT start, calls, tokens {_SECONDS} ORDER BY start"
FORGET_SECONDS = "DELETE FROM ledger_sums WHERE span_s = 1 AND start < ?"

ONE_LEASE = "SELECT id, host, boot, pid, started, beat_us FROM leases WHERE id = ?"
REPLY = (
    "SELECT digest, lease_id, begun_us, ended_us, status, media_type, body FROM replies "
    "WHERE tenant = ? AND key = ?"
)
CLAIM_REPLY = (
    "INSERT INTO replies (tenant, key, digest, claim, lease_id, begun_us) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (tenant, key) DO UPDATE SET digest = excluded.digest, claim = excluded.claim, "
    "lease_id = excluded.lease_id, begun_us = excluded.begun_us, ended_us = NULL, status = NULL, media_type = NULL, "
    "body = NULL"
)
END_REPLY = (
    "UPDATE replies SET ended_us = ?, status = ?, media_type = ?, body = ? "
    "WHERE tenant = ? AND key = ? AND claim = ?"
)
RELEASE_REPLY = (
    "UPDATE replies SET lease_id = '' WHERE tenant = ? AND key = ? AND claim = ? AND ended_us IS NULL"
)
FORGET_REPLIES = "DELETE FROM replies WHERE begun_us < ?"
