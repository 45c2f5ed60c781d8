package episode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// What people do with a Book, and what a scheduler asks it.

// A Due is an alert of which something is to be told without a run having seen it:
// a reminder, an escalation, what a silence kept back.
type Due struct {
	Key Key
	// Fingerprint is that of the alert that the run needs to have started it, with what is
	// known of that alert now; "": none.
	Fingerprint string
	Tell        []Message
	Reason      string
}

// Due lists what is to be told now, in the order of keys. A scheduler asks every few
// seconds and starts a run of each workflow named, one for each fingerprint, whose actions
// then tell; until a run has, it is listed again each minute. What a run must see for
// itself, that it is well or has failed for long enough, is not in the list.
func (b *Book) Due(now time.Time) []Due {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []Due
	asked := map[Key]time.Time{}
	for _, of := range b.active {
		for k := range of {
			r := b.records[k]
			if at, ok := b.asked[k]; ok && now.Sub(at) < time.Minute {
				asked[k] = at
				continue
			}
			if _, d := Decide(r.State, b.seen(r, "", Unclear, now), r.Rules, now); len(d.Tell) > 0 {
				list = append(list, Due{k, r.Fingerprint, d.Tell, d.Reason})
				asked[k] = now
			}
		}
	}
	b.asked = asked
	slices.SortFunc(list, func(a, b Due) int { return compare(a.Key, b.Key) })
	return list
}

func compare(a, b Key) int {
	return cmp.Or(strings.Compare(a.Workflow, b.Workflow), strings.Compare(a.Action, b.Action), strings.Compare(a.Alert, b.Alert))
}

// Alerts are all records, in the order of keys.
func (b *Book) Alerts() []Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Record, 0, len(b.records))
	for _, r := range b.records {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Record) int { return compare(a.Key, b.Key) })
	return list
}

// ErrUnknown means that there is no such alert or silence.
var ErrUnknown = errors.New("there is none of that name")

// Acknowledge says that somebody knows of an alert that fires.
func (b *Book) Acknowledge(ctx context.Context, k Key, a Ack) error {
	if strings.TrimSpace(a.By) == "" {
		return errors.New("an acknowledgement says who knows")
	}
	return b.change(ctx, k, func(s State) (State, error) { return Acknowledge(s, a) })
}

// Unacknowledge takes that back.
func (b *Book) Unacknowledge(ctx context.Context, k Key) error {
	return b.change(ctx, k, Unacknowledge)
}

func (b *Book) change(ctx context.Context, k Key, how func(State) (State, error)) error {
	b.mu.Lock()
	had := b.records[k]
	if had == nil {
		b.mu.Unlock()
		return fmt.Errorf("alert %s: %w", k, ErrUnknown)
	}
	r := *had
	var err error
	if r.State, err = how(r.State); err != nil {
		b.mu.Unlock()
		return fmt.Errorf("alert %s: %w", k, err)
	}
	r.Version++
	b.put(&r)
	b.mu.Unlock()
	if b.Store == nil {
		return nil
	}
	return b.Store.KeepAlerts(ctx, r)
}

// Silence adds a silence, and returns it with its identity.
func (b *Book) Silence(ctx context.Context, s Silence) (Silence, error) {
	if err := s.Check(); err != nil {
		return s, err
	}
	b.mu.Lock()
	b.open()
	if s.ID == "" {
		parts := []string{s.Owner, s.Reason, s.From.String(), s.Until.String(), itoa(len(b.silences))}
		for _, name := range slices.Sorted(maps.Keys(s.Match)) {
			parts = append(parts, name, s.Match[name])
		}
		s.ID = hashed(parts...)[:12]
	}
	b.silences[s.ID] = s
	b.mu.Unlock()
	return s, b.keepSilence(ctx, s)
}

// Unsilence ends a silence now. Who did it, and why, stands with its reason.
func (b *Book) Unsilence(ctx context.Context, id, by, reason string, now time.Time) error {
	if strings.TrimSpace(by) == "" {
		return errors.New("ending a silence says who does")
	}
	b.mu.Lock()
	s, ok := b.silences[id]
	if !ok {
		b.mu.Unlock()
		return fmt.Errorf("silence %s: %w", id, ErrUnknown)
	}
	if now.Before(s.Until) {
		s.Until = now
		s.Reason += strings.TrimSuffix("; ended by "+by+": "+reason, ": ")
	}
	b.silences[id] = s
	b.mu.Unlock()
	return b.keepSilence(ctx, s)
}

func (b *Book) keepSilence(ctx context.Context, s Silence) error {
	if b.Store == nil {
		return nil
	}
	return b.Store.KeepSilence(ctx, s)
}

// Silences are those that people made and that are not over, the first to end first.
func (b *Book) Silences(now time.Time) []Silence {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []Silence
	for _, s := range b.silences {
		if now.Before(s.Until) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b Silence) int {
		return cmp.Or(a.Until.Compare(b.Until), strings.Compare(a.ID, b.ID))
	})
	return list
}
