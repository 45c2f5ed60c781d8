package templating

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"tocsin/templating/value"
)

// TestKeep runs the conformance cases of Keep's language that this room answers: the
// spec's fixes are on, so that a case with a fix must give what the fix says, and a
// bug or quirk without one may differ. A case that the decisions change is in
// decided, with the reason.
func TestKeep(t *testing.T) {
	cases, contexts := keepCases(t)
	for _, c := range cases {
		t.Run(c.id, func(t *testing.T) {
			if reason := decided[c.id]; reason != "" {
				t.Skip(reason)
			}
			s := keepScope(t, c, contexts)
			got, err := c.run(t.Context(), s)
			want := c.want()
			if m, failed := want.Get("error"); failed {
				if err == nil {
					t.Fatalf("%s\n got %s\nwant error %v", c.text(), value.Repr(got), m)
				}
				message, _ := want.Get("message")
				if m := value.Text(message); strings.HasPrefix(m, "Could not find key '") && !strings.HasPrefix(err.Error(), m) {
					t.Errorf("error %q, want %q", err, m)
				}
				return
			}
			expected, _ := want.Get("value")
			for _, key := range []string{"run", "result"} {
				if v, ok := want.Get(key); ok {
					expected = v
				}
			}
			if err != nil || !value.Equal(got, expected) {
				t.Errorf("%s\n got %s, %v\nwant %s", c.text(), value.Repr(got), err, value.Repr(expected))
			}
		})
	}
}

type keepCase struct {
	id, op, class string
	input         *value.Map
	expect, fix   *value.Map
}

func (c *keepCase) want() *value.Map {
	if c.fix != nil {
		return c.fix
	}
	return c.expect
}

func (c *keepCase) text() string { return string(value.AppendJSON(nil, c.input)) }

func get(m *value.Map, key string) any {
	v, _ := m.Get(key)
	return v
}

func child(m *value.Map, key string) *value.Map {
	v, _ := get(m, key).(*value.Map)
	return v
}

func keepCases(t testing.TB) (cases []keepCase, contexts *value.Map) {
	data, err := os.ReadFile("testdata/keep.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		v, err := value.DecodeJSON(line)
		if err != nil {
			t.Fatal(err)
		}
		m := v.(*value.Map)
		if get(m, "id") == "_header" {
			contexts = child(m, "contexts")
			continue
		}
		cases = append(cases, keepCase{
			id: value.Text(get(m, "id")), op: value.Text(get(m, "op")), class: value.Text(get(m, "class")),
			input: child(m, "input"), expect: child(m, "expect"), fix: child(child(m, "fix"), "expect"),
		})
	}
	return cases, contexts
}

func (c *keepCase) run(ctx context.Context, s *Scope) (any, error) {
	l := Language{Functions: Builtin()}
	switch c.op {
	case "render":
		s.Strict = get(c.input, "safe") == true
		v, err := renderAny(ctx, l, s, get(c.input, "template"), true)
		if d, ok := c.input.Get("default"); ok && v == "" {
			v = d
		}
		return v, err
	case "render_params":
		s.Strict = true
		return renderAny(ctx, l, s, get(c.input, "params"), false)
	case "condition":
		return assert(ctx, l, s, child(c.input, "condition"))
	}
	return c.decide(ctx, l, s)
}

// decide is the part of the engine that an eval_if case needs.
func (c *keepCase) decide(ctx context.Context, l Language, s *Scope) (any, error) {
	all := true
	conditions, _ := get(c.input, "condition").([]any)
	for _, v := range conditions {
		m := v.(*value.Map)
		ok, err := assert(ctx, l, s, m)
		if err != nil {
			return nil, err
		}
		name := value.Text(get(m, "name"))
		if alias, ok := m.Get("alias"); ok {
			name = value.Text(alias)
		}
		s.Data[name] = ok
		all = all && ok
	}
	switch text := get(c.input, "if").(type) {
	case bool:
		return text, nil
	case string:
		if text == "" {
			return all, nil
		}
		e, err := l.ParseExpr(text, If)
		if err != nil {
			return nil, err
		}
		return e.Bool(ctx, s)
	}
	return all, nil
}

func assert(ctx context.Context, l Language, s *Scope, m *value.Map) (bool, error) {
	e, err := l.ParseExpr(value.Text(get(m, "assert")), Assert)
	if err != nil {
		return false, err
	}
	return e.Bool(ctx, s)
}

