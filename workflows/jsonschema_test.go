package workflows_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

type ask struct {
	URL     string   `param:"url,required" doc:"Where to."`
	Method  string   `param:"method" enum:"GET,POST" default:"GET" doc:"How."`
	Retries int      `param:"retries" doc:"How often."`
	Hosts   []string `param:"hosts" doc:"Whom."`
}

type tell struct {
	Message string `param:"message,required" doc:"What to say."`
}

var operations = []workflows.Operation{
	{Provider: "ask", Kind: workflows.Query, Params: schema.Of[ask]()},
	{Provider: "tell", Kind: workflows.Notify, Params: schema.Of[tell]()},
	{Provider: "ask", Kind: workflows.Listen, Params: schema.Of[ask]()},
	{Provider: "websocket", Kind: workflows.Listen, Params: schema.Of[source.Value]()},
}

// TestSchemaTakes: what Parse reads, the JSON Schema takes.
func TestSchemaTakes(t *testing.T) {
	s := compiled(t)
	texts := exampleFiles(t)
	maps.Copy(texts, corpus(t))
	texts["params"] = []byte(`
workflow:
  id: x
  steps:
    - name: literal
      provider: {type: ask, with: {url: "http://localhost", retries: 3, method: POST}}
    - name: template
      provider: {type: ask, with: {url: "{{ consts.url }}", retries: "{{ consts.n }}", hosts: "{{ consts.hosts }}"}}
    - name: deferred
      provider: {type: ask, with: {url: {key: "{{ alert.url }}", default: none}, enrich_alert: [{key: a, value: b}]}}
    - {name: unknown, retry: 3, provider: {type: other, with: {anything: goes}}}
  actions:
    - {name: shared, use: "@tell", provider: {with: {message: hi}}}
actions:
  - {name: t, use: "@tell", provider: {type: tell}}
`)
	texts["bare"] = []byte("id: x\nactions: [{name: a, provider: {type: tell, with: {message: hi}}}]")
	texts["lists"] = []byte("alerts: [{id: a, disabled: 'true', interval: 5m}, {id: b, steps: , timeout: 90s}]")
	texts["triggers"] = []byte(`workflow: {id: x, triggers: [{type: cron, cron: "@daily"}, {type: interval, value: 0, every: 90s}, {type: ask, config: a, with: {url: u}, cel: "true"}]}`)
	texts["library"] = []byte("actions: [{name: a, if: true}]")
	for name, text := range texts {
		for _, doc := range documents(t, text) {
			if err := s.Validate(doc); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestSchemaRefuses: one mistake each, in files that are right otherwise.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for _, in := range []string{
		`workflw: {id: x}`,
		`workflow: {name: x}`,
		`workflow: {id: x, stepz: []}`,
		`workflow: {id: x, timeout: soon}`,
		`workflow: {id: x, strategy: paralel}`,
		`workflow: {id: x, on_failure: {provider: {type: tell}}}`,
		`workflow: {id: x, triggers: [{type: intervall}]}`,
		`workflow: {id: x, triggers: [{type: interval, valeu: 5}]}`,
		`workflow: {id: x, triggers: [{type: alert, filters: [{key: a}]}]}`,
		`workflow: {id: x, triggers: [{type: cron}]}`,
		`workflow: {id: x, triggers: [{type: cron, cron: "@daily", timezon: UTC}]}`,
		`workflow: {id: x, triggers: [{type: ask, with: {url: u, methd: GET}}]}`,
		`workflow: {id: x, triggers: [{type: ask}]}`,
		`workflow: {id: x, triggers: [{type: tell}]}`,
		`workflow: {id: x, steps: [{name: a}]}`,
		`workflow: {id: x, steps: [{name: a, use: b}]}`,
		`workflow: {id: x, steps: [{name: a, provider: {type: ask, with: {url: u}}, expekt: []}]}`,
		`workflow: {id: x, steps: [{name: a, provider: {type: ask, with: {url: u}}, retry: {cuont: 1}}]}`,
		`workflow: {id: x, steps: [{name: a, provider: {type: ask}}]}`,
		`workflow: {id: x, steps: [{name: a, provider: {type: ask, with: {}}}]}`,
		`workflow: {id: x, steps: [{name: a, provider: {type: ask, with: {url: u, methd: GET}}}]}`,
		`workflow: {id: x, steps: [{name: a, provider: {type: ask, with: {url: u, method: PUT}}}]}`,
		`workflow: {id: x, actions: [{name: a, provider: {type: tell, with: {massage: hi}}}]}`,
		`workflow: {id: x, actions: [{name: a, provider: {type: t}, condition: [{name: c, type: assert, asert: x}]}]}`,
		`workflow: {id: x, actions: [{name: a, provider: {type: t}, condition: [{type: assert, assert: x}]}]}`,
		`workflow: {id: x, actions: [{name: a, provider: {type: t}, condition: [{name: c, type: assert, assert: x, fires: never}]}]}`,
		`id: x
stepz: []`,
	} {
		for _, doc := range documents(t, []byte(in)) {
			if s.Validate(doc) == nil {
				t.Errorf("taken: %s", in)
			}
		}
	}
}

// compiled is the schema, read by a validator that is not ours.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(workflows.Schema(operations))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("workflow.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("workflow.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// documents are those of a file as JSON.
func documents(t *testing.T, text []byte) []any {
	t.Helper()
	trees, err := source.ParseAll("in.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	var docs []any
	for _, tree := range trees {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(value.AppendJSON(nil, tree.Plain()))))
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
	return docs
}
