-- Times are UTC nanoseconds since 1970; 0 is no time. Bodies are JSON: see codec.go.

CREATE TABLE runs (
	no          INTEGER PRIMARY KEY,
	id          TEXT NOT NULL UNIQUE,
	workflow    TEXT NOT NULL,
	trigger     TEXT NOT NULL, -- what kind of thing started it: "manual", "alert"
	by          TEXT NOT NULL, -- who, in words
	status      TEXT NOT NULL, -- "running", then how it ended
	reason      TEXT NOT NULL DEFAULT '',
	due         INTEGER NOT NULL,
	started     INTEGER NOT NULL,
	ended       INTEGER NOT NULL DEFAULT 0,
	duration    INTEGER NOT NULL DEFAULT 0,
	attempt     INTEGER NOT NULL,
	fingerprint TEXT NOT NULL, -- of the alert that started it
	event       TEXT NOT NULL, -- the id of that alert or incident
	kind        TEXT NOT NULL  -- "alert", "incident" or ""
);
CREATE INDEX runs_started ON runs (started, no);
CREATE INDEX runs_status ON runs (status, started, no);
CREATE INDEX runs_workflow ON runs (workflow, started, no, status, duration, by);
CREATE INDEX runs_alert ON runs (fingerprint, started, no) WHERE fingerprint <> '';

-- The journal: some events of a run in each row, a line each.
CREATE TABLE events (
	no   INTEGER PRIMARY KEY,
	run  INTEGER NOT NULL REFERENCES runs (no) ON DELETE CASCADE,
	big  INTEGER NOT NULL, -- one event that is cut when the run is over
	body BLOB NOT NULL
);
CREATE INDEX events_run ON events (run, no);

-- The newest run of each workflow, and the newest that went well.
CREATE TABLE latest (
	workflow TEXT PRIMARY KEY,
	run      INTEGER NOT NULL,
	good     INTEGER NOT NULL
) WITHOUT ROWID;

-- What was taken on and has not come to an end.
CREATE TABLE jobs (
	run      TEXT PRIMARY KEY,
	workflow TEXT NOT NULL,
	key      TEXT NOT NULL,
	begun    INTEGER NOT NULL,
	arrival  INTEGER NOT NULL, -- the alert event that asked for it; 0: none
	taken    INTEGER NOT NULL,
	body     BLOB NOT NULL
);
CREATE UNIQUE INDEX jobs_key ON jobs (workflow, key) WHERE begun = 1 AND key <> '';
CREATE INDEX jobs_taken ON jobs (taken);

CREATE TABLE ticks (
	workflow TEXT NOT NULL,
	trigger  TEXT NOT NULL,
	at       INTEGER NOT NULL,
	outcome  TEXT NOT NULL,
	reason   TEXT NOT NULL,
	run      TEXT NOT NULL,
	PRIMARY KEY (workflow, trigger, at)
) WITHOUT ROWID;
CREATE INDEX ticks_at ON ticks (at);
CREATE INDEX ticks_workflow ON ticks (workflow, at);

CREATE TABLE marks (
	workflow TEXT NOT NULL,
	trigger  TEXT NOT NULL,
	at       INTEGER NOT NULL,
	PRIMARY KEY (workflow, trigger)
) WITHOUT ROWID;

-- A fingerprint, and what was added to its alerts.
CREATE TABLE alerts (
	fingerprint TEXT PRIMARY KEY,
	last        INTEGER NOT NULL, -- its newest event; 0: none came in yet
	received    INTEGER NOT NULL, -- of that event
	status      TEXT NOT NULL,    -- as it is seen: with what was added
	workflow    TEXT NOT NULL,    -- that made it; "": it came in
	content     BLOB NOT NULL,    -- hash of the last that came in, but for when it was received
	enrichments BLOB NOT NULL,    -- a JSON object
	disposable  BLOB NOT NULL     -- a JSON list: those that the next event drops
);
CREATE INDEX alerts_received ON alerts (received, last);
CREATE INDEX alerts_workflow ON alerts (workflow, received, last) WHERE workflow <> '';
CREATE INDEX alerts_status ON alerts (status, received, last);

