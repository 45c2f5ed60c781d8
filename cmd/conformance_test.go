package cmd_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// keepCasesFile is what Keep did with workflows, templates, conditions and triggers, a
// case a line; each was obtained by running Keep. TOCSIN_CONFORMANCE names another file
// of the same form.
const keepCasesFile = "../testdata/conformance/keep.jsonl"

// TestKeepConformance holds Tocsin against Keep, case by case, in both of its modes
// (design/decisions.md, "fixes and compatibility"). With "compat: keep" what Keep's
// users can depend on comes out as in Keep: every "must" and every "quirk". By default
// every "must" does, and what has a fix is fixed. What differs from that differs by one
// of the rules of conformance_changes_test.go. Run it with -v to see how many cases of
// each operation were asked, and why.
func TestKeepConformance(t *testing.T) {
	file := keepCasesFile
	if other := os.Getenv("TOCSIN_CONFORMANCE"); other != "" {
		file = other
	}
	cases := readKeepCases(t, file)
	for _, m := range []keepMode{likeKeep, byDefault} {
		t.Run(m.String(), func(t *testing.T) {
			asked := keepTally{}
			for _, c := range cases {
				if c.internal() {
					continue
				}
				t.Run(c.id, func(t *testing.T) { asked.add(&c, c.check(t, m)) })
			}
			t.Log(asked)
		})
	}
}

// A keepMode is one of the two ways in which Tocsin reads a workflow.
type keepMode bool

const (
	likeKeep  keepMode = true
	byDefault keepMode = false
)

func (m keepMode) String() string {
	if m == likeKeep {
		return "keep"
	}
	return "default"
}

// compat is the mode as an engine.Library has it.
func (m keepMode) compat() string {
	if m == likeKeep {
		return "keep"
	}
	return ""
}

// A keepCase is one line of the file. expect is what Keep did; fix is what it should
// have done, nil where the case has none.
type keepCase struct {
	id, op, class, name string
	input, expect, fix  *value.Map
	context             *value.Map // what texts see, where the input says so
}

func readKeepCases(t *testing.T, file string) []keepCase {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []keepCase
	var contexts *value.Map
	for line := range bytes.Lines(text) {
		v, err := value.DecodeJSON(line)
		if err != nil {
			t.Fatal(err)
		}
		m := v.(*value.Map)
		if textAt(m, "id") == "_header" {
			contexts = mapAt(m, "contexts")
			continue
		}
		cases = append(cases, newKeepCase(m, contexts))
	}
	return cases
}

func newKeepCase(m, contexts *value.Map) keepCase {
	c := keepCase{
		id: textAt(m, "id"), op: textAt(m, "op"), class: textAt(m, "class"), name: textAt(m, "name"),
		input: mapAt(m, "input"), expect: mapAt(m, "expect"), fix: mapAt(mapAt(m, "fix"), "expect"),
	}
	if c.context = mapAt(c.input, "context"); c.context == nil {
		c.context = mapAt(contexts, textAt(c.input, "context"))
	}
	return c
}

// internal says that the case is about Keep's insides, of which we have no like.
func (c *keepCase) internal() bool { return c.op == "quote" || c.op == "extract" }

// keepOperations are how the cases are run: through what the rooms export.
var keepOperations = map[string]func(*keepCase, *testing.T, keepMode) (*value.Map, error){
	// conformance_texts_test.go
	"render":          (*keepCase).render,
	"normalize_alert": (*keepCase).normalizeAlert,
	"ternary":         (*keepCase).ternary,
	// conformance_runs_test.go
	"render_params":   (*keepCase).renderParams,
	"provider_params": (*keepCase).providerParams,
	"eval_if":         (*keepCase).evalIf,
	"condition":       (*keepCase).condition,
	"foreach_items":   (*keepCase).foreachItems,
	"first_time":      (*keepCase).firstTime,
	"run_workflow":    (*keepCase).runWorkflow,
	// conformance_documents_test.go
	"parse_workflow":    (*keepCase).parseWorkflow,
	"parse_interval":    (*keepCase).parseInterval,
	"parse_disabled":    (*keepCase).parseDisabled,
	"deep_merge":        (*keepCase).deepMerge,
	"yaml_load":         (*keepCase).yamlLoad,
	"provider_ref":      (*keepCase).providerRef,
	"env_providers":     (*keepCase).envProviders,
	"provider_auth_env": (*keepCase).providerAuthEnv,
	"permissions":       (*keepCase).permissions,
	// conformance_events_test.go
	"match_alert":    (*keepCase).matchAlert,
	"match_incident": (*keepCase).matchIncident,
	"filters_to_cel": (*keepCase).filtersToCEL,
	"preprocess_cel": (*keepCase).preprocessCEL,
}

