-- Incidents, which were one document in meta until now. Their bodies are JSON as it came.
CREATE TABLE incidents (
	no       INTEGER PRIMARY KEY, -- in the order in which they were made
	id       TEXT NOT NULL UNIQUE,
	status   TEXT NOT NULL, -- in lower case, as is severity
	severity TEXT NOT NULL,
	changed  INTEGER NOT NULL,
	body     BLOB NOT NULL
);
CREATE INDEX incidents_listed ON incidents (no, status, severity);
CREATE INDEX incidents_over ON incidents (changed, no) WHERE status IN ('resolved', 'merged', 'deleted');

INSERT INTO incidents (id, status, severity, changed, body)
	SELECT json_extract(i.value, '$.id'),
		iif(json_type(i.value, '$.status') = 'text', lower(json_extract(i.value, '$.status')), ''),
		iif(json_type(i.value, '$.severity') = 'text', lower(json_extract(i.value, '$.severity')), ''),
		unixepoch() * 1000000000, CAST(i.value AS BLOB)
	FROM meta m, json_each(CAST(m.value AS TEXT)) i
	WHERE m.key = 'incidents' AND i.type = 'object' ORDER BY i.key;
DELETE FROM meta WHERE key = 'incidents';

-- Runs that an incident started.
CREATE INDEX runs_incident ON runs (event, started, no) WHERE kind = 'incident';
