-- What a run was of and was started with, so that it can be run again.
ALTER TABLE runs ADD COLUMN version TEXT NOT NULL DEFAULT ''; -- of the text that it was of; '': nobody said

CREATE TABLE causes (
	run  INTEGER PRIMARY KEY REFERENCES runs (no) ON DELETE CASCADE,
	body BLOB NOT NULL -- its job, where an alert, an incident or inputs are in it
);

CREATE TABLE texts (
	version TEXT PRIMARY KEY,
	origin  TEXT NOT NULL,
	file    TEXT NOT NULL,
	text    TEXT NOT NULL,
	gone    INTEGER NOT NULL DEFAULT 0 -- since when no workflow is of it; 0: one is
) WITHOUT ROWID;
CREATE INDEX texts_gone ON texts (gone) WHERE gone > 0;

-- Who did what. Rows are added and never changed, and the hash of each is also that of all
-- before it: see audit.go.
CREATE TABLE audit_log (
	no      INTEGER PRIMARY KEY AUTOINCREMENT,
	at      INTEGER NOT NULL,
	who     TEXT NOT NULL,
	role    TEXT NOT NULL,
	source  TEXT NOT NULL,
	action  TEXT NOT NULL,
	object  TEXT NOT NULL,
	detail  TEXT NOT NULL,
	outcome TEXT NOT NULL,
	hash    BLOB NOT NULL
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE TRIGGER audit_log_stays BEFORE DELETE ON audit_log BEGIN
	SELECT RAISE(ABORT, 'what the audit log says stays');
END;
CREATE TRIGGER audit_log_unchanged BEFORE UPDATE ON audit_log BEGIN
	SELECT RAISE(ABORT, 'what the audit log says is not changed');
END;

-- Signed deliveries that were taken in, so that none is a second time.
CREATE TABLE seen (
	id    BLOB PRIMARY KEY,
	until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX seen_until ON seen (until);

-- What {{ secrets.NAME }} of a workflow of the API reads, sealed.
CREATE TABLE secrets (
	workflow TEXT NOT NULL,
	name     TEXT NOT NULL,
	sealed   BLOB NOT NULL,
	at       INTEGER NOT NULL,
	by       TEXT NOT NULL,
	PRIMARY KEY (workflow, name)
) WITHOUT ROWID;

-- Shared actions that came by the API.
CREATE TABLE actions (
	id         TEXT PRIMARY KEY,
	text       TEXT NOT NULL,
	created    INTEGER NOT NULL,
	created_by TEXT NOT NULL,
	updated    INTEGER NOT NULL,
	updated_by TEXT NOT NULL
) WITHOUT ROWID;
