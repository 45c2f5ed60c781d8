package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// An APIKey lets somebody in. The store has its hash only.
type APIKey struct {
	ID      string
	Name    string // unique
	Hash    []byte // unique
	Role    string
	Scopes  []string
	Created time.Time
	Expires time.Time // zero: never
	Used    time.Time // zero: never; about
	Revoked time.Time // zero: it was not
}

const keyColumns = "id, name, hash, role, scopes, created, expires, used, revoked"

func scanKey(row interface{ Scan(...any) error }) (k APIKey, err error) {
	var scopes []byte
	var created, expires, used, revoked int64
	if err := row.Scan(&k.ID, &k.Name, &k.Hash, &k.Role, &scopes, &created, &expires, &used, &revoked); err != nil {
		return k, err
	}
	k.Created, k.Expires, k.Used, k.Revoked = moment(created), moment(expires), moment(used), moment(revoked)
	return k, json.Unmarshal(scopes, &k.Scopes)
}

// PutAPIKey keeps a new key. Its Created is now.
func (s *Store) PutAPIKey(ctx context.Context, k APIKey) error {
	scopes, err := json.Marshal(k.Scopes)
	if err != nil {
		return err
	}
	now := stamp(s.Now())
	return s.write(ctx, func(t *tx) error {
		t.made.ID = k.ID
		return t.exec("INSERT INTO api_keys (id, name, hash, role, scopes, created, expires, used, revoked) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)",
			k.ID, k.Name, k.Hash, k.Role, scopes, now, stamp(k.Expires))
	})
}

// APIKey is the key with this hash, expired and revoked ones included. ErrNotFound:
// there is none.
func (s *Store) APIKey(ctx context.Context, hash []byte) (APIKey, error) {
	k, err := scanKey(s.read.QueryRowContext(ctx, oneKey, hash))
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("key: %w", ErrNotFound)
	}
	return k, err
}

const oneKey = "SELECT " + keyColumns + " FROM api_keys WHERE hash = ?"

// APIKeys are all keys, by name.
func (s *Store) APIKeys(ctx context.Context) ([]APIKey, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+keyColumns+" FROM api_keys ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []APIKey
	for rows.Next() {
		k, err := scanKey(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	return list, rows.Err()
}

// UseAPIKey remembers that a key was used. Whoever calls it for each request makes a
// sync of the disk of each.
func (s *Store) UseAPIKey(ctx context.Context, id string, at time.Time) error {
	return s.finish(ctx, func(t *tx) error {
		return t.exec("UPDATE api_keys SET used = max(used, ?) WHERE id = ?", stamp(at), id)
	})
}

// RevokeAPIKey ends a key. ErrNotFound: there is none that is not revoked already.
func (s *Store) RevokeAPIKey(ctx context.Context, id string) error {
	now := stamp(s.Now())
	return s.finish(ctx, func(t *tx) error {
		n, err := t.change("UPDATE api_keys SET revoked = ? WHERE id = ? AND revoked = 0", now, id)
		if err == nil && n == 0 {
			return fmt.Errorf("key %s: %w", id, ErrNotFound)
		}
		return err
	})
}
