// Package store remembers, in one SQLite file: runs and their events, jobs that wait,
// ticks, alerts and what was added to them, workflows that came by API, messages on
// their way. It decides nothing: what becomes of what it remembers is others' business.
//
// A method that changes something returns when the change is on disk. All changes go
// through one writer (writer.go), which puts what came in at the same time into one
// transaction, so that many callers share one sync of the disk. Queries read beside
// it and see what is committed.
//
// The events of a run are the only account of its steps: a run goes on from them after
// the process died, and what Run returns is what they add up to. Start reading at Open,
// then recorder.go for runs and alerts.go for alerts.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/templating/value"
)

// Options say where a store is and how it behaves. Only Path is required.
type Options struct {
	Path      string           // the file; its folder is made where there is none
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: nothing is logged
	Ballast   int64            // bytes set aside for when the disk is full; 0: 16 MiB, negative: none
	Retention Retention        // what Tend leaves; its zero fields have defaults
	// Match compiles a condition in CEL on an alert; nil: searching in CEL is an error.
	Match func(cel string) (func(ctx context.Context, alert *value.Map) bool, error)
}

// A Store is an open file. It is safe for concurrent use. It implements
// schedule.Recorder, engine.History, engine.Enricher and keep.Store.
type Store struct {
	Options
	lock    *lock
	read    *sql.DB
	w       *writer
	journal journal
	begun   beginnings
	alerts  known
	rules   atomic.Pointer[func(alert *value.Map) []Amendment] // what they add to alerts
	disk    disk
	damage  atomic.Pointer[error] // found by a check that went on after Open
	checked atomic.Bool           // the whole file was checked
	closing sync.Once
	closed  error
}

var (
	// ErrClosed means that the store was closed.
	ErrClosed = errors.New("the store is closed")
	// ErrFull means that the disk has no room: what is under way is still brought to
	// an end, nothing new is taken on.
	ErrFull = errors.New("the disk of the store is full")
	// ErrTaken means that another process has the store.
	ErrTaken = errors.New("another process has the store")
	// ErrNotFound means that there is nothing of this identity.
	ErrNotFound = errors.New("not found")
)

// Open opens the store in the file of o.Path, or makes it, and brings its tables up to
// date, after a copy beside it. It refuses a file that another process has open, one
// that is damaged, and one that a newer version of the program wrote; the error says
// what to do. The caller closes the store.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.filled()
	s := &Store{Options: o}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", o.Path, err), s.release())
	}
	return s, nil
}

func (o Options) filled() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Ballast == 0 {
		o.Ballast = 16 << 20
	}
	o.Retention = o.Retention.filled()
	return o
}

func (s *Store) open(ctx context.Context) (err error) {
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return err
	}
	if s.lock, err = acquire(s.Path + ".lock"); err != nil {
		return err
	}
	if err := create(ctx, s.Path); err != nil {
		return err
	}
	if err := os.Chmod(s.Path, 0o600); err != nil {
		return err
	}
	if err := migrate(ctx, s.Path, migrations()); err != nil {
		return err
	}
	s.disk.path, s.disk.size = s.Path+".ballast", s.Ballast
	s.disk.fill(s.Log)
	if s.read, err = connect(s.Path, readOnly); err != nil {
		return err
	}
	if err := s.check(ctx, quickCheck); err != nil {
		return err
	}
	if err := s.remember(ctx); err != nil {
		return err
	}
	s.w, err = newWriter(ctx, s)
	return err
}

// Close writes what is still to be written and closes the file. Whoever changes
// something afterwards has ErrClosed. It may be called twice.
func (s *Store) Close() error {
	s.closing.Do(func() {
		if s.w.db != nil && s.w.broken.Load() == nil {
			s.settleLast()
		}
		s.closed = s.release()
	})
	return s.closed
}

func (s *Store) release() error {
	var errs []error
	if s.w != nil && s.w.db != nil {
		errs = append(errs, s.w.close())
	}
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}

// Health says why the store cannot do its work, or nil: the disk refused to write, it
// is full (ErrFull), or the file is damaged.
func (s *Store) Health() error {
	if err := s.w.broken.Load(); err != nil {
		return *err
	}
	if err := s.damage.Load(); err != nil {
		return *err
	}
	if s.disk.full.Load() {
		return ErrFull
	}
	return nil
}

// stamp is t as it is stored. Nanoseconds, since a time must come back as it was: a
// tick is recognised by it, and events of a run are microseconds apart.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// moment reads stamp back.
func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
