package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// A State is how far a message has come.
type State string

const (
	Pending    State = "pending"    // it is to be sent
	Sending    State = "sending"    // an attempt was begun, and nothing is known of it
	Unknown    State = "unknown"    // an attempt ended without an answer: it is sent again, with the same key
	Confirmed  State = "confirmed"  // the other side has it
	Dead       State = "dead"       // it will not be sent
	Suppressed State = "suppressed" // it was not to be sent after all: silenced, throttled
	Superseded State = "superseded" // what it says is not so any more, and nobody was told
)

// Ended says that nothing more comes of it by itself.
func (s State) Ended() bool {
	return s == Confirmed || s == Dead || s == Suppressed || s == Superseded
}

// A Delivery is one message on its way: the intent to send it, and what came of that.
type Delivery struct {
	No          int64
	Key         string // names the message, for us and the other side
	Run         string
	Workflow    string
	Action      string
	Item        int // which of a foreach, from 1; 0: no foreach
	Provider    string
	Config      string // name of the provider's configuration
	Destination string // whom it tells, in words; without secrets
	Episode     string // of the alert that it is about, for one target; messages of one are sent in order
	Kind        string // what it says of that alert: "fire", "reminder", "flapping", "resolved"; or "digest"
	Severity    string
	Sealed      []byte // the parameters, encrypted by whoever sends
	State       State
	Attempts    int       // that were begun
	Deaths      int       // how often the process died during one
	Next        time.Time // when it is to be tried
	Expires     time.Time // from when on it is of no use; zero: never
	Reason      string
	Created     time.Time
	Ended       time.Time // zero: it is under way
	Reported    time.Time // when somebody was told that it is dead
}

const deliveryColumns = "no, key, run, workflow, action, item, provider, config, destination, episode, kind, severity, sealed, state, attempts, deaths, next, expires, reason, created, ended, reported"

// Intend keeps messages that are to be sent. One whose Key is known is left out,
// without an error: the intent is there already.
func (s *Store) Intend(ctx context.Context, deliveries ...Delivery) error {
	now := stamp(s.Now())
	return s.write(ctx, func(t *tx) error {
		for i := range deliveries {
			if err := intend(t, &deliveries[i], now); err != nil {
				return err
			}
		}
		return nil
	})
}

func intend(t *tx, d *Delivery, now int64) error {
	state, ended := cmp.Or(d.State, Pending), int64(0)
	if state.Ended() {
		ended = now
	}
	return t.exec(`INSERT INTO deliveries (key, run, workflow, action, item, provider, config, destination, episode, kind, severity, sealed, state, attempts, next, expires, reason, created, ended)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`,
		d.Key, d.Run, d.Workflow, d.Action, d.Item, d.Provider, d.Config, d.Destination, d.Episode, d.Kind, d.Severity, blob(d.Sealed),
		string(state), d.Attempts, cmp.Or(stamp(d.Next), now), stamp(d.Expires), d.Reason, now, ended)
}

// blob is b as a column that must have something has it.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Attempt counts an attempt that is about to be made: it is on disk before anything
// is sent. ErrNotFound: there is no such message, or nothing more is to come of it.
func (s *Store) Attempt(ctx context.Context, key string) (int, error) {
	return making(ctx, s.finish, func(t *tx) (attempt int, err error) {
		found, err := t.get("UPDATE deliveries SET state = ?, attempts = attempts + 1 WHERE key = ? AND ended = 0 RETURNING attempts",
			[]any{string(Sending), key}, &attempt)
		if err == nil && !found {
			return 0, fmt.Errorf("delivery %s: %w", key, ErrNotFound)
		}
		return attempt, err
	})
}

// A Settlement is what came of an attempt. In a state that is not the end, the message
// is tried again at Next.
type Settlement struct {
	Key    string
	State  State
	Reason string
	Next   time.Time
}

// Settle keeps what came of attempts. What had ended stays as it was.
func (s *Store) Settle(ctx context.Context, settlements ...Settlement) error {
	now := stamp(s.Now())
	return s.finish(ctx, func(t *tx) error { return settle(t, settlements, now) })
}

func settle(t *tx, settlements []Settlement, now int64) error {
	for _, o := range settlements {
		ended := int64(0)
		if o.State.Ended() {
			ended = now
		}
		err := t.exec("UPDATE deliveries SET state = ?, reason = ?, next = ?, ended = ? WHERE key = ? AND ended = 0",
			string(o.State), o.Reason, cmp.Or(stamp(o.Next), now), ended, o.Key)
		if err != nil {
			return err
		}
	}
	return nil
}

