-- The core tables. Money is nano-dollars, time is microseconds since 1970 (UTC); unknown is NULL, never 0.

CREATE TABLE leases (
  id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  boot TEXT NOT NULL,          -- identifies this boot of the host; a process of another boot is dead
  pid BIGINT NOT NULL,
  started TEXT NOT NULL,       -- when the kernel started the process: a reused pid differs here
  beat_us BIGINT NOT NULL      -- last sign of life, for readers on other hosts
);

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  what TEXT NOT NULL,          -- ask, bench, demo, …
  detail TEXT NOT NULL,        -- JSON: what was asked for
  started_us BIGINT NOT NULL
);

-- The ledger. A row is written before the provider is called and settled after it answered.
CREATE TABLE calls (
  id TEXT PRIMARY KEY,
  run_id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  phase TEXT NOT NULL,         -- online, offline
  lease_id TEXT NOT NULL,
  question_id TEXT NOT NULL,
  role TEXT NOT NULL,
  model TEXT NOT NULL,
  sample BIGINT NOT NULL,      -- index of the first sample asked for
  n BIGINT NOT NULL,           -- samples asked for: n choices are n calls
  state TEXT NOT NULL,         -- reserved, settled, failed, cached, lost
  bound_nusd BIGINT,
  bound_input_tokens BIGINT NOT NULL,
  bound_output_tokens BIGINT NOT NULL,
  cost_nusd BIGINT,
  paid_nusd BIGINT,
  overrun_nusd BIGINT NOT NULL DEFAULT 0,
  input_tokens BIGINT,
  cache_read_tokens BIGINT,
  cache_write_tokens BIGINT,
  output_tokens BIGINT,
  reasoning_tokens BIGINT,
  mark TEXT NOT NULL DEFAULT '',
  error TEXT NOT NULL DEFAULT '',
  reserved_us BIGINT NOT NULL,
  settled_us BIGINT
);
CREATE INDEX calls_by_run ON calls (run_id, state);
CREATE INDEX calls_in_flight ON calls (lease_id) WHERE state = 'reserved';

-- The call cache: completions by tenant, model, body, seed and sample index.
CREATE TABLE completions (
  key TEXT PRIMARY KEY,
  call_id TEXT NOT NULL,
  completion TEXT NOT NULL     -- JSON
);

CREATE TABLE answers (
  id TEXT PRIMARY KEY,         -- the trace id
  run_id TEXT NOT NULL,
  question_id TEXT NOT NULL,
  answer TEXT NOT NULL,        -- JSON
  trace TEXT NOT NULL,         -- JSON lines
  at_us BIGINT NOT NULL
);
CREATE INDEX answers_by_run ON answers (run_id);
