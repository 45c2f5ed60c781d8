package store

import (
	"context"
	"os"
	"sync"
	"time"
)

// Stats are figures about the store.
type Stats struct {
	Runs, Alerts, AlertEvents, Jobs, Deliveries int64 // rows; of large tables about
	Bytes, Journal                              int64 // of the file, and of SQLite's journal
	Queued                                      int   // changes that wait
	Commits, Changes                            uint64
	Committing                                  time.Duration      // all commits together
	Waits                                       [len(Waits)]uint64 // changes that waited no longer than that, others included
	Waited                                      time.Duration      // all changes together
}

// Waits are the times of the histogram of how long changes waited for the disk. The
// last is for all.
var Waits = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, time.Second, 1<<63 - 1,
}

type writerStats struct {
	mu sync.Mutex
	Stats
}

func (w *writerStats) add(changes int, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Commits++
	w.Changes += uint64(changes)
	w.Committing += took
}

func (w *writerStats) waited(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Waited += d
	for i := len(Waits) - 1; i >= 0 && d <= Waits[i]; i-- {
		w.Waits[i]++
	}
}

// Stats counts. Tables that grow are not gone through: the numbers of their first and
// last row say about how many there are.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	s.w.stats.mu.Lock()
	st := s.w.stats.Stats
	s.w.stats.mu.Unlock()
	st.Queued = len(s.w.queue) + len(s.w.quiet)
	st.Bytes, st.Journal = size(s.Path), size(s.Path+"-wal")
	err := s.read.QueryRowContext(ctx, `SELECT
		(SELECT coalesce(max(no), 0) FROM runs) - (SELECT coalesce(min(no) - 1, 0) FROM runs),
		(SELECT count(*) FROM alerts),
		(SELECT coalesce(max(no), 0) FROM alert_events) - (SELECT coalesce(min(no) - 1, 0) FROM alert_events),
		(SELECT count(*) FROM jobs),
		(SELECT coalesce(max(no), 0) FROM deliveries) - (SELECT coalesce(min(no) - 1, 0) FROM deliveries)`,
	).Scan(&st.Runs, &st.Alerts, &st.AlertEvents, &st.Jobs, &st.Deliveries)
	return st, err
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
