package keep

import (
	"context"
	"time"
)

// A Past is what a memory knew at one moment, for the run that an alert starts: the
// alert itself has come in, and yet it is not among those seen before.
type Past struct {
	memory *Memory
	number int // what came in later is not part of it
}

// Past is what m knows by now.
func (m *Memory) Past() Past {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Past{m, m.count}
}

// FiringSince is when the alert began to fire without having been resolved since: the
// time that it gives itself (firingStartTime), or when it came in. It is zero for an
// alert that does not fire.
func (p Past) FiringSince(_ context.Context, fingerprint string) (time.Time, error) {
	var since time.Time
	firing := false
	for _, o := range p.seen(fingerprint, p.number) {
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

// Seen says whether the alert came in, firing, since then and before the last one that
// p knows of.
func (p Past) Seen(_ context.Context, fingerprint string, since time.Time) (bool, error) {
	for _, o := range p.seen(fingerprint, p.number-1) {
		if text(o.alert, "status") == "firing" && !o.received.Before(since) {
			return true, nil
		}
	}
	return false, nil
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
