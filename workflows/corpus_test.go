package workflows_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// shared is the folder beside the repository with what all of its parts are measured
// by. A checkout alone does not have it; CI must.
const shared = "../../shared"

func needShared(t testing.TB, path string) string {
	t.Helper()
	full := filepath.Join(shared, path)
	if _, err := os.Stat(full); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("TOCSIN_CI") != "" {
			t.Fatalf("CI needs %s: %v", path, err)
		}
		t.Skipf("no %s beside this checkout", path)
	}
	return full
}

// TestCorpus: Keep's own workflows are read without an error. What they have that Keep
// ignores is listed here.
func TestCorpus(t *testing.T) {
	warnings := map[string][]string{
		"query_clickhouse.yml":                   {source.EmptyWorkflow, source.MisplacedKey},
		"send-message-telegram-with-htmlmd.yaml": {source.DuplicateName},
	}
	for name, text := range corpus(t) {
		var got []string
		for _, p := range problemsOf(name, text) {
			got = append(got, p.Code)
			if !p.Warning {
				t.Error(p.Error())
			}
		}
		if !slices.Equal(got, warnings[name]) {
			t.Errorf("%s: warnings %v, want %v", name, got, warnings[name])
		}
	}
}

func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(needShared(t, "corpus/keep"), "*.y*ml"))
	if len(files) < 60 {
		t.Fatalf("%d files in the corpus", len(files))
	}
	texts := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(file)] = text
	}
	return texts
}

// A fact is a line of keep.jsonl: what Keep did with an input.
type fact struct {
	ID, Op string
	Input  struct {
		YAML             string
		Workflow         json.RawMessage
		With             json.RawMessage
		Action, Reusable json.RawMessage
	}
	Expect result
	Fix    *struct{ Expect result }
}

type result struct {
	Error     string
	Seconds   any
	Disabled  bool
	Merged    json.RawMessage
	Workflows []parsed
}

// TestConformance checks what Keep does with documents (spec §1), fixes included.
func TestConformance(t *testing.T) {
	checks := map[string]func(*testing.T, fact){
		"parse_workflow": checkWorkflow,
		"parse_interval": checkInterval,
		"parse_disabled": checkDisabled,
		"deep_merge":     checkMerge,
	}
	ran := map[string]int{}
	for _, f := range facts(t) {
		if check := checks[f.Op]; check != nil {
			ran[f.Op]++
			t.Run(f.ID, func(t *testing.T) { check(t, f) })
		}
	}
	if len(ran) != len(checks) {
		t.Errorf("ran %v", ran)
	}
}

func facts(t *testing.T) []fact {
	file, err := os.Open(needShared(t, "spec/conformance/keep.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var list []fact
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var f fact
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			continue // an operation whose facts have another form
		}
		list = append(list, f)
	}
	return list
}

// parsed is what parse_workflow tells of a workflow.
type parsed struct {
	ID, Name, Description string
	Disabled, Debug       bool
	Owners, Tags          []string
	Interval              int
	Triggers              []map[string]any
	Strategy              string
	Permissions           []string
	Consts                map[string]any
	Steps, Actions        []string
	ProviderTypes         []string `json:"provider_types"`
	HasOnFailure          bool     `json:"has_on_failure"`
}