// check runs the case and holds it against what it must give. It returns why that was,
// or the rule by which it may give something else.
func (c *keepCase) check(t *testing.T, m keepMode) (why string) {
	run, ok := keepOperations[c.op]
	if !ok {
		t.Fatalf("no operation %q", c.op)
	}
	got, err := run(c, t, m)
	want, why := c.wanted(m)
	if want == nil {
		return why
	}
	if wrong := differsFromKeep(want, got, err); wrong != "" {
		t.Errorf("%s (%s)\n%s\n%s", c.name, c.class, value.AppendJSON(nil, c.input), wrong)
	}
	return why
}

// wanted is what the case must give in mode m, nil where anything will do, and why.
func (c *keepCase) wanted(m keepMode) (want *value.Map, why string) {
	for _, ch := range keepChanges {
		if slices.Contains(ch.modes, m) && ch.about(c) {
			return ch.instead(c), ch.rule
		}
	}
	switch {
	case m == byDefault && c.fix != nil:
		return c.fix, "fix"
	case c.class == "must", m == likeKeep && c.class == "quirk":
		return c.expect, c.class
	}
	return nil, c.class + ", free"
}

// differsFromKeep says how what came out differs from what was wanted; "" if it does
// not.
func differsFromKeep(want, got *value.Map, err error) string {
	if _, fails := want.Get("error"); fails {
		return differentError(textAt(want, "message"), got, err)
	}
	if err != nil {
		return fmt.Sprintf("got the error %v\nwant %s", err, value.AppendJSON(nil, want))
	}
	for k, v := range want.All() {
		if k == "ok" || k == "exception_message" {
			continue
		}
		if have := valueAt(got, k); !value.Equal(likeJSON(have), likeJSON(v)) {
			return fmt.Sprintf("%s is  %s\nwant %s", k, value.AppendJSON(nil, have), value.AppendJSON(nil, v))
		}
	}
	return ""
}

// keptMessages are the beginnings of error messages that scripts look for (spec §12).
// The first says which key is missing.
var keptMessages = []string{"Could not find key '", "Could not find keys", "Failed to run action", "Failed to evaluate if condition"}

// differentError says how an error differs from one with this message. A document that
// is refused says why in words of ours.
func differentError(message string, got *value.Map, err error) string {
	if err == nil {
		return fmt.Sprintf("got no error but %s, want %s", value.AppendJSON(nil, got), message)
	}
	if _, refused := err.(source.Problems); refused {
		return ""
	}
	for i, kept := range keptMessages {
		if !strings.HasPrefix(message, kept) {
			continue
		}
		if i == 0 {
			kept = message
		}
		if !strings.Contains(err.Error(), kept) {
			return fmt.Sprintf("got the error %v\nwant %s", err, message)
		}
	}
	return ""
}

// likeJSON is v with tuples as lists, as JSON has no others.
func likeJSON(v any) any {
	switch v := v.(type) {
	case value.Tuple:
		return likeJSON([]any(v))
	case value.Object:
		return likeJSON(v.Map)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = likeJSON(v[i])
		}
		return out
	case *value.Map:
		out := value.NewMap(v.Len())
		for k, item := range v.All() {
			out.Set(k, likeJSON(item))
		}
		return out
	}
	return v
}

// A keepTally counts cases by operation and by why they were asked.
type keepTally map[string]map[string]int

func (t keepTally) add(c *keepCase, why string) {
	if t[c.op] == nil {
		t[c.op] = map[string]int{}
	}
	t[c.op][why]++
}

func (t keepTally) String() string {
	var b strings.Builder
	for _, op := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(&b, "\n%-18s", op)
		for _, why := range slices.Sorted(maps.Keys(t[op])) {
			fmt.Fprintf(&b, " %d %s;", t[op][why], why)
		}
	}
	return b.String()
}

// Ways into a case. What is not there is nothing.

func valueAt(m *value.Map, key string) any {
	v, _ := m.Get(key)
	return v
}

func mapAt(m *value.Map, key string) *value.Map {
	v, _ := valueAt(m, key).(*value.Map)
	return v
}

func textAt(m *value.Map, key string) string {
	v, _ := valueAt(m, key).(string)
	return v
}

func listAt(m *value.Map, key string) []any {
	v, _ := valueAt(m, key).([]any)
	return v
}

// goMap is m as an engine.Input has it.
func goMap(m *value.Map) map[string]any {
	if m == nil {
		return nil
	}
	return maps.Collect(m.All())
}

// mapOf is a mapping of keys and values in turn.
func mapOf(pairs ...any) *value.Map {
	m := value.NewMap(len(pairs) / 2)
	for i := 0; i < len(pairs); i += 2 {
		m.Set(pairs[i].(string), pairs[i+1])
	}
	return m
}