// Due are messages whose time has come, the oldest first. One that was Sending when
// the process died is among them.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]Delivery, error) {
	return s.deliveries(ctx, dueQuery, stamp(now), limit)
}

const dueQuery = "SELECT " + deliveryColumns + " FROM deliveries INDEXED BY deliveries_due WHERE ended = 0 AND next <= ? ORDER BY next, no LIMIT ?"

// A DeliveryFilter narrows a list of messages. Its zero fields ask for nothing.
type DeliveryFilter struct {
	Key, Run, Workflow    string
	Provider, Destination string
	State                 State
	Since, Until          time.Time // when it was intended
	Limit, Offset         int       // Limit 0: 100; at most 1,000
}

// Deliveries lists messages, the newest first.
func (s *Store) Deliveries(ctx context.Context, f DeliveryFilter) ([]Delivery, error) {
	query, args := f.query()
	return s.deliveries(ctx, query, args...)
}

func (f *DeliveryFilter) query() (string, []any) {
	until := int64(math.MaxInt64)
	if !f.Until.IsZero() {
		until = stamp(f.Until)
	}
	where, args := "created BETWEEN ? AND ?", []any{stamp(f.Since), until}
	order := " ORDER BY created DESC, no DESC"
	index := "deliveries_created"
	narrow := func(column, v, by string) {
		if v != "" {
			where, args, index = where+" AND "+column+" = ?", append(args, v), by
		}
	}
	narrow("provider", f.Provider, index)
	narrow("destination", f.Destination, index)
	narrow("state", string(f.State), "deliveries_state")
	narrow("workflow", f.Workflow, "deliveries_workflow")
	narrow("run", f.Run, "deliveries_run")
	narrow("key", f.Key, "sqlite_autoindex_deliveries_1")
	return "SELECT " + deliveryColumns + " FROM deliveries INDEXED BY " + index + " WHERE " + where + order + " LIMIT ? OFFSET ?",
		append(args, min(cmp.Or(f.Limit, 100), 1000), f.Offset)
}

func (s *Store) deliveries(ctx context.Context, query string, args ...any) ([]Delivery, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Delivery
	for rows.Next() {
		var d Delivery
		var at deliveryTimes
		if err := rows.Scan(d.columns(&at)...); err != nil {
			return nil, err
		}
		d.date(at)
		list = append(list, d)
	}
	return list, rows.Err()
}

// deliveryTimes are the times of a Delivery as they are stored.
type deliveryTimes struct{ next, expires, created, ended, reported int64 }

// columns are where deliveryColumns go to.
func (d *Delivery) columns(at *deliveryTimes) []any {
	return []any{
		&d.No, &d.Key, &d.Run, &d.Workflow, &d.Action, &d.Item, &d.Provider, &d.Config, &d.Destination, &d.Episode, &d.Kind, &d.Severity,
		&d.Sealed, &d.State, &d.Attempts, &d.Deaths, &at.next, &at.expires, &d.Reason, &at.created, &at.ended, &at.reported,
	}
}

func (d *Delivery) date(at deliveryTimes) {
	d.Next, d.Expires, d.Created = moment(at.next), moment(at.expires), moment(at.created)
	d.Ended, d.Reported = moment(at.ended), moment(at.reported)
}

// ErrAlive means that a message is still under way, or has arrived.
var ErrAlive = errors.New("it is not dead")

// Revive has a dead message sent again, under a key of its own. It does not expire.
// ErrNotFound, ErrAlive: there is nothing to send again.
func (s *Store) Revive(ctx context.Context, key, again string) error {
	now := stamp(s.Now())
	return s.write(ctx, func(t *tx) error {
		var state State
		found, err := t.get("SELECT state FROM deliveries WHERE key = ?", []any{key}, &state)
		switch {
		case err != nil:
			return err
		case !found:
			return fmt.Errorf("delivery %s: %w", key, ErrNotFound)
		case state != Dead:
			return fmt.Errorf("delivery %s: %w: %s", key, ErrAlive, state)
		}
		return t.exec(`INSERT INTO deliveries (key, run, workflow, action, item, provider, config, destination, episode, kind, severity, sealed, state, next, created)
			SELECT ?, run, workflow, action, item, provider, config, destination, episode, kind, severity, sealed, ?, ?, ? FROM deliveries WHERE key = ?
			ON CONFLICT (key) DO NOTHING`, again, string(Pending), now, now, key)
	})
}
