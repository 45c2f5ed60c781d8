package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"

	"tocsin/engine/schedule"
	"tocsin/templating/value"
)

// An IncidentChange is what became of an incident.
type IncidentChange struct {
	Incident *value.Map // as it is now; one that was deleted as it was
	Event    string     // "created", "updated" or "deleted", as triggers name it
}

// ErrManyIncidents means that there are as many incidents as may be, and that none of them
// is over.
var ErrManyIncidents = errors.New("there are as many incidents as may be, and none of them is over")

// ChangeIncident makes, changes or deletes the incident of an id, and takes on the jobs that
// plan makes of that, in one transaction: when it returns, all of it is on disk. edit has the
// incident as it is, nil where there is none, and returns it as it is to be, nil for one that
// is to go; its error is that of the call. plan may be nil. Both must be quick, and are
// called again if the transaction has to be made again.
//
// Where there are Retention.MaxIncidents, a new one takes the place of the one that is over
// for longest; if none is over it is ErrManyIncidents.
func (s *Store) ChangeIncident(ctx context.Context, id string, edit func(was *value.Map) (*value.Map, error), plan func(IncidentChange) []schedule.Job) (IncidentChange, error) {
	now := stamp(s.Now())
	return making(ctx, s.write, func(t *tx) (IncidentChange, error) {
		was, err := readIncident(t, id)
		if err != nil {
			return IncidentChange{}, err
		}
		is, err := edit(was)
		if err != nil {
			return IncidentChange{}, err
		}
		c := IncidentChange{is, "updated"}
		switch {
		case was == nil && is == nil:
			return c, fmt.Errorf("incident %s: %w", id, ErrNotFound)
		case is == nil:
			c = IncidentChange{was, "deleted"}
			err = t.exec("DELETE FROM incidents WHERE id = ?", id)
		case was == nil:
			c.Event = "created"
			if err = makeRoom(t, s.Retention.MaxIncidents); err == nil {
				err = writeIncident(t, id, is, now)
			}
		default:
			err = writeIncident(t, id, is, now)
		}
		if err != nil || plan == nil {
			return c, err
		}
		return c, putJobs(t, plan(c), now)
	})
}

// readIncident is the incident of an id; nil: there is none.
func readIncident(t *tx, id string) (*value.Map, error) {
	var body []byte
	found, err := t.get("SELECT body FROM incidents WHERE id = ?", []any{id}, &body)
	if err != nil || !found {
		return nil, err
	}
	return decodeIncident(body)
}

func writeIncident(t *tx, id string, m *value.Map, now int64) error {
	return t.exec(`INSERT INTO incidents (id, status, severity, changed, body) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET status = excluded.status, severity = excluded.severity, changed = excluded.changed, body = excluded.body`,
		id, strings.ToLower(textAt(m, "status")), strings.ToLower(textAt(m, "severity")), now, value.AppendJSON(nil, m))
}

func decodeIncident(body []byte) (*value.Map, error) {
	v, err := value.DecodeJSON(body)
	m, ok := v.(*value.Map)
	if err != nil || !ok {
		return nil, damaged(fmt.Errorf("an incident cannot be read: %w", cmp.Or(err, errNoObject)))
	}
	return m, nil
}

// isOver is the condition that an incident is over, in the words of the index.
const isOver = "status IN ('resolved', 'merged', 'deleted')"

const (
	// What is counted at each new one is an index of at most so many entries.
	manyIncidents = "SELECT count(*) >= ? FROM incidents INDEXED BY incidents_listed"
	longestOver   = "SELECT no FROM incidents INDEXED BY incidents_over WHERE " + isOver + " AND changed > 0 ORDER BY changed, no LIMIT 1"
	oldIncidents  = "SELECT no FROM incidents INDEXED BY incidents_over WHERE " + isOver + " AND changed < ? LIMIT ?"
	dropIncident  = "DELETE FROM incidents WHERE no = ? AND " + isOver // it may go on since it was found
)

