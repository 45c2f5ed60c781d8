package keep

import (
	"context"
	"time"
)

// A Past is what a memory knew at one moment. For a run that an alert started, the
// alert itself has come in, and yet it is not among those seen before.
type Past struct {
	memory  *Memory
	upTo    int    // what came in later is not part of it
	started string // fingerprint of the alert that started the run; "": none did
	arrival int    // the number of that alert; 0: it did not come in
}

// Past is what m knows by now, for a run that the last alert with this fingerprint
// started; "" for one that none did. Alerts that workflows have made of the same
// fingerprint since then are not part of it.
func (m *Memory) Past(started string) Past {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := Past{memory: m, upTo: m.count, started: started}
	if s, ok := m.streams[started]; ok {
		for _, o := range s.seen {
			if o.arrived {
				p.arrival = o.number
			}
		}
	}
	return p
}

// FiringSince is when the alert began to fire without having been resolved since: the
// time that it gives itself (firingStartTime), or when it came in. It is zero for an
// alert that does not fire.
func (p Past) FiringSince(_ context.Context, fingerprint string) (time.Time, error) {
	var since time.Time
	firing := false
	for _, o := range p.seen(fingerprint, p.last(fingerprint)) {
		status := text(o.alert, "status")
		firing = status == "firing"
		switch {
		case status == "resolved" || status == "pending":
			since = time.Time{}
			continue
		case since.IsZero():
			since = o.received
		}
		if said, ok := parseTime(text(o.alert, "firingStartTime")); ok && said.Before(since) {
			since = said
		}
	}
	if !firing {
		return time.Time{}, nil
	}
	return since, nil
}

// Seen says whether the alert came in, firing, since then and before the one that
// started the run.
func (p Past) Seen(_ context.Context, fingerprint string, since time.Time) (bool, error) {
	for _, o := range p.seen(fingerprint, p.last(fingerprint)-p.own(fingerprint)) {
		if text(o.alert, "status") == "firing" && !o.received.Before(since) {
			return true, nil
		}
	}
	return false, nil
}

// last is the number of the last occurrence of the fingerprint that is part of p.
func (p Past) last(fingerprint string) int {
	if p.own(fingerprint) == 1 {
		return p.arrival
	}
	return p.upTo
}

// own is 1 for the alert that started the run, which does not count as seen, else 0.
func (p Past) own(fingerprint string) int {
	if p.arrival > 0 && fingerprint == p.started {
		return 1
	}
	return 0
}

// seen are the occurrences of the fingerprint up to that number.
func (p Past) seen(fingerprint string, number int) []occurrence {
	p.memory.mu.Lock()
	defer p.memory.mu.Unlock()
	s, ok := p.memory.streams[fingerprint]
	if !ok {
		return nil
	}
	var list []occurrence
	for _, o := range s.seen {
		if o.number <= number {
			list = append(list, o)
		}
	}
	return list
}
