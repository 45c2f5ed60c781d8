-- A run that the clock started and that is over soon is one row: see quick.go.
ALTER TABLE runs ADD COLUMN tick TEXT NOT NULL DEFAULT ''; -- the trigger whose moment it is, where there is no row in ticks
ALTER TABLE runs ADD COLUMN journal BLOB; -- its events, where there are none in events

-- Nearly all runs are done, and looked for by other words.
DROP INDEX runs_status;
CREATE INDEX runs_status ON runs (status, started, no) WHERE status <> 'done';

-- Up to which run latest and marks know of runs that have a tick.
INSERT INTO meta (key, value) SELECT 'settled', coalesce(max(no), 0) FROM runs WHERE true ON CONFLICT DO NOTHING;
