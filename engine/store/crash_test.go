package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/templating/value"
)

// The test binary is its own child: what these variables say, instead of tests.
const (
	writerEnv = "TOCSIN_STORE_WRITER" // write to the store in this folder until somebody kills me
	openEnv   = "TOCSIN_STORE_OPEN"   // open the store of this path, and say what came of it
)

func child(t *testing.T, env, arg string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), env+"="+arg)
	c.Stderr = os.Stderr
	return c
}

func openAndSay(path string) {
	s, err := Open(context.Background(), Options{Path: path, Ballast: -1})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	s.Close()
	os.Exit(0)
}

// Two processes never have one file.
func TestSecondProcess(t *testing.T) {
	s := opened(t)
	out, err := child(t, openEnv, s.Path).Output()
	if want := fmt.Sprintf("process %d has it open: stop that one first", os.Getpid()); err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %s", err, out)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := child(t, openEnv, s.Path).Output(); err != nil {
		t.Errorf("after it was closed: %v: %s", err, out)
	}
}

// writeUntilKilled says of everything that it is on disk, after it was told so.
func writeUntilKilled(dir string) {
	s, err := Open(context.Background(), Options{Path: filepath.Join(dir, "tocsin.db"), Ballast: 1 << 16, Retention: Retention{MaxIncidents: -1}})
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	for w := range 3 {
		go alertsUntilKilled(s, w)
	}
	for w := range 2 {
		go incidentsUntilKilled(s, w)
		go runsUntilKilled(s, w)
		go checksUntilKilled(s, w)
	}
	select {}
}

func say(err error, format string, args ...any) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Printf(format+"\n", args...) // one write a line
}

func alertsUntilKilled(s *Store, w int) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
		_, err := s.Accept(context.Background(), "test", []*value.Map{anAlert("fingerprint", name, "status", "firing")}, func(c []Change) []schedule.Job {
			j := aJob("of-" + name)
			j.Input.Alert = Fields(c[0].Alert)
			return []schedule.Job{j}
		})
		say(err, "alert %s", name)
	}
}

// incidentsUntilKilled makes incidents, each with the job that it starts and an entry of the
// audit log.
func incidentsUntilKilled(s *Store, w int) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%d-i%d-%d", os.Getpid(), w, i)
		entry := &Audit{Entry: func(Made) AuditEntry { return AuditEntry{Who: "ops", Object: name, Outcome: "done"} }}
		_, err := s.ChangeIncident(Audited(context.Background(), entry), name, func(*value.Map) (*value.Map, error) { return anAlert("id", name), nil }, func(c IncidentChange) []schedule.Job {
			j := aJob("of-" + name)
			j.Input.Incident = Fields(c.Incident)
			return []schedule.Job{j}
		})
		say(err, "incident %s", name)
	}
}

func runsUntilKilled(s *Store, w int) {
	ctx := context.Background()
	for i := 0; ; i++ {
		run := fmt.Sprintf("run-%d-%d-%d", os.Getpid(), w, i)
		j := aJob(run)
		j.Key = fmt.Sprint("key ", run)
		say(s.Put(ctx, j), "put %s", run)
		say(s.Begin(ctx, j, nil), "begun %s", run)
		for n, e := range script(run) {
			err := s.Record(ctx, e)
			if n == 5 {
				say(err, "called %s", run)
			}
		}
		say(s.End(ctx, j, aResult(run, engine.Done)), "ended %s", run)
	}
}

// checksUntilKilled makes runs of the clock that call nothing: see quick.go.
func checksUntilKilled(s *Store, w int) {
	ctx := context.Background()
	for i := 0; ; i++ {
		j := aJob(fmt.Sprintf("check-%d-%d-%d", os.Getpid(), w, i))
		j.Workflow, j.Key, j.Due = fmt.Sprint("w", w), "clock", time.Now()
		err := s.Begin(ctx, j, &schedule.Tick{Workflow: j.Workflow, Trigger: j.Trigger, At: j.Due, Outcome: schedule.Started, Run: j.Run})
		for _, e := range script(j.Run)[:4] {
			err = errors.Join(err, s.Record(ctx, e))
		}
		say(errors.Join(err, s.End(ctx, j, aResult(j.Run, engine.Done))), "ended %s", j.Run)
	}
}

