package delivery

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/store"
)

func TestAMessageArrives(t *testing.T) {
	l := newLedger(t)
	b := newBench(t, map[string]*ledger{"ops": l})
	r, err := b.tell("k1", "ops")
	if err != nil || !r.Confirmed {
		t.Fatalf("%+v, %v", r, err)
	}
	// The same message, told again by a run that goes on: it is known to have arrived.
	if r, err = b.tell("k1", "ops"); err != nil || !r.Confirmed || l.requests() != 1 {
		t.Errorf("again: %+v, %v, %d requests", r, err, l.requests())
	}
	if d := b.row("k1"); d.State != store.Confirmed || d.Attempts != 1 || d.Destination != "webhook ops" {
		t.Errorf("%+v", d)
	}
	b.balanced(1, l)
}

// What cannot be sent now is not an error of the run: it is sent later.
func TestAMessageIsLeftToTheLane(t *testing.T) {
	l := newLedger(t)
	l.answers(always(503))
	b := newBench(t, map[string]*ledger{"ops": l})
	r, err := b.tell("k1", "ops")
	if err != nil || r.Confirmed || r.State != "pending" || r.Next.IsZero() || !strings.Contains(r.Reason, "503") {
		t.Fatalf("%+v, %v", r, err)
	}
	l.answers(nil)
	defer b.running()()
	b.settled()
	if got := strings.Join(l.texts(), " "); got != "k1" {
		t.Errorf("arrived: %s", got)
	}
	b.balanced(1, l)
}

// D2: the reply is lost. The message is sent again, with the same key.
func TestTheReplyIsLost(t *testing.T) {
	l := newLedger(t)
	l.answers(func(n int, _ string) (int, string) {
		if n == 1 {
			return -1, ""
		}
		return 200, ""
	})
	b := newBench(t, map[string]*ledger{"ops": l})
	r, err := b.tell("k1", "ops")
	if err != nil || r.State != "unknown" {
		t.Fatalf("%+v, %v", r, err)
	}
	defer b.running()()
	b.settled()
	if got := strings.Join(l.texts(), " "); got != "k1 k1" {
		t.Errorf("arrived: %s", got)
	}
	if got := strings.Join(l.keys, " "); got != "k1 k1" {
		t.Errorf("with keys: %s", got)
	}
	if d := b.row("k1"); d.State != store.Confirmed || d.Attempts != 2 {
		t.Errorf("%+v", d)
	}
}

// What is refused is the step's failure, and somebody is told that it is dead. A run that
// tells the same soon afterwards does not bother the other side.
func TestAMessageIsRefused(t *testing.T) {
	l := newLedger(t)
	l.answers(always(404))
	b := newBench(t, map[string]*ledger{"ops": l})
	if r, err := b.tell("k1", "ops"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := b.tell("k1", "ops"); !errors.Is(err, errDead) || l.requests() != 1 {
		t.Errorf("again: %v, %d requests", err, l.requests())
	}
	stop := b.running()
	b.settled()
	stop()
	if len(b.meta) != 1 || b.meta[0] != "k1" || b.Health() != nil {
		t.Errorf("reported: %v; %v", b.meta, b.Health())
	}
	b.balanced(1, l)
}

// Where nobody can be told that a message is dead, the lane is not well until somebody is.
func TestNobodyCanBeToldThatAMessageIsDead(t *testing.T) {
	l := newLedger(t)
	l.answers(always(410))
	b := newBench(t, map[string]*ledger{"ops": l}, func(l *Lane) {
		l.Raise = func(context.Context, map[string]any, bool) error { return errors.New("the store is full") }
	})
	_, _ = b.tell("k1", "ops")
	stop := b.running()
	defer stop()
	for b.Health() == nil {
		time.Sleep(time.Millisecond)
	}
	if err := b.Health(); !strings.Contains(err.Error(), "the store is full") {
		t.Error(err)
	}
}

// The author's retries come first, and only what is left then is the lane's.
func TestTheAuthorsRetriesAreAttempts(t *testing.T) {
	l := newLedger(t)
	l.answers(always(500))
	b := newBench(t, map[string]*ledger{"ops": l}, func(l *Lane) { l.Failures = 10 })
	m := message("k1", "ops")
	left := 2
	m.Again = func(context.Context, error) bool { left--; return left >= 0 }
	r, err := tell(t.Context(), b.Lane, m)
	if err != nil || r.State != "pending" || l.requests() != 3 || b.row("k1").Attempts != 3 {
		t.Errorf("%+v, %v, %d requests, %d attempts", r, err, l.requests(), b.row("k1").Attempts)
	}
}

// An attempt that the program's end cut off may have arrived.
func TestAnAttemptIsCutOff(t *testing.T) {
	l := newLedger(t)
	b := newBench(t, map[string]*ledger{"ops": l})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := b.Deliver(ctx, message("k1", "ops"), func(ctx context.Context) (any, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if err != nil || r.State != "unknown" || b.row("k1").State != store.Unknown {
		t.Errorf("%+v, %v, %s", r, err, b.row("k1").State)
	}
}

// The program is told to stop while a message is being sent: that one arrives, once.
func TestTheProgramStops(t *testing.T) {
	l := newLedger(t)
	begun, end := make(chan struct{}), make(chan struct{})
	l.answers(func(int, string) (int, string) { close(begun); <-end; return 200, "" })
	b := newBench(t, map[string]*ledger{"ops": l})
	b.queue("ops", "k1", "k2")
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { defer close(stopped); _ = b.Run(ctx) }()
	<-begun
	cancel()
	close(end)
	<-stopped
	if first, second := b.row("k1"), b.row("k2"); first.State != store.Confirmed || second.State != store.Pending || second.Attempts != 0 {
		t.Errorf("%+v\n%+v", first, second)
	}
	b.balanced(2, l)
}

var _ engine.Deliverer = (*Lane)(nil)
