-- A cascade's audits are few among its steps, looked at before every answer, and kept longer.
CREATE INDEX cascade_audits ON cascade_steps (tenant, stream, seq) WHERE outcome IN ('matched', 'differed');
