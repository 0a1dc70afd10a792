-- Contexts that questions come back to, notes on them, what questions on them cost, and offline jobs with leases.

CREATE TABLE contexts (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,            -- ctx_ and a hash of the text
  name TEXT NOT NULL,
  head TEXT NOT NULL,          -- hash of how the text begins, by which questions on it are found
  text TEXT NOT NULL,
  source TEXT NOT NULL,        -- added by somebody, or seen to come back
  expected BIGINT,             -- questions expected on it; NULL: nobody said
  level BIGINT,                -- verbosity of answers on it, 0 to 4; NULL: the framing's own
  created_us BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX contexts_by_name ON contexts (tenant, name);
CREATE INDEX contexts_by_head ON contexts (tenant, head);

CREATE TABLE notes (
  tenant TEXT NOT NULL,
  context_id TEXT NOT NULL,
  prompts TEXT NOT NULL,       -- version of the texts that asked for them
  model TEXT NOT NULL,
  text TEXT NOT NULL,
  author TEXT NOT NULL,        -- model, or a person who edited them
  mark TEXT NOT NULL,          -- what in them reads like an instruction; empty: nothing
  rewrites BIGINT NOT NULL,
  paid_nusd BIGINT,            -- what the job paid in all, lost calls at their worst case; NULL: a price is unknown
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  job_id TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  dropped TEXT NOT NULL DEFAULT '', -- why they are no longer used; empty: they are
  PRIMARY KEY (tenant, context_id, prompts, model)
);

CREATE TABLE context_uses (
  id TEXT PRIMARY KEY,         -- the answer's trace id
  tenant TEXT NOT NULL,
  context_id TEXT NOT NULL,
  noted BIGINT NOT NULL,       -- 1 with notes, 0 without
  level BIGINT,
  cost_nusd BIGINT,
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  foreseen DOUBLE PRECISION NOT NULL, -- how well the context foretells the question, a mean log-probability a word
  at_us BIGINT NOT NULL
);
CREATE INDEX context_uses_by_context ON context_uses (tenant, context_id);

-- A job is done once in effect: its id follows from what it is for, its calls come from the call cache after a crash.
CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  tenant TEXT NOT NULL,
  detail TEXT NOT NULL,        -- JSON: parameters of the kind
  state TEXT NOT NULL,         -- waiting, leased, done, failed
  claim TEXT NOT NULL DEFAULT '',    -- the attempt that holds it or ended it
  lease_id TEXT NOT NULL DEFAULT '', -- its process
  beat_us BIGINT NOT NULL DEFAULT 0,
  held_nusd BIGINT NOT NULL DEFAULT 0, -- of the tenant's offline budget, while it is leased
  attempts BIGINT NOT NULL DEFAULT 0,
  result TEXT NOT NULL DEFAULT '',
  created_us BIGINT NOT NULL,
  ended_us BIGINT
);
CREATE INDEX jobs_open ON jobs (state, created_us) WHERE state IN ('waiting', 'leased');

-- What a tenant may spend offline in a day (UTC); without a row nothing.
CREATE TABLE offline_budgets (
  tenant TEXT PRIMARY KEY,
  nusd_per_day BIGINT NOT NULL
);
CREATE INDEX calls_offline ON calls (tenant, reserved_us) WHERE phase = 'offline';
CREATE INDEX calls_of_jobs ON calls (question_id) WHERE phase = 'offline';
