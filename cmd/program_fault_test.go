//go:build unix

package cmd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tocsin/engine/schedule"
	"tocsin/engine/store"
)

// Fault S1: the process is frozen for a while, as on a machine that sleeps. Each second
// has one record, those that nobody was there for too, and no run makes up for all.
func testFrozen(t *testing.T, binary string) {
	p := newProcess(t, binary)
	p.start()
	p.until("it ticks", func() bool { return len(p.ticks()) >= 3 })
	p.signal(syscall.SIGSTOP)
	<-time.After(6 * time.Second)
	before := p.ledger.asked("clock")
	p.signal(syscall.SIGCONT)
	p.until("it ticks again", func() bool { return p.ledger.asked("clock") >= before+3 })
	p.signal(syscall.SIGTERM)
	p.ended()
	ticks, started, missed := p.ticks(), 0, 0
	for i, tick := range ticks { // the newest first
		switch tick.Outcome {
		case schedule.Started:
			started++
		case schedule.Missed:
			missed++
		}
		if i > 0 && ticks[i-1].At.Sub(tick.At) != time.Second {
			t.Errorf("%s follows %s", ticks[i-1].At, tick.At)
		}
	}
	t.Logf("figure: frozen for 6 s: %d ticks, %d started, %d missed", len(ticks), started, missed)
	if missed < 3 || started != p.ledger.asked("clock") {
		t.Errorf("%d ticks, %d started, %d missed, %d asked", len(ticks), started, missed, p.ledger.asked("clock"))
	}
}

func (p *process) ticks() []schedule.Tick {
	p.t.Helper()
	st, err := store.Read(p.t.Context(), store.Options{Path: p.storePath()})
	if err != nil {
		p.t.Fatal(err)
	}
	defer st.Close()
	list, err := st.Ticks(p.t.Context(), "clock", time.Time{}, 1000)
	if err != nil {
		p.t.Fatal(err)
	}
	return list
}

func (l *ledger) asked(of string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.looked[of]
}

// Fault B1, EIO: from some moment on the disk says that it cannot sync. Nothing is
// acknowledged any more, the process ends and says why, and the next one has all that
// was accepted.
func testDiskFails(t *testing.T, binary string) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		without(t, "strace(1) makes a disk fail")
	}
	p := newProcess(t, binary)
	p.start()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var accepted atomic.Int64
	stormed := make(chan struct{})
	go func() { defer close(stormed); p.hail(ctx, "eio", 4, func() { accepted.Add(1) }) }()
	p.until("alerts are accepted", func() bool { return accepted.Load() >= 20 })
	saboteur := exec.Command(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO",
		"-p", strconv.Itoa(p.cmd.Process.Pid))
	saboteur.Stderr = &lines{}
	if err := saboteur.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = saboteur.Process.Kill(); _ = saboteur.Wait() })
	if code := p.ended(); code == 0 {
		t.Errorf("exit code 0\n%s\nstrace: %s", p.stderr, saboteur.Stderr)
	}
	if said := p.stderr.String(); !strings.Contains(said, "can no longer write") {
		t.Errorf("it does not say why:\n%s", said)
	}
	cancel()
	<-stormed
	p.start()
	p.atRest()
	p.signal(syscall.SIGTERM)
	p.ended()
	if lost, parked := p.lost(); lost+parked > 0 {
		t.Errorf("%d of %d lost, %d given up", lost, accepted.Load(), parked)
	}
	t.Logf("figure: EIO of fsync: %d accepted before, 0 lost, the process ended", accepted.Load())
}

// without ends a test that lacks what it needs: where everything is demanded, with an
// error.
func without(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what + ", and is not here")
	}
	t.Skip(what + ", and is not here")
}

// Fault B2: a second process does not get the store of the first, which does not notice.
func testTwoPrograms(t *testing.T, binary string) {
	p := newProcess(t, binary)
	p.start()
	out, err := exec.Command(binary, p.arguments()...).CombinedOutput()
	want := fmt.Sprintf("process %d has it open: stop that one first", p.cmd.Process.Pid)
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %s", err, out)
	}
	before := p.ledger.asked("clock")
	p.until("the first goes on", func() bool { return p.ledger.asked("clock") > before })
	p.signal(syscall.SIGTERM)
	if code := p.ended(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.stderr)
	}
}