func checkWorkflow(t *testing.T, f fact) {
	want := f.Expect
	if f.Fix != nil {
		want = f.Fix.Expect
	}
	file, err := workflows.Parse("in.yaml", []byte(f.Input.YAML))
	if err == nil {
		err = unresolved(file)
	}
	switch {
	case want.Error == "ModuleNotFoundError": // the provider registry finds that
		return
	case want.Error != "":
		if err == nil {
			t.Errorf("no error, want %s", want.Error)
		}
		return
	case err != nil:
		t.Fatal(err)
	}
	if want.Workflows == nil { // "ok": true
		return
	}
	var got []parsed
	for _, w := range file.Workflows {
		got = append(got, summary(w))
	}
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want.Workflows)
	if string(g) != string(w) {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

// unresolved is what the engine says to actions that extend one nobody has.
func unresolved(f *workflows.File) error {
	for _, w := range f.Workflows {
		for _, s := range w.Actions {
			if _, ps := s.Resolve(nil); ps.Err() != nil {
				return ps
			}
		}
	}
	return nil
}

func summary(w *workflows.Workflow) parsed {
	p := parsed{
		ID: w.ID, Name: or(w.Name, "Untitled"), Description: or(w.Description, "No description"),
		Disabled: w.Disabled, Debug: w.Debug, Strategy: string(w.Strategy),
		Owners: append([]string{}, w.Labels["owners"]...), Tags: append([]string{}, w.Labels["tags"]...),
		Permissions: append([]string{}, w.Permissions...), Interval: int(interval(w)),
		Triggers: []map[string]any{}, Consts: map[string]any{}, Steps: []string{}, Actions: []string{},
		ProviderTypes: []string{}, HasOnFailure: w.OnFailure != nil,
	}
	for _, tr := range w.Triggers {
		m := map[string]any{"type": tr.Type.S}
		for _, e := range tr.With.Data.(source.Map) {
			m[e.Key] = e.Value.Plain()
		}
		p.Triggers = append(p.Triggers, m)
	}
	if m, ok := w.Consts.Plain().(*value.Map); ok {
		for k, v := range m.All() {
			p.Consts[k] = v
		}
	}
	for _, s := range w.Steps {
		p.Steps, p.ProviderTypes = append(p.Steps, s.Name), append(p.ProviderTypes, s.Provider.S)
	}
	for _, s := range w.Actions {
		p.Actions, p.ProviderTypes = append(p.Actions, s.Name), append(p.ProviderTypes, s.Provider.S)
	}
	return p
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// interval is the workflow's, in seconds.
func interval(w *workflows.Workflow) float64 {
	for _, tr := range w.Triggers {
		if v, ok := tr.With.Data.(source.Map).Get("value"); ok && tr.Type.S == "interval" {
			d, _ := workflows.ParseInterval(v.Data)
			return d.Seconds()
		}
	}
	return 0
}

// document is the JSON of a workflow as a file; JSON is YAML.
func document(workflow json.RawMessage) []byte {
	var keys map[string]json.RawMessage
	_ = json.Unmarshal(workflow, &keys)
	keys["id"] = json.RawMessage(`"x"`)
	text, _ := json.Marshal(map[string]any{"workflow": keys})
	return text
}

func checkInterval(t *testing.T, f fact) {
	file, err := workflows.Parse("in.yaml", document(f.Input.Workflow))
	seconds, weeks := strings.Contains(string(f.Input.Workflow), `"30s"`), strings.Contains(string(f.Input.Workflow), `"1w"`)
	switch {
	case seconds || weeks: // Keep refuses these; spec §11, B-16 accepts them
		if err != nil {
			t.Error(err)
		}
		return
	case f.Expect.Error != "":
		if err == nil {
			t.Errorf("no error, want %s", f.Expect.Error)
		}
		return
	case err != nil:
		t.Fatal(err)
	}
	want, ok := f.Expect.Seconds.(float64)
	if !ok { // true, which counts as one
		want = 1
	}
	if got := interval(file.Workflows[0]); got != want {
		t.Errorf("%v seconds, want %v", got, want)
	}
}

func checkDisabled(t *testing.T, f fact) {
	file, err := workflows.Parse("in.yaml", document(f.Input.Workflow))
	if err != nil {
		t.Fatal(err)
	}
	if got := file.Workflows[0].Disabled; got != f.Expect.Disabled {
		t.Errorf("%v, want %v", got, f.Expect.Disabled)
	}
}

func checkMerge(t *testing.T, f fact) {
	want := f.Expect.Merged
	if f.Fix != nil {
		want = f.Fix.Expect.Merged
	}
	got := workflows.MergeForTest(tree(t, f.Input.Action), tree(t, f.Input.Reusable)).Plain()
	if !value.Equal(got, tree(t, want).Plain()) {
		t.Errorf("got %s, want %s", value.AppendJSON(nil, got), want)
	}
}

func tree(t *testing.T, text []byte) source.Value {
	t.Helper()
	v, err := source.Parse("", text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
