package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/engine"
	"tocsin/providers"
)

const listening = "workflow:\n  id: w\n  triggers: [{type: act, name: prices, cel: \"name == 'price'\"}]\n  strategy: parallel\n" +
	"  actions:\n    - {name: a, provider: {type: act, with: {do: x}}}\n"

// Each message that the trigger wants is a run, on disk before the provider goes on.
func TestASubscriptionStartsARunForEachMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		p := &plant{listen: func(ctx context.Context, emit func(providers.Alert) error) error {
			for i := range 5 {
				name := map[bool]string{true: "price", false: "noise"}[i%2 == 0]
				if err := emit(providers.Alert{ID: fmt.Sprint(i), Name: name, Fields: map[string]any{"kind": "message"}}); err != nil {
					return err
				}
			}
			<-ctx.Done()
			return nil
		}}
		s := newSite(t, m, p, listening)
		s.start(t)
		time.Sleep(time.Second)
		st := s.State().Subscriptions
		s.stop()
		if len(st) != 1 || st[0].Alerts != 5 || st[0].Runs != 3 || st[0].Since.IsZero() || st[0].Trigger != "act prices" {
			t.Errorf("%+v", st)
		}
		for run, r := range m.results() {
			if r.Status != engine.Done || r.Trigger != "act" {
				t.Errorf("%s: %+v", run, r)
			}
		}
		if len(m.over) != 3 {
			t.Errorf("%d runs", len(m.over))
		}
	})
}

// A provider that gives up, or panics, is begun again: later and later, until it goes well.
func TestASubscriptionBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var begun []time.Time
		p := &plant{listen: func(ctx context.Context, _ func(providers.Alert) error) error {
			mu.Lock()
			begun = append(begun, time.Now())
			n := len(begun)
			mu.Unlock()
			switch {
			case n == 3:
				panic("ouch")
			case n < 12:
				return errors.New("nobody answers")
			}
			<-ctx.Done()
			return nil
		}}
		s := newSite(t, newMemory(), p, listening)
		s.start(t)
		time.Sleep(500 * time.Millisecond)
		if st := s.State().Subscriptions[0]; !st.Since.IsZero() || st.Error == "" { // how far it is by then is chance
			t.Errorf("%+v", st)
		}
		time.Sleep(time.Hour)
		st := s.State().Subscriptions[0]
		s.stop()
		mu.Lock()
		defer mu.Unlock()
		if len(begun) != 12 || st.Again != 11 || st.Gaps != 11 || st.Since.IsZero() {
			t.Errorf("begun %d times; %+v", len(begun), st)
		}
		for i := 1; i < len(begun); i++ {
			if wait := begun[i].Sub(begun[i-1]); wait <= 0 || wait > listenAgainAtMost {
				t.Errorf("after %s", wait)
			}
		}
	})
}

// While the queue is full the provider waits, and nothing is lost.
func TestASubscriptionIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var emitted atomic.Int32
		p := &plant{
			do: func(ctx context.Context, _ string) error { sleep(ctx, time.Second); return nil },
			listen: func(ctx context.Context, emit func(providers.Alert) error) error {
				for i := range 200 {
					if err := emit(providers.Alert{ID: fmt.Sprint(i), Name: "price"}); err != nil {
						return err
					}
					emitted.Add(1)
				}
				<-ctx.Done()
				return nil
			},
		}
		s := newSite(t, m, p, listening)
		s.Queue.Backlog, s.Queue.Parallel = 5, 2
		s.start(t)
		time.Sleep(10500 * time.Millisecond)
		if n := emitted.Load(); n > 40 || !s.State().Subscriptions[0].Held {
			t.Errorf("%d were taken", n)
		}
		time.Sleep(3 * time.Minute)
		s.stop()
		if len(m.over) != 200 {
			t.Errorf("%d runs", len(m.over))
		}
	})
}

// A workflow that changes is listened to anew, one that does not is left alone, and one
// that is gone or switched off is not listened to.
func TestSubscriptionsFollowTheCatalog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun, now atomic.Int32
		p := &plant{listen: func(ctx context.Context, _ func(providers.Alert) error) error {
			begun.Add(1)
			now.Add(1)
			<-ctx.Done()
			now.Add(-1)
			return nil
		}}
		s := newSite(t, newMemory(), p, listening)
		s.start(t)
		other := strings.Replace(listening, "id: w", "id: other", 1)
		for i, step := range []struct {
			texts      []string
			off        []string
			begun, now int32
		}{
			{texts: []string{listening}, begun: 1, now: 1},
			{texts: []string{listening, other}, begun: 2, now: 2},
			{texts: []string{strings.Replace(listening, "price'", "pound'", 1), other}, begun: 3, now: 2},
			{texts: []string{other}, off: []string{"other"}, begun: 0, now: 0},
		} {
			var sources []Source
			for n, text := range step.texts {
				sources = append(sources, Source{Name: fmt.Sprintf("%05d.yaml", n), Text: []byte(text)})
			}
			s.Catalog.Switch(step.off...)
			if err := s.Catalog.Load(t.Context(), FromDisk, sources...); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if now.Load() != step.now || step.begun > 0 && begun.Load() != step.begun {
				t.Errorf("step %d: begun %d times, %d listen", i, begun.Load(), now.Load())
			}
		}
		s.stop()
	})
}
