package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/engine/schedule"
)

// aTick is a job of the clock and its tick, so many minutes after noon.
func aTick(minute int) (schedule.Job, *schedule.Tick) {
	j := aJob(fmt.Sprint("run-", minute))
	j.Due = noon.Add(time.Duration(minute) * time.Minute)
	return j, &schedule.Tick{Workflow: "w", Trigger: j.Trigger, At: j.Due, Outcome: schedule.Started, Run: j.Run}
}

// quick has a run of the clock begin, ask, and end with that status.
func quick(t *testing.T, s *Store, minute int, status engine.Status) {
	t.Helper()
	j, tick := aTick(minute)
	r := aResult(j.Run, status)
	r.Started = j.Due
	if err := s.Begin(t.Context(), j, tick); err != nil {
		t.Fatal(err)
	}
	play(t, s, j.Run, 4)
	if err := s.End(t.Context(), j, r); err != nil {
		t.Fatal(err)
	}
}

// count is what a query counts.
func count(t *testing.T, s *Store, query string) (n int) {
	t.Helper()
	if err := s.read.QueryRow("SELECT count(*) FROM " + query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A run of the clock that is over soon is one row, and all that there is to know of it
// can be asked for, before and after last runs are settled.
func TestQuickRun(t *testing.T) {
	s := opened(t)
	quick(t, s, 1, engine.Done)
	quick(t, s, 2, engine.Failed)
	if n := count(t, s, "events") + count(t, s, "jobs") + count(t, s, "ticks") + count(t, s, "marks") + count(t, s, "latest"); n != 0 {
		t.Errorf("%d rows besides", n)
	}
	for _, when := range []string{"at once", "settled", "opened again"} {
		t.Run(when, func(t *testing.T) {
			switch when {
			case "settled":
				if err := s.settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			case "opened again":
				s = reopened(t, s)
			}
			r, result, err := s.Run(t.Context(), "run-1")
			if err != nil || r.Status != engine.Done || r.Duration != 7*time.Millisecond || len(result.Steps) != 1 || result.Steps[0].Output == nil {
				t.Error(r, result, err)
			}
			ticks := must(s.Ticks(t.Context(), "w", time.Time{}, 0))
			if len(ticks) != 2 || ticks[0].Run != "run-2" || ticks[1].Outcome != schedule.Started || !ticks[1].At.Equal(noon.Add(time.Minute)) {
				t.Errorf("ticks %+v", ticks)
			}
			if marks := must(s.Marks(t.Context())); len(marks) != 1 || !marks[0].At.Equal(noon.Add(2*time.Minute)) {
				t.Errorf("marks %+v", marks)
			}
			if last := must(s.LastRuns(t.Context())); len(last) != 1 || last["w"].ID != "run-2" {
				t.Errorf("last runs %+v", last)
			}
			if good := must(s.LastRun(t.Context(), "w")); good == nil || good.Run != "run-1" {
				t.Errorf("last good run %+v", good)
			}
		})
	}
}

// What of a quick run must not be lost is on disk when it has to be.
func TestBeginningIsWritten(t *testing.T) {
	status := func(t *testing.T, s *Store) engine.Status {
		r, _, err := s.Run(t.Context(), "run-1")
		if err != nil && !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		return r.Status
	}
	tests := []struct {
		name string
		do   func(t *testing.T, s *Store, j schedule.Job) error
		want engine.Status
	}{
		{"nothing happens", func(t *testing.T, s *Store, j schedule.Job) error { return nil }, ""},
		{"an action is about to be called", func(t *testing.T, s *Store, j schedule.Job) error { play(t, s, j.Run, 6); return nil }, Running},
		{"the next tick is noted", func(t *testing.T, s *Store, j schedule.Job) error {
			_, next := aTick(2)
			next.Outcome, next.Run = schedule.Skipped, ""
			return s.Tick(t.Context(), *next)
		}, Running},
		{"the next run of the trigger begins", func(t *testing.T, s *Store, j schedule.Job) error {
			next, tick := aTick(2)
			return s.Begin(t.Context(), next, tick)
		}, Running},
		{"it begins again", func(t *testing.T, s *Store, j schedule.Job) error {
			_, tick := aTick(1)
			return s.Begin(t.Context(), j, tick)
		}, ""},
		{"somebody puts it", func(t *testing.T, s *Store, j schedule.Job) error { return s.Put(t.Context(), j) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := opened(t)
			j, tick := aTick(1)
			if err := errors.Join(s.Begin(t.Context(), j, tick), tt.do(t, s, j)); err != nil {
				t.Fatal(err)
			}
			if got := status(t, s); got != tt.want {
				t.Errorf("it is %q on disk, want %q", got, tt.want)
			}
			if left := must(s.Unfinished(t.Context())); (len(left) == 0) != (tt.want == "") {
				t.Errorf("unfinished: %+v", left)
			}
			if err := s.End(t.Context(), j, aResult(j.Run, engine.Done)); err != nil {
				t.Fatal(err)
			}
			if got := status(t, s); got != engine.Done {
				t.Errorf("it is %q in the end", got)
			}
			if n := count(t, s, "jobs WHERE run = 'run-1'"); n != 0 {
				t.Error("its job is there still")
			}
		})
	}
}

// A run that lasts can be seen on disk, with its events.
func TestBeginningThatLasts(t *testing.T) {
	s := opened(t)
	j, tick := aTick(1)
	if err := s.Begin(t.Context(), j, tick); err != nil {
		t.Fatal(err)
	}
	play(t, s, j.Run, 2)
	for deadline := time.Now().Add(time.Minute); len(must(s.Events(t.Context(), j.Run))) < 2; {
		if time.Now().After(deadline) {
			t.Fatal("it is not on disk")
		}
	}
	if left := must(s.Unfinished(t.Context())); len(left) != 1 || len(left[0].Events) != 2 {
		t.Errorf("unfinished: %+v", left)
	}
	if err := s.End(t.Context(), j, aResult(j.Run, engine.Done)); err != nil {
		t.Fatal(err)
	}
	if ticks := must(s.Ticks(t.Context(), "w", time.Time{}, 0)); len(ticks) != 1 || ticks[0].Outcome != schedule.Started {
		t.Errorf("ticks %+v", ticks)
	}
}

// A process that dies takes its beginnings along: the trigger is where it was, and the
// same run can begin.
func TestBeginningIsLost(t *testing.T) {
	s := opened(t)
	quick(t, s, 1, engine.Done)
	j, tick := aTick(2)
	if err := s.Begin(t.Context(), j, tick); err != nil {
		t.Fatal(err)
	}
	// What a process that is killed leaves: the file and its journal, as they are.
	path := filepath.Join(t.TempDir(), "tocsin.db")
	for _, end := range []string{"", "-wal"} {
		copyFile(t, s.Path+end, path+end)
	}
	after := opened(t, func(o *Options) { o.Path = path })
	if marks := must(after.Marks(t.Context())); len(marks) != 1 || !marks[0].At.Equal(noon.Add(time.Minute)) {
		t.Errorf("marks %+v", marks)
	}
	quick(t, after, 2, engine.Done)
	if _, total, err := after.Runs(t.Context(), RunFilter{}); total != 2 || err != nil {
		t.Errorf("%d runs, %v", total, err)
	}
}

// One key, one run at a time, on disk or not; and the same moment does not run twice.
func TestQuickKeys(t *testing.T) {
	s := opened(t)
	first, tick := aTick(1)
	second, next := aTick(2)
	first.Key, second.Key = "clock", "clock"
	if err := s.Begin(t.Context(), first, tick); err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(t.Context(), second, next); !errors.Is(err, schedule.ErrBusy) {
		t.Errorf("a second run with the key: %v", err)
	}
	if err := s.End(t.Context(), first, aResult(first.Run, engine.Done)); err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(t.Context(), second, next); err != nil {
		t.Errorf("after the first ended: %v", err)
	}
	if err := s.Begin(t.Context(), first, tick); !errors.Is(err, schedule.ErrBusy) {
		t.Errorf("the first once more: %v", err)
	}
}

// A change that cannot be made does not take along those that it was to be made with.
func TestOthersOfABatch(t *testing.T) {
	s := opened(t)
	wrong := errors.New("no")
	errs := make(chan error)
	for i := range 20 {
		go func() {
			err := s.write(t.Context(), func(t *tx) error {
				if err := t.exec("INSERT INTO meta (key, value) VALUES (?, 1)", fmt.Sprint("k", i)); err != nil || i%5 > 0 {
					return err
				}
				return wrong
			})
			if (i%5 == 0) != errors.Is(err, wrong) {
				errs <- fmt.Errorf("change %d: %v", i, err)
			}
			errs <- nil
		}()
	}
	for range 20 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := count(t, s, "meta WHERE key LIKE 'k%'"); n != 16 {
		t.Errorf("%d changes were made, not 16", n)
	}
}

// The ends of runs that came to nothing wait for company: for many of them, for a change
// that somebody waits for, and no longer than the store is open.
func TestQuietEnds(t *testing.T) {
	s := opened(t)
	s.w.patience = time.Hour
	n := 0
	ends := func(many int) <-chan error {
		errs := make(chan error, many)
		for range many {
			n++
			j, tick := aTick(n)
			j.Workflow, tick.Workflow = j.Run, j.Run
			if err := s.Begin(t.Context(), j, tick); err != nil {
				t.Fatal(err)
			}
			go func() { errs <- s.End(t.Context(), j, aResult(j.Run, engine.Done)) }()
		}
		return errs
	}
	errs := ends(enough)
	if err := <-errs; err != nil { // those that came too late wait on
		t.Error(err)
	}
	for left := enough - 1; left > 0; {
		select {
		case err := <-errs:
			left--
			if err != nil {
				t.Error(err)
			}
		default:
			if err := s.SetMeta(t.Context(), "setup", true); err != nil {
				t.Fatal(err)
			}
		}
	}
	errs = ends(2)
	for len(s.w.quiet) != 1 && len(errs) == 0 {
		runtime.Gosched()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	kept := enough
	for range 2 {
		switch err := <-errs; {
		case err == nil:
			kept++
		case !errors.Is(err, ErrClosed): // it came too late
			t.Error(err)
		}
	}
	if _, total, err := opened(t, func(o *Options) { o.Path = s.Path }).Runs(t.Context(), RunFilter{}); err != nil || total != kept {
		t.Errorf("%d runs of %d, %v", total, kept, err)
	}
}

// Of a run that may be one row, events are written once a step is over, so that it is not
// done again, or once it lasts; of others, all that are old.
func TestEventsThatAreDue(t *testing.T) {
	for _, tt := range []struct {
		quick bool
		age   time.Duration // of the first event
		ended time.Duration // since a step was over; 0: none is
		due   bool
	}{
		{false, 50 * time.Millisecond, 0, false},
		{false, 150 * time.Millisecond, 0, true},
		{true, 900 * time.Millisecond, 0, false},
		{true, 900 * time.Millisecond, 50 * time.Millisecond, false},
		{true, 900 * time.Millisecond, 150 * time.Millisecond, true},
		{true, 1100 * time.Millisecond, 0, true},
	} {
		j := &journal{}
		j.add(&engine.Event{Run: "r", Action: engine.Calling}, []byte("1\n"))
		if tt.ended > 0 {
			j.add(&engine.Event{Run: "r", Action: engine.StepEnded}, []byte("2\n"))
			j.runs["r"].ended = time.Now().Add(-tt.ended)
		}
		j.runs["r"].since = time.Now().Add(-tt.age)
		quick := func(string) bool { return tt.quick }
		if got := len(j.due(flushAfter, quick)) == 1; got != tt.due {
			t.Errorf("%+v: due is %v", tt, got)
		}
		if len(j.due(0, quick)) != 1 {
			t.Errorf("%+v: it is not written when the store is closed", tt)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What is known of an alert is written when it is news, and after Tidy may have dropped it.
func TestOldNewsIsNotWritten(t *testing.T) {
	s := opened(t)
	n := 0
	for _, tt := range []struct {
		name    string
		version int64
		want    int // rows, after the one that was there was taken away
	}{{"new", 1, 1}, {"the same", 1, 0}, {"newer", 2, 1}, {"older", 1, 0}, {"after Tidy", 2, 1}} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "after Tidy" {
				if err := s.Tidy(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.write(t.Context(), func(t *tx) error { return t.exec("DELETE FROM episodes") }); err != nil {
				t.Fatal(err)
			}
			n++
			j, tick := aTick(n)
			r := aResult(j.Run, engine.Done)
			r.Alerts = []episode.Record{{Key: episode.Key{Workflow: "w", Action: "tell"}, Version: tt.version}}
			if err := errors.Join(s.Begin(t.Context(), j, tick), s.End(t.Context(), j, r)); err != nil {
				t.Fatal(err)
			}
			if got := count(t, s, "episodes"); got != tt.want {
				t.Errorf("%d rows were written", got)
			}
		})
	}
}
