package schedule

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/engine"
)

// TestADay runs many workflows for simulated hours, and counts their ticks: each moment of
// each is there once, started, and none that is not one of theirs (reliability.md, S1).
// It is 1,000 of them for four hours, or with TOCSIN_DEEP 10,000 for a day.
func TestADay(t *testing.T) {
	workflows, span := 1000, 4*time.Hour
	if deep() {
		workflows, span = 10_000, 24*time.Hour
	}
	if testing.Short() {
		span = time.Hour
	}
	synctest.Test(t, func(t *testing.T) {
		m := &tally{seen: map[moment]bool{}}
		var texts []string
		for i := range workflows {
			trigger := fmt.Sprintf("{type: interval, value: %d}", []int{300, 600, 900, 3600}[i%4])
			if i%10 == 9 {
				trigger = fmt.Sprintf("{type: cron, cron: '%d */2 * * *', timezone: Asia/Kolkata}", i%60)
			}
			texts = append(texts, workflow(fmt.Sprintf("w%05d", i), trigger, ""))
		}
		s := newSite(t, newMemory(), &plant{}, texts...)
		s.Scheduler.Recorder, s.worker.Recorder = m, m
		from := time.Now()
		s.start(t)
		time.Sleep(span - time.Second)
		s.stop()
		now := time.Now()
		want := 0
		for _, it := range s.Catalog.Items() {
			trigger := it.Program.Triggers()[0]
			g := NewGrid(it.ID, trigger)
			first := from.Add(-1)
			if trigger.Timing.Every > 0 {
				first = g.floor(from).Add(-1)
			}
			for at := g.Next(first); !at.After(now); at = g.Next(at) {
				want++
				if !m.seen[moment{it.ID, trigger.Name(), at.UnixNano()}] {
					t.Errorf("%s missed %s", it.ID, at)
				}
			}
		}
		if len(m.seen) != want || m.wrong > 0 || m.ended != want {
			t.Errorf("%d ticks, %d runs ended, %d not started or twice; want %d", len(m.seen), m.ended, m.wrong, want)
		}
		t.Logf("%d workflows, %s: %d ticks", workflows, span, want)
	})
}

// A tally is a Recorder that only counts ticks.
type tally struct {
	mu    sync.Mutex
	seen  map[moment]bool
	ended int
	wrong int
}

func (m *tally) Marks(context.Context) ([]Mark, error)            { return nil, nil }
func (m *tally) Unfinished(context.Context) ([]Unfinished, error) { return nil, nil }
func (m *tally) Put(context.Context, ...Job) error                { return nil }
func (m *tally) Drop(context.Context, Job, string) error          { return nil }
func (m *tally) Record(context.Context, engine.Event) error       { return nil }

func (m *tally) Tick(_ context.Context, ticks ...Tick) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range ticks {
		if t.Outcome != Seen {
			m.wrong++
		}
	}
	return nil
}

func (m *tally) Begin(_ context.Context, _ Job, t *Tick) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := moment{t.Workflow, t.Trigger, t.At.UnixNano()}
	if m.seen[at] {
		m.wrong++
	}
	m.seen[at] = true
	return nil
}

func (m *tally) End(context.Context, Job, *engine.Result) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended++
	return nil
}

