package keep_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/providers/keep"
	"tocsin/providers/providertest"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
)

func TestProvider(t *testing.T) {
	providertest.Run(t, keep.Provider(&keep.Memory{}, nil))
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// A bench runs one workflow again and again, at times of the test's choosing.
type bench struct {
	t       *testing.T
	store   *keep.Memory
	library *library
	now     time.Time
	rows    any // what the step "rows" answers
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, now: noon}
	clock := func() time.Time { return b.now }
	b.store = &keep.Memory{Now: clock, Normalize: normalize, Match: match}
	return b
}

func normalize(alert *value.Map, now time.Time) (*value.Map, error) {
	fields := map[string]any{}
	for k, v := range alert.All() {
		fields[k] = v
	}
	o, err := engine.NormalizeAlert(fields, now, "")
	return o.Map, err
}

func match(cel string) (func(context.Context, *value.Map) bool, error) {
	e, err := templating.Language{Functions: engine.Functions()}.ParseCEL(cel)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, alert *value.Map) bool {
		data := map[string]any{}
		for k, v := range alert.All() {
			data[k] = v
		}
		ok, err := e.Bool(ctx, &templating.Scope{Data: data})
		return ok && err == nil
	}, nil
}

// run runs the workflow with these steps and actions once.
func (b *bench) run(text string, in engine.Input) *engine.Result {
	b.t.Helper()
	rows := providers.Define(providers.Definition[struct{}]{
		Type: "rows", Query: providers.Call(func(struct{}, context.Context, struct{}) (any, error) { return b.rows, nil }),
	})
	var lib keep.Library
	if b.library != nil {
		lib = b.library
	}
	reg := providers.NewRegistry(rows, keep.Provider(b.store, lib))
	f, err := workflows.Parse("w.yaml", []byte("workflow:\n  id: w\n"+text))
	if err != nil {
		b.t.Fatal(err)
	}
	p, _, err := engine.Compile(f.Workflows[0], engine.Library{Providers: reg, Functions: engine.Functions()})
	if err != nil {
		b.t.Fatal(err)
	}
	clock := func() time.Time { return b.now }
	pool := providers.NewPool(reg, providers.Env{Now: clock})
	defer pool.Close()
	in.Run = "r"
	runner := engine.Runner{Pool: pool, Now: clock}
	return runner.Run(b.t.Context(), p, in)
}

// lines are the alerts in v, each as its status and the given fields.
func lines(v any, fields ...string) string {
	var out []string
	list, _ := v.([]any)
	for _, item := range list {
		words := []string{}
		for _, f := range append([]string{"status"}, fields...) {
			v, _ := item.(*value.Map).Get(f)
			words = append(words, value.Text(v))
		}
		out = append(out, strings.Join(words, " "))
	}
	return strings.Join(out, "\n")
}

