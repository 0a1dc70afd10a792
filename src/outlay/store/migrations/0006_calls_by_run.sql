-- The calls of a run are found by the run alone: with the state in the index, each settlement rewrote it.
DROP INDEX calls_by_run;
CREATE INDEX calls_by_run ON calls (run_id);
