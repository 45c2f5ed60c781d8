package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// typed are providers that say what they take and return.
func typed() *providers.Registry {
	type probeWith struct {
		URL     string        `param:"url,required" alias:"socket_url" doc:"Where to."`
		Timeout time.Duration `param:"timeout" default:"5s" doc:"How long."`
	}
	type row struct {
		Host string `param:"host" doc:"Name."`
	}
	type probed struct {
		Up     bool  `param:"up" doc:"Whether it answered."`
		Status int   `param:"status" doc:"Status of the answer."`
		Rows   []row `param:"rows" doc:"What it knows."`
	}
	type said struct {
		Message string `param:"message,required" doc:"What to say."`
		Channel string `param:"channel" doc:"To whom."`
	}
	type chatConfig struct {
		Webhook providers.Secret `param:"webhook_url" doc:"Where to say it."`
	}
	type keyedConfig struct {
		Key providers.Secret `param:"api_key,required" doc:"Who says it."`
	}
	say := func(struct{}, context.Context, said) (map[string]any, error) { return map[string]any{"ok": true}, nil }
	return providers.NewRegistry(
		providers.Define(providers.Definition[struct{}]{Type: "probe", Query: providers.Call(
			func(struct{}, context.Context, probeWith) (probed, error) { return probed{Up: true}, nil },
		)}),
		providers.Define(providers.Definition[struct{}]{
			Type: "chat", Message: "message", Notify: providers.Call(say),
			Open: providers.Open(func(context.Context, chatConfig, providers.Env) (struct{}, error) { return struct{}{}, nil }),
		}),
		providers.Define(providers.Definition[struct{}]{
			Type: "keyed", Notify: providers.Call(say),
			Open: providers.Open(func(context.Context, keyedConfig, providers.Env) (struct{}, error) { return struct{}{}, nil }),
		}),
	).Planned("bigquery")
}

// A file in testdata/problems is a workflow and everything that is found wrong with
// it, as a person sees it.
func TestProblems(t *testing.T) {
	golden(t, "testdata/problems/*.txtar", func(t *testing.T, a *txtar.Archive) string {
		text := section(a, "in.yaml")
		var problems source.Problems
		f, err := workflows.Parse("in.yaml", text)
		errors.As(err, &problems)
		lib := Library{
			Providers: typed(), Functions: Functions(), Required: true,
			Configured: func(name string) bool { return name == "known" },
		}
		var list []*workflows.Workflow
		if err == nil {
			list = f.Workflows
		}
		for _, w := range list {
			_, warnings, err := Compile(w, lib)
			var fatal source.Problems
			errors.As(err, &fatal)
			problems = append(append(problems, warnings...), fatal...)
		}
		var out bytes.Buffer
		if err := source.Print(&out, fstest.MapFS{"in.yaml": {Data: text}}, problems); err != nil {
			t.Fatal(err)
		}
		return out.String()
	})
}

