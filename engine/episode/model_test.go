package episode_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/engine/episode"
)

// A model is a slow alert: it remembers every observation, change and message for ever,
// and looks through all of them each time.
type model struct {
	rules   episode.Rules
	seen    []look
	changes []time.Time
	told    []told
	firing  bool
	flaps   bool
	number  int
	opened  time.Time // zero: nobody was to be told of this episode yet
	acked   bool
	again   bool
	settled bool // the episode is over, and nobody waits to hear so
}

type look struct {
	at      time.Time
	outcome episode.Outcome
}

type told struct {
	number int
	episode.Message
	at time.Time
}

// row is how many of the last observations were that, without the other between, and
// since when; those that could not be decided are passed over.
func (m *model) row(outcome episode.Outcome) (n int, since time.Time) {
	for _, s := range slices.Backward(m.seen) {
		switch s.outcome {
		case outcome:
			n, since = n+1, s.at
		case episode.Unclear:
		default:
			return n, since
		}
	}
	return n, since
}

// last is the last message that a target had of this episode.
func (m *model) last(to episode.Target) (told, bool) {
	for _, t := range slices.Backward(m.told) {
		if t.number == m.number && t.To == to {
			return t, true
		}
	}
	return told{}, false
}

func (m *model) knows(to episode.Target) bool {
	t, ok := m.last(to)
	return ok && t.Kind != episode.Over
}