// renderAny renders the texts in v, but not those in lists and mappings if v is only
// a text that may be none.
func renderAny(ctx context.Context, l Language, s *Scope, v any, top bool) (any, error) {
	switch x := v.(type) {
	case string:
		t, err := l.Parse(x)
		if err != nil {
			return nil, err
		}
		return t.Render(ctx, s)
	case []any:
		if top {
			return v, nil
		}
		out := make([]any, len(x))
		for i := range x {
			var err error
			if out[i], err = renderAny(ctx, l, s, x[i], false); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *value.Map:
		out := value.NewMap(x.Len())
		for k, e := range x.All() {
			e, err := renderAny(ctx, l, s, e, false)
			if err != nil {
				return nil, err
			}
			out.Set(k, e)
		}
		return out, nil
	}
	return v, nil
}

// keepScope is what the case's context says, as the engine would make it.
func keepScope(t testing.TB, c keepCase, contexts *value.Map) *Scope {
	from := child(c.input, "context")
	if from == nil {
		from = child(contexts, "std")
	}
	l := Language{Functions: Builtin()}
	s := &Scope{Data: map[string]any{"incident": nil, "inputs": nil}}
	for k, v := range from.All() {
		switch k {
		case "consts", "vars", "aliases":
			s.Data[k] = templates(t, l, v)
		case "alert":
			o := alert(v.(*value.Map))
			s.Data["alert"], s.Data["event"] = o, o
		case "top":
			for k, v := range v.(*value.Map).All() {
				s.Data[k] = v
			}
		case "providers":
		default:
			s.Data[k] = v
		}
	}
	return s
}

// templates makes templates of the author's texts in v.
func templates(t testing.TB, l Language, v any) any {
	switch x := v.(type) {
	case string:
		text, err := l.Parse(x)
		if err != nil {
			t.Fatal(err)
		}
		return text
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = templates(t, l, x[i])
		}
		return out
	case *value.Map:
		out := value.NewMap(x.Len())
		for k, e := range x.All() {
			out.Set(k, templates(t, l, e))
		}
		return out
	}
	return v
}

// alert has Keep's declared fields in their order (spec §3.3), then the others.
func alert(raw *value.Map) value.Object {
	out := value.NewMap(32)
	defaults := map[string]any{
		"firingCounter": int64(0), "unresolvedCounter": int64(0), "isFullDuplicate": false, "isPartialDuplicate": false,
		"source": []any{}, "pushed": false, "labels": value.NewMap(0), "deleted": false, "dismissed": false, "isNoisy": false, "enriched_fields": []any{},
	}
	for name := range strings.FieldsSeq(`id name status severity lastReceived firingStartTime firingStartTimeSinceLastResolved firingCounter
		unresolvedCounter environment isFullDuplicate isPartialDuplicate duplicateReason service source apiKeyRef message description
		description_format pushed event_id url imageUrl labels fingerprint deleted dismissUntil dismissed assignee providerId providerType
		note startedAt isNoisy enriched_fields incident`) {
		v, ok := raw.Get(name)
		if !ok {
			v = defaults[name]
		}
		out.Set(name, v)
	}
	for k, v := range raw.All() {
		if _, ok := out.Get(k); !ok {
			out.Set(k, v)
		}
	}
	return value.Object{Map: out}
}

// decided lists the cases that are answered differently on purpose, or elsewhere.
var decided = map[string]string{
	"template-041":  "brackets are an expression: design/decisions.md, inside {{ }}",
	"template-111":  "a text that refers to itself is an error, not itself",
	"template-127":  "a pipe is an expression: design/decisions.md, inside {{ }}",
	"template-128":  "a comparison is an expression: design/decisions.md, inside {{ }}",
	"template-129":  "a call is an expression: design/decisions.md, inside {{ }}",
	"function-026":  "literals keep their type: B-7, so that 3 is 3",
	"function-049":  "an argument that is one placeholder is its value: B-7",
	"function-169":  "line breaks in data stay: B-7",
	"function-170":  "line breaks in data stay: B-7",
	"if-073":        "a syntax error is found when the text is read, not a condition that never holds",
	"condition-015": "a syntax error is found when the text is read, not a condition that never holds",
	"condition-057": "the names of conditions are package workflows' business",
}