// Killed at any moment, a process has on disk what it said, the file is whole, and
// what it had not brought to an end is known.
func TestKill(t *testing.T) {
	rounds := often(10, 50, 200)
	dir := t.TempDir()
	said := 0
	for range rounds {
		lines := writeAndKill(t, dir, 1+rand.IntN(150))
		said += len(lines)
		checkKilled(t, dir, lines)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d rounds, %d acknowledged, none lost", rounds, said)
}

// writeAndKill kills the child after so many lines, and returns all that it said.
func writeAndKill(t *testing.T, dir string, after int) []string {
	c := child(t, writerEnv, dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil { // a line that was cut off was not said
			break
		}
		if lines = append(lines, strings.TrimSpace(line)); len(lines) == after {
			c.Process.Kill()
		}
	}
	_, _ = io.Copy(io.Discard, out)
	_ = c.Wait()
	return lines
}

func checkKilled(t *testing.T, dir string, lines []string) {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: filepath.Join(dir, "tocsin.db"), Ballast: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var whole string
	if err := s.read.QueryRow("PRAGMA integrity_check").Scan(&whole); err != nil || whole != "ok" {
		t.Fatal(whole, err)
	}
	left := map[string][]engine.Event{}
	for _, u := range must(s.Unfinished(t.Context())) {
		left[u.Job.Run] = u.Events
	}
	for _, line := range lines {
		what, name, _ := strings.Cut(line, " ")
		checkSaid(t, s, left, what, name)
	}
	checkIncidents(t, s, left)
	checkNothingStuck(t, s, left)
}

// checkIncidents checks that each incident is there with its entry in the audit log and with
// the job that it started, whether it was said or not; or none of the three.
func checkIncidents(t *testing.T, s *Store, left map[string][]engine.Event) {
	t.Helper()
	there := map[string]bool{} // and under way
	err := s.EachIncident(t.Context(), IncidentFilter{}, func(m *value.Map) bool {
		there[textAt(m, "id")] = textAt(m, "status") == ""
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, fresh := range there {
		if _, planned := left["of-"+name]; fresh && !planned {
			t.Errorf("incident %s is there, its job is not", name)
		}
	}
	for run := range left {
		if name, _ := strings.CutPrefix(run, "of-"); strings.Contains(name, "-i") && !there[name] {
			t.Errorf("the job of incident %s is there, and not the incident", name)
		}
	}
	if p := must(s.VerifyAudit(t.Context(), "")); p.Broken != 0 || p.Entries != int64(len(there)) {
		t.Errorf("%d incidents, and the log: %+v", len(there), p)
	}
	for _, e := range must(s.AuditLog(t.Context(), time.Time{}, 0, len(there))) {
		if _, known := there[e.Object]; !known {
			t.Errorf("an entry of incident %s, which is not there", e.Object)
		}
	}
}

// checkSaid checks one line of the child's.
func checkSaid(t *testing.T, s *Store, left map[string][]engine.Event, what, name string) {
	t.Helper()
	_, waits := left[name]
	r, _, err := s.Run(t.Context(), name)
	switch over := err == nil && r.Status == engine.Done; what {
	case "alert":
		if _, err := s.Alert(t.Context(), name); err != nil {
			t.Error(err)
		}
		if _, planned := left["of-"+name]; !planned {
			t.Errorf("alert %s is there, its job is not", name)
		}
	case "incident":
		if _, err := s.Incident(t.Context(), name); err != nil {
			t.Error(err)
		}
	case "put", "begun":
		if !waits && !over {
			t.Errorf("%s %s is lost", what, name)
		}
	case "called":
		called := func(e engine.Event) bool { return e.Action == engine.Calling && e.Step == "tell" }
		if !slices.ContainsFunc(must(s.Events(t.Context(), name)), called) {
			t.Errorf("the call of %s is not in its events", name)
		}
	case "ended":
		if waits || !over {
			t.Errorf("%s ended, and is %q, unfinished: %v", name, r.Status, waits)
		}
	default:
		t.Errorf("the child said %s %s", what, name)
	}
}

// checkNothingStuck checks that each run that is under way is known to be unfinished,
// and brings those to an end.
func checkNothingStuck(t *testing.T, s *Store, left map[string][]engine.Event) {
	t.Helper()
	running, _, err := s.Runs(t.Context(), RunFilter{Status: []engine.Status{Running}, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range running {
		if _, known := left[r.ID]; !known {
			t.Errorf("%s runs for ever", r.ID)
		}
	}
	err = s.write(t.Context(), func(tx *tx) error {
		if err := tx.exec(`UPDATE incidents SET status = 'over', body = '{"id":"' || id || '","status":"over"}' WHERE status = ''`); err != nil {
			return err
		}
		for run := range left {
			if err := tx.exec("DELETE FROM jobs WHERE run = ?", run); err != nil {
				return err
			}
			if err := tx.exec("UPDATE runs SET status = 'canceled' WHERE id = ?", run); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
