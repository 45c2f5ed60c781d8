//go:build unix

package cmd_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
)

// Faults D1 and S4: the program is killed again and again while alerts come in, are
// asked about and told. Each that was accepted is told, no more of them are told or
// asked about twice than was under way at the kills, and no run is stuck.
func testKilled(t *testing.T, binary string) {
	p := newProcess(t, binary)
	p.ledger.busy = 10
	kills := often(5, 100, 1000)
	messages, runs := 0, 0
	for n := range kills {
		p.start()
		var first sync.Once
		p.storm(fmt.Sprint("k", n), 4, func() {
			first.Do(func() {
				time.AfterFunc(time.Duration(rand.IntN(80_000))*time.Microsecond, func() { p.signal(syscall.SIGKILL) })
			})
		})
		p.ended()
		m, r := p.inFlight()
		messages, runs = messages+m, runs+r
	}
	p.ledger.mu.Lock()
	p.ledger.busy = 0
	p.ledger.mu.Unlock()
	p.start()
	p.atRest()
	p.signal(syscall.SIGTERM)
	if code := p.ended(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.stderr)
	}
	lost, parked := p.lost()
	l := p.ledger
	t.Logf("figure: %d kills -9: %d alerts accepted, %d lost, %d runs stuck, %d given up with a report after two deaths",
		kills, len(l.accepted), lost, p.stuck(), parked)
	t.Logf("figure: %d kills -9: %d messages told twice of %d in flight, %d steps called twice of %d runs under way",
		kills, twice(l.told), messages, twice(l.looked), runs)
	if lost > 0 || p.stuck() > 0 || twice(l.told) > messages || twice(l.looked) > runs {
		t.Error("it keeps no promise of these")
	}
	if len(l.accepted) < kills || runs == 0 {
		t.Error("the kills hit nothing")
	}
}

// Fault M2: told to stop while alerts come in, the program ends what it has begun and
// leaves. What it accepted is told, by it or by the next, and nothing twice.
func testStopped(t *testing.T, binary string) {
	p := newProcess(t, binary)
	stops := often(2, 10, 100)
	slowest := time.Duration(0)
	for n := range stops {
		p.start()
		var first sync.Once
		var asked time.Time
		p.storm(fmt.Sprint("s", n), 4, func() {
			first.Do(func() {
				time.AfterFunc(time.Duration(rand.IntN(200))*time.Millisecond, func() {
					asked = time.Now()
					p.signal(syscall.SIGTERM)
				})
			})
		})
		if code := p.ended(); code != 0 {
			t.Fatalf("exit code %d\n%s", code, p.stderr)
		}
		slowest = max(slowest, time.Since(asked))
		if messages, _ := p.inFlight(); messages > 0 {
			t.Errorf("%d messages were in flight when it ended", messages)
		}
	}
	p.start()
	p.atRest()
	p.signal(syscall.SIGTERM)
	p.ended()
	lost, parked := p.lost()
	l := p.ledger
	t.Logf("figure: %d SIGTERM: %d alerts accepted, %d lost, %d told twice, %d steps called twice, the slowest end took %s",
		stops, len(l.accepted), lost, twice(l.told), twice(l.looked), slowest.Round(time.Millisecond))
	if lost+parked+p.stuck()+twice(l.told)+twice(l.looked) > 0 {
		t.Error("it keeps no promise of these")
	}
	if slowest > 30*time.Second {
		t.Errorf("it took %s to end", slowest)
	}
}

// atRest waits until nothing is left to be done.
func (p *process) atRest() {
	p.t.Helper()
	p.until("everything is done", func() bool {
		st, err := store.Read(p.t.Context(), store.Options{Path: p.storePath()})
		if err != nil {
			p.t.Fatal(err)
		}
		defer st.Close()
		lost, _ := p.missing(st)
		return lost == 0 && !p.busy(st)
	})
}

// busy says that there are messages to be sent, or runs of alerts to be ended.
func (p *process) busy(st *store.Store) bool {
	for _, s := range []store.State{store.Pending, store.Sending, store.Unknown} {
		if list, err := st.Deliveries(p.t.Context(), store.DeliveryFilter{State: s, Limit: 1}); err != nil || len(list) > 0 {
			return true
		}
	}
	left, err := st.Unfinished(p.t.Context())
	return err != nil || slices.ContainsFunc(left, func(u schedule.Unfinished) bool { return u.Job.Workflow == "storm" })
}

// lost is how many alerts were accepted and never told of, and parked how many of those
// messages are dead, which is said, since the process died twice while one was sent.
func (p *process) lost() (lost, parked int) {
	p.t.Helper()
	p.inStore(func(st *store.Store) { lost, parked = p.missing(st) })
	return lost, parked
}

func (p *process) missing(st *store.Store) (lost, parked int) {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	p.note = ""
	for fingerprint := range p.ledger.accepted {
		if p.ledger.told[fingerprint] > 0 {
			continue
		}
		switch run, d := p.message(st, fingerprint); {
		case strings.HasPrefix(run.Reason, "parked: the program died") && (d.No == 0 || d.State.Ended()), p.deadly(d):
			parked++
		case !p.ledger.keys[d.Key]:
			lost++
			p.note = fmt.Sprintf("%s: run %s, %s, %q; message %s, %q", fingerprint, run.ID, run.Status, run.Reason, d.State, d.Reason)
		}
	}
	return lost, parked
}

func (p *process) deadly(d store.Delivery) bool {
	return d.State == store.Dead && strings.HasPrefix(d.Reason, "the process died")
}

// message is the one about an alert, or the digest that has it, and the run that it is of.
func (p *process) message(st *store.Store, fingerprint string) (run store.Run, d store.Delivery) {
	ctx := p.t.Context()
	runs, _, err := st.Runs(ctx, store.RunFilter{Fingerprint: fingerprint, Limit: 1})
	if err != nil || len(runs) == 0 {
		return run, d
	}
	list, err := st.Deliveries(ctx, store.DeliveryFilter{Run: runs[0].ID, Limit: 10})
	if err != nil {
		return runs[0], d
	}
	for _, d = range list {
		if d.Kind != "digest" { // which has the run of the first that it stands for
			break
		}
	}
	_, key, ok := strings.Cut(d.Reason, " in the digest ")
	if list, err = st.Deliveries(ctx, store.DeliveryFilter{Key: key, Limit: 1}); ok && err == nil && len(list) == 1 {
		d = list[0]
	}
	return runs[0], d
}

// stuck is how many runs of alerts are under way although nothing is.
func (p *process) stuck() (n int) {
	p.t.Helper()
	p.inStore(func(st *store.Store) {
		runs, _, err := st.Runs(p.t.Context(), store.RunFilter{Workflow: "storm", Status: []engine.Status{store.Running}, Limit: 1000})
		if err != nil {
			p.t.Fatal(err)
		}
		n = len(runs)
	})
	return n
}
