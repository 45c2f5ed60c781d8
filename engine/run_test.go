package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// A file in testdata/runs is a workflow, what the providers answer (script.yaml), what
// started the run (input.yaml, optional), and the events that come out. Time is that
// of a synctest bubble, so the times are exact.
//
// input.yaml may have: alert, incident, inputs, dry_run, explain, cancel (when the run
// is interrupted), secret (a text to mask).
func TestRuns(t *testing.T) {
	golden(t, "testdata/runs/*.txtar", func(t *testing.T, a *txtar.Archive) string {
		var out lines
		synctest.Test(t, func(t *testing.T) {
			play(t, a, &out)
		})
		return out.sorted()
	})
}

func play(t *testing.T, a *txtar.Archive, out *lines) {
	s := readScript(t, section(a, "script.yaml"))
	reg := providers.NewRegistry(s.providers()...)
	p, _, err := Compile(parse(t, "workflow.yaml", section(a, "workflow.yaml")), Library{Providers: reg, Functions: Functions()})
	if err != nil {
		t.Fatal(err)
	}
	p.Workflow().Forget() // as serve does: no run needs it
	pool := providers.NewPool(reg, providers.Env{})
	defer pool.Close()
	options := readYAML(t, "input.yaml", section(a, "input.yaml"))
	if secret := text(options, "secret"); secret != "" {
		pool.AddSecrets(secret)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if d := duration(options, "cancel"); d > 0 {
		time.AfterFunc(d, cancel)
	}
	on := func(key string) bool { v, _ := options.Get(key); return v == true }
	r := Runner{Pool: pool, Observe: out.event, Random: func() float64 { return 0.5 }, DryRun: on("dry_run"), Explain: on("explain")}
	result := r.Run(ctx, p, Input{
		Run: "r1", Trigger: "manual",
		Alert: fields(options, "alert"), Incident: fields(options, "incident"), Inputs: fields(options, "inputs"),
	})
	if result.Err != nil {
		out.WriteString("error: " + result.Err.Error() + "\n")
	}
	checkResult(t, result)
	time.Sleep(longest) // for calls that were left behind: in the bubble that is no time
}

// longest is longer than any call in the scripts.
const longest = 2 * time.Hour

// fields is the mapping under key as plain data.
func fields(m *value.Map, key string) map[string]any {
	v, _ := m.Get(key)
	inner, ok := v.(*value.Map)
	if !ok {
		return nil
	}
	out := map[string]any{}
	for k, v := range inner.All() {
		out[k] = v
	}
	return out
}

// checkResult checks what must be so for every result.
func checkResult(t *testing.T, r *Result) {
	t.Helper()
	if r.Status == "" {
		t.Error("the run has no status")
	}
	for _, s := range r.Steps {
		if s.Status == "" {
			t.Errorf("step %s has no status", s.Name)
		}
		if s.Pos == (source.Pos{}) {
			t.Errorf("step %s is nowhere", s.Name)
		}
		if broken := s.Status != Done && s.Status != Skipped; broken != (s.Err != nil) {
			t.Errorf("step %s: status %s with error %v", s.Name, s.Status, s.Err)
		}
	}
}
