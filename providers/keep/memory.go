package keep

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tocsin/templating/value"
)

// Memory is a Store that lasts as long as the program. Its zero value is empty and
// ready; it must not be copied.
type Memory struct {
	// Normalize fills in the declared fields of an alert (spec §3.3); nil: alerts stay
	// as they are.
	Normalize func(alert *value.Map, now time.Time) (*value.Map, error)
	// Match compiles a condition in CEL on an alert; nil: searching in CEL is an error.
	Match func(cel string) (func(ctx context.Context, alert *value.Map) bool, error)
	Now   func() time.Time // nil: time.Now

	mu      sync.Mutex
	streams map[string]*stream // by fingerprint
	count   int                // what was added so far
}

// What a memory holds at most: the alerts that came in first are dropped.
const (
	maxStreams     = 10_000
	maxOccurrences = 100 // of one fingerprint
)

// A stream is what came in under one fingerprint, the oldest first.
type stream struct {
	seen        []occurrence
	enrichments *value.Map // nil: none
	disposable  []string   // of the enrichments: those that the next occurrence drops
}

type occurrence struct {
	alert    *value.Map
	received time.Time
	number   int  // in the order in which all came in
	arrived  bool // from outside, not made by a workflow
}

func (m *Memory) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

// Save implements Store.
func (m *Memory) Save(ctx context.Context, alerts []*value.Map) ([]*value.Map, error) {
	saved := make([]*value.Map, 0, len(alerts))
	for _, alert := range alerts {
		kept, err := m.add(alert, false)
		if err != nil {
			return saved, err
		}
		saved = append(saved, kept)
	}
	return saved, nil
}

// Add adds an alert that came in, and returns it as it is seen from now on.
func (m *Memory) Add(alert *value.Map) (*value.Map, error) { return m.add(alert, true) }

func (m *Memory) add(alert *value.Map, arrived bool) (*value.Map, error) {
	now := m.now().UTC()
	if m.Normalize != nil {
		var err error
		if alert, err = m.Normalize(alert, now); err != nil {
			return nil, err
		}
	}
	received, ok := parseTime(text(alert, "lastReceived"))
	if !ok {
		received = now
	}
	fingerprint := text(alert, "fingerprint")
	if fingerprint == "" {
		return nil, errors.New("an alert without a fingerprint")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stream(fingerprint)
	m.count++
	s.add(occurrence{alert.Clone(), received, m.count, arrived})
	return s.view(len(s.seen) - 1), nil
}

// stream is that of the fingerprint, which is made if there is none. The caller holds
// the lock.
func (m *Memory) stream(fingerprint string) *stream {
	if s, ok := m.streams[fingerprint]; ok {
		return s
	}
	if m.streams == nil {
		m.streams = map[string]*stream{}
	}
	if len(m.streams) >= maxStreams {
		m.dropOldest()
	}
	s := &stream{}
	m.streams[fingerprint] = s
	return s
}

func (m *Memory) dropOldest() {
	oldest, at := "", m.count+1
	for fingerprint, s := range m.streams {
		if n := s.last().number; n < at {
			oldest, at = fingerprint, n
		}
	}
	delete(m.streams, oldest)
}

func (s *stream) last() occurrence {
	if len(s.seen) == 0 {
		return occurrence{}
	}
	return s.seen[len(s.seen)-1]
}

// add appends o. What was disposable went with the occurrence before.
func (s *stream) add(o occurrence) {
	if len(s.disposable) > 0 {
		s.enrichments = s.enrichments.Clone()
		for _, key := range s.disposable {
			s.enrichments.Delete(key)
		}
		s.disposable = nil
	}
	s.seen = append(s.seen, o)
	if len(s.seen) > maxOccurrences {
		s.seen = slices.Delete(s.seen, 0, len(s.seen)-maxOccurrences)
	}
}

// view is occurrence i with what was added to its alert.
func (s *stream) view(i int) *value.Map {
	alert := s.seen[i].alert.Clone()
	for k, v := range s.enrichments.All() {
		alert.Set(k, v)
	}
	return alert
}

// Enrich adds a field to all alerts of the fingerprint, those to come included; a
// disposable one to those until the next. An unknown fingerprint is remembered too:
// its alert may come later.
func (m *Memory) Enrich(fingerprint, key string, v any, disposable bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stream(fingerprint)
	if s.enrichments == nil {
		s.enrichments = value.NewMap(1)
	} else {
		s.enrichments = s.enrichments.Clone() // somebody may be reading it
	}
	s.enrichments.Set(key, v)
	// A status is what the alert is now: the next occurrence says its own.
	if disposable || key == "status" {
		s.disposable = append(s.disposable, key)
	}
}

// Last is the newest alert of the fingerprint, with what was added to it.
func (m *Memory) Last(fingerprint string) (*value.Map, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.streams[fingerprint]
	if !ok || len(s.seen) == 0 {
		return nil, false
	}
	return s.view(len(s.seen) - 1), true
}

// Forget implements Store.
func (m *Memory) Forget(_ context.Context, fingerprints ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, fingerprint := range fingerprints {
		delete(m.streams, fingerprint)
	}
	return nil
}

// Alerts implements Store.
func (m *Memory) Alerts(ctx context.Context, q Search) ([]Found, error) {
	match := func(context.Context, *value.Map) bool { return true }
	if q.CEL != "" {
		if m.Match == nil {
			return nil, errors.New("this store cannot be searched in CEL")
		}
		var err error
		if match, err = m.Match(q.CEL); err != nil {
			return nil, err
		}
	}
	var found []Found
	for _, f := range m.between(q) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if q.Holds(f.Alert) && match(ctx, f.Alert) {
			found = append(found, f)
			if q.Limit > 0 && len(found) == q.Limit {
				break
			}
		}
	}
	return found, nil
}

// between are the alerts of the time that q asks for, the newest first.
func (m *Memory) between(q Search) []Found {
	type dated struct {
		Found
		occurrence
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []dated
	for _, s := range m.streams {
		first := 0
		if q.Distinct {
			first = max(0, len(s.seen)-1)
		}
		for i := first; i < len(s.seen); i++ {
			o := s.seen[i]
			if o.received.Before(q.From) || !q.To.IsZero() && o.received.After(q.To) {
				continue
			}
			all = append(all, dated{Found{s.view(i), s.enrichments}, o})
		}
	}
	slices.SortFunc(all, func(a, b dated) int {
		return cmp.Or(b.received.Compare(a.received), b.number-a.number)
	})
	found := make([]Found, len(all))
	for i := range all {
		found[i] = all[i].Found
	}
	return found
}

// Holds says whether all filters of q hold of an alert.
func (q Search) Holds(alert *value.Map) bool {
	for _, f := range q.Filters {
		v, ok := at(alert, f.Key)
		there := f.Value == true && ok && v != nil && v != false && v != ""
		if !there && (!ok || !same(v, f.Value)) {
			return false
		}
	}
	return true
}

// same compares what an alert has with what a filter wants: as it is, or its text. A
// list has what it contains.
func same(have, want any) bool {
	if list, ok := have.([]any); ok {
		if _, whole := want.([]any); !whole {
			return slices.ContainsFunc(list, func(item any) bool { return same(item, want) })
		}
	}
	return value.Equal(have, want) || value.Text(have) == value.Text(want)
}
