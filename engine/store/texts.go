package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tocsin/engine/schedule"
)

// A Text is what workflows were made of, at one version: see schedule.Item.
type Text struct {
	Version string
	Origin  schedule.Origin
	File    string
	Text    string
}

// KeepTexts keeps the texts that workflows are of now. Others are dropped when no run of
// theirs is left to be run again: after the time that runs are kept.
func (s *Store) KeepTexts(ctx context.Context, current []Text) error {
	now := stamp(s.Now())
	return s.finish(ctx, func(t *tx) error {
		had, err := keptTexts(t)
		if err != nil {
			return err
		}
		for _, x := range current {
			if had[x.Version] {
				delete(had, x.Version)
				continue
			}
			err := t.exec(`INSERT INTO texts (version, origin, file, text) VALUES (?, ?, ?, ?)
				ON CONFLICT (version) DO UPDATE SET gone = 0, origin = excluded.origin, file = excluded.file`, x.Version, string(x.Origin), x.File, x.Text)
			if err != nil {
				return err
			}
		}
		for version := range had {
			if err := t.exec("UPDATE texts SET gone = ? WHERE version = ?", now, version); err != nil {
				return err
			}
		}
		return nil
	})
}

// keptTexts are the versions that workflows were of until now.
func keptTexts(t *tx) (map[string]bool, error) {
	rows, err := t.rows("SELECT version FROM texts WHERE gone = 0")
	if err != nil {
		return nil, err
	}
	list, err := collect(rows, func(version *string) []any { return []any{version} })
	had := make(map[string]bool, len(list))
	for _, version := range list {
		had[version] = true
	}
	return had, err
}

// Text is the text of that version. ErrNotFound: it was dropped, or never kept.
func (s *Store) Text(ctx context.Context, version string) (x Text, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT version, origin, file, text FROM texts WHERE version = ?", version).Scan(&x.Version, &x.Origin, &x.File, &x.Text)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("the text of the workflow: %w", ErrNotFound)
	}
	return x, err
}

// Cause is the job of a run: what it was started with, and of which version it was.
// ErrNotFound: there is no such run.
func (s *Store) Cause(ctx context.Context, run string) (j schedule.Job, err error) {
	var body []byte
	var due int64
	err = s.read.QueryRowContext(ctx, `SELECT workflow, trigger, by, due, attempt, version, c.body FROM runs
		LEFT JOIN causes c ON c.run = runs.no WHERE id = ?`, run).Scan(&j.Workflow, &j.Input.Trigger, &j.By, &due, &j.Attempt, &j.Version, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return j, fmt.Errorf("run %s: %w", run, ErrNotFound)
	}
	j.Run, j.Due, j.Input.Run = run, moment(due), run
	if err != nil || body == nil {
		return j, err
	}
	version := j.Version
	j, err = decodeJob(body)
	j.Version = version
	return j, err
}

// because keeps what a run was started with, where it is more than its trigger.
func because(t *tx, no int64, j *schedule.Job) error {
	if in := &j.Input; len(in.Alert)+len(in.Incident)+len(in.Inputs) == 0 && !in.Due {
		return nil
	}
	return t.exec("INSERT INTO causes (run, body) VALUES (?, ?)", no, encodeJob(*j))
}
