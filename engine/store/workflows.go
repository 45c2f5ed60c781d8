package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// A Workflow is a workflow that came by API, at one revision.
type Workflow struct {
	ID        string
	Revision  int // from 1
	Text      string
	Updated   time.Time // when this revision came
	UpdatedBy string
	Created   time.Time
	CreatedBy string
}

const workflowColumns = "w.id, v.revision, v.text, v.at, v.by, w.created, w.created_by"

func scanWorkflow(row interface{ Scan(...any) error }) (w Workflow, err error) {
	var updated, created int64
	err = row.Scan(&w.ID, &w.Revision, &w.Text, &updated, &w.UpdatedBy, &created, &w.CreatedBy)
	w.Updated, w.Created = moment(updated), moment(created)
	return w, err
}

// PutWorkflow keeps a text as the next revision of the workflow, the first if there is
// none of this id. The text that it has already is not a new revision. A workflow that
// was deleted is there again.
func (s *Store) PutWorkflow(ctx context.Context, id, text, by string) (int, error) {
	now := stamp(s.Now())
	return making(ctx, s.write, func(t *tx) (revision int, err error) {
		var was string
		var deleted int64
		known, err := t.get(`SELECT w.revision, w.deleted, v.text FROM workflows w
			JOIN workflow_versions v ON v.workflow = w.id AND v.revision = w.revision WHERE w.id = ?`, []any{id}, &revision, &deleted, &was)
		if err != nil {
			return revision, err
		}
		t.made.Revision = revision
		if known && was == text && deleted == 0 {
			return revision, nil
		}
		revision++
		t.made.Revision = revision
		err = t.exec(`INSERT INTO workflows (id, revision, created, created_by) VALUES (?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, deleted = 0`, id, revision, now, by)
		if err != nil {
			return revision, err
		}
		return revision, t.exec("INSERT INTO workflow_versions (workflow, revision, text, at, by) VALUES (?, ?, ?, ?, ?)", id, revision, text, now, by)
	})
}

// DeleteWorkflow takes a workflow away, with its secrets; its revisions stay. ErrNotFound: there is none.
func (s *Store) DeleteWorkflow(ctx context.Context, id string) error {
	now := stamp(s.Now())
	return s.finish(ctx, func(t *tx) error {
		n, err := t.change("UPDATE workflows SET deleted = ? WHERE id = ? AND deleted = 0", now, id)
		if err == nil && n == 0 {
			return fmt.Errorf("workflow %s: %w", id, ErrNotFound)
		}
		if err != nil {
			return err
		}
		return t.exec("DELETE FROM secrets WHERE workflow = ?", id)
	})
}

// Workflows are those that are there, each at its newest revision, by id.
func (s *Store) Workflows(ctx context.Context) ([]Workflow, error) {
	return s.workflows(ctx, "SELECT "+workflowColumns+" FROM workflows w JOIN workflow_versions v ON v.workflow = w.id AND v.revision = w.revision WHERE w.deleted = 0 ORDER BY w.id")
}

// Workflow is a workflow at a revision, 0: the newest. ErrNotFound: there is none.
func (s *Store) Workflow(ctx context.Context, id string, revision int) (Workflow, error) {
	w, err := scanWorkflow(s.read.QueryRowContext(ctx, oneWorkflow, id, revision))
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("workflow %s: %w", id, ErrNotFound)
	}
	return w, err
}

const (
	oneWorkflow = "SELECT " + workflowColumns + ` FROM workflows w JOIN workflow_versions v ON v.workflow = w.id
		AND v.revision = iif(?2 = 0, w.revision, ?2) WHERE w.id = ?1 AND w.deleted = 0`
	versionsQuery = "SELECT " + workflowColumns + " FROM workflows w JOIN workflow_versions v ON v.workflow = w.id WHERE w.id = ? ORDER BY v.revision DESC"
)

// Versions are the revisions of a workflow, the newest first, deleted or not.
func (s *Store) Versions(ctx context.Context, id string) ([]Workflow, error) {
	return s.workflows(ctx, versionsQuery, id)
}

func (s *Store) workflows(ctx context.Context, query string, args ...any) ([]Workflow, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Workflow
	for rows.Next() {
		w, err := scanWorkflow(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, rows.Err()
}

// Disable switches a workflow off, or on again: a flag beside its text. The workflow
// may be one of a file.
func (s *Store) Disable(ctx context.Context, id string, off bool, by string) error {
	now := stamp(s.Now())
	return s.finish(ctx, func(t *tx) error {
		if !off {
			return t.exec("DELETE FROM switches WHERE workflow = ?", id)
		}
		return t.exec("INSERT INTO switches (workflow, at, by) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", id, now, by)
	})
}

// Disabled are the workflows that somebody switched off.
func (s *Store) Disabled(ctx context.Context) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT workflow FROM switches ORDER BY workflow")
	if err != nil {
		return nil, err
	}
	return collect(rows, func(id *string) []any { return []any{id} })
}
