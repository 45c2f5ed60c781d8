package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"tocsin/engine"
)

// A Past is what was known at one moment. For a run that an alert started, the alert
// itself has come in, and yet it is not among those seen before. It implements
// engine.History.
type Past struct {
	store       *Store
	upTo        int64     // what came in later is not part of it
	fingerprint string    // of the alert that started the run; "": none did
	arrival     int64     // its event; 0: it did not come in
	before      time.Time // runs that began then or later are not part of it; zero: all are
}

// Past is the past of a run that the alert with this fingerprint started; "" for one
// that none did. A run whose job was made by Accept sees what came before that alert,
// whenever it begins, and again when it goes on after the process died; any other what
// came before the last alert that came in.
func (s *Store) Past(ctx context.Context, run, fingerprint string) (engine.History, error) {
	if fingerprint == "" { // few of those ask
		return &recent{store: s}, nil
	}
	p := Past{store: s, fingerprint: fingerprint}
	err := s.read.QueryRowContext(ctx, "SELECT coalesce(max(no), 0) FROM alert_events").Scan(&p.upTo)
	if err != nil {
		return nil, err
	}
	err = s.read.QueryRowContext(ctx, "SELECT arrival FROM jobs WHERE run = ?", run).Scan(&p.arrival)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	if p.arrival == 0 {
		err = s.read.QueryRowContext(ctx, "SELECT no FROM alert_events WHERE fingerprint = ? AND arrived = 1 ORDER BY no DESC LIMIT 1", fingerprint).Scan(&p.arrival)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return p, err
}

// PastAt is the past of a run that began at that moment, for one like it now: what is
// still known of it.
func (s *Store) PastAt(ctx context.Context, at time.Time, fingerprint string) (engine.History, error) {
	p := Past{store: s, fingerprint: fingerprint, before: at}
	err := s.read.QueryRowContext(ctx, eventsUntil, stamp(at)).Scan(&p.upTo)
	if err == nil && fingerprint != "" {
		err = s.read.QueryRowContext(ctx, arrivalUntil, fingerprint, p.upTo).Scan(&p.arrival)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return p, err
}

const (
	eventsUntil  = "SELECT no FROM alert_events INDEXED BY alert_events_received WHERE received <= ? ORDER BY received DESC, no DESC LIMIT 1"
	arrivalUntil = "SELECT no FROM alert_events WHERE fingerprint = ? AND arrived = 1 AND no <= ? ORDER BY no DESC LIMIT 1"
	goodBefore   = "SELECT id FROM runs INDEXED BY runs_workflow WHERE workflow = ? AND started < ? AND status = 'done' ORDER BY started DESC, no DESC LIMIT 1"
)

// LastRun implements engine.History.
func (p Past) LastRun(ctx context.Context, workflow string) (*engine.Result, error) {
	if p.before.IsZero() {
		return p.store.LastRun(ctx, workflow)
	}
	var id string
	err := p.store.read.QueryRowContext(ctx, goodBefore, workflow, stamp(p.before)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, result, err := p.store.Run(ctx, id)
	return result, err
}

// FiringSince implements engine.History: when the alert began to fire without having
// been resolved since. The alert may say so itself (firingStartTime).
func (p Past) FiringSince(ctx context.Context, fingerprint string) (time.Time, error) {
	var since int64
	var status string
	err := p.store.read.QueryRowContext(ctx, sinceQuery, fingerprint, p.last(fingerprint)).Scan(&since, &status)
	if errors.Is(err, sql.ErrNoRows) || err == nil && status != "firing" {
		return time.Time{}, nil
	}
	return moment(since), err
}

const sinceQuery = "SELECT since, status FROM alert_events WHERE fingerprint = ? AND no <= ? ORDER BY no DESC LIMIT 1"

// Seen implements engine.History.
func (p Past) Seen(ctx context.Context, fingerprint string, since time.Time) (seen bool, err error) {
	last := p.last(fingerprint)
	if p.own(fingerprint) {
		last--
	}
	from := int64(-1 << 63)
	if !since.IsZero() {
		from = stamp(since)
	}
	err = p.store.read.QueryRowContext(ctx, seenQuery, fingerprint, last, from).Scan(&seen)
	return seen, err
}

const seenQuery = "SELECT EXISTS (SELECT 1 FROM alert_events WHERE fingerprint = ? AND no <= ? AND status = 'firing' AND received >= ?)"

// A recent is the past of a run that no alert started.
type recent struct {
	store *Store
	once  sync.Once
	past  Past
	err   error
}

func (r *recent) known(ctx context.Context) (Past, error) {
	r.once.Do(func() {
		r.past.store = r.store
		r.err = r.store.read.QueryRowContext(ctx, "SELECT coalesce(max(no), 0) FROM alert_events").Scan(&r.past.upTo)
	})
	return r.past, r.err
}

// LastRun implements engine.History.
func (r *recent) LastRun(ctx context.Context, workflow string) (*engine.Result, error) {
	return r.store.LastRun(ctx, workflow)
}

// FiringSince implements engine.History.
func (r *recent) FiringSince(ctx context.Context, fingerprint string) (time.Time, error) {
	p, err := r.known(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return p.FiringSince(ctx, fingerprint)
}

// Seen implements engine.History.
func (r *recent) Seen(ctx context.Context, fingerprint string, since time.Time) (bool, error) {
	p, err := r.known(ctx)
	if err != nil {
		return false, err
	}
	return p.Seen(ctx, fingerprint, since)
}

// own says that the fingerprint is that of the alert that started the run.
func (p Past) own(fingerprint string) bool { return p.arrival > 0 && fingerprint == p.fingerprint }

// last is the last event of the fingerprint that is part of p.
func (p Past) last(fingerprint string) int64 {
	if p.own(fingerprint) {
		return p.arrival
	}
	return p.upTo
}

// latestEvent is beyond all events.
const latestEvent = 1<<63 - 1

// FiringSince implements engine.History, for what is known now.
func (s *Store) FiringSince(ctx context.Context, fingerprint string) (time.Time, error) {
	return Past{store: s, upTo: latestEvent}.FiringSince(ctx, fingerprint)
}

// Seen implements engine.History, for what is known now.
func (s *Store) Seen(ctx context.Context, fingerprint string, since time.Time) (bool, error) {
	return Past{store: s, upTo: latestEvent}.Seen(ctx, fingerprint, since)
}
