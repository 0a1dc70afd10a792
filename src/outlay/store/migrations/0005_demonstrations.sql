-- Vectors to search, demonstrations found by them, and how a cascade fared. Nothing here is ever read across tenants.

CREATE TABLE vectors (
  tenant TEXT NOT NULL,
  space TEXT NOT NULL,         -- what is comparable: one embedder, one purpose
  seq BIGINT NOT NULL,         -- grows within a space and is never given twice
  id TEXT NOT NULL,
  source TEXT NOT NULL,        -- where it came from: of one source at most one is found
  vector BLOB NOT NULL,        -- float32, little-endian
  PRIMARY KEY (tenant, space, seq)
);
CREATE UNIQUE INDEX vectors_by_id ON vectors (tenant, space, id);

CREATE TABLE vector_spaces (
  tenant TEXT NOT NULL,
  space TEXT NOT NULL,
  last_seq BIGINT NOT NULL,
  kept BIGINT NOT NULL,
  deletions BIGINT NOT NULL,   -- how often something was deleted: who holds a copy reads it anew
  PRIMARY KEY (tenant, space)
);

CREATE TABLE demonstrations (
  tenant TEXT NOT NULL,
  space TEXT NOT NULL,
  id TEXT NOT NULL,            -- hash of what was asked, the version of the prompts, and the model that solved it
  source TEXT NOT NULL,        -- the question or episode
  position BIGINT NOT NULL,    -- the step within its episode, from 0
  goal TEXT NOT NULL,
  plan TEXT NOT NULL,
  observation TEXT NOT NULL,
  reasoning TEXT NOT NULL,
  action TEXT NOT NULL,
  model TEXT NOT NULL,
  prompts TEXT NOT NULL,       -- version of the texts it was asked with
  verified BIGINT NOT NULL,    -- 1: a verifier or the environment accepted it; 0: the large model's word alone
  trace_id TEXT NOT NULL,      -- the answer it was part of
  at_us BIGINT NOT NULL,
  PRIMARY KEY (tenant, space, id)
);
CREATE INDEX demonstrations_by_source ON demonstrations (tenant, space, source, position);

CREATE TABLE cascade_steps (
  tenant TEXT NOT NULL,
  stream TEXT NOT NULL,        -- task class, answer kind and the two models
  seq BIGINT NOT NULL,
  outcome TEXT NOT NULL,       -- agreed, matched or differed (agreed and audited), deferred, outright
  small_nusd BIGINT,           -- what the small model's samples cost, examples and their search included; NULL: none
  large_nusd BIGINT,           -- NULL: not asked, or its price is unknown
  at_us BIGINT NOT NULL,
  PRIMARY KEY (tenant, stream, seq)
);