// makeRoom drops the incident that is over for longest, if there are most; negative: there
// may be any number.
func makeRoom(t *tx, most int) error {
	if most < 0 {
		return nil
	}
	var many bool
	if _, err := t.get(manyIncidents, []any{most}, &many); err != nil || !many {
		return err
	}
	var no int64
	found, err := t.get(longestOver, nil, &no)
	switch {
	case err != nil:
		return err
	case !found:
		return ErrManyIncidents
	}
	return t.exec(dropIncident, no)
}

// Incident is the incident of an id. ErrNotFound: there is none.
func (s *Store) Incident(ctx context.Context, id string) (*value.Map, error) {
	var body []byte
	err := s.read.QueryRowContext(ctx, "SELECT body FROM incidents WHERE id = ?", id).Scan(&body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("incident %s: %w", id, ErrNotFound)
	case err != nil:
		return nil, err
	}
	return decodeIncident(body)
}

// An IncidentFilter narrows a list of incidents. Its zero fields ask for nothing.
type IncidentFilter struct {
	Status, Severity []string // one of them, in lower case
	Match            func(*value.Map) bool
	Limit            int // 0: 25; at most 1,000
	Offset           int
}

// where is the condition that an incident of the filter meets, but for Match.
func (f *IncidentFilter) where() (string, []any) {
	parts, args := []string{"no > 0"}, []any{}
	for _, w := range []struct {
		column string
		one    []string
	}{{"status", f.Status}, {"severity", f.Severity}} {
		if len(w.one) == 0 {
			continue
		}
		parts = append(parts, w.column+" IN (?"+strings.Repeat(", ?", len(w.one)-1)+")")
		for _, text := range w.one {
			args = append(args, text)
		}
	}
	return strings.Join(parts, " AND "), args
}

const incidentsListed = " FROM incidents INDEXED BY incidents_listed WHERE "

// count and query look through an index only; query reads the bodies of its page.
func (f *IncidentFilter) count(where string) string {
	return "SELECT count(*)" + incidentsListed + where
}

func (f *IncidentFilter) query(where string) string {
	return "SELECT body" + incidentsListed + where + " ORDER BY no DESC LIMIT ? OFFSET ?"
}

// Incidents is a page of the filter's, the newest first, and how many there are in all.
// Where there is a Match, all that the rest of the filter leaves is read for that.
func (s *Store) Incidents(ctx context.Context, f IncidentFilter) (list []*value.Map, total int, err error) {
	limit := min(cmp.Or(f.Limit, 25), 1000)
	where, args := f.where()
	if f.Match != nil {
		err = s.EachIncident(ctx, f, func(m *value.Map) bool {
			if total++; total > f.Offset && len(list) < limit {
				list = append(list, m)
			}
			return true
		})
		return list, total, err
	}
	if err := s.read.QueryRowContext(ctx, f.count(where), args...).Scan(&total); err != nil {
		return nil, 0, err
	}
	err = s.eachIncident(ctx, f.query(where), append(args, limit, f.Offset), func(m *value.Map) bool {
		list = append(list, m)
		return true
	})
	return list, total, err
}

// EachIncident hands over the incidents of the filter, the newest first, until have has enough;
// the filter's Limit and Offset do not matter.
func (s *Store) EachIncident(ctx context.Context, f IncidentFilter, have func(*value.Map) (more bool)) error {
	where, args := f.where()
	return s.eachIncident(ctx, f.query(where), append(args, math.MaxInt64, 0), func(m *value.Map) bool {
		return f.Match != nil && !f.Match(m) || have(m)
	})
}

func (s *Store) eachIncident(ctx context.Context, query string, args []any, have func(*value.Map) (more bool)) error {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return err
		}
		m, err := decodeIncident(body)
		if err != nil {
			return err
		}
		if !have(m) {
			return nil
		}
	}
	return rows.Err()
}
