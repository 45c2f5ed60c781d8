package schedule

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"tocsin/engine"
)

func jobFor(run, workflow, key string, wait bool) *entry {
	return &entry{job: Job{Run: run, Workflow: workflow, Key: key, Wait: wait, Input: engine.Input{Run: run, Trigger: "alert"}}}
}

func TestWorkflowsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Local{Workers: map[Lane]int{EventLane: 1}}
		for i := range 5 {
			q.put(jobFor(fmt.Sprint("a", i), "a", "", true))
		}
		for _, w := range []string{"b", "c"} {
			q.put(jobFor(w, w, "", true))
		}
		var order []string
		defer q.end()
		q.begin(func(e *entry) {
			order = append(order, e.job.Run)
			q.release(e)
		})
		synctest.Wait()
		if got := fmt.Sprint(order); got != "[a0 b c a1 a2 a3 a4]" {
			t.Errorf("%s", got)
		}
	})
}

func TestAFloodOfOneWorkflowLeavesRoomForOthers(t *testing.T) {
	q := &Local{Capacity: 100, Backlog: 10}
	var refused int
	for i := range 50 {
		if q.put(jobFor(fmt.Sprint(i), "a", "", true)) == ErrFull {
			refused++
		}
	}
	if err := q.put(jobFor("b", "b", "", true)); refused != 40 || err != nil {
		t.Errorf("%d refused, and b: %v", refused, err)
	}
}

func TestLanesDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Local{Workers: map[Lane]int{EventLane: 2, ClockLane: 1}}
		hang := make(chan struct{})
		var ran []string
		defer q.end()
		q.begin(func(e *entry) {
			defer q.release(e)
			if e.job.Lane() == EventLane {
				<-hang
				return
			}
			ran = append(ran, e.job.Run)
		})
		for i := range 20 {
			q.put(jobFor(fmt.Sprint(i), fmt.Sprint(i), "", true))
		}
		tick := jobFor("tick", "a", "clock", false)
		tick.job.Input.Trigger = "cron"
		q.put(tick)
		synctest.Wait()
		if fmt.Sprint(ran) != "[tick]" {
			t.Errorf("%v", ran)
		}
		close(hang)
		if !q.idle(t.Context()) {
			t.Error("some go on")
		}
	})
}

func TestWhoWaitsForRoomIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Local{Capacity: 1, Workers: map[Lane]int{EventLane: 1}}
		q.put(jobFor("1", "a", "", true))
		woken := make(chan bool, 2)
		go func() { woken <- q.room(t.Context(), EventLane, "a") }()
		synctest.Wait()
		if len(woken) > 0 {
			t.Fatal("there is no room")
		}
		defer q.end()
		q.begin(func(e *entry) { q.release(e) })
		if !<-woken {
			t.Error("it was not woken")
		}
		q.end()
		q.put(jobFor("2", "a", "", true))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { woken <- q.room(ctx, EventLane, "a") }()
		cancel()
		if <-woken {
			t.Error("there was no room")
		}
	})
}

// What ends while the disk is read is not put again.
func TestWhatEndsMeanwhileIsNotPutAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, ran := &Local{}, 0
		defer q.end()
		q.begin(func(e *entry) { ran++; q.release(e) })
		done := q.reading()
		for range 2 {
			q.put(jobFor("1", "a", "", true))
			synctest.Wait()
		}
		done()
		if ran != 1 {
			t.Errorf("it ran %d times", ran)
		}
	})
}

// A reference is a queue that is slow and plain: a list, gone through from the start.
type reference struct {
	waiting, running []*entry
}

// put is what Local.put says.
func (r *reference) put(e *entry, capacity, backlog int) error {
	all := slices.Concat(r.running, r.waiting)
	taken := slices.ContainsFunc(all, func(o *entry) bool { return o.spot() == e.spot() })
	own := 0
	for _, o := range r.waiting {
		if o.job.Workflow == e.job.Workflow {
			own++
		}
	}
	switch {
	case e.job.Key != "" && taken && !e.job.Wait:
		return ErrBusy
	case len(r.waiting) >= capacity || own >= backlog:
		return ErrFull
	}
	r.waiting = append(r.waiting, e)
	return nil
}

