package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tocsin/engine"
)

// A Run is one run as lists show it.
type Run struct {
	ID          string
	Workflow    string
	Trigger     string // what kind of thing started it: "manual", "interval", "alert", "incident"
	By          string // who, in words
	Status      engine.Status
	Reason      string
	Due         time.Time
	Started     time.Time
	Ended       time.Time // zero while it is under way
	Duration    time.Duration
	Attempt     int
	Kind        string // "alert" or "incident" where one started it
	Event       string // the id of that
	Fingerprint string // of that alert
}

const runColumns = "id, workflow, trigger, by, status, reason, due, started, ended, duration, attempt, kind, event, fingerprint"

func scanRun(row interface{ Scan(...any) error }) (r Run, err error) {
	var due, started, ended int64
	err = row.Scan(&r.ID, &r.Workflow, &r.Trigger, &r.By, &r.Status, &r.Reason, &due, &started, &ended,
		&r.Duration, &r.Attempt, &r.Kind, &r.Event, &r.Fingerprint)
	r.Due, r.Started, r.Ended = moment(due), moment(started), moment(ended)
	return r, err
}

// Run is a run with all that is known of it: the row and what its events add up to.
// ErrNotFound: there is none of this id. Its result has no Description, and no places
// in the file but those of its steps.
func (s *Store) Run(ctx context.Context, id string) (Run, *engine.Result, error) {
	r, err := scanRun(s.read.QueryRowContext(ctx, "SELECT "+runColumns+" FROM runs WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return r, nil, fmt.Errorf("run %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return r, nil, err
	}
	events, err := s.Events(ctx, id)
	if err != nil {
		return r, nil, err
	}
	return r, r.result(events), nil
}

// result is what events add up to. How the run came out is said by the row.
func (r *Run) result(events []engine.Event) *engine.Result {
	out := &engine.Result{Run: r.ID, Workflow: r.Workflow, Trigger: r.Trigger, Started: r.Started}
	for _, e := range events {
		out.Add(e)
	}
	out.Status, out.Reason, out.Duration = r.Status, r.Reason, r.Duration
	return out
}

// Events are what happened in a run, as far as it is on disk, in order. Without the
// run, there are none.
func (s *Store) Events(ctx context.Context, run string) ([]engine.Event, error) {
	var no int64
	var workflow string
	var journal []byte
	err := s.read.QueryRowContext(ctx, "SELECT no, workflow, journal FROM runs WHERE id = ?", run).Scan(&no, &workflow, &journal)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if journal != nil {
		return decodeEvents(run, workflow, journal)
	}
	rows, err := s.read.QueryContext(ctx, "SELECT body FROM events WHERE run = ? ORDER BY no", no)
	if err != nil {
		return nil, err
	}
	bodies, err := collect(rows, func(b *[]byte) []any { return []any{b} })
	if err != nil {
		return nil, err
	}
	var list []engine.Event
	for _, body := range bodies {
		events, err := decodeEvents(run, workflow, body)
		if err != nil {
			return nil, err
		}
		list = append(list, events...)
	}
	return list, nil
}

// A RunFilter narrows a list of runs. Its zero fields ask for nothing.
type RunFilter struct {
	Workflow     string
	Status       []engine.Status // one of them
	Trigger      []string        // Run.By begins with one of them: "manual", "scheduler", "type:alert"
	Fingerprint  string          // of the alert that started it
	Incident     string          // the id of the incident that started it
	Since, Until time.Time       // of the start, both included
	Limit        int             // 0: 25; at most 1,000
	Offset       int
}

// where is the condition that a run of the filter meets. There always is one on the
// time, so that an index leads to what is asked for.
func (f *RunFilter) where() (string, []any) {
	until := int64(math.MaxInt64)
	if !f.Until.IsZero() {
		until = stamp(f.Until)
	}
	since := int64(math.MinInt64)
	if !f.Since.IsZero() {
		since = stamp(f.Since)
	}
	parts, args := []string{"started BETWEEN ? AND ?"}, []any{since, until}
	if f.Workflow != "" {
		parts, args = append(parts, "workflow = ?"), append(args, f.Workflow)
	}
	if f.Fingerprint != "" {
		parts, args = append(parts, "fingerprint = ? AND fingerprint <> ''"), append(args, f.Fingerprint)
	}
	if f.Incident != "" {
		parts, args = append(parts, "event = ? AND kind = 'incident'"), append(args, f.Incident)
	}
	if len(f.Status) > 0 {
		parts = append(parts, "status IN (?"+strings.Repeat(", ?", len(f.Status)-1)+")")
		for _, status := range f.Status {
			args = append(args, string(status))
		}
		if !slices.Contains(f.Status, engine.Done) {
			parts = append(parts, "status <> 'done'") // which the index has not
		}
	}
	if len(f.Trigger) > 0 {
		parts = append(parts, "(substr(by, 1, length(?)) = ?"+strings.Repeat(" OR substr(by, 1, length(?)) = ?", len(f.Trigger)-1)+")")
		for _, prefix := range f.Trigger {
			args = append(args, prefix, prefix)
		}
	}
	return strings.Join(parts, " AND "), args
}

// from is where runs of the filter are looked for: by the narrowest index that is in
// the order of the list.
func (f *RunFilter) from() string {
	switch {
	case f.Workflow != "":
		return "runs INDEXED BY runs_workflow"
	case f.Fingerprint != "":
		return "runs INDEXED BY runs_alert"
	case f.Incident != "":
		return "runs INDEXED BY runs_incident"
	case len(f.Status) == 1 && f.Status[0] != engine.Done:
		return "runs INDEXED BY runs_status"
	}
	return "runs INDEXED BY runs_started"
}

// Runs lists runs, the newest first, and says how many there are in all.
func (s *Store) Runs(ctx context.Context, f RunFilter) (list []Run, total int, err error) {
	where, args := f.where()
	err = s.read.QueryRowContext(ctx, "SELECT count(*) FROM "+f.from()+" WHERE "+where, args...).Scan(&total)
	if err != nil {
		return nil, 0, err
	}
	rows, err := s.read.QueryContext(ctx, f.query(where), append(args, min(cmp.Or(f.Limit, 25), 1000), f.Offset)...)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRun(rows)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, r)
	}
	return list, total, rows.Err()
}

