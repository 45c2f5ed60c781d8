package cmd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/engine/lint"
	"tocsin/providers"
	"tocsin/providers/keep"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// Files that people wrote for Keep lie beside the repository, not in it: they are not
// ours. Where TOCSIN_CORPUS names another folder, its files are run the same way.
const (
	corpusDir     = "../../shared/corpus/keep"
	providersJSON = "../../shared/spec/keep-providers.json"
	corpusGolden  = "testdata/corpus.golden"
)

// TestCorpus runs every file of the corpus to its end, against stand-ins that check what
// they are given and answer in the shape of the real ones, started by an event that its
// triggers wait for. What is called, and how it ends, is in the golden file.
//
// It holds for every file, those of the golden and others: it loads; nothing panics;
// each call has arguments that its provider takes; and where the run breaks, somebody
// said so when the file was loaded, or the file reads what its provider does not
// return.
func TestCorpus(t *testing.T) {
	files, specs := corpusFiles(t)
	var got strings.Builder
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got.WriteString(newCorpusRun(t, file, specs).report())
		})
	}
	if os.Getenv("TOCSIN_CORPUS") != "" {
		t.Logf("\n%s", got.String())
		return
	}
	if *updateCodes {
		if err := os.WriteFile(corpusGolden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(corpusGolden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the runs are not those of %s (go test ./cmd -run Corpus -update rewrites it):\n%s", corpusGolden, firstDifference(got.String(), string(want)))
	}
}

// corpusFiles lists the files, and fails where they have to be there.
func corpusFiles(t *testing.T) ([]string, keepProviders) {
	t.Helper()
	dir := os.Getenv("TOCSIN_CORPUS")
	named := dir != ""
	if !named {
		dir = corpusDir
	}
	specs, err := readProviders(providersJSON)
	if err == nil {
		_, err = os.Stat(dir)
	}
	switch {
	case errors.Is(err, os.ErrNotExist) && !named && os.Getenv("CI") == "" && os.Getenv("TOCSIN_CI") == "":
		t.Skipf("no corpus: %v; it lies beside the repository, in ../shared, or where TOCSIN_CORPUS says", err)
	case err != nil:
		t.Fatalf("no corpus: %v", err)
	}
	var files []string
	for _, pattern := range []string{"*.yml", "*.yaml"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		files = append(files, found...)
	}
	slices.Sort(files)
	if len(files) == 0 {
		t.Fatalf("no workflows in %s", dir)
	}
	return files, specs
}

// firstDifference are the lines around the first that differ.
func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return fmt.Sprintf("line %d:\n%s\nwant\n%s", i+1, strings.Join(a[i:min(i+4, len(a))], "\n"), strings.Join(b[min(i, len(b)):min(i+4, len(b))], "\n"))
		}
	}
	return "there is more in the golden file"
}

// A corpusRun is one file and how it went.
type corpusRun struct {
	t        *testing.T
	name     string
	w        *workflows.Workflow
	file     *workflows.File
	problems source.Problems // warnings of loading it
	kind     string
	matched  string // which of its triggers the event started, or why none
	calls    []engine.Event
	result   *engine.Result
	stage    *stage
}

var corpusNow = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

func newCorpusRun(t *testing.T, file string, specs keepProviders) *corpusRun {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(file)
	f, err := workflows.Parse(name, text)
	if err != nil {
		t.Fatalf("it does not load: %v", err)
	}
	if len(f.Workflows) != 1 {
		t.Fatalf("%d workflows", len(f.Workflows))
	}
	c := &corpusRun{t: t, name: name, file: f, w: f.Workflows[0], problems: f.Problems}
	r := readsOf(c.w)
	c.stage = &stage{reads: r.steps}
	memory := corpusMemory(t)
	reg := c.stage.registry(specs).With(keep.Provider(memory, &corpusLibrary{}))
	lib := engine.Library{Providers: reg, Functions: engine.Functions()}
	p, warnings, err := engine.Compile(c.w, lib)
	if err != nil {
		t.Fatalf("it does not compile: %v", err)
	}
	c.problems = append(append(c.problems, warnings...), lint.Check(f, lib)...)
	c.run(p, reg, memory, r)
	return c
}

