//go:build unix

package cmd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tocsin/engine/store"
)

// deepTests says that there is time: make deep.
func deepTests() bool { return os.Getenv("TOCSIN_DEEP") == "1" }

// often is how often something is tried: less with -short, and under the race detector,
// which the program itself is not built with; more for make deep.
func often(short, usual, deep int) int {
	switch {
	case deepTests():
		return deep
	case testing.Short() || raceDetector:
		return short
	}
	return usual
}

// TestProgram is the program itself, built as it is released, in a process of its own,
// while things happen to it. What it does is counted outside of it, by a ledger.
func TestProgram(t *testing.T) {
	binary := os.Getenv("TOCSIN_PROGRAM") // one that is built
	if binary == "" {
		binary = filepath.Join(t.TempDir(), "tocsin")
		build := exec.Command("go", "build", "-trimpath", "-o", binary, "./tocsin")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for _, tt := range []struct {
		name string
		test func(*testing.T, string)
	}{
		{"killed", testKilled},
		{"stopped", testStopped},
		{"frozen", testFrozen},
		{"soaked", testSoaked},
		{"disk fails", testDiskFails},
		{"two of them", testTwoPrograms},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // they wait, mostly
			tt.test(t, binary)
		})
	}
}

// A process is "tocsin serve", in one process of the system after the other, on one folder.
type process struct {
	t      *testing.T
	binary string
	dir    string
	ledger *ledger

	cmd    *exec.Cmd
	url    string
	stderr *herald
	over   chan struct{} // closed when the process has ended
	err    error         // how
	note   string        // why one waits
}

// stormy asks and tells of each alert that comes in; clock does of each second.
const stormy = `workflow:
  id: storm
  triggers: [{type: alert, filters: [{key: name, value: storm}]}]
  steps:
    - name: look
      provider: {type: http, with: {url: "%[1]s/look?of={{ alert.fingerprint }}", method: GET}}
  actions:
    - name: tell
      provider: {type: webhook, config: "{{ providers.ledger }}", with: {message: "{{ alert.fingerprint }}"}}
---
workflow:
  id: clock
  triggers: [{type: interval, every: 1s}]
  steps:
    - name: look
      provider: {type: http, with: {url: "%[1]s/look?of=clock", method: GET}}
`

func newProcess(t *testing.T, binary string) *process {
	p := &process{t: t, binary: binary, dir: t.TempDir(), ledger: newLedger(t)}
	p.write("workflows/storm.yaml", fmt.Sprintf(stormy, p.ledger.URL))
	p.write("workflows/providers.yaml", fmt.Sprintf("ledger: {authentication: {url: %q}}\n", p.ledger.URL+"/tell"))
	return p
}

func (p *process) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) storePath() string { return filepath.Join(p.dir, "data", "tocsin.db") }

// arguments are those of the command line.
func (p *process) arguments() []string {
	return []string{"serve", filepath.Join(p.dir, "workflows"), "--store", p.storePath(), "--listen", "127.0.0.1:0", "--drain", "5s"}
}

// start starts a process, and returns when it listens. What runs it may stand before it.
func (p *process) start(before ...string) {
	p.t.Helper()
	args := append(append(before, p.binary), p.arguments()...)
	p.cmd = exec.Command(args[0], args[1:]...)
	p.stderr = &herald{at: make(chan string, 1)}
	p.cmd.Stderr = p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.over = make(chan struct{})
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	c, over := p.cmd, p.over
	p.t.Cleanup(func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL); <-over })
	go func() { p.err = c.Wait(); close(over) }()
	select {
	case address := <-p.stderr.at:
		p.url = "http://" + address
	case <-over:
		p.t.Fatalf("it does not start: %v\n%s", p.err, p.stderr)
	case <-time.After(2 * time.Minute):
		p.t.Fatalf("it does not listen\n%s", p.stderr)
	}
}

