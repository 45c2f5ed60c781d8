package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Heartbeat is a sign of life that somebody is to give.
type Heartbeat struct {
	Token []byte // the hash of what they give it with
	Name  string
	Seen  time.Time // zero: never
	Grace time.Duration
}

// PutHeartbeat keeps who is to give signs of life. When one was seen stays.
func (s *Store) PutHeartbeat(ctx context.Context, h Heartbeat) error {
	return s.write(ctx, func(t *tx) error {
		return t.exec(`INSERT INTO heartbeats (token, name, seen, grace) VALUES (?, ?, ?, ?)
			ON CONFLICT (token) DO UPDATE SET name = excluded.name, grace = excluded.grace`, h.Token, h.Name, stamp(h.Seen), int64(h.Grace))
	})
}

// Beat remembers a sign of life. ErrNotFound: nobody expects one with this token.
func (s *Store) Beat(ctx context.Context, token []byte, at time.Time) error {
	return s.finish(ctx, func(t *tx) error {
		n, err := t.change("UPDATE heartbeats SET seen = max(seen, ?) WHERE token = ?", stamp(at), token)
		if err == nil && n == 0 {
			return fmt.Errorf("heartbeat: %w", ErrNotFound)
		}
		return err
	})
}

// Heartbeats are all of them, by name.
func (s *Store) Heartbeats(ctx context.Context) ([]Heartbeat, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT token, name, seen, grace FROM heartbeats ORDER BY name, token")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Heartbeat
	for rows.Next() {
		var h Heartbeat
		var seen int64
		if err := rows.Scan(&h.Token, &h.Name, &seen, &h.Grace); err != nil {
			return nil, err
		}
		h.Seen = moment(seen)
		list = append(list, h)
	}
	return list, rows.Err()
}

// DropHeartbeat expects no more signs of life.
func (s *Store) DropHeartbeat(ctx context.Context, token []byte) error {
	return s.finish(ctx, func(t *tx) error { return t.exec("DELETE FROM heartbeats WHERE token = ?", token) })
}

// SetMeta keeps v under key, as JSON.
func (s *Store) SetMeta(ctx context.Context, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.finish(ctx, func(t *tx) error {
		return t.exec("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, text)
	})
}

// Meta reads what SetMeta kept into v, and says whether there was something.
func (s *Store) Meta(ctx context.Context, key string, v any) (bool, error) {
	var text []byte
	err := s.read.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", key).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(text, v)
}
