package store

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"tocsin/engine"
	"tocsin/engine/schedule"
)

// Most runs are checks that the clock starts and that find nothing. They are over when their
// endpoint has answered, and no action is called. Such a run is written once, when it is
// over: one row that has its events too. Until then it is a beginning, in memory. Others see
// it on disk when it lasts, when it goes on after a step is over, when an action is about to
// be called, or when something is written that comes after it.
//
// If the process dies before, nothing is known of the run, nor that its trigger came as
// far as that: the scheduler starts the same run, with the same identity, again.

// A beginning is a run of the clock that began and is not on disk.
type beginning struct {
	job     schedule.Job
	trigger string
	since   int64
	written bool // in the transaction that is being made; the writer's
}

// Beginnings are those that there are, and what has to be known to make one.
type beginnings struct {
	mu    sync.Mutex
	runs  map[string]*beginning
	at    map[spot]*beginning // by workflow and trigger
	held  map[spot]string     // what is under way, on disk or not: runs by workflow and key
	taken map[string]bool     // runs of the clock that were put on disk before they began
	marks map[spot]int64      // the last tick, on disk or not, by workflow and trigger
}

// A spot is a key or a trigger of a workflow.
type spot struct{ workflow, name string }

// remember reads what a file knows that was opened.
func (s *Store) remember(ctx context.Context) error {
	b := &s.begun
	b.runs, b.at = map[string]*beginning{}, map[spot]*beginning{}
	b.held, b.taken, b.marks = map[spot]string{}, map[string]bool{}, map[spot]int64{}
	marks, err := s.Marks(ctx)
	if err != nil {
		return err
	}
	for _, m := range marks {
		b.marks[spot{m.Workflow, m.Trigger}] = stamp(m.At)
	}
	rows, err := s.read.QueryContext(ctx, "SELECT run, workflow, key, begun FROM jobs")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var run string
		var at spot
		var begun bool
		if err := rows.Scan(&run, &at.workflow, &at.name, &begun); err != nil {
			return err
		}
		b.taken[run] = true
		if begun && at.name != "" {
			b.held[at] = run
		}
	}
	return rows.Err()
}

// begin notes that j begins. It is ErrBusy where another run has its key, and quick
// where that is all there is to do.
func (b *beginnings) begin(j *schedule.Job, tick *schedule.Tick, now int64) (quick bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if j.Key != "" {
		if other, busy := b.held[spot{j.Workflow, j.Key}]; busy && other != j.Run {
			return false, schedule.ErrBusy
		}
		b.held[spot{j.Workflow, j.Key}] = j.Run
	}
	switch {
	case b.runs[j.Run] != nil:
		return true, nil
	case tick == nil:
		return false, nil
	}
	at := spot{tick.Workflow, tick.Trigger}
	// Of two runs of one trigger, or of one that may be known, each is written down at once.
	if j.Attempt > 1 || b.taken[j.Run] || b.at[at] != nil || !b.mark(tick) {
		return false, nil
	}
	begun := &beginning{job: *j, trigger: tick.Trigger, since: now}
	b.runs[j.Run], b.at[at] = begun, begun
	return true, nil
}

// mark notes a tick. It is false where a later one was noted, or the same.
func (b *beginnings) mark(tick *schedule.Tick) bool {
	at := spot{tick.Workflow, tick.Trigger}
	if n := stamp(tick.At); n > b.marks[at] {
		b.marks[at] = n
		return true
	}
	return false
}

// ticked notes ticks that are about to be written.
func (b *beginnings) ticked(ticks []schedule.Tick) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range ticks {
		b.mark(&ticks[i])
	}
}

// put are those of the jobs that have not begun. From now on they are known to be on
// disk.
func (b *beginnings) put(jobs []schedule.Job) []schedule.Job {
	b.mu.Lock()
	defer b.mu.Unlock()
	var left []schedule.Job
	for _, j := range jobs {
		if b.runs[j.Run] != nil {
			continue
		}
		if left = append(left, j); j.Tick() != nil {
			b.taken[j.Run] = true
		}
	}
	return left
}

// over notes that a run does not have its key any more.
func (b *beginnings) over(j *schedule.Job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := (spot{j.Workflow, j.Key}); b.held[at] == j.Run {
		delete(b.held, at)
	}
	delete(b.taken, j.Run)
}

// of is the beginning of a run; nil: it is on disk, or there is none.
func (b *beginnings) of(run string) *beginning {
	b.mu.Lock()
	defer b.mu.Unlock()
	if begun := b.runs[run]; begun != nil && !begun.written {
		return begun
	}
	return nil
}

// has says that there is a beginning of the run.
func (b *beginnings) has(run string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.runs[run] != nil
}

// ofTrigger is the beginning of a run of that trigger; nil: there is none.
func (b *beginnings) ofTrigger(workflow, trigger string) *beginning {
	b.mu.Lock()
	defer b.mu.Unlock()
	if begun := b.at[spot{workflow, trigger}]; begun != nil && !begun.written {
		return begun
	}
	return nil
}

// forget drops those that are on disk now.
func (b *beginnings) forget(written []*beginning) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, begun := range written {
		delete(b.runs, begun.job.Run)
		if at := (spot{begun.job.Workflow, begun.trigger}); b.at[at] == begun {
			delete(b.at, at)
		}
	}
}

const beginQuick = `INSERT INTO runs (id, workflow, trigger, by, status, reason, due, started, ended, duration, attempt, fingerprint, event, kind, version, tick, journal)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', '', ?, ?, ?) ON CONFLICT (id) DO NOTHING`

// row writes the run of b. What it is known by is the identity of the tick: if there
// is one already, this is not it.
func (t *tx) row(b *beginning, r *engine.Result, ended int64, journal []byte) error {
	j := &b.job
	n, err := t.change(beginQuick, j.Run, j.Workflow, j.Input.Trigger, j.By, string(r.Status), r.Reason, stamp(j.Due), b.since, ended, int64(r.Duration),
		j.Attempt, j.Version, b.trigger, journal)
	if err == nil && n == 0 {
		err = fmt.Errorf("run %s is over: %w", j.Run, schedule.ErrBusy)
	}
	if err == nil {
		b.written = true
		t.begun = append(t.begun, b)
	}
	return err
}

// commence writes down that the run of b is under way; nil: it is already.
func (s *Store) commence(t *tx, b *beginning) error {
	if b == nil {
		return nil
	}
	if err := t.row(b, &engine.Result{Status: Running}, 0, nil); err != nil {
		return err
	}
	return t.exec(`INSERT INTO jobs (run, workflow, key, begun, arrival, taken, body) VALUES (?, ?, ?, 1, 0, ?, ?)`,
		b.job.Run, b.job.Workflow, b.job.Key, b.since, encodeJob(b.job))
}

// finishQuick ends a run of which nothing is on disk. It is false where its events are
// too much for the row.
func (s *Store) finishQuick(t *tx, b *beginning, e *Ending, now int64) (bool, error) {
	text := s.journal.of(e.Job.Run)
	if len(text) > maxChunk {
		return false, nil
	}
	t.packed = pack(t.packed[:0], text)
	r := e.Result
	b.since = cmp.Or(stamp(r.Started), b.since)
	if err := t.row(b, r, cmp.Or(stamp(r.Started.Add(r.Duration)), now), t.packed); err != nil {
		return true, err
	}
	t.flushed = append(t.flushed, flushed{e.Job.Run, len(text)})
	return true, s.followUp(t, e, now)
}
