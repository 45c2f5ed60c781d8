package store

import (
	"context"
	"encoding/json"
	"sync"

	"tocsin/engine/episode"
)

// KeepAlerts implements episode.Store.
func (s *Store) KeepAlerts(ctx context.Context, records ...episode.Record) error {
	now := stamp(s.Now())
	return s.finish(ctx, func(t *tx) error { return keepAlerts(t, records, now) })
}

// A known says which versions of alerts are on disk: each run has what is known of its
// alerts, and nearly none has something new.
type known struct {
	mu       sync.Mutex
	versions map[episode.Key]int64
}

// news are the records that may not be on disk.
func (k *known) news(records []episode.Record) (list []episode.Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range records {
		if k.versions[records[i].Key] < records[i].Version {
			list = append(list, records[i])
		}
	}
	return list
}

// note is for records that are.
func (k *known) note(records []episode.Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.versions == nil {
		k.versions = map[episode.Key]int64{}
	}
	for i := range records {
		k.versions[records[i].Key] = max(k.versions[records[i].Key], records[i].Version)
	}
}

// forget is for when some may not be any more.
func (k *known) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.versions = nil
}

// keepAlerts writes what is known of alerts, unless something newer is there.
func keepAlerts(t *tx, records []episode.Record, now int64) error {
	for i := range records {
		r := &records[i]
		body, err := json.Marshal(r)
		if err != nil {
			return err
		}
		err = t.exec(`INSERT INTO episodes (workflow, action, alert, version, status, changed, body) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (workflow, action, alert) DO UPDATE SET version = excluded.version, status = excluded.status, changed = excluded.changed, body = excluded.body
			WHERE excluded.version > version`,
			r.Key.Workflow, r.Key.Action, r.Key.Alert, r.Version, string(r.State.Status), now, body)
		if err != nil {
			return err
		}
	}
	return nil
}

// KeepSilence implements episode.Store.
func (s *Store) KeepSilence(ctx context.Context, silence episode.Silence) error {
	body, err := json.Marshal(silence)
	if err != nil {
		return err
	}
	return s.finish(ctx, func(t *tx) error {
		t.made.ID = silence.ID
		return t.exec("INSERT INTO silences (id, until, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET until = excluded.until, body = excluded.body",
			silence.ID, stamp(silence.Until), body)
	})
}

// Episodes are all alerts that are known and the silences that are not over, for
// episode.Book.Load.
func (s *Store) Episodes(ctx context.Context) ([]episode.Record, []episode.Silence, error) {
	records, err := bodies[episode.Record](ctx, s, "SELECT body FROM episodes ORDER BY workflow, action, alert")
	if err != nil {
		return nil, nil, err
	}
	silences, err := bodies[episode.Silence](ctx, s, "SELECT body FROM silences WHERE until > ? ORDER BY id", stamp(s.Now()))
	return records, silences, err
}

// bodies reads the JSON that a query finds.
func bodies[T any](ctx context.Context, s *Store, query string, args ...any) ([]T, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		var body []byte
		var v T
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}
