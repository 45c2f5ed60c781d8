package engine_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/engine"
)

// All work is done, however much of it waits for other work, and nobody stays.
func TestCrew(t *testing.T) {
	before := runtime.NumGoroutine()
	crew := engine.NewCrew(3)
	var done atomic.Int64
	for range 100 {
		var all sync.WaitGroup
		gate := make(chan struct{})
		for range 10 {
			all.Add(1)
			crew.Go(func() {
				defer all.Done()
				<-gate // which opens when all are under way
				done.Add(1)
			})
		}
		close(gate)
		all.Wait()
	}
	for begin := time.Now(); runtime.NumGoroutine() > before+3; runtime.Gosched() {
		if time.Since(begin) > 10*time.Second {
			t.Fatal("more wait than may", runtime.NumGoroutine()-before)
		}
	}
	crew.End()
	late := make(chan struct{})
	crew.Go(func() { close(late) })
	<-late
	for begin := time.Now(); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Since(begin) > 10*time.Second {
			t.Fatal("some stayed", runtime.NumGoroutine()-before)
		}
	}
	if n := done.Load(); n != 1000 {
		t.Error(n)
	}
}
