-- Keys of a server's callers with their quotas, and the replies that idempotency keys stand for.

CREATE TABLE tenants (
  id TEXT PRIMARY KEY,
  nusd_per_day BIGINT,         -- NULL is no limit, here and in keys
  tokens_per_minute BIGINT,
  requests_per_minute BIGINT,
  concurrency BIGINT
);

CREATE TABLE keys (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,   -- SHA-256 of the secret; the secret itself is nowhere
  prefix TEXT NOT NULL,        -- how the secret begins, for people to recognise it
  name TEXT NOT NULL,
  tenant TEXT NOT NULL,
  role TEXT NOT NULL,
  scope TEXT NOT NULL,         -- JSON: models, strategies, fan_out, max_output_tokens
  nusd_per_day BIGINT,
  tokens_per_minute BIGINT,
  requests_per_minute BIGINT,
  concurrency BIGINT,
  created_us BIGINT NOT NULL,
  revoked_us BIGINT
);

-- Whose key a call was bought with; NULL for local use, which has no quota.
ALTER TABLE calls ADD COLUMN key_id TEXT;
CREATE INDEX calls_open_by_key ON calls (key_id, n) WHERE state = 'reserved' AND key_id IS NOT NULL;
CREATE INDEX calls_open_by_tenant ON calls (tenant, n) WHERE state = 'reserved' AND key_id IS NOT NULL;

ALTER TABLE answers ADD COLUMN tenant TEXT NOT NULL DEFAULT 'local';

-- Sums over the ledger by key and by tenant, a row for each second and each day in which calls were reserved. Only the
-- triggers below write here, so that a sum cannot differ from its rows whichever statement changed them.
CREATE TABLE ledger_sums (
  owner TEXT NOT NULL,         -- a key's id, or tenant/ID
  span_s BIGINT NOT NULL,      -- 1 or 86400
  start BIGINT NOT NULL,       -- seconds or days since 1970 (UTC)
  calls BIGINT NOT NULL,
  tokens BIGINT NOT NULL,      -- what is reserved at its bound, what has ended as it was billed
  nusd BIGINT NOT NULL,        -- likewise
  open_nusd BIGINT NOT NULL,   -- the part of nusd that is still reserved
  PRIMARY KEY (owner, span_s, start)
);

CREATE TRIGGER calls_summed_ahead AFTER INSERT ON calls WHEN NEW.key_id IS NOT NULL AND NEW.state <> 'cached' BEGIN
  INSERT INTO ledger_sums (owner, span_s, start, calls, tokens, nusd, open_nusd)
  SELECT owner, span_s, NEW.reserved_us / (1000000 * span_s), NEW.n,
         NEW.bound_input_tokens + NEW.bound_output_tokens, COALESCE(NEW.bound_nusd, 0), COALESCE(NEW.bound_nusd, 0)
  FROM (SELECT NEW.key_id AS owner UNION ALL SELECT 'tenant/' || NEW.tenant)
  CROSS JOIN (SELECT 1 AS span_s UNION ALL SELECT 86400) WHERE true
  ON CONFLICT (owner, span_s, start) DO UPDATE SET
    calls = calls + excluded.calls, tokens = tokens + excluded.tokens,
    nusd = nusd + excluded.nusd, open_nusd = open_nusd + excluded.open_nusd; END;

CREATE TRIGGER calls_summed_at_end AFTER UPDATE ON calls WHEN NEW.key_id IS NOT NULL AND NEW.state <> 'cached' BEGIN
  UPDATE ledger_sums SET
    tokens = tokens
      + CASE NEW.state WHEN 'reserved' THEN NEW.bound_input_tokens + NEW.bound_output_tokens
                       ELSE COALESCE(NEW.input_tokens, 0) + COALESCE(NEW.output_tokens, 0) END
      - CASE OLD.state WHEN 'reserved' THEN OLD.bound_input_tokens + OLD.bound_output_tokens
                       ELSE COALESCE(OLD.input_tokens, 0) + COALESCE(OLD.output_tokens, 0) END,
    nusd = nusd
      + COALESCE(CASE NEW.state WHEN 'reserved' THEN NEW.bound_nusd ELSE NEW.paid_nusd END, 0)
      - COALESCE(CASE OLD.state WHEN 'reserved' THEN OLD.bound_nusd ELSE OLD.paid_nusd END, 0),
    open_nusd = open_nusd
      + COALESCE(CASE NEW.state WHEN 'reserved' THEN NEW.bound_nusd END, 0)
      - COALESCE(CASE OLD.state WHEN 'reserved' THEN OLD.bound_nusd END, 0)
  WHERE owner IN (NEW.key_id, 'tenant/' || NEW.tenant)
    AND span_s IN (1, 86400) AND start IN (NEW.reserved_us / 1000000, NEW.reserved_us / 86400000000)
    AND start = NEW.reserved_us / (1000000 * span_s); END;

-- The reply that an idempotency key stands for: open while its request is under way, then kept for a day.
CREATE TABLE replies (
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,        -- of the request's body
  claim TEXT NOT NULL,         -- the attempt that is under way, or that ended it
  lease_id TEXT NOT NULL,      -- its process
  begun_us BIGINT NOT NULL,
  ended_us BIGINT,             -- NULL while it is open
  status BIGINT,
  media_type TEXT,
  body BLOB,
  PRIMARY KEY (tenant, key)
);
CREATE INDEX replies_by_age ON replies (begun_us);
