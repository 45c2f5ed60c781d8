package engine

import (
	"context"
	"fmt"
	"testing"

	"tocsin/providers"
	"tocsin/templating/value"
)

// A call knows what it is made for, and can say what it worked out for itself.
func TestOrigin(t *testing.T) {
	var seen []string
	ask := providers.Define(providers.Definition[struct{}]{Type: "ask", Query: providers.Call(func(_ struct{}, ctx context.Context, _ struct {
		Query string `param:"query" doc:"What."`
	}) (any, error) {
		o := providers.OriginOf(ctx)
		o.Note("from", int64(5))
		seen = append(seen, fmt.Sprintf("%s/%s/%s looped %v item %v results %v alert %s compat %q",
			o.Workflow, o.Run, o.Step, o.Looped, o.Item, value.Text(o.Results), text(o.Alert.(*value.Map), "name"), o.Compat))
		return []any{"x", "y"}, nil
	})})
	tell := providers.Define(providers.Definition[struct{}]{Type: "tell", Notify: providers.Call(func(_ struct{}, _ context.Context, p struct {
		Message string `param:"message" doc:"What."`
	}) (any, error) {
		return p.Message, nil
	})})
	p, pool := compile(t, `
workflow:
  id: w
  steps:
    - {name: first, provider: {type: ask, with: {query: q}}}
    - {name: each, foreach: "{{ steps.first.results }}", provider: {type: ask, with: {}}}
  actions:
    - {name: say, provider: {type: tell, with: {message: "{{ steps.first.provider_parameters }}"}}}
`, ask, tell)
	r := Runner{Pool: pool}
	result := r.Run(t.Context(), p, Input{Run: "r", Alert: map[string]any{"name": "a"}})
	want := []string{
		`w/r/first looped false item <nil> results  alert a compat ""`,
		`w/r/each looped true item x results ['x', 'y'] alert a compat ""`,
		`w/r/each looped true item y results ['x', 'y'] alert a compat ""`,
	}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("%q\nwant %q", seen, want)
	}
	if got := result.Steps[2].Output; got != "{'query': 'q', 'from': 5}" {
		t.Errorf("what the call noted: %v, %v", got, result.Err)
	}
}

// A call stands in the trace where the runner says, who has observed by then that it is
// about to be made; where the runner says nothing, in that of whoever started the run.
func TestOriginTrace(t *testing.T) {
	var seen []string
	ask := providers.Define(providers.Definition[struct{}]{Type: "ask", Query: providers.Call(func(_ struct{}, ctx context.Context, _ struct{}) (any, error) {
		seen = append(seen, providers.OriginOf(ctx).Trace.Parent)
		return nil, nil
	})})
	p, pool := compile(t, `
workflow:
  id: w
  steps:
    - {name: once, provider: {type: ask}}
    - {name: each, foreach: "{{ 'xy' }}", provider: {type: ask}}
`, ask)
	r := Runner{Pool: pool}
	in := Input{Run: "r", Trace: providers.Trace{Parent: "theirs"}}
	if result := r.Run(t.Context(), p, in); result.Err != nil {
		t.Fatal(result.Err)
	}
	calls := map[int]int{}
	r.Observe = func(e Event) {
		if e.Action == Calling {
			calls[e.Item]++
		}
	}
	r.Trace = func(item int) providers.Trace {
		return providers.Trace{Parent: fmt.Sprintf("item %d, call %d", item, calls[item])}
	}
	r.Run(t.Context(), p, in)
	want := []string{"theirs", "theirs", "theirs", "item 0, call 1", "item 1, call 1", "item 2, call 1"}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("%q\nwant %q", seen, want)
	}
}