// could says whether e may run now: nobody with its key runs, or came before it.
func (r *reference) could(e *entry, parallel int) bool {
	own := 0
	for _, o := range r.running {
		if o.job.Workflow == e.job.Workflow {
			own++
		}
		if e.job.Key != "" && o.spot() == e.spot() {
			return false
		}
	}
	for _, o := range r.waiting {
		if o == e {
			break
		}
		if e.job.Key != "" && o.spot() == e.spot() {
			return false
		}
	}
	return own < parallel
}

func (r *reference) remove(list *[]*entry, e *entry) bool {
	i := slices.Index(*list, e)
	if i >= 0 {
		*list = slices.Delete(*list, i, i+1)
	}
	return i >= 0
}

// TestQueueModel puts, ends and takes back jobs at random, and compares with a reference:
// what is refused, that only what may run does, and that nobody rests while something
// could.
func TestQueueModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const workers, parallel, capacity, backlog = 3, 2, 8, 4
		q := &Local{Workers: map[Lane]int{EventLane: workers}, Parallel: parallel, Capacity: capacity, Backlog: backlog}
		begun := make(chan *entry, 100)
		defer q.end()
		q.begin(func(e *entry) { begun <- e })
		var ref reference
		settle := func() {
			for range q.lanes[EventLane].running - len(ref.running) {
				e := <-begun
				ref.running = append(ref.running, e)
			}
			// They began in some order, in which each was allowed to.
			var late []*entry
			for _, e := range ref.waiting {
				if slices.Contains(ref.running, e) {
					late = append(late, e)
				}
			}
			for _, e := range late {
				ref.remove(&ref.running, e)
			}
			for len(late) > 0 {
				i := slices.IndexFunc(late, func(e *entry) bool { return ref.could(e, parallel) })
				if i < 0 {
					t.Fatalf("%s of %s with key %q must not run yet", late[0].job.Run, late[0].job.Workflow, late[0].job.Key)
				}
				ref.remove(&ref.waiting, late[i])
				ref.running = append(ref.running, late[i])
				late = slices.Delete(late, i, i+1)
			}
			if len(ref.running) > workers {
				t.Fatalf("%d run", len(ref.running))
			}
			for _, e := range ref.waiting {
				if len(ref.running) < workers && ref.could(e, parallel) {
					t.Fatalf("%s of %s with key %q could run", e.job.Run, e.job.Workflow, e.job.Key)
				}
			}
		}
		n := 0
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				n++
				e := jobFor(fmt.Sprint(n), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "workflow"),
					rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "key"), rapid.Bool().Draw(t, "wait"))
				want := ref.put(e, capacity, backlog)
				if got := q.put(e); got != want {
					t.Fatalf("put: %v, want %v", got, want)
				}
				settle()
			},
			"end": func(t *rapid.T) {
				if len(ref.running) == 0 {
					t.Skip("nothing runs")
				}
				e := rapid.SampledFrom(ref.running).Draw(t, "run")
				ref.remove(&ref.running, e)
				q.release(e)
				settle()
			},
			"clear": func(t *rapid.T) {
				w, key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "workflow"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "key")
				var want []*entry
				for _, e := range slices.Clone(ref.waiting) {
					if e.spot() == (spot{w, key}) {
						want = append(want, e)
						ref.remove(&ref.waiting, e)
					}
				}
				if got := q.clear(w, key, errPrevious); !slices.Equal(got, want) {
					t.Fatalf("clear: %d, want %d", len(got), len(want))
				}
				settle()
			},
		})
		// What is left comes to an end, and then there is nothing.
		for len(ref.running) > 0 {
			e := ref.running[0]
			ref.remove(&ref.running, e)
			q.release(e)
			settle()
		}
		if len(q.runs)+len(q.keys)+len(q.lanes[EventLane].workflows)+len(ref.waiting) > 0 || q.lanes[EventLane].waiting > 0 {
			t.Fatalf("left: %d runs, %d keys, %d workflows, %d waiting", len(q.runs), len(q.keys), len(q.lanes[EventLane].workflows), len(ref.waiting))
		}
	})
}
