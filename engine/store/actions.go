package store

import (
	"context"
	"fmt"
	"time"
)

// An Action is a shared action that came by the API, for "use:" of workflows that did.
type Action struct {
	ID      string // the name that it is used by
	Text    string // of a file of actions, of which it is one
	Created time.Time
	By      string // who made it
	Updated time.Time
}

// PutActions keeps the actions of a text under their ids, in the place of those of the same
// ids.
func (s *Store) PutActions(ctx context.Context, text, by string, ids ...string) error {
	now := stamp(s.Now())
	return s.write(ctx, func(t *tx) error {
		for _, id := range ids {
			err := t.exec(`INSERT INTO actions (id, text, created, created_by, updated, updated_by) VALUES (?1, ?2, ?3, ?4, ?3, ?4)
				ON CONFLICT (id) DO UPDATE SET text = excluded.text, updated = excluded.updated, updated_by = excluded.updated_by`, id, text, now, by)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Actions are all of them, by id.
func (s *Store) Actions(ctx context.Context) ([]Action, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT id, text, created, created_by, updated FROM actions ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Action
	for rows.Next() {
		var a Action
		var created, updated int64
		if err := rows.Scan(&a.ID, &a.Text, &created, &a.By, &updated); err != nil {
			return nil, err
		}
		a.Created, a.Updated = moment(created), moment(updated)
		list = append(list, a)
	}
	return list, rows.Err()
}

// DropAction takes an action away. ErrNotFound: there is none.
func (s *Store) DropAction(ctx context.Context, id string) error {
	return s.finish(ctx, func(t *tx) error {
		n, err := t.change("DELETE FROM actions WHERE id = ?", id)
		if err == nil && n == 0 {
			return fmt.Errorf("action %s: %w", id, ErrNotFound)
		}
		return err
	})
}
