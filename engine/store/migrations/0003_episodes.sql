-- Alerts from when they fire until they are over, and the silences that people made.

CREATE TABLE episodes (
	no       INTEGER PRIMARY KEY,
	workflow TEXT NOT NULL,
	action   TEXT NOT NULL,
	alert    TEXT NOT NULL, -- what tells the alerts of an action apart; '': there is one
	version  INTEGER NOT NULL,
	status   TEXT NOT NULL,
	changed  INTEGER NOT NULL,
	body     BLOB NOT NULL,
	UNIQUE (workflow, action, alert)
);
CREATE INDEX episodes_changed ON episodes (status, changed);

CREATE TABLE silences (
	id    TEXT PRIMARY KEY,
	until INTEGER NOT NULL,
	body  BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX silences_until ON silences (until);
