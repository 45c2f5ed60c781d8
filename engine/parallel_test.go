package engine

import (
	"context"
	"fmt"
	"testing"

	"tocsin/providers"
	"tocsin/templating/value"
)

// kept remembers enrichments.
type kept struct{ fields map[string][]Field }

func (k *kept) Enrich(_ context.Context, fingerprint string, fields []Field) error {
	k.fields[fingerprint] = append(k.fields[fingerprint], fields...)
	return nil
}

// Items that run at the same time see their own item, alias, condition and alert,
// nobody else's; what they found out is known afterwards.
func TestParallelItems(t *testing.T) {
	echo := providers.Call(func(_ struct{}, _ context.Context, with map[string]any) (map[string]any, error) {
		return with, nil
	})
	p, pool := compile(t, `
workflow:
  id: w
  actions:
    - name: each
      foreach: "{{ inputs.items }}"
      parallel: 8
      alias: {mine: "{{ foreach.value.n }}"}
      condition:
        - {name: even, type: threshold, value: "{{ foreach.value.rest }}", compare_to: 1, compare_type: lt}
      expect: ["{{ results.a }} == {{ foreach.value.n }}", "{{ steps.this.results.b }} == {{ results.a }}"]
      provider:
        type: echo
        with:
          a: "{{ foreach.value.n }}"
          b: "{{ aliases.mine }}"
          enrich_alert: [{key: "item-{{ foreach.value.n }}", value: results.a}]
    - name: after
      provider: {type: echo, with: {a: "{{ alert.item-0 }} {{ alert.item-98 }} {{ steps.each.results.49.a }} {{ even }}"}}
`, providers.Define(providers.Definition[struct{}]{Type: "echo", Notify: echo}))
	var items []any
	for i := range 100 {
		items = append(items, map[string]any{"n": i, "rest": i % 2, "fingerprint": fmt.Sprint("f", i)})
	}
	events := 0
	r := Runner{Pool: pool, Observe: func(Event) { events++ }}
	result := r.Run(t.Context(), p, Input{Run: "r", Alert: map[string]any{"name": "a"}, Inputs: map[string]any{"items": items}})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	each, after := result.Steps[0], result.Steps[1]
	list := each.Output.([]any)
	if len(list) != 50 || len(each.Items) != 100 {
		t.Fatalf("%d results of %d items", len(list), len(each.Items))
	}
	for i, out := range list {
		if a, _ := lookup(out, []string{"a"}); a != fmt.Sprint(2*i) {
			t.Errorf("result %d is %v", i, out)
		}
	}
	for i, e := range each.Items {
		if e.Item != i+1 {
			t.Errorf("item %d is in place %d", e.Item, i+1)
		}
	}
	if got, _ := lookup(after.Output, []string{"a"}); got != "0 98 98 False" {
		t.Errorf("after: %v", got)
	}
}

// Enrichments go to the fingerprint of what the call returned, of the item, of the
// alert, of the incident, whichever there is.
func TestEnrichTarget(t *testing.T) {
	answer := value.MapOf(value.Entry{Key: "answer", Value: value.MapOf(value.Entry{Key: "fingerprint", Value: "returned"})})
	s := &script{answers: map[string][]*value.Map{"plain": nil, "named": {answer}}}
	p, pool := compile(t, `
workflow:
  id: w
  actions:
    - {name: alert, provider: {type: plain, with: {enrich_alert: [{key: a, value: 1}]}}}
    - {name: returned, provider: {type: named, with: {enrich_incident: [{key: b, value: "2"}]}}}
    - {name: item, foreach: "{{ inputs.items }}", provider: {type: plain, with: {enrich_alert: [{key: c, value: x, disposable: true}]}}}
`, s.providers()...)
	k := &kept{map[string][]Field{}}
	r := Runner{Pool: pool, Enrich: k}
	in := Input{
		Run: "r", Alert: map[string]any{"name": "a", "fingerprint": "alert"}, Incident: map[string]any{"id": "incident"},
		Inputs: map[string]any{"items": []any{map[string]any{"fingerprint": "item"}}},
	}
	if result := r.Run(t.Context(), p, in); result.Err != nil {
		t.Fatal(result.Err)
	}
	want := "map[alert:[{a 1 false false}] item:[{c x false true}] returned:[{b 2 true false}]]"
	if got := fmt.Sprint(k.fields); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	in.Alert = nil
	in.Incident = nil
	if result := r.Run(t.Context(), p, in); result.Steps[0].Reason != errNoFingerprint.Error() {
		t.Errorf("without an alert: %s", result.Steps[0].Reason)
	}
}
