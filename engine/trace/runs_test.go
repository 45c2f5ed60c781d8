package trace

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/workflows"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A saying is the parameters of "ask" and "tell", which do what they are told to.
type saying struct {
	Message string        `param:"message" doc:"What is returned."`
	Takes   time.Duration `param:"takes" doc:"How long the call takes."`
	Fails   int           `param:"fails" doc:"How many calls fail at first."`
	Status  int           `param:"status" doc:"The status of those."`
}

// asked are two providers, and where each call of theirs stood in a trace.
func asked(seen *[]string) []providers.Provider {
	calls := map[string]int{}
	call := providers.Call(func(_ struct{}, ctx context.Context, p saying) (any, error) {
		o := providers.OriginOf(ctx)
		*seen = append(*seen, o.Trace.Parent)
		time.Sleep(p.Takes) // in a bubble
		if calls[o.Step]++; calls[o.Step] <= p.Fails {
			return nil, &providers.Error{Err: errors.New("the key k3y-0123456789 is refused"), Status: p.Status, Temporary: true}
		}
		return p.Message, nil
	})
	return []providers.Provider{
		providers.Define(providers.Definition[struct{}]{Type: "ask", Query: call}),
		providers.Define(providers.Definition[struct{}]{Type: "tell", Message: "message", Notify: call}),
	}
}

// A kit runs a workflow in a trace.
type kit struct {
	program *engine.Program
	pool    *providers.Pool
	tracer  *Tracer
	spans   []Span
	seen    []string // what calls were told of the trace
}

func newKit(t testing.TB, text string) *kit {
	t.Helper()
	k := &kit{}
	reg := providers.NewRegistry(asked(&k.seen)...)
	f, err := workflows.Parse("workflow.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if k.program, _, err = engine.Compile(f.Workflows[0], engine.Library{Providers: reg, Functions: engine.Functions()}); err != nil {
		t.Fatal(err)
	}
	k.pool = providers.NewPool(reg, providers.Env{})
	k.pool.AddSecrets("k3y-0123456789")
	t.Cleanup(func() { k.pool.Close() })
	var last uint64
	k.tracer = &Tracer{
		Config: Config{Propagate: true}, Spans: func(s Span) { k.spans = append(k.spans, s) },
		Random: func() uint64 { last++; return last },
	}
	return k
}

// run runs it, in the trace that in says.
func (k *kit) run(ctx context.Context, in engine.Input, change ...func(*engine.Runner)) *engine.Result {
	r := k.tracer.Run(in.Run, in.Trace)
	runner := engine.Runner{Pool: k.pool, Observe: r.Observe, Trace: r.At}
	for _, f := range change {
		f(&runner)
	}
	return runner.Run(ctx, k.program, in)
}

// Each file is a workflow and the spans of its run, with exact times.
func TestRuns(t *testing.T) {
	files, err := filepath.Glob("testdata/runs/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, string(a.Files[0].Data))
				in := engine.Input{Run: "r1", Trigger: "interval", Inputs: map[string]any{}}
				k.run(t.Context(), in, func(r *engine.Runner) { r.DryRun = strings.Contains(name, "dry") })
				got = tree(k.spans)
			})
			want := &a.Files[1]
			if string(want.Data) == got {
				return
			}
			if !*update {
				t.Fatalf("--- want\n%s\n--- got\n%s", want.Data, got)
			}
			want.Data = []byte(got)
			if err := os.WriteFile(name, txtar.Format(a), 0o666); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// tree writes spans as they are within each other.
func tree(spans []Span) string {
	slices.SortStableFunc(spans, func(a, b Span) int { return a.Start.Compare(b.Start) })
	var text strings.Builder
	var write func(parent SpanID, indent string)
	begun := spans[0].Start
	write = func(parent SpanID, indent string) {
		for _, s := range spans {
			if s.Parent != parent {
				continue
			}
			kind := map[Kind]string{Internal: "", Server: " (server)", Client: " (client)"}[s.Kind]
			fmt.Fprintf(&text, "%s%s%s, after %s for %s\n", indent, s.Name, kind, s.Start.Sub(begun), s.End.Sub(s.Start))
			if s.Failed {
				fmt.Fprintf(&text, "%s  failed: %s\n", indent, s.Message)
			}
			for _, a := range s.Attributes {
				fmt.Fprintf(&text, "%s  %s=%v\n", indent, a.Key, a.Value)
			}
			for _, m := range s.Marks {
				fmt.Fprintf(&text, "%s  * %s after %s %v\n", indent, m.Name, m.At.Sub(begun), m.Attributes)
			}
			write(s.Span, indent+"  ")
		}
	}
	write(SpanID{}, "")
	return text.String()
}

const pair = `
workflow:
  id: w
  steps:
    - {name: one, provider: {type: ask}}
    - {name: each, foreach: "{{ 'xy' }}", provider: {type: ask}}
`