// corpusLibrary takes workflows that are correct, as they were written.
type corpusLibrary struct{}

func (corpusLibrary) Put(_ context.Context, text string) error {
	if text != storedWorkflow {
		return fmt.Errorf("another workflow than was read: %s", text)
	}
	return nil
}

func (corpusLibrary) DeleteOthers(context.Context, string) error { return nil }

// corpusMemory has alerts that searches find: with tickets, and with the names that
// answers have.
func corpusMemory(t *testing.T) *keep.Memory {
	m := &keep.Memory{Now: func() time.Time { return corpusNow }}
	m.Match = func(cel string) (func(context.Context, *value.Map) bool, error) {
		e, err := templating.Language{Functions: engine.Functions()}.ParseCEL(cel)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, alert *value.Map) bool {
			data := map[string]any{}
			for k, v := range alert.All() {
				data[k] = v
			}
			held, err := e.Bool(ctx, &templating.Scope{Data: data})
			return held && err == nil
		}, nil
	}
	m.Normalize = func(alert *value.Map, now time.Time) (*value.Map, error) {
		fields := map[string]any{}
		for k, v := range alert.All() {
			fields[k] = v
		}
		o, err := engine.NormalizeAlert(fields, now, "")
		return o.Map, err
	}
	for i, name := range []string{"some ids", "some other"} {
		alert := value.MapOf(
			value.Entry{Key: "id", Value: name}, value.Entry{Key: "name", Value: "An alert"},
			value.Entry{Key: "fingerprint", Value: fmt.Sprintf("stored-%d", i)}, value.Entry{Key: "source", Value: []any{"grafana"}},
			value.Entry{Key: "lastReceived", Value: "2024-05-06T06:00:00Z"},
		)
		if _, err := m.Add(alert); err != nil {
			t.Fatal(err)
		}
	}
	for key, v := range map[string]string{"ticket_type": "servicenow", "ticket_id": "TICKET-1", "table_name": "incident", "ticket_status": "open"} {
		m.Enrich("stored-0", key, v, false)
	}
	return m
}

// run starts the workflow with an event that its triggers wait for.
func (c *corpusRun) run(p *engine.Program, reg *providers.Registry, memory *keep.Memory, r *reads) {
	kind, alert, incident, inputs := r.input()
	c.kind = kind
	c.match(p, alert, incident)
	pool := providers.NewPool(reg, providers.Env{Now: func() time.Time { return corpusNow }})
	defer pool.Close()
	for _, own := range c.file.Providers {
		pool.Configure(own.Name, own.Config)
	}
	runner := engine.Runner{
		Pool: pool, Now: func() time.Time { return corpusNow }, History: corpusHistory{},
		Sleep: func(context.Context, time.Duration) error { return nil },
		Observe: func(e engine.Event) {
			if e.Action == engine.Calling || e.Action == engine.Enriched {
				c.calls = append(c.calls, e)
			}
		},
	}
	c.result = runner.Run(c.t.Context(), p, engine.Input{Run: "run-1", Trigger: kind, Alert: alert, Incident: incident, Inputs: inputs})
	c.judge()
}

// corpusHistory says that the alert has been firing for a while, and nothing else.
type corpusHistory struct{}

func (corpusHistory) LastRun(context.Context, string) (*engine.Result, error) { return nil, nil }
func (corpusHistory) FiringSince(context.Context, string) (time.Time, error) {
	return corpusNow.Add(-45 * time.Minute), nil
}
func (corpusHistory) Seen(context.Context, string, time.Time) (bool, error) { return false, nil }

// match says which trigger the event started.
func (c *corpusRun) match(p *engine.Program, alert, incident map[string]any) {
	arrival := engine.Arrival{Kind: c.kind, Event: "created", Fields: alert, Now: corpusNow}
	if c.kind == "incident" {
		arrival.Fields = incident
	}
	if c.kind != "alert" && c.kind != "incident" {
		return
	}
	for _, event := range []string{"created", "updated", "deleted"} {
		arrival.Event = event
		for _, t := range p.Triggers() {
			if t.Match != nil && t.Match(arrival) {
				return
			}
		}
	}
	c.matched = ", which its triggers do not match"
}

