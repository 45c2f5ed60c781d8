package delivery

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
	"tocsin/templating/value"
)

// raisings are the alerts so far: destination, status, whether it started something.
func (b *bench) raisings() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.raised, "; ")
}

// status is that of the alert about a destination.
func (b *bench) status(destination string) string {
	b.t.Helper()
	found, err := b.Store.Alert(context.Background(), AlertID(destination))
	if err != nil {
		b.t.Fatal(err)
	}
	v, _ := found.Alert.Get("status")
	return value.Text(v)
}

func withFallback(l *Lane) {
	l.Fallback = Fallback{Provider: "webhook", Config: "spare", Field: "message"}
}

// deadAt has a message refused for ever, and waits until somebody was told.
func (b *bench) deadAt(key, config string) {
	b.t.Helper()
	if _, err := b.tell(key, config); err == nil {
		b.t.Fatalf("%s arrived", key)
	}
	b.Wake()
	b.settled()
}

// The first message that dies for a destination makes an alert and is told to the
// fallback; the next ones add to the alert. It is over, and the fallback hears of it, when
// something arrives there again, also if that is in another process.
func TestDeadMessagesAreAnAlert(t *testing.T) {
	ops, spare := newLedger(t), newLedger(t)
	ops.answers(always(404))
	dir := t.TempDir()
	urls := map[string]string{"ops": ops.URL, "spare": spare.URL}
	b := benchAt(t, dir, urls, withFallback)
	stop := b.running()
	b.deadAt("k1", "ops")
	b.deadAt("k2", "ops")
	b.settled()
	if got := b.raisings(); got != "webhook ops firing true; webhook ops firing false" {
		t.Errorf("raised: %s", got)
	}
	if got := spare.texts(); len(got) != 1 || !strings.HasPrefix(got[0], "tell of w did not arrive at webhook ops and will not be sent again: webhook: notify: 404 Not Found") {
		t.Errorf("the fallback heard %q", got)
	}
	if b.status("webhook ops") != "firing" || b.Health() != nil {
		t.Errorf("%s, %v", b.status("webhook ops"), b.Health())
	}
	b.balanced(3, ops, spare)
	stop()
	if err := b.Store.Close(); err != nil {
		t.Fatal(err)
	}

	ops.answers(nil)
	b = benchAt(t, dir, urls, withFallback)
	defer b.running()()
	if _, err := b.tell("k3", "ops"); err != nil {
		t.Fatal(err)
	}
	b.until("the fallback heard that it is over", func() bool { return len(spare.texts()) == 2 })
	if got := b.raisings(); got != "webhook ops resolved true" || b.status("webhook ops") != "resolved" {
		t.Errorf("raised: %s", got)
	}
	if got := spare.texts()[1]; !strings.HasPrefix(got, "messages to webhook ops arrive again") {
		t.Errorf("the fallback heard %q", got)
	}
	ops.answers(always(404))
	b.deadAt("k4", "ops")
	b.until("it begins anew", func() bool {
		return strings.HasSuffix(b.raisings(), "webhook ops firing true") && len(spare.texts()) == 3
	})
}

