package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"tocsin/providers/keep"
	"tocsin/templating/value"
)

var errNoCEL = errors.New("this store cannot be searched in CEL")

// Alerts implements keep.Store.
func (s *Store) Alerts(ctx context.Context, q keep.Search) ([]keep.Found, error) {
	var found []keep.Found
	err := s.EachAlert(ctx, q, func(f keep.Found) bool {
		found = append(found, f)
		return q.Limit <= 0 || len(found) < q.Limit
	})
	return found, err
}

// AlertPage is a part of what q finds, from offset on, and how many alerts there are
// in all.
func (s *Store) AlertPage(ctx context.Context, q keep.Search, offset int) (page []keep.Found, total int, err error) {
	limit := cmp.Or(q.Limit, 1000)
	err = s.EachAlert(ctx, q, func(f keep.Found) bool {
		if total++; total > offset && len(page) < limit {
			page = append(page, f)
		}
		return true
	})
	return page, total, err
}

// EachAlert hands over what q finds, the newest first, until f has enough; q.Limit does not
// matter.
func (s *Store) EachAlert(ctx context.Context, q keep.Search, f func(keep.Found) bool) error {
	match := func(context.Context, *value.Map) bool { return true }
	if q.CEL != "" {
		if s.Match == nil {
			return errNoCEL
		}
		var err error
		if match, err = s.Match(q.CEL); err != nil {
			return err
		}
	}
	query, args := searchQuery(q)
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		found, err := scanFound(rows)
		if err != nil {
			return err
		}
		if q.Holds(found.Alert) && match(ctx, found.Alert) && !f(found) {
			return nil
		}
	}
	return rows.Err()
}

// searchQuery finds what may be asked for. The alerts of one workflow are found by an
// index: each round of that workflow asks for them.
func searchQuery(q keep.Search) (string, []any) {
	to := int64(math.MaxInt64)
	if !q.To.IsZero() {
		to = stamp(q.To)
	}
	from := int64(math.MinInt64)
	if !q.From.IsZero() {
		from = stamp(q.From)
	}
	if !q.Distinct {
		return everyAlert, []any{from, to}
	}
	for _, f := range q.Filters {
		if workflow, ok := f.Value.(string); ok && f.Key == "workflowId" && workflow != "" {
			return alertsOfWorkflow, []any{workflow, from, to}
		}
	}
	return lastAlerts, []any{from, to}
}

const (
	everyAlert = `SELECT e.body, a.enrichments FROM alert_events e INDEXED BY alert_events_received
		JOIN alerts a ON a.fingerprint = e.fingerprint WHERE e.received BETWEEN ? AND ? ORDER BY e.received DESC, e.no DESC`
	lastAlerts = `SELECT e.body, a.enrichments FROM alerts a INDEXED BY alerts_received
		JOIN alert_events e ON e.no = a.last WHERE a.received BETWEEN ? AND ? ORDER BY a.received DESC, a.last DESC`
	alertsOfWorkflow = `SELECT e.body, a.enrichments FROM alerts a INDEXED BY alerts_workflow
		JOIN alert_events e ON e.no = a.last WHERE a.workflow = ? AND a.workflow <> '' AND a.received BETWEEN ? AND ? ORDER BY a.received DESC, a.last DESC`
	oneAlert     = "SELECT e.body, a.enrichments FROM alerts a JOIN alert_events e ON e.no = a.last WHERE a.fingerprint = ?"
	alertHistory = `SELECT e.body, a.enrichments FROM alerts a JOIN alert_events e INDEXED BY alert_events_fingerprint ON e.fingerprint = a.fingerprint
		WHERE a.fingerprint = ? AND e.fingerprint = ? ORDER BY e.no DESC LIMIT ?`
)

func scanFound(rows interface{ Scan(...any) error }) (f keep.Found, err error) {
	var body, enrichments []byte
	if err := rows.Scan(&body, &enrichments); err != nil {
		return f, err
	}
	alert, err := decodeMap(body)
	if err != nil {
		return f, err
	}
	added, err := decodeMap(enrichments)
	if added.Len() > 0 {
		f.Enrichments = added
	}
	f.Alert = view(alert, added)
	return f, err
}

// Alert is the newest alert of the fingerprint; ErrNotFound: none came in.
func (s *Store) Alert(ctx context.Context, fingerprint string) (keep.Found, error) {
	f, err := scanFound(s.read.QueryRowContext(ctx, oneAlert, fingerprint))
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("alert %s: %w", fingerprint, ErrNotFound)
	}
	return f, err
}

// AlertHistory are the alerts of the fingerprint, the newest first; 0: at most 1,000.
func (s *Store) AlertHistory(ctx context.Context, fingerprint string, limit int) ([]keep.Found, error) {
	rows, err := s.read.QueryContext(ctx, alertHistory, fingerprint, fingerprint, cmp.Or(limit, 1000))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []keep.Found
	for rows.Next() {
		f, err := scanFound(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

// An Entry is a line of the audit of an alert: who did what to it.
type Entry struct {
	At                 time.Time
	By, Action, Detail string
}

// Audit is what was done to the alerts of a fingerprint, the newest first, at most
// 1,000.
func (s *Store) Audit(ctx context.Context, fingerprint string) ([]Entry, error) {
	rows, err := s.read.QueryContext(ctx, auditQuery, fingerprint)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Entry
	for rows.Next() {
		var e Entry
		var at int64
		if err := rows.Scan(&at, &e.By, &e.Action, &e.Detail); err != nil {
			return nil, err
		}
		e.At = moment(at)
		list = append(list, e)
	}
	return list, rows.Err()
}

const auditQuery = "SELECT at, by, action, detail FROM audit WHERE fingerprint = ? ORDER BY no DESC LIMIT 1000"