func parse(t *testing.T, json string) any {
	t.Helper()
	v, err := value.DecodeJSON([]byte(json))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What becomes of the alerts of rows, round by round.
func TestGenerate(t *testing.T) {
	type round struct {
		after time.Duration
		rows  string // JSON
		want  string // alerts that changed: status, name, severity
	}
	tests := []struct {
		name   string
		action string // below "with:", and beside the provider
		rounds []round
	}{
		{
			"an alert fires for each row, goes on, and is resolved when its row is gone",
			`provider: {type: keep, with: {alert: {name: "{{ host }} is down", labels: {host: "{{ host }}"}}}}`,
			[]round{
				{0, `[{"host": "a"}, {"host": "b"}]`, "firing a is down info\nfiring b is down info"},
				{time.Minute, `[{"host": "b"}, {"host": "c"}]`, "firing b is down info\nfiring c is down info\nresolved a is down info"},
				{time.Minute, `[]`, "resolved b is down info\nresolved c is down info"},
				{time.Minute, `[]`, ""},
			},
		},
		{
			"a condition decides, a choice grades",
			`provider: {type: keep, with: {if: "{{ value.1 }} > 0.5", alert: {name: "{{ host }}", severity: '{{ value.1 }} > 0.9 ? "critical" : {{ value.1 }} > 0.7 ? "warning" : "low"', labels: {host: "{{ host }}"}}}}`,
			[]round{
				{0, `[{"host": "a", "value": [1, "0.95"]}, {"host": "b", "value": [1, "0.4"]}, {"host": "c", "value": [1, 0.75]}]`, "firing a critical\nfiring c warning"},
				{time.Minute, `[{"host": "a", "value": [1, "0.6"]}]`, "firing a low\nresolved c warning"},
			},
		},
		{
			"with for it is pending first; what was only pending is forgotten",
			`provider: {type: keep, with: {for: 2m, alert: {name: "{{ host }}", labels: {host: "{{ host }}"}}}}`,
			[]round{
				{0, `[{"host": "a"}, {"host": "b"}]`, "pending a info\npending b info"},
				{time.Minute, `[{"host": "a"}]`, "pending a info"},
				{time.Minute, `[{"host": "a"}, {"host": "b"}]`, "firing a info\npending b info"},
				{time.Minute, `[{"host": "a"}]`, "firing a info"},
				{time.Minute, `[]`, "resolved a info"},
				{time.Minute, `[{"host": "a"}]`, "pending a info"},
			},
		},
		{
			"read_only resolves nothing",
			`provider: {type: keep, with: {read_only: true, fingerprint_fields: [id], alert: {name: "{{ message }}", status: "{{ state }}"}}}`,
			[]round{
				{0, `[{"id": 1, "message": "one", "state": "firing"}, {"id": 2, "message": "two", "state": "acknowledged"}]`, "firing one info\nacknowledged two info"},
				{time.Minute, `[{"id": 1, "message": "one", "state": "resolved"}]`, "resolved one info"},
			},
		},
		{
			"without labels the name tells alerts apart",
			`provider: {type: keep, with: {alert: {name: "{{ host }}"}}}`,
			[]round{{0, `[{"host": "a"}, {"host": "b"}]`, "firing a info\nfiring b info"}},
		},
		{
			"in Keep they are one",
			"provider: {type: keep, with: {alert: {name: \"{{ host }}\"}}}\n  compat: keep",
			[]round{{0, `[{"host": "a"}, {"host": "b"}]`, "firing b info"}},
		},
		{
			"with foreach an item speaks of its own alert",
			"foreach: \"{{ steps.rows.results }}\"\n      " + `provider: {type: keep, with: {if: "{{ up }} == false", alert: {name: "{{ foreach.value.host }}", labels: {host: "{{ host }}"}}}}`,
			[]round{
				{0, `[{"host": "a", "up": false}, {"host": "b", "up": true}]`, "firing a info"},
				{time.Minute, `[{"host": "a", "up": true}, {"host": "b", "up": false}]`, "resolved a info\nfiring b info"},
			},
		},
		{
			"the fingerprint may be the row's",
			`provider: {type: keep, with: {fingerprint: "host-{{ host }}", alert: {name: "{{ text }}"}}}`,
			[]round{
				{0, `[{"host": "a", "text": "one"}]`, "firing one info"},
				{time.Minute, `[{"host": "a", "text": "two"}]`, "firing two info"},
			},
		},
		{
			"data is not a choice and not a template",
			`provider: {type: keep, with: {alert: {name: "{{ text }}", labels: {id: "{{ id }}"}}}}`,
			[]round{{0, `[{"id": 1, "text": "1 == 1 ? 'x' : 'y'"}, {"id": 2, "text": "{{ id }}"}]`, "firing 1 == 1 ? 'x' : 'y' info\nfiring {{ id }} info"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			text := "  steps:\n    - {name: rows, provider: {type: rows}}\n  actions:\n    - name: make\n      " + tt.action + "\n"
			for i, r := range tt.rounds {
				b.now = b.now.Add(r.after)
				b.rows = parse(t, r.rows)
				result := b.run(text, engine.Input{})
				if result.Status != engine.Done {
					t.Fatalf("round %d: %s: %v", i+1, result.Status, result.Err)
				}
				got := lines(flat(result.Steps[1].Output), "name", "severity")
				if got != r.want {
					t.Errorf("round %d:\n%s\nwant\n%s", i+1, got, r.want)
				}
			}
		})
	}
}

// flat is a list of lists as one list, as a foreach gives them.
func flat(v any) any {
	list, _ := v.([]any)
	var out []any
	for _, item := range list {
		if inner, ok := item.([]any); ok {
			out = append(out, inner...)
		} else if item != nil {
			out = append(out, item)
		}
	}
	return out
}

// The alert that is made has what it says, then what the row has besides, and is from
// where it says.
func TestAlert(t *testing.T) {
	b := newBench(t)
	b.rows = parse(t, `[{"id": 7, "client": "acme", "severity": "critical", "_source": {"host": "db1"}}]`)
	result := b.run(`  steps:
    - {name: rows, provider: {type: rows}}
  actions:
    - name: make
      provider:
        type: keep
        with:
          override_source_with: mysql
          alert: {name: "{{ _source.host }}", severity: low, host: "{{ _source.host }}"}
`, engine.Input{})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	alert := result.Steps[1].Output.([]any)[0].(*value.Map)
	for key, want := range map[string]string{
		"name": "db1", "severity": "low", "host": "db1", "client": "acme", "source": "['mysql']", "status": "firing",
		"workflowId": "w", "lastReceived": "2026-01-02T12:00:00.000Z", "firingStartTime": "2026-01-02T12:00:00.000Z", "pushed": "False",
	} {
		if v, _ := alert.Get(key); value.Text(v) != want {
			t.Errorf("%s is %s, not %s", key, value.Text(v), want)
		}
	}
	if id, _ := alert.Get("id"); id == int64(7) {
		t.Error("the row's id became the alert's")
	}
	// What the provider rendered itself is shown as it was written.
	shown, _ := result.Steps[1].With.(*value.Map).Get("alert")
	if name, _ := shown.(*value.Map).Get("name"); name != "{{ _source.host }}" {
		t.Errorf("shown: %v", name)
	}
}

// Without rows there is one alert: about the one that started the run, or the results
// of the last step.
func TestOneRow(t *testing.T) {
	action := "  actions:\n    - {name: make, provider: {type: keep, with: {alert: {name: \"about {{ host }}\"}}}}\n"
	b := newBench(t)
	result := b.run(action, engine.Input{Alert: map[string]any{"name": "x", "host": "db1", "extra": "kept"}})
	if got := lines(result.Steps[0].Output, "name", "extra"); got != "firing about db1 kept" {
		t.Errorf("%s, %v", got, result.Err)
	}
	b = newBench(t)
	b.rows = parse(t, `{"host": "db2"}`)
	result = b.run("  steps:\n    - {name: rows, provider: {type: rows}}\n"+action, engine.Input{})
	if got := lines(result.Steps[1].Output, "name"); got != "firing about db2" {
		t.Errorf("%s, %v", got, result.Err)
	}
}

func TestMistakes(t *testing.T) {
	tests := []struct {
		name, with, want string
	}{
		{"nothing to do", `{}`, "keep: notify: what shall be done? give alert: {name: ...}, or workflow_to_update_yaml"},
		{"no name", `{alert: {severity: low}}`, "row 1: the alert needs a name"},
		{"no mapping", `{alert: down}`, "row 1: alert is a mapping: {name: ..., severity: ...}"},
		{"a name that the row does not have", `{alert: {name: "{{ hots }}"}}`, "Could not find key 'hots' in the context."},
		{"a condition on what is not there", `{if: "{{ hots }} > 1", alert: {name: x}}`, "Could not find key 'hots' in the context."},
		{"workflows where there are none", `{workflow_to_update_yaml: "workflow: {}"}`, "there are no stored workflows to change: a single run reads its files and keeps none"},
		{"the same for all others", `{delete_all_other_workflows: true}`, "there are no stored workflows to change"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.rows = parse(t, `[{"host": "a"}]`)
			result := b.run("  steps:\n    - {name: rows, provider: {type: rows}}\n  actions:\n    - {name: make, provider: {type: keep, with: "+tt.with+"}}\n", engine.Input{})
			if result.Err == nil || !strings.Contains(result.Err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", result.Err, tt.want)
			}
		})
	}
}

// In Keep what cannot be evaluated does not hold.
func TestCompat(t *testing.T) {
	b := newBench(t)
	b.rows = parse(t, `[{"host": "a"}]`)
	result := b.run("  compat: keep\n  steps:\n    - {name: rows, provider: {type: rows}}\n  actions:\n    - {name: make, provider: {type: keep, with: {if: \"[] > 1\", alert: {name: x}}}}\n", engine.Input{})
	if result.Status != engine.Done || result.Steps[1].Output != nil {
		t.Errorf("%s %v %v", result.Status, result.Steps[1].Output, result.Err)
	}
}

// A library remembers what it was told.
type library struct{ said []string }

func (l *library) Put(_ context.Context, text string) error {
	l.said = append(l.said, "put "+text)
	return nil
}

func (l *library) DeleteOthers(_ context.Context, id string) error {
	l.said = append(l.said, "delete all but "+id)
	return nil
}

// A workflow's text goes to the library as it came, templates of its own included.
func TestWorkflows(t *testing.T) {
	b := newBench(t)
	b.library = &library{}
	b.rows = "workflow: {id: x, description: \"{{ alert.name }} & keep.len('a')\"}"
	result := b.run(`  steps:
    - {name: rows, provider: {type: rows}}
  actions:
    - {name: sync, provider: {type: keep, with: {workflow_full_sync: true, workflow_to_update_yaml: "raw_render_without_execution({{ steps.rows.results }})"}}}
    - {name: clear, provider: {type: keep, with: {delete_all_other_workflows: true}}}
`, engine.Input{})
	want := []string{"delete all but w", "put " + b.rows.(string), "delete all but w"}
	if result.Err != nil || fmt.Sprint(b.library.said) != fmt.Sprint(want) {
		t.Errorf("%v, %v\nwant %v", b.library.said, result.Err, want)
	}
}

func TestQuery(t *testing.T) {
	tests := []struct {
		name, with, want string
	}{
		{"by a field", `{filters: [{key: service, value: db}]}`, "firing d2 b\nresolved d1 a"},
		{"by an enrichment", `{filters: [{key: ticket_type, value: servicenow}]}`, "firing d2 b"},
		{"by several", `{filters: [{key: service, value: db}, {key: status, value: resolved}]}`, "resolved d1 a"},
		{"by what is there", `{filters: [{key: ticket_type, value: true}]}`, "firing d2 b"},
		{"by a label and a source", `{filters: [{key: labels.team, value: core}, {key: source, value: grafana}]}`, "resolved d1 a"},
		{"every occurrence", `{filters: [{key: service, value: db}], distinct: false}`, "firing d2 b\nresolved d1 a\nfiring d1 a"},
		{"further back", `{filters: [{key: service, value: web}], time_delta: 3}`, "firing old c"},
		{"not so far back", `{filters: [{key: service, value: web}]}`, ""},
		{"between two times", `{filters: [{key: service, value: db}], timerange: {from: "2026-01-02T11:15:00Z", to: "2026-01-02T11:45:00"}, distinct: false}`, "resolved d1 a"},
		{"until now", `{filters: [{key: service, value: db}], timerange: {from: "2026-01-02T11:15:00Z", to: now}}`, "firing d2 b\nresolved d1 a"},
		{"at most", `{filters: [{key: service, value: db}], limit: 1}`, "firing d2 b"},
		{"in CEL", `{version: 2, filter: "severity == 'critical' && status == 'firing'"}`, "firing d2 b"},
		{"in CEL with data", `{version: 2, filter: 'name == "{{ inputs.name }}"'}`, ""},
		{"in CEL that the data does not fit", `{version: 2, filter: "nothing.like.it > 1"}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			fill(t, b.store)
			result := b.run("  steps:\n    - {name: find, provider: {type: keep, with: "+tt.with+"}}\n", engine.Input{Inputs: map[string]any{"name": `x" || true || "`}})
			if got := lines(result.Steps[0].Output, "name", "fingerprint"); got != tt.want || result.Err != nil {
				t.Errorf("%s, %v\nwant %s", got, result.Err, tt.want)
			}
		})
	}
}

func fill(t *testing.T, m *keep.Memory) {
	t.Helper()
	for _, json := range []string{
		`{"name": "old", "fingerprint": "c", "service": "web", "lastReceived": "2025-12-31T12:00:00Z"}`,
		`{"name": "d1", "fingerprint": "a", "service": "db", "lastReceived": "2026-01-02T11:00:00Z", "source": ["grafana", "x"], "labels": {"team": "core"}}`,
		`{"name": "d1", "fingerprint": "a", "service": "db", "lastReceived": "2026-01-02T11:30:00Z", "source": ["grafana"], "status": "resolved", "labels": {"team": "core"}}`,
		`{"name": "d2", "fingerprint": "b", "service": "db", "severity": "critical", "lastReceived": "2026-01-02T11:59:00Z"}`,
	} {
		if _, err := m.Add(parse(t, json).(*value.Map)); err != nil {
			t.Fatal(err)
		}
	}
	m.Enrich("b", "ticket_type", "servicenow", false)
	m.Enrich("b", "ticket_id", "42", false)
}

// What enrichments added is found in the three places where files look for it.
func TestEnrichments(t *testing.T) {
	b := newBench(t)
	fill(t, b.store)
	result := b.run("  steps:\n    - {name: find, provider: {type: keep, with: {filters: [{key: ticket_type, value: servicenow}]}}}\n", engine.Input{})
	alert := result.Steps[0].Output.([]any)[0]
	for _, path := range []string{"ticket_id", "enrichments.ticket_id", "alert_enrichment.enrichments.ticket_id"} {
		v := alert
		for _, part := range strings.Split(path, ".") {
			v, _ = v.(*value.Map).Get(part)
		}
		if v != "42" {
			t.Errorf("%s is %v", path, v)
		}
	}
}

func TestQueryMistakes(t *testing.T) {
	tests := []struct{ name, with, want string }{
		{"nothing asked for", `{}`, "which alerts? give filters"},
		{"no such version", `{version: 3}`, "version is 1 (filters) or 2 (filter, in CEL), not 3"},
		{"version 2 without a condition", `{version: 2}`, "version 2 needs filter"},
		{"a time that is none", `{filters: [{key: a, value: b}], timerange: {from: yesterday}}`, `timerange: "yesterday" is not a time such as 2026-01-02T15:04:05Z`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := newBench(t).run("  steps:\n    - {name: find, provider: {type: keep, with: "+tt.with+"}}\n", engine.Input{})
			if result.Err == nil || !strings.Contains(result.Err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", result.Err, tt.want)
			}
		})
	}
}

// A row's own declared fields do not become the alert's: the list is the engine's.
func TestDeclared(t *testing.T) {
	alert, err := engine.NormalizeAlert(map[string]any{"name": "x"}, noon, "")
	if err != nil {
		t.Fatal(err)
	}
	row := value.NewMap(0)
	for k := range alert.All() {
		row.Set(k, "of the row")
	}
	b := newBench(t)
	b.rows = []any{row}
	result := b.run("  steps:\n    - {name: rows, provider: {type: rows}}\n  actions:\n    - {name: make, provider: {type: keep, with: {alert: {name: made}}}}\n", engine.Input{})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	for k, v := range result.Steps[1].Output.([]any)[0].(*value.Map).All() {
		if v == "of the row" {
			t.Errorf("%s is a declared field that package keep does not know", k)
		}
	}
}
