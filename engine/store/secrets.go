package store

import (
	"context"
	"time"
)

// A Secret is what {{ secrets.NAME }} of a workflow of the API reads. The store does not
// know what it is: whoever puts it seals it.
type Secret struct {
	Workflow, Name string
	Sealed         []byte
	At             time.Time
	By             string
}

// PutSecrets keeps secrets, each in the place of the one of its name.
func (s *Store) PutSecrets(ctx context.Context, list ...Secret) error {
	now := stamp(s.Now())
	return s.write(ctx, func(t *tx) error {
		for _, x := range list {
			err := t.exec(`INSERT INTO secrets (workflow, name, sealed, at, by) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (workflow, name) DO UPDATE SET sealed = excluded.sealed, at = excluded.at, by = excluded.by`, x.Workflow, x.Name, x.Sealed, now, x.By)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Secrets are those of a workflow, by name.
func (s *Store) Secrets(ctx context.Context, workflow string) ([]Secret, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT workflow, name, sealed, at, by FROM secrets WHERE workflow = ? ORDER BY name", workflow)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Secret
	for rows.Next() {
		var x Secret
		var at int64
		if err := rows.Scan(&x.Workflow, &x.Name, &x.Sealed, &at, &x.By); err != nil {
			return nil, err
		}
		x.At = moment(at)
		list = append(list, x)
	}
	return list, rows.Err()
}

// DropSecret forgets a secret. ErrNotFound: there is none of this name.
func (s *Store) DropSecret(ctx context.Context, workflow, name string) error {
	return s.finish(ctx, func(t *tx) error {
		n, err := t.change("DELETE FROM secrets WHERE workflow = ? AND name = ?", workflow, name)
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
}