CREATE TABLE alert_events (
	no          INTEGER PRIMARY KEY AUTOINCREMENT,
	fingerprint TEXT NOT NULL,
	received    INTEGER NOT NULL,
	status      TEXT NOT NULL,
	since       INTEGER NOT NULL, -- when the episode that it is part of began; 0: none
	arrived     INTEGER NOT NULL, -- from outside, not made by a workflow
	source      TEXT NOT NULL,
	repeats     INTEGER NOT NULL DEFAULT 0, -- how often it came in again, the same
	body        BLOB NOT NULL
);
CREATE INDEX alert_events_fingerprint ON alert_events (fingerprint, no, status, received);
CREATE INDEX alert_events_received ON alert_events (received, no);

CREATE TABLE audit (
	no          INTEGER PRIMARY KEY,
	fingerprint TEXT NOT NULL,
	at          INTEGER NOT NULL,
	by          TEXT NOT NULL,
	action      TEXT NOT NULL,
	detail      TEXT NOT NULL
);
CREATE INDEX audit_fingerprint ON audit (fingerprint, no);
CREATE INDEX audit_at ON audit (at);

-- What came in and could not be read.
CREATE TABLE rejects (
	no        INTEGER PRIMARY KEY,
	at        INTEGER NOT NULL,
	source    TEXT NOT NULL,
	reason    TEXT NOT NULL,
	body      BLOB NOT NULL,
	dismissed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX rejects_at ON rejects (at);
CREATE INDEX rejects_open ON rejects (dismissed, no);

CREATE TABLE workflows (
	id         TEXT PRIMARY KEY,
	revision   INTEGER NOT NULL,
	created    INTEGER NOT NULL,
	created_by TEXT NOT NULL,
	deleted    INTEGER NOT NULL DEFAULT 0 -- when; 0: it is there
) WITHOUT ROWID;

CREATE TABLE workflow_versions (
	workflow TEXT NOT NULL,
	revision INTEGER NOT NULL,
	text     TEXT NOT NULL,
	at       INTEGER NOT NULL,
	by       TEXT NOT NULL,
	PRIMARY KEY (workflow, revision)
);

-- Workflows that somebody switched off, from files too.
CREATE TABLE switches (
	workflow TEXT PRIMARY KEY,
	at       INTEGER NOT NULL,
	by       TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE deliveries (
	no          INTEGER PRIMARY KEY,
	key         TEXT NOT NULL UNIQUE,
	run         TEXT NOT NULL,
	workflow    TEXT NOT NULL,
	action      TEXT NOT NULL,
	item        INTEGER NOT NULL,
	provider    TEXT NOT NULL,
	config      TEXT NOT NULL,
	destination TEXT NOT NULL,
	sealed      BLOB NOT NULL,
	state       TEXT NOT NULL,
	attempts    INTEGER NOT NULL DEFAULT 0,
	next        INTEGER NOT NULL,
	reason      TEXT NOT NULL DEFAULT '',
	created     INTEGER NOT NULL,
	ended       INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX deliveries_due ON deliveries (next, no) WHERE ended = 0;
CREATE INDEX deliveries_created ON deliveries (created, no);
CREATE INDEX deliveries_state ON deliveries (state, created, no);
CREATE INDEX deliveries_run ON deliveries (run, no);
CREATE INDEX deliveries_workflow ON deliveries (workflow, created, no);
CREATE INDEX deliveries_ended ON deliveries (ended) WHERE ended > 0;

CREATE TABLE api_keys (
	id      TEXT PRIMARY KEY,
	name    TEXT NOT NULL UNIQUE,
	hash    BLOB NOT NULL UNIQUE,
	role    TEXT NOT NULL,
	scopes  TEXT NOT NULL, -- a JSON list
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	used    INTEGER NOT NULL,
	revoked INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE heartbeats (
	token BLOB PRIMARY KEY, -- its hash
	name  TEXT NOT NULL,
	seen  INTEGER NOT NULL,
	grace INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value BLOB NOT NULL
) WITHOUT ROWID;
