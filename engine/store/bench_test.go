package store

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/templating/value"
)

// callers runs do b.N times, shared by so many callers at once.
func callers(b *testing.B, n int, do func(i int64) error) {
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	errs := make(chan error, n)
	for range n {
		go func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					errs <- nil
					return
				}
				if err := do(i); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// BenchmarkAccept is how many alerts a second are on disk, one in each call, each of
// which makes a job.
func BenchmarkAccept(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("%d callers", n), func(b *testing.B) {
			s := opened(b)
			callers(b, n, func(i int64) error {
				o, err := engine.NormalizeAlert(map[string]any{
					"name": "disk is full", "fingerprint": fmt.Sprint("f", i%10_000), "severity": "critical", "id": fmt.Sprint(i),
					"message": "Disk is at 95 %", "labels": map[string]any{"host": "db-1", "team": "storage"},
				}, time.Now(), "")
				if err != nil {
					return err
				}
				_, err = s.Accept(b.Context(), "bench", []*value.Map{o.Map}, func(c []Change) []schedule.Job {
					j := aJob(fmt.Sprint("r", i))
					j.Input.Alert = Fields(c[0].Alert)
					return []schedule.Job{j}
				})
				return err
			})
		})
	}
}

// BenchmarkEnd is how many runs a second begin and end, with eight events, one of which
// waits for the disk.
func BenchmarkEnd(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("%d callers", n), func(b *testing.B) {
			s := opened(b)
			callers(b, n, func(i int64) error {
				j := aJob(fmt.Sprint("r", i))
				if err := s.Begin(b.Context(), j, &schedule.Tick{Workflow: "w", Trigger: "t", At: time.Unix(0, i), Outcome: schedule.Started}); err != nil {
					return err
				}
				for _, e := range script(j.Run) {
					if err := s.Record(b.Context(), e); err != nil {
						return err
					}
				}
				return s.End(b.Context(), j, aResult(j.Run, engine.Done))
			})
		})
	}
}

// BenchmarkCheck is a run that only asks: it waits for the disk when it begins and when
// it ends.
func BenchmarkCheck(b *testing.B) {
	s := opened(b)
	callers(b, 64, func(i int64) error {
		j := aJob(fmt.Sprint("r", i))
		if err := s.Begin(b.Context(), j, nil); err != nil {
			return err
		}
		for _, e := range append(script(j.Run)[:4], script(j.Run)[7]) {
			if err := s.Record(b.Context(), e); err != nil {
				return err
			}
		}
		return s.End(b.Context(), j, aResult(j.Run, engine.Done))
	})
}

// BenchmarkQuick is a run of the clock that finds nothing, from its beginning to its end,
// of 2,000 workflows in turn: a websocket check with nine events. File and journal are
// what it takes there; of the journal, commits that many share.
func BenchmarkQuick(b *testing.B) {
	for _, n := range []int{64, 256} {
		b.Run(fmt.Sprintf("%d callers", n), func(b *testing.B) {
			s := opened(b)
			events := aCheck()
			names := make([]string, 2000)
			for i := range names {
				names[i] = fmt.Sprintf("check-%04d", i)
			}
			callers(b, n, func(i int64) error {
				at := noon.Add(time.Duration(i) * time.Millisecond)
				j := schedule.Job{Run: schedule.NewRun(at), Workflow: names[i%2000], Trigger: "interval 1s", Due: at, Key: "clock", Attempt: 1, By: "scheduler", Version: "127114b9334a", Input: engine.Input{Trigger: "interval"}}
				if err := s.Begin(b.Context(), j, &schedule.Tick{Workflow: j.Workflow, Trigger: j.Trigger, At: at, Outcome: schedule.Started, Run: j.Run}); err != nil {
					return err
				}
				for k, e := range events {
					e.Run, e.Workflow, e.Time = j.Run, j.Workflow, at.Add(time.Duration(k)*123457*time.Nanosecond)
					if err := s.Record(b.Context(), e); err != nil {
						return err
					}
				}
				return s.End(b.Context(), j, &engine.Result{Run: j.Run, Workflow: j.Workflow, Status: engine.Done, Started: at, Duration: 2345678})
			})
			st := must(s.Stats(b.Context()))
			b.ReportMetric(float64(b.N)/float64(st.Commits), "runs/commit")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(size(s.Path))/float64(b.N), "file-B/op")
		})
	}
}

// aCheck are the events of a websocket check, as a file had them.
func aCheck() []engine.Event {
	return must(decodeEvents("", "", must(os.ReadFile("testdata/check.jsonl"))))
}

// BenchmarkOpen opens a file with a million runs of 10,000 workflows, and asks what a
// start asks.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "tocsin.db")
	fillRuns(b, path, 1_000_000)
	if info, err := os.Stat(path); err == nil {
		b.Logf("%d MiB", info.Size()>>20)
	}
	for b.Loop() {
		s, err := Open(b.Context(), Options{Path: path})
		if err != nil {
			b.Fatal(err)
		}
		if marks := must(s.Marks(b.Context())); len(marks) != 10_000 {
			b.Fatal(len(marks))
		}
		if last := must(s.LastRuns(b.Context())); len(last) != 10_000 {
			b.Fatal(len(last))
		}
		_ = must(s.Unfinished(b.Context()))
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkQueries are those of an API, of 200,000 runs.
func BenchmarkQueries(b *testing.B) {
	path := filepath.Join(b.TempDir(), "tocsin.db")
	fillRuns(b, path, 200_000)
	s := opened(b, func(o *Options) { o.Path = path })
	for name, f := range map[string]RunFilter{
		"of a workflow": {Workflow: "w7"}, "all": {}, "by status": {Status: []engine.Status{engine.Broken}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.Runs(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := s.Run(b.Context(), "run-100000"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// fillRuns makes runs without going through the writer, many in a transaction.
func fillRuns(b *testing.B, path string, n int) {
	b.Helper()
	s, err := Open(b.Context(), Options{Path: path, Ballast: -1})
	if err != nil {
		b.Fatal(err)
	}
	var body []byte
	for _, e := range script("r") {
		body = appendEvent(body, &e)
	}
	for from := 0; from < n; from += 50_000 {
		err := s.write(b.Context(), func(t *tx) error {
			for i := from; i < min(n, from+50_000); i++ {
				workflow, at := fmt.Sprint("w", i%10_000), stamp(noon)+int64(i)*1e6
				no, err := t.insert(`INSERT INTO runs (id, workflow, trigger, by, status, due, started, ended, duration, attempt, fingerprint, event, kind)
					VALUES (?, ?, 'interval', 'scheduler', ?, ?, ?, ?, 5, 1, '', '', '')`, fmt.Sprint("run-", i), workflow, []string{"done", "error"}[i%17/16], at, at, at+5)
				if err != nil {
					return err
				}
				if err := t.exec("INSERT INTO events (run, big, body) VALUES (?, 0, ?)", no, body); err != nil {
					return err
				}
				if i < n-10_000 {
					continue
				}
				if err := t.exec("INSERT INTO latest (workflow, run, good) VALUES (?, ?, ?)", workflow, no, no); err != nil {
					return err
				}
				if err := t.exec("INSERT INTO marks (workflow, trigger, at) VALUES (?, 't', ?)", workflow, at); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkEncode is what the events of a run cost that only asks.
func BenchmarkEncode(b *testing.B) {
	events := aCheck()
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range events {
			text = appendEvent(text[:0], &e)
		}
	}
}