func (f *RunFilter) query(where string) string {
	return "SELECT " + runColumns + " FROM " + f.from() + " WHERE " + where + " ORDER BY started DESC, no DESC LIMIT ? OFFSET ?"
}

// A Tally says how runs came out.
type Tally struct {
	Passed, Failed int           // of those that are over and were not skipped
	Average        time.Duration // of the same
}

// Tally counts the runs of the filter; its Limit and Offset do not matter.
func (s *Store) Tally(ctx context.Context, f RunFilter) (t Tally, err error) {
	where, args := f.where()
	var average sql.NullFloat64
	err = s.read.QueryRowContext(ctx, tallyQuery+f.from()+" WHERE "+where, args...).Scan(&t.Passed, &t.Failed, &average)
	t.Average = time.Duration(average.Float64)
	return t, err
}

const tallyQuery = `SELECT count(*) FILTER (WHERE status = 'done'), count(*) FILTER (WHERE status NOT IN ('done', 'running', 'skipped')),
	avg(duration) FILTER (WHERE status NOT IN ('running', 'skipped')) FROM `

// LastRuns are the last runs that ended, by workflow.
func (s *Store) LastRuns(ctx context.Context) (map[string]Run, error) {
	rows, err := s.read.QueryContext(ctx, lastRuns)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	last := map[string]Run{}
	for rows.Next() {
		r, err := scanRun(rows)
		if err != nil {
			return nil, err
		}
		last[r.Workflow] = r
	}
	return last, rows.Err()
}

// LastRun implements engine.History.
func (s *Store) LastRun(ctx context.Context, workflow string) (*engine.Result, error) {
	var id string
	err := s.read.QueryRowContext(ctx, lastGoodRun, workflow).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, result, err := s.Run(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil // Tend dropped it meanwhile
	}
	return result, err
}