// TestAYearOfCron asks cron triggers of twelve zones for a year, by the clock's own steps,
// and compares with a plain count of the minutes on the wall. It takes a while: it is for
// TOCSIN_DEEP; else it is a month around the end of winter.
func TestAYearOfCron(t *testing.T) {
	from, to := time.Date(2027, 3, 10, 0, 0, 0, 0, time.UTC), time.Date(2027, 4, 8, 0, 0, 0, 0, time.UTC)
	if deep() {
		from, to = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	for _, name := range []string{
		"UTC", "Europe/Vienna", "Europe/London", "America/New_York", "America/Los_Angeles", "America/Santiago",
		"Australia/Lord_Howe", "Asia/Kolkata", "Asia/Tehran", "Africa/Casablanca", "Pacific/Apia", "Pacific/Chatham",
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		g := NewGrid("w", triggerOf(t, "{type: cron, cron: '*/30 * * * *', timezone: "+name+"}"))
		daily := NewGrid("w", triggerOf(t, "{type: cron, cron: '30 2 * * *', timezone: "+name+"}"))
		next, day, days := g.Next(from.Add(-1)), daily.Next(from.Add(-1)), map[string]int{}
		for at := from; at.Before(to); at = at.Add(time.Minute) {
			if at.In(zone).Minute()%30 == 0 {
				if !next.Equal(at) {
					t.Fatalf("%s: half an hour comes at %s, want %s", name, next, at.In(zone))
				}
				next = g.Next(next)
			}
			if day.Equal(at) {
				days[at.In(zone).Format(time.DateOnly)]++
				day = daily.Next(day)
			}
		}
		for at := from.Add(24 * time.Hour); at.Before(to.Add(-24 * time.Hour)); at = at.Add(24 * time.Hour) {
			if n := days[at.In(zone).Format(time.DateOnly)]; n != 1 {
				t.Errorf("%s: %d runs on %s", name, n, at.In(zone).Format(time.DateOnly))
			}
		}
	}
}

// TestKills ends processes at random moments, again and again: from one instant on nothing
// that they say is on disk. Now and then the recorder fails besides.
// In the end every job that was taken on is over, nothing runs that should not, and every
// moment of the clock has one tick.
func TestKills(t *testing.T) {
	rounds := 20
	if deep() {
		rounds = 500
	}
	for seed := range rounds {
		synctest.Test(t, func(t *testing.T) {
			random, faults := rand.New(rand.NewPCG(uint64(seed), 1)), rand.New(rand.NewPCG(uint64(seed), 2))
			var mu sync.Mutex
			var dead bool // the process that is being killed writes nothing more
			m := newMemory()
			m.fail = func(what string) error {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case dead:
					return errors.New("the process is dead")
				case what != "marks" && what != "unfinished" && faults.IntN(50) == 0:
					return errors.New("busy")
				}
				return nil
			}
			p := &plant{do: func(ctx context.Context, _ string) error { sleep(ctx, 7*time.Second); return ctx.Err() }}
			texts := []string{
				workflow("skips", "{type: interval, value: 5}", ""),
				workflow("queues", "{type: interval, value: 5, overlap: queue_one}", ""),
				workflow("all", "{type: interval, value: 20, catch_up: 'all(5, 1h)'}", ""),
				workflow("cancels", "{type: interval, value: 5, overlap: cancel_previous}", ""),
				workflow("several", "{type: interval, value: 5, overlap: parallel(3)}", ""),
				workflow("asked", "{type: manual}", ""),
			}
			from := time.Now()
			var asked []string
			for range 8 {
				s := newSite(t, m, p, texts...)
				s.worker.Drain, s.worker.Grace = time.Millisecond, time.Second
				s.start(t)
				for range random.IntN(4) {
					time.Sleep(time.Duration(random.IntN(20_000)) * time.Millisecond)
					if run, err := s.Start(t.Context(), "asked", "me", engine.Input{}); err == nil {
						asked = append(asked, run)
					}
				}
				time.Sleep(time.Duration(random.IntN(30_000)) * time.Millisecond)
				mu.Lock()
				dead = true
				mu.Unlock()
				s.stop()
				mu.Lock()
				dead = false
				mu.Unlock()
				time.Sleep(time.Duration(random.IntN(60_000)) * time.Millisecond)
			}
			// The last one is in peace: what was cut off three times is parked, all else runs.
			s := newSite(t, m, p, texts...)
			s.start(t)
			time.Sleep(2 * time.Minute)
			s.stop()
			time.Sleep(time.Second)
			for _, run := range asked {
				if m.over[run] == nil && m.drops[run] == "" {
					t.Errorf("seed %d: %s was taken on and never ended", seed, run)
				}
			}
			for run, u := range m.jobs {
				if u.Job.Due.Before(time.Now().Add(-time.Minute)) {
					t.Errorf("seed %d: %s of %s due %s is left", seed, run, u.Job.Workflow, u.Job.Due)
				}
			}
			for _, it := range s.Catalog.Items() {
				trigger := it.Program.Triggers()[0]
				if trigger.Next == nil {
					continue
				}
				g := NewGrid(it.ID, trigger)
				for at := g.Next(g.floor(from).Add(-1)); at.Before(time.Now().Add(-time.Minute)); at = g.Next(at) {
					if _, ok := m.ticks[moment{it.ID, trigger.Name(), at.UnixNano()}]; !ok {
						t.Errorf("seed %d: %s has no tick at %s", seed, it.ID, at.Sub(from))
					}
				}
			}
			check(t, m)
		})
	}
}