func TestInterval(t *testing.T) {
	tests := []struct {
		name, value string
		want        time.Duration // 0: never
	}{
		{"seconds", "90", 90 * time.Second},
		{"digits in quotes", `"90"`, 90 * time.Second},
		{"minutes", "5m", 5 * time.Minute},
		{"days", "1d", 24 * time.Hour},
		{"never", "0", 0},
	}
	start := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := compile(t, fmt.Sprintf("workflow: {id: w, triggers: [{type: interval, value: %s}]}", tt.value))
			next := p.Triggers()[0].Next
			if tt.want == 0 {
				if next != nil {
					t.Error("it runs")
				}
				return
			}
			if got := next(start).Sub(start); got != tt.want {
				t.Errorf("next after %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTriggerMatch(t *testing.T) {
	p, _ := compile(t, `workflow: {id: w, triggers: [{type: alert}, {type: incident, events: [created, updated]}]}`)
	alert, incident := p.Triggers()[0].Match, p.Triggers()[1].Match
	for _, a := range []Arrival{{Kind: "alert"}, {Kind: "incident", Event: "created"}, {Kind: "incident", Event: "deleted"}} {
		if got, want := alert(a), a.Kind == "alert"; got != want {
			t.Errorf("alert trigger matches %v: %v", a, got)
		}
		if got, want := incident(a), a.Event == "created"; got != want {
			t.Errorf("incident trigger matches %v: %v", a, got)
		}
	}
}

// An action extends a shared one: mappings key by key, its own words win.
func TestSharedAction(t *testing.T) {
	shared := parse(t, "shared.yaml", []byte(`
workflow:
  id: s
  actions:
    - name: page
      provider: {type: chat, config: "{{ providers.known }}", with: {message: from shared, channel: ops}}
`)).Actions[0]
	w := parse(t, "w.yaml", []byte(`
workflow:
  id: w
  actions:
    - {name: mine, use: page, provider: {with: {message: mine}}}
`))
	p, _, err := Compile(w, Library{Providers: typed(), Functions: Functions(), Actions: map[string]*workflows.Step{"page": shared}})
	if err != nil {
		t.Fatal(err)
	}
	s := p.actions[0]
	if got := string(value.AppendJSON(nil, s.plain)); s.Name != "mine" || got != `{"message":"mine","channel":"ops"}` {
		t.Errorf("%s %s", s.Name, got)
	}
}

// mainJob is the document of the first job.
func mainJob(t testing.TB) []byte {
	a, err := txtar.ParseFile("testdata/runs/alert-fires.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return section(a, "workflow.yaml")
}

func mainJobLibrary() Library {
	s := &script{answers: map[string][]*value.Map{"websocket": nil, "slack": nil}}
	return Library{Providers: providers.NewRegistry(s.providers()...), Functions: Functions()}
}

// An idle program is small: thousands of them may be waiting.
func TestProgramMemory(t *testing.T) {
	text, lib := mainJob(t), mainJobLibrary()
	const n = 200
	keep := make([]*Program, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range keep {
		p, _, err := Compile(parse(t, "w.yaml", text), lib)
		if err != nil {
			t.Fatal(err)
		}
		keep[i] = p
	}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / n
	runtime.KeepAlive(keep)
	t.Logf("%d bytes a program", each)
	if each > 32<<10 {
		t.Errorf("an idle program takes %d bytes, more than 32 KiB", each)
	}
}

// BenchmarkCompile is the compiler alone; package cmd compares it, and the parser, with
// what YAML takes.
func BenchmarkCompile(b *testing.B) {
	text, lib := mainJob(b), mainJobLibrary()
	big := []byte("workflow:\n  id: big\n  steps:\n")
	for i := range 300 {
		big = fmt.Appendf(big, "    - name: step-%d\n      if: \"{{ steps.step-%d.results.code }} == 200\"\n      provider:\n        type: websocket\n        with: {socket_url: \"ws://{{ steps.step-%d.results.host }}/x\"}\n", i, max(0, i-1), max(0, i-1))
	}
	for name, text := range map[string][]byte{"main": text, "300": big} {
		b.Run(name, func(b *testing.B) {
			w := parse(b, "w.yaml", text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Compile(w, lib); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The files that people use with Keep compile: what Keep would not refuse is a
// warning at most. They lie beside the repository.
func TestCorpus(t *testing.T) {
	dir := "../../shared/corpus/keep"
	files, err := os.ReadDir(dir)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("no corpus beside this checkout")
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		file, err := workflows.Parse(f.Name(), text)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, w := range file.Workflows {
			_, warnings, err := Compile(w, Library{Providers: corpusProviders(w), Functions: Functions()})
			for _, p := range warnings {
				if p.Code != source.PlannedProvider {
					t.Logf("%v: %s (%s)", p.Pos, p.Message, p.Hint)
				}
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// corpusProviders knows the providers of w by name.
func corpusProviders(w *workflows.Workflow) *providers.Registry {
	reg := providers.NewRegistry()
	for _, list := range [][]*workflows.Step{w.Steps, w.Actions, {w.OnFailure}} {
		for _, s := range list {
			if s != nil {
				reg = reg.Planned(s.Provider.S)
			}
		}
	}
	return reg
}
