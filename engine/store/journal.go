package store

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"tocsin/engine"
	"tocsin/templating/value"
)

const (
	maxKept  = 1 << 20  // of what an event carries, in the history
	maxChunk = 64 << 10 // of events in one row, about
)

// A journal has the events that are not written yet.
type journal struct {
	mu   sync.Mutex
	runs map[string]*unwritten
	free sync.Pool // of *unwritten
}

// Unwritten are events of a run.
type unwritten struct {
	text  []byte // a line each
	since time.Time
	ended time.Time // of the first step among them that is over; zero: none is
}

// lasting is from when on others see a run on disk that may yet be one row.
const lasting = time.Second

// due says that they are to be written that are so old. Of a run that may yet be one row that
// is so when a step was over then, which is not to be done again, or when it lasts.
func (u *unwritten) due(age time.Duration, quick bool) bool {
	since := time.Since(u.since)
	if !quick || age == 0 {
		return since >= age
	}
	return since >= lasting || !u.ended.IsZero() && time.Since(u.ended) >= age
}

// maxFree is how long a text may be that is used again.
const maxFree = 8 << 10

// flushed says how much of the events of a run was written.
type flushed struct {
	run string
	n   int
}

// add keeps an event; first says that there were none of any run.
func (j *journal) add(e *engine.Event, line []byte) (first bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.runs == nil {
		j.runs = map[string]*unwritten{}
	}
	first = len(j.runs) == 0
	u := j.runs[e.Run]
	if u == nil {
		u = j.fresh()
		j.runs[e.Run] = u
	}
	if u.ended.IsZero() && (e.Action == engine.StepEnded || e.Action == engine.ItemEnded) {
		u.ended = time.Now()
	}
	u.text = append(u.text, line...)
	return first
}

// fresh is one for a run that has none.
func (j *journal) fresh() *unwritten {
	u, again := j.free.Get().(*unwritten)
	if !again {
		u = &unwritten{text: make([]byte, 0, maxFree/2)}
	}
	u.since, u.ended = time.Now(), time.Time{}
	return u
}

// of are the events of a run, a line each. They are the caller's until they are dropped.
func (j *journal) of(run string) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	if u := j.runs[run]; u != nil {
		return u.text
	}
	return nil
}

// drop forgets the first n bytes of the events of a run. Its caller has the lock.
func (j *journal) drop(run string, n int) {
	u := j.runs[run]
	switch {
	case u == nil:
	case len(u.text) > n:
		u.text = u.text[n:]
	default:
		delete(j.runs, run)
		if u.text = u.text[:0]; cap(u.text) <= maxFree {
			j.free.Put(u)
		}
	}
}

// due are the runs of which events are to be written that are so old.
func (j *journal) due(age time.Duration, quick func(run string) bool) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var list []string
	for run, u := range j.runs {
		if u.due(age, quick(run)) {
			list = append(list, run)
		}
	}
	slices.Sort(list)
	return list
}

func (j *journal) empty() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.runs) == 0
}

// forget drops what is on disk.
func (j *journal) forget(written []flushed) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, w := range written {
		j.drop(w.run, w.n)
	}
}

// flushAll writes the events of runs that are so old. Those of others wait: most runs are
// over soon.
func (s *Store) flushAll(t *tx, age time.Duration) error {
	for _, run := range s.journal.due(age, s.begun.has) {
		if err := s.flush(t, run); err != nil {
			return err
		}
	}
	return nil
}

// flush writes the events of one run, less those that an earlier change of the same
// transaction wrote. They are forgotten when it is committed.
func (s *Store) flush(t *tx, run string) error {
	text := s.journal.of(run)
	for _, w := range t.flushed {
		if w.run == run {
			text = text[w.n:]
		}
	}
	t.flushed = append(t.flushed, flushed{run, len(text)})
	if err := s.commence(t, s.begun.of(run)); err != nil {
		return err
	}
	return writeEvents(t, run, text)
}

// writeEvents adds events, a line each, to the journal of the run on disk.
func writeEvents(t *tx, run string, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	var no int64
	if found, err := t.get("SELECT no FROM runs WHERE id = ?", []any{run}, &no); !found || err != nil {
		return err // of a run that never began, nothing is kept
	}
	for len(text) > 0 {
		n := chunk(text)
		if err := t.exec("INSERT INTO events (run, big, body) VALUES (?, ?, ?)", no, n > maxKept, pack(nil, text[:n])); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

// chunk is how much of the text goes into a row: some lines, or one that is long.
func chunk(text []byte) int {
	if len(text) <= maxChunk {
		return len(text)
	}
	if end := bytes.LastIndexByte(text[:maxChunk], '\n'); end >= 0 {
		return end + 1
	}
	return bytes.IndexByte(text, '\n') + 1
}

// trim cuts what events of a run carry that is over, and needs them no more.
func trim(t *tx, no int64) error {
	rows, err := t.rows("SELECT no FROM events WHERE run = ? AND big = 1", no)
	if err != nil {
		return err
	}
	big, err := collect(rows, func(n *int64) []any { return []any{n} })
	if err != nil {
		return err
	}
	for _, n := range big {
		var body []byte
		if _, err := t.get("SELECT body FROM events WHERE no = ?", []any{n}, &body); err != nil {
			return err
		}
		events, err := decodeEvents("", "", body)
		if err != nil {
			return err
		}
		if err := t.exec("UPDATE events SET big = 0, body = ? WHERE no = ?", pack(nil, trimmed(events)), n); err != nil {
			return err
		}
	}
	return nil
}

func trimmed(events []engine.Event) []byte {
	var body []byte
	for i := range events {
		e := &events[i]
		e.With, e.Output = cut(e.With), cut(e.Output)
		if e.Check != nil {
			c := *e.Check
			c.Value, c.Against = cut(c.Value), cut(c.Against)
			e.Check = &c
		}
		body = appendEvent(body, e)
	}
	return body
}

// cut is v, or the beginning of its JSON where that is long.
func cut(v any) any {
	if v == nil {
		return nil
	}
	text := value.AppendJSON(nil, v)
	if len(text) <= maxKept {
		return v
	}
	head := bytes.ToValidUTF8(text[:maxKept], nil)
	return fmt.Sprintf("%s… (cut: it had %d bytes)", head, len(text))
}
