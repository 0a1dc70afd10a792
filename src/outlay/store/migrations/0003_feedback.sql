-- What people found of an answer afterwards, by its trace; several opinions of one answer are all kept.
CREATE TABLE feedback (
  id TEXT PRIMARY KEY,
  trace_id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  key_id TEXT,                 -- whose opinion it is; NULL for local use
  score DOUBLE PRECISION NOT NULL,  -- 0 wrong … 1 right
  why TEXT NOT NULL,
  at_us BIGINT NOT NULL
);
CREATE INDEX feedback_by_trace ON feedback (trace_id);