func (m *model) targets() []episode.Target {
	set := map[episode.Target]bool{}
	for _, t := range m.told {
		if t.number == m.number && m.knows(t.To) {
			set[t.To] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func (m *model) observe(o episode.Observation, now time.Time) []episode.Message {
	m.seen = append(m.seen, look{now, o.Outcome})
	fails, failing := m.row(episode.Fails)
	wells, well := m.row(episode.Well)
	switch {
	case o.Outcome == episode.Fails && !m.firing && fails >= m.rules.Failures && now.Sub(failing) >= m.rules.Hold:
		m.firing = true
		m.changes = append(m.changes, now)
		if m.number == 0 || m.settled {
			m.number++
			m.opened, m.settled, m.again = time.Time{}, false, false
		}
	case o.Outcome == episode.Well && m.firing && wells >= m.rules.Successes && now.Sub(well) >= m.rules.KeepFiring:
		m.firing, m.acked, m.again = false, false, false
		m.changes = append(m.changes, now)
		m.settled = len(m.heard()) == 0 || !m.rules.Resolved
	}
	m.settle(now)
	list := m.due(o, now, wells)
	if m.firing && m.opened.IsZero() && o.Silence == nil && o.Held == "" {
		m.opened = now
	}
	return list
}

func (m *model) heard() []told {
	return slices.DeleteFunc(slices.Clone(m.told), func(t told) bool { return t.number != m.number })
}

func (m *model) settle(now time.Time) {
	f := m.rules.Flapping
	if f.Changes == 0 {
		return
	}
	n := 0
	for _, c := range m.changes {
		if now.Sub(c) <= f.Within {
			n++
		}
	}
	switch {
	case !m.flaps && n >= f.Changes:
		m.flaps = true
	case m.flaps && n == 0:
		m.flaps = false
		last, ok := m.last(episode.Main)
		m.again = m.firing && ok && last.Kind == episode.Flapping
	}
}

func (m *model) due(o episode.Observation, now time.Time, wells int) []episode.Message {
	quiet := o.Silence != nil || m.firing && o.Held != ""
	last, ok := m.last(episode.Main)
	switch {
	case quiet, m.flaps && ok && last.Kind == episode.Flapping, m.flaps && o.Held != "":
		return nil
	case m.flaps:
		return m.messages(episode.Flapping, episode.Main)
	case !m.firing:
		if m.number == 0 || m.settled || o.Outcome == episode.Fails || m.pending() {
			return nil
		}
		return m.messages(episode.Over, m.targets()...)
	case wells > 0:
		return nil
	}
	var list []episode.Message
	switch {
	case m.acked:
	case !ok || m.again:
		list = m.messages(episode.Fire, episode.Main)
	case m.rules.Reminder > 0 && now.Sub(last.at) >= m.rules.Reminder:
		list = m.messages(episode.Reminder, episode.Main)
	}
	opened := m.opened
	if opened.IsZero() {
		opened = now
	}
	if m.rules.Fallback > 0 && !m.acked && !m.knows(episode.Main) && !m.knows(episode.Fallback) && now.Sub(opened) >= m.rules.Fallback {
		list = append(list, m.messages(episode.Fire, episode.Fallback)...)
	}
	for i, e := range m.rules.Escalate {
		if to := episode.Level(i + 1); !m.knows(to) && now.Sub(opened) >= e.After && !(e.UnlessAcked && m.acked) {
			list = append(list, m.messages(episode.Fire, to)...)
		}
	}
	return list
}

// pending says that it fails again, not long enough yet.
func (m *model) pending() bool {
	n, _ := m.row(episode.Fails)
	return n > 0
}

func (m *model) messages(kind episode.Kind, to ...episode.Target) []episode.Message {
	var list []episode.Message
	for _, t := range to {
		last, _ := m.last(t)
		list = append(list, episode.Message{Kind: kind, To: t, Seq: last.Seq + 1})
	}
	return list
}

func (m *model) deliver(msg episode.Message, now time.Time) {
	m.told = append(m.told, told{m.number, msg, now})
	_, main := m.last(episode.Main)
	switch {
	case msg.Kind == episode.Over && (msg.To == episode.Main || !main):
		m.settled = true
	case msg.Kind == episode.Fire && msg.To == episode.Main:
		m.again = false
	}
}

func rules(t *rapid.T) episode.Rules {
	length := func(name string) time.Duration {
		return time.Duration(rapid.SampledFrom([]int{0, 0, 1, 3, 7}).Draw(t, name)) * time.Minute
	}
	r := episode.Rules{
		Failures: rapid.IntRange(1, 3).Draw(t, "failures"), Successes: rapid.IntRange(1, 3).Draw(t, "successes"),
		Hold: length("hold"), KeepFiring: length("keep_firing"), Reminder: length("reminder"),
		Resolved: rapid.IntRange(0, 3).Draw(t, "resolved") > 0, Fallback: length("fallback"),
	}
	if rapid.Bool().Draw(t, "flapping") {
		r.Flapping = episode.Flaps{Changes: rapid.IntRange(2, 4).Draw(t, "changes"), Within: 10 * time.Minute}
	}
	for range rapid.IntRange(0, 2).Draw(t, "levels") {
		r.Escalate = append(r.Escalate, episode.Escalation{After: length("after"), UnlessAcked: rapid.Bool().Draw(t, "unless")})
	}
	return r
}

// TestModel: whatever happens, the machine says what the slow model says, and keeps what
// is promised of messages.
func TestModel(t *testing.T) { rapid.Check(t, checkModel) }

func checkModel(t *rapid.T) {
	m := &model{rules: rules(t)}
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	var s episode.State
	for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
		now = now.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "minutes")) * time.Minute)
		if rapid.IntRange(0, 9).Draw(t, "ack") == 0 {
			acknowledge(t, m, &s, now)
			continue
		}
		o := episode.Observation{Outcome: rapid.SampledFrom([]episode.Outcome{episode.Fails, episode.Fails, episode.Well, episode.Unclear}).Draw(t, "outcome")}
		if rapid.IntRange(0, 5).Draw(t, "silenced") == 0 {
			o.Silence = &episode.Silence{Until: now.Add(time.Minute)}
		}
		if rapid.IntRange(0, 5).Draw(t, "held") == 0 {
			o.Held = "gateway"
		}
		before := s
		kept := written(t, s)
		next, d := episode.Decide(s, o, m.rules, now)
		if !reflect.DeepEqual(before, s) {
			t.Fatalf("step %d: Decide changed what it was given", i)
		}
		if again, d2 := episode.Decide(kept, o, m.rules, now); !reflect.DeepEqual(d, d2) || !reflect.DeepEqual(written(t, again), written(t, next)) {
			t.Fatalf("step %d: a state that was written down goes on otherwise", i)
		}
		if want := m.observe(o, now); !slices.Equal(d.Tell, want) {
			t.Fatalf("step %d: tells %v (%s), the model %v", i, d.Tell, d.Reason, want)
		}
		if d.Reason == "" {
			t.Fatalf("step %d: no reason", i)
		}
		firing := next.Status == episode.Firing || next.Status == episode.Acknowledged
		if firing != m.firing || next.Number != m.number {
			t.Fatalf("step %d: %s in episode %d; the model: firing %v in %d", i, next.Status, next.Number, m.firing, m.number)
		}
		if o.Outcome == episode.Unclear && (next.Failures != s.Failures || next.Successes != s.Successes || next.Number != s.Number) {
			t.Fatalf("step %d: what could not be decided was counted", i)
		}
		s = next
		for _, msg := range d.Tell {
			promises(t, m, msg)
			if rapid.IntRange(0, 3).Draw(t, "lost") > 0 {
				s = episode.Told(s, msg, "", nil, now)
				m.deliver(msg, now)
			}
		}
	}
}

func acknowledge(t *rapid.T, m *model, s *episode.State, now time.Time) {
	var err error
	if *s, err = episode.Acknowledge(*s, episode.Ack{By: "anna", At: now}); (err == nil) != m.firing {
		t.Fatalf("acknowledging: %v; the model fires: %v", err, m.firing)
	}
	m.acked = m.acked || m.firing
}

// promises holds msg against what the target had heard before.
func promises(t *rapid.T, m *model, msg episode.Message) {
	last, before := m.last(msg.To)
	switch {
	case msg.Kind == episode.Over && (!before || last.Kind == episode.Over):
		t.Fatalf("%v, and nobody had said that it fires", msg)
	case before && msg.Seq != last.Seq+1 || !before && msg.Seq != 1:
		t.Fatalf("%v after %v", msg, last)
	case msg.Kind == episode.Fire && msg.To == episode.Main && before && last.Kind != episode.Flapping:
		t.Fatalf("%v, which was told before", msg)
	}
}

// written is s as it comes back from where it was kept.
func written(t *rapid.T, s episode.State) episode.State {
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back episode.State
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}