// Whoever is asked is told of the call's own span, in the trace of who asked for the run.
func TestPropagation(t *testing.T) {
	k := newKit(t, pair)
	const theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	k.run(t.Context(), engine.Input{Run: "r1", Trace: providers.Trace{Parent: theirs, State: "a=1"}})
	var calls []string
	for _, s := range k.spans {
		if s.Kind == Client {
			calls = append(calls, place{s.Trace, s.Span, s.State, sampled}.header().Parent)
		}
		if s.State != "a=1" {
			t.Errorf("%s has the state %q", s.Name, s.State)
		}
	}
	if !slices.Equal(calls, k.seen) || len(calls) != 3 {
		t.Errorf("calls were told\n%q, their spans are\n%q", k.seen, calls)
	}
	root := k.spans[len(k.spans)-1]
	if got := (place{root.Trace, root.Parent, "", sampled}).header().Parent; got != theirs {
		t.Errorf("the run is in %s, asked for in %s", got, theirs)
	}
}

// A run that another process goes on with is in the same trace, under the same span.
func TestResumed(t *testing.T) {
	k := newKit(t, pair)
	var events []engine.Event
	in := engine.Input{Run: "r1"}
	k.run(t.Context(), in, func(r *engine.Runner) {
		next := r.Observe
		r.Observe = func(e engine.Event) { events = append(events, e); next(e) }
	})
	whole := k.spans
	k.spans = nil
	var past []engine.Event // up to the first item of the second step
	for _, e := range events {
		if past = append(past, e); e.Action == engine.ItemEnded {
			break
		}
	}
	k.run(t.Context(), in, func(r *engine.Runner) { r.Past = past })
	root, again := whole[len(whole)-1], k.spans[len(k.spans)-1]
	if root.Trace != again.Trace || root.Span != again.Span {
		t.Errorf("%x %x, then %x %x", root.Trace, root.Span, again.Trace, again.Span)
	}
	if got := names(k.spans); got != "ask query, each, each, RUN w" {
		t.Errorf("what was left of the run: %s", got)
	}
}

func names(spans []Span) string {
	var list []string
	for _, s := range spans {
		list = append(list, s.Name)
	}
	return strings.Join(list, ", ")
}

// Of a trace that is not kept there are no spans, and those who are asked are told so.
func TestNotSampled(t *testing.T) {
	k := newKit(t, pair)
	k.run(t.Context(), engine.Input{Run: "r1", Trace: providers.Trace{Parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}})
	if len(k.spans) > 0 || len(k.seen) != 3 || !strings.HasPrefix(k.seen[0], "00-4bf92f3577b34da6a3ce929d0e0e4736-") || !strings.HasSuffix(k.seen[0], "-00") {
		t.Errorf("%d spans, told %q", len(k.spans), k.seen)
	}
	k.tracer.Config.Propagate = false
	k.seen = nil
	k.run(t.Context(), engine.Input{Run: "r2"})
	if len(k.spans) != 8 || k.seen[0] != "" {
		t.Errorf("without propagation: %d spans, told %q", len(k.spans), k.seen)
	}
}

// A run that never ends, and is left behind, has a span too.
func TestLeftBehind(t *testing.T) {
	k := newKit(t, pair)
	r := k.tracer.Run("r1", providers.Trace{})
	now := time.Unix(0, 0)
	r.Observe(engine.Event{Action: engine.RunStarted, Workflow: "w", Time: now})
	r.Observe(engine.Event{Action: engine.StepStarted, Workflow: "w", Step: "one", Time: now})
	r.Observe(engine.Event{Action: engine.Calling, Workflow: "w", Step: "one", Provider: "ask", Attempt: 1, Time: now})
	result := &engine.Result{Status: engine.TimedOut, Reason: "it was left behind", Duration: time.Minute}
	r.End(result)
	r.End(result)
	if got := names(k.spans); got != "ask query, one, RUN w" || !k.spans[2].Failed || k.spans[2].End.Sub(now) != time.Minute {
		t.Errorf("%s: %+v", got, k.spans)
	}
}

// Limits hold: long texts are cut between characters, marks beyond a number are counted.
func TestLimits(t *testing.T) {
	k := newKit(t, "workflow: {id: w, steps: [{name: s, provider: {type: ask}, expect: [\"1 == 1\", \"2 == 2\", \"3 == 3\"]}]}")
	k.tracer.Config.Marks, k.tracer.Config.Length = 2, 4
	k.run(t.Context(), engine.Input{Run: "r1"})
	for _, s := range k.spans {
		if s.Name == "s" && (len(s.Marks) != 2 || s.Dropped != 1) {
			t.Errorf("%d marks, %d dropped", len(s.Marks), s.Dropped)
		}
		for _, a := range s.Attributes {
			if text, ok := a.Value.(string); ok && len(text) > 4 {
				t.Errorf("%s is %q", a.Key, text)
			}
		}
	}
	if got := (&Config{Length: 4}).short("äöü"); got != "äö" {
		t.Errorf("cut to %q", got)
	}
	if got := (&Config{Length: 3}).short("äöü"); got != "ä" {
		t.Errorf("cut to %q", got)
	}
}