// judge fails the test for what may not happen to any file.
func (c *corpusRun) judge() {
	for _, wrong := range c.stage.wrongs {
		c.t.Errorf("a call with arguments that the provider does not take: %s", wrong)
	}
	for _, s := range c.result.Steps {
		if s.Err == nil {
			continue
		}
		if strings.Contains(s.Err.Error(), "panic") || strings.Contains(s.Err.Error(), "bug") {
			c.t.Errorf("%s: %v", s.Name, s.Err)
		}
		if !c.announced(s) && !c.readsTooMuch(s) {
			c.t.Errorf("%s: %v\nand nobody said so when the file was loaded", s.Name, s.Err)
		}
	}
}

// announced says that there was a warning about the step, or the place in it.
func (c *corpusRun) announced(s engine.StepResult) bool {
	from, to := c.span(s.Pos.Line)
	return slices.ContainsFunc(c.problems, func(p source.Problem) bool {
		return p.Pos.Line >= from && p.Pos.Line < to && !unread[p.Code]
	})
}

// unread are the codes of what nobody reads: that breaks nothing.
var unread = map[string]bool{"TOC109": true, "TOC110": true}

// span are the lines of the step that starts at line.
func (c *corpusRun) span(line int) (from, to int) {
	to = 1 << 30
	for _, s := range slices.Concat(c.w.Steps, c.w.Actions) {
		if s.Pos.Line > line {
			to = min(to, s.Pos.Line)
		}
	}
	return line, to
}

// readsTooMuch says that the step looks for something in an answer that its provider
// does not return.
func (c *corpusRun) readsTooMuch(failed engine.StepResult) bool {
	all := slices.Concat(c.w.Steps, c.w.Actions)
	i := slices.IndexFunc(all, func(s *workflows.Step) bool { return s.Pos == failed.Pos })
	if i < 0 {
		return false
	}
	r := readsOf(c.w)
	for _, text := range texts(all[i]) {
		for _, path := range r.paths(all[i], text) {
			path = r.resolved(all[:i], all[i], path)
			if len(path) > 3 && path[2] == "results" && !c.returned(path[1], path[3:]) {
				return true
			}
		}
	}
	return false
}

// returned says whether the path leads to something in what the step returned.
func (c *corpusRun) returned(step string, path []string) bool {
	for _, s := range c.result.Steps {
		if s.Name != step {
			continue
		}
		v := s.Output
		for _, part := range path {
			var ok bool
			if v, ok = value.Member(v, part); !ok {
				return false
			}
		}
	}
	return true
}

// report is the run in a few lines.
func (c *corpusRun) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", c.name, c.result.Status)
	fmt.Fprintf(&b, "  on: %s%s\n", c.kind, c.matched)
	for _, p := range c.problems {
		if unread[p.Code] {
			continue
		}
		what := "warns"
		if p.Note() {
			what = "notes"
		}
		fmt.Fprintf(&b, "  %s: %d:%d %s %s\n", what, p.Pos.Line, p.Pos.Col, p.Code, short(p.Message, 110))
	}
	for _, s := range c.result.Steps {
		fmt.Fprintf(&b, "  %s: %s", s.Name, s.Status)
		if s.Status != engine.Done && s.Reason != "" {
			fmt.Fprintf(&b, " (%s)", short(s.Reason, 160))
		}
		b.WriteString("\n")
		for _, e := range c.calls {
			if e.Step == s.Name && e.Pos == s.Pos {
				what := e.Provider
				if e.Action == engine.Enriched {
					what = "adds"
				}
				fmt.Fprintf(&b, "    %s %s\n", what, short(string(value.AppendJSON(nil, e.With)), 120))
			}
		}
	}
	return b.String()
}

func short(text string, most int) string {
	text = strings.ReplaceAll(text, "\n", `\n`)
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
