-- The model that a job must be done with: a worker leases only the jobs that its own model can do. Empty: any.
ALTER TABLE jobs ADD COLUMN model TEXT NOT NULL DEFAULT '';