// ended waits until the process has, and returns its exit code.
func (p *process) ended() int {
	p.t.Helper()
	select {
	case <-p.over:
	case <-time.After(2 * time.Minute):
		p.t.Fatalf("it does not end\n%s", p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// post sends an alert, and says what the answer was; 0: none came.
func (p *process) post(c *http.Client, fingerprint string) int {
	body := fmt.Sprintf(`{"name": "storm", "severity": "critical", "fingerprint": %q}`, fingerprint)
	resp, err := c.Post(p.url+"/alerts/event", "application/json", strings.NewReader(body))
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// storm sends alerts, each when the one before was told or has had its time, until the
// process is gone. It calls accepted after each that was. The names of a storm differ.
func (p *process) storm(name string, clients int, accepted func()) {
	p.hail(context.Background(), name, clients, accepted)
}

func (p *process) hail(ctx context.Context, name string, clients int, accepted func()) {
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() {
			c := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
			defer c.CloseIdleConnections()
			for i := 0; ctx.Err() == nil; i++ {
				fingerprint := fmt.Sprintf("%s-%d-%d", name, n, i)
				told := p.ledger.expect(fingerprint)
				switch p.post(c, fingerprint) {
				case http.StatusAccepted:
					p.ledger.accept(fingerprint)
					accepted()
				case http.StatusServiceUnavailable: // it is about to end
				default:
					return
				}
				select {
				case <-told:
				case <-p.over:
					return
				case <-time.After(200 * time.Millisecond):
				}
			}
		})
	}
	all.Wait()
}

// inFlight is what was under way when the process ended: messages that were being sent,
// and runs.
func (p *process) inFlight() (messages, runs int) {
	p.t.Helper()
	p.inStore(func(st *store.Store) {
		list, err := st.Deliveries(p.t.Context(), store.DeliveryFilter{State: store.Sending, Limit: 1000})
		if err != nil {
			p.t.Fatal(err)
		}
		left, err := st.Unfinished(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		messages, runs = len(list), len(left)
	})
	return messages, runs
}

// inStore opens the store while no process has it.
func (p *process) inStore(do func(*store.Store)) {
	p.t.Helper()
	st, err := store.Open(p.t.Context(), store.Options{Path: p.storePath(), Ballast: -1})
	if err != nil {
		p.t.Fatal(err)
	}
	defer st.Close()
	do(st)
}

// until waits until something is so.
func (p *process) until(what string, so func() bool) {
	p.t.Helper()
	deadline := time.After(6 * time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-deadline:
			p.t.Fatalf("not within six minutes: %s: %s\n%s", what, p.note, p.stderr)
		case <-tick.C:
		}
	}
}

// A herald is what a process says on standard error, and says where it listens.
type herald struct {
	lines
	at chan string
}

var listens = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`msg=listening address=(\S+)`) })

func (l *herald) Write(b []byte) (int, error) {
	n, err := l.lines.Write(b)
	if found := listens().FindSubmatch(b); found != nil {
		l.at <- string(found[1])
	}
	return n, err
}

// A ledger is who is asked and told, and writes it down: what it has, has happened.
type ledger struct {
	*httptest.Server
	mu       sync.Mutex
	accepted map[string]bool          // fingerprints that were answered with "accepted"
	told     map[string]int           // how often each arrived
	looked   map[string]int           // how often it was asked of each
	keys     map[string]bool          // Idempotency-Key of what arrived
	waits    map[string]chan struct{} // closed when one arrives
	requests int
	busy     int // of so many messages one is refused; 0: none
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{
		accepted: map[string]bool{}, told: map[string]int{}, looked: map[string]int{}, keys: map[string]bool{}, waits: map[string]chan struct{}{},
	}
	l.Server = httptest.NewServer(l)
	t.Cleanup(func() { l.CloseClientConnections(); l.Close() })
	return l
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var said struct{ Message string }
	_ = json.NewDecoder(r.Body).Decode(&said)
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.URL.Path == "/look" {
		l.looked[r.URL.Query().Get("of")]++
		fmt.Fprint(w, "{}")
		return
	}
	if l.requests++; l.busy > 0 && l.requests%l.busy == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	l.told[said.Message]++
	l.keys[r.Header.Get("Idempotency-Key")] = true
	if wait := l.waits[said.Message]; wait != nil {
		delete(l.waits, said.Message)
		close(wait)
	}
}

// expect is closed when that is told.
func (l *ledger) expect(fingerprint string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := make(chan struct{})
	l.waits[fingerprint] = c
	return c
}

func (l *ledger) accept(fingerprint string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted[fingerprint] = true
}

// twice is how many of a kind were there more than once, each time counted.
func twice(seen map[string]int) (n int) {
	for what, times := range seen {
		if what != "clock" {
			n += times - 1
		}
	}
	return n
}
