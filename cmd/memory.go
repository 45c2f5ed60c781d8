package cmd

import (
	"context"
	"sync"
	"time"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/providers/keep"
	"tocsin/templating"
	"tocsin/templating/value"
)

// A memory is what the program remembers for as long as it runs: the alerts that came
// in or were made, what was added to them, and the last run of each workflow.
type memory struct {
	alerts keep.Memory

	mu      sync.Mutex
	last    map[string]*engine.Result // by workflow: the last that went well
	content map[string]string         // by fingerprint: what the last alert that came in said
}

func newMemory() *memory {
	m := &memory{last: map[string]*engine.Result{}}
	m.alerts.Normalize = normalized
	m.alerts.Match = matching
	return m
}

// normalized is the alert as workflows see it.
func normalized(alert *value.Map, now time.Time) (*value.Map, error) {
	o, err := engine.NormalizeAlert(fieldsOf(alert), now, "")
	return o.Map, err
}

// matching compiles a search in CEL. An alert about which it cannot be decided is not
// found.
func matching(cel string) (func(context.Context, *value.Map) bool, error) {
	e, err := templating.Language{Functions: engine.Functions()}.ParseCEL(cel)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, alert *value.Map) bool {
		held, err := e.Bool(ctx, &templating.Scope{Data: fieldsOf(alert)})
		return held && err == nil
	}, nil
}

func fieldsOf(m *value.Map) map[string]any {
	fields := make(map[string]any, m.Len())
	for k, v := range m.All() {
		fields[k] = v
	}
	return fields
}

// known is the registry with the providers that are about this program itself.
func (m *memory) known(reg *providers.Registry) *providers.Registry {
	if _, own := reg.Lookup("keep"); own {
		return reg
	}
	return reg.With(keep.Provider(&m.alerts, nil))
}

// remember lets runner ask for what was before, and add to alerts. It is for one run:
// what comes in later is not part of its past.
func (m *memory) remember(runner *engine.Runner, in engine.Input) {
	fingerprint, _ := in.Alert["fingerprint"].(string)
	runner.History = history{m.alerts.Past(fingerprint), m}
	runner.Enrich = m
}

// ran remembers how a run came out.
func (m *memory) ran(result *engine.Result) {
	if result == nil || result.Status != engine.Done {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last[result.Workflow] = result
}

// Enrich implements engine.Enricher. Incidents are not kept: what is added to one is
// in the result.
func (m *memory) Enrich(_ context.Context, fingerprint string, fields []engine.Field) error {
	for _, f := range fields {
		if !f.Incident {
			m.alerts.Enrich(fingerprint, f.Key, f.Value, f.Disposable)
		}
	}
	return nil
}

// A history is what one run knows of the past.
type history struct {
	keep.Past
	memory *memory
}

// LastRun implements engine.History.
func (h history) LastRun(_ context.Context, workflow string) (*engine.Result, error) {
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	return h.memory.last[workflow], nil
}

// arrive remembers an alert that came in. It is returned as workflows see it: with what
// was added to it, and the one before. again says that it is the one before, received
// anew, which starts nothing (spec §2.5). Incidents are not kept.
func (m *memory) arrive(a engine.Arrival) (arrival engine.Arrival, again bool, err error) {
	if a.Kind != "alert" {
		return a, false, nil
	}
	alert := value.Of(a.Fields).(*value.Map)
	fingerprint, _ := a.Fields["fingerprint"].(string)
	content := alert.Clone()
	content.Delete("lastReceived")
	text := string(value.AppendJSON(nil, content))
	m.mu.Lock()
	again = m.content[fingerprint] == text
	if m.content == nil {
		m.content = map[string]string{}
	}
	m.content[fingerprint] = text
	m.mu.Unlock()
	if previous, ok := m.alerts.Last(fingerprint); ok {
		a.Previous = fieldsOf(previous)
	}
	seen, err := m.alerts.Add(alert)
	if err != nil {
		return a, again, err
	}
	a.Fields = fieldsOf(seen)
	return a, again, nil
}