// until waits until something is so that no event says.
func (b *bench) until(what string, so func() bool) {
	b.t.Helper()
	for range 10_000 {
		if so() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	b.t.Fatalf("not so: %s; raised: %s", what, b.raisings())
}

// That the fallback does not work either is an alert too, but starts nothing and is told
// to nobody: the lane is not well until somebody has dealt with it.
func TestTheFallbackIsDead(t *testing.T) {
	ops, spare := newLedger(t), newLedger(t)
	ops.answers(always(404))
	spare.answers(always(410))
	b := newBench(t, map[string]*ledger{"ops": ops, "spare": spare}, withFallback)
	defer b.running()()
	b.deadAt("k1", "ops")
	b.until("the lane is not well", func() bool { return b.Health() != nil })
	b.settled()
	if err := b.Health(); !strings.Contains(err.Error(), "messages to the fallback, webhook spare, do not arrive since ") || !strings.Contains(err.Error(), "410 Gone") {
		t.Error(err)
	}
	if got := b.raisings(); got != "webhook ops firing true; webhook spare firing false" {
		t.Errorf("raised: %s", got)
	}
	list, counts := b.all()
	if counts[store.Dead] != 2 || spare.requests() != 1 {
		t.Errorf("%v, %d requests to the fallback", counts, spare.requests())
	}
	b.balanced(2, ops, spare)

	spare.answers(nil)
	i := slices.IndexFunc(list, func(d store.Delivery) bool { return d.Kind == metaKind })
	if err := b.Store.Revive(t.Context(), list[i].Key, "again"); err != nil {
		t.Fatal(err)
	}
	b.Wake()
	b.until("the lane is well again", func() bool {
		return b.Health() == nil && b.status("webhook spare") == "resolved" && strings.HasSuffix(b.raisings(), "; webhook spare resolved false")
	})
}

// A message of a run that such an alert has started, and that dies as well, starts no
// other, whatever it is sent to: else there would be no end of it.
func TestNoAlertsAboutAlerts(t *testing.T) {
	ops, spare := newLedger(t), newLedger(t)
	ops.answers(always(404))
	spare.answers(always(404))
	b := newBench(t, map[string]*ledger{"ops": ops, "spare": spare})
	defer b.running()()
	b.deadAt("k1", "ops")
	job := schedule.Job{Run: "r2", Workflow: "w", By: "an alert", Attempt: 1, Input: engine.Input{
		Run: "r2", Trigger: "alert", Alert: map[string]any{"fingerprint": AlertID("webhook ops")},
	}}
	if err := b.Store.Begin(t.Context(), job, nil); err != nil {
		t.Fatal(err)
	}
	m := message("k2", "spare")
	m.Run = "r2"
	if _, err := tell(t.Context(), b.Lane, m); err == nil {
		t.Fatal("it arrived")
	}
	b.Wake()
	b.settled()
	if got := b.raisings(); got != "webhook ops firing true; webhook spare firing false" {
		t.Errorf("raised: %s", got)
	}
	b.balanced(2, ops, spare)
}

// A message that dies is told of even where others arrive at the same destination, and
// the alert does not stay.
func TestOneMessageOfManyIsDead(t *testing.T) {
	ops := newLedger(t)
	ops.answers(func(_ int, text string) (int, string) {
		if text == "bad" {
			return 400, ""
		}
		return 200, ""
	})
	synctest.Test(t, func(t *testing.T) {
		b, _ := timed(t, ops)
		defer b.running()()
		if _, err := b.tell("bad", "ops"); err == nil {
			t.Fatal("it arrived")
		}
		time.Sleep(time.Second)
		if _, err := b.tell("good", "ops"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := b.raisings(); got != "webhook ops firing true; webhook ops resolved true" {
			t.Errorf("raised: %s", got)
		}
	})
}

// Where the alert cannot be kept, it is tried again until it can.
func TestTheAlertCannotBeKept(t *testing.T) {
	ops := newLedger(t)
	ops.answers(always(404))
	var full atomic.Bool
	full.Store(true)
	synctest.Test(t, func(t *testing.T) {
		b, _ := timed(t, ops)
		keep := b.Raise
		b.Raise = func(ctx context.Context, alert map[string]any, start bool) error {
			if full.Load() {
				panic("no room")
			}
			return keep(ctx, alert, start)
		}
		defer b.running()()
		if _, err := b.tell("k1", "ops"); err == nil {
			t.Fatal("it arrived")
		}
		b.Wake()
		time.Sleep(10 * time.Second)
		if err := b.Health(); err == nil || !strings.Contains(err.Error(), "nobody could be told of dead messages: a bug: it panicked: no room") {
			t.Error(err)
		}
		full.Store(false)
		time.Sleep(3 * time.Minute)
		if got := b.raisings(); got != "webhook ops firing true" || b.Health() != nil {
			t.Errorf("raised: %s; %v", got, b.Health())
		}
		b.balanced(1, ops)
	})
}

// A loop that does not go round is noticed, and one that has nothing to do is not taken
// for it.
func TestTheLoopIsWatched(t *testing.T) {
	ops := newLedger(t)
	synctest.Test(t, func(t *testing.T) {
		b, _ := timed(t, ops)
		hung := make(chan struct{})
		keep := b.Raise
		b.Raise = func(ctx context.Context, alert map[string]any, start bool) error {
			<-hung
			return keep(ctx, alert, start)
		}
		defer b.running()()
		time.Sleep(time.Hour)
		if err := errors.Join(b.Stalled(), b.Health()); err != nil {
			t.Error(err)
		}
		ops.answers(always(404))
		_, _ = b.tell("k1", "ops")
		b.Wake()
		time.Sleep(3 * time.Minute)
		if err := b.Health(); err == nil || !strings.HasPrefix(err.Error(), "messages are not looked at since ") {
			t.Error(err)
		}
		close(hung)
		time.Sleep(time.Minute)
		if err := b.Health(); err != nil {
			t.Error(err)
		}
	})
}
