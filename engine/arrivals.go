package engine

import (
	"maps"
	"sync"
	"time"

	"tocsin/providers"
)

// keptAlerts is how many alerts of a trigger are remembered, for only_on_change.
const keptAlerts = 1000

// Arrivals makes arrivals of the alerts that the subscription of Trigger brings. Each
// knows the one before it with its fingerprint, of the last 1,000 or so. It is safe for
// concurrent use.
type Arrivals struct {
	Trigger Trigger

	mu       sync.Mutex
	previous map[string]map[string]any // by fingerprint
}

// Of is an alert as triggers see it, which came in now.
func (s *Arrivals) Of(a providers.Alert, now time.Time) Arrival {
	fields := make(map[string]any, len(a.Fields)+8)
	maps.Copy(fields, a.Fields)
	for name, text := range map[string]string{
		"id": a.ID, "name": a.Name, "fingerprint": a.Fingerprint, "status": a.Status, "severity": a.Severity,
		"providerType": s.Trigger.Type, "trigger": s.Trigger.Subscription.Name,
	} {
		if text != "" {
			fields[name] = text
		}
	}
	if len(a.Source) > 0 {
		fields["source"] = a.Source
	}
	if !a.LastSeen.IsZero() {
		fields["lastReceived"] = a.LastSeen
	}
	return Arrival{Kind: s.Trigger.Type, Fields: fields, Previous: s.before(a, fields), Now: now.UTC()}
}

// before is the alert before this one with its fingerprint, nil if there was none, and
// remembers this one.
func (s *Arrivals) before(a providers.Alert, fields map[string]any) map[string]any {
	key := a.Fingerprint
	if key == "" {
		key = a.Name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	previous, ok := s.previous[key]
	if s.previous == nil || !ok && len(s.previous) >= keptAlerts {
		s.previous = map[string]map[string]any{}
	}
	s.previous[key] = fields
	return previous
}
