package schedule

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tocsin/engine"
)

// many is a site of n workflows of one period, with a recorder that only counts.
func many(t testing.TB, n int, trigger string) *site {
	var texts []string
	for i := range n {
		texts = append(texts, workflow(fmt.Sprintf("w%05d", i), trigger, ""))
	}
	s := newSite(t, newMemory(), &plant{}, texts...)
	m := &tally{seen: map[moment]bool{}}
	s.Scheduler.Recorder, s.worker.Recorder = m, m
	return s
}

// BenchmarkTick is the clock's part of a tick, from the heap to the queue, and back when
// the run is over. It should not depend on how many workflows there are.
func BenchmarkTick(b *testing.B) {
	benchTicks(b, func(s *site, e *entry) { s.Queue.release(e) })
}

// BenchmarkRun is a tick with its run: program, recorder and all.
func BenchmarkRun(b *testing.B) {
	benchTicks(b, func(s *site, e *entry) { s.worker.do(context.Background(), e) })
}

// benchTicks goes from one moment to the next, and waits for what it starts. Some moments
// have several ticks, so that ns/tick is what counts.
func benchTicks(b *testing.B, work func(*site, *entry)) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := many(b, n, "{type: interval, value: 10}")
			now := time.Now()
			s.Scheduler.Now = func() time.Time { return now }
			s.init()
			s.Queue.begin(func(e *entry) { work(s, e) })
			at := s.keep.look(now) // those that are new run at once
			s.Queue.idle(b.Context())
			before := s.keep.counts[Started]
			b.ReportAllocs()
			for b.Loop() {
				now = at
				at = s.keep.look(now)
				s.Queue.idle(b.Context())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(s.keep.counts[Started]-before), "ns/tick")
		})
	}
}

// BenchmarkLateness runs 10,000 workflows every ten seconds for twelve seconds of the
// wall's clock, whatever b.N is, and says how late runs began.
func BenchmarkLateness(b *testing.B) {
	s := many(b, 10_000, "{type: interval, value: 10}")
	var mu sync.Mutex
	var late []time.Duration
	from := time.Now()
	s.worker.Began = func(j Job, d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if j.Due.After(from.Add(time.Second)) { // all of them run at once in the beginning
			late = append(late, d)
		}
	}
	s.start(b)
	sleep(b.Context(), 12*time.Second)
	s.stop()
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(late[len(late)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(late[len(late)-1].Microseconds())/1000, "max-ms")
	b.ReportMetric(float64(len(late))/11, "runs/s")
}

// BenchmarkPlan is what an alert costs beside 10,000 workflows that wait for others.
func BenchmarkPlan(b *testing.B) {
	var texts []string
	for i := range 10_000 {
		texts = append(texts, workflow(fmt.Sprintf("w%05d", i), fmt.Sprintf("{type: alert, cel: \"name == 'n%d'\"}", i), ""))
	}
	s := newSite(b, newMemory(), &plant{}, texts...)
	a := engine.Arrival{Kind: "alert", Fields: map[string]any{"name": "n77", "fingerprint": "f"}, Now: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		if len(s.Plan(a)) != 1 {
			b.Fatal("one workflow waits for it")
		}
	}
}
