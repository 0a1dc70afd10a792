-- The demonstrations that an answer left behind, which are deleted when somebody finds it wrong.
CREATE INDEX demonstrations_by_trace ON demonstrations (trace_id);
