// Package episode decides when people are told of an alert that lasts: that it fires,
// that it still does, that it is over. It is a state machine without a clock, files or
// goroutines: Decide takes what is known of an alert, what a run has seen of it and the
// time, and returns what is known now and what is to be told. A Book keeps the states
// of all alerts.
//
// An alert goes from ok over pending to firing, perhaps to acknowledged, and to
// resolved; from one firing to the next resolved is an episode. A message is one thing
// and that it arrived is another: Decide says what is due, Told that it was told, and
// until then it stays due. So nobody hears that something is over of which nobody
// heard, and a message that was lost is tried again, with the same key.
package episode

import (
	"maps"
	"slices"
	"time"
)

// A Status is where an alert is.
type Status string

const (
	Unknown      Status = "" // nobody has looked
	OK           Status = "ok"
	Pending      Status = "pending" // it fails, but not often or long enough yet
	Firing       Status = "firing"
	Acknowledged Status = "acknowledged" // it fires, and somebody knows
	Resolved     Status = "resolved"     // it fired and is well again
)

// An Outcome is what a run has seen of an alert.
type Outcome string

const (
	Fails   Outcome = "fails"
	Well    Outcome = "well"
	Unclear Outcome = "unclear" // it could not be decided: neither a success nor a failure
)

// A Kind is what a message says of an alert.
type Kind string

const (
	Fire     Kind = "fire"
	Reminder Kind = "reminder" // it still fires
	Flapping Kind = "flapping" // it changes too often to tell of each change
	Over     Kind = "resolved"
)

// Rules say when an alert fires, when it is over, and who is told when. The zero Rules
// fire at the first failure and say neither that it lasts nor that it is over; Defaults
// are those of the language.
type Rules struct {
	Failures   int           `json:"failures,omitempty"`    // in a row before it fires; 0 is 1
	Successes  int           `json:"successes,omitempty"`   // in a row before it is over; 0 is 1
	Hold       time.Duration `json:"hold,omitempty"`        // it must have failed for this long
	KeepFiring time.Duration `json:"keep_firing,omitempty"` // it must have been well for this long
	Reminder   time.Duration `json:"reminder,omitempty"`    // 0: never
	Resolved   bool          `json:"resolved,omitempty"`    // tell that it is over
	Flapping   Flaps         `json:"flapping,omitzero"`
	Escalate   []Escalation  `json:"escalate,omitempty"`
	// Fallback is how long nobody could be told before the fallback is; 0: there is none.
	Fallback time.Duration `json:"fallback,omitempty"`
}

// Defaults are the rules of who writes none.
func Defaults() Rules { return Rules{Failures: 1, Successes: 1, Resolved: true} }

// Flaps say when an alert changes too often: it begins to fire or ends so many times
// within that time. Changes of 0: never.
type Flaps struct {
	Changes int           `json:"changes,omitempty"`
	Within  time.Duration `json:"within,omitempty"`
}

// An Escalation tells others after some time of firing.
type Escalation struct {
	After       time.Duration `json:"after"`
	UnlessAcked bool          `json:"unless_acked,omitempty"`
}

// A Target is one of those who are told.
type Target string

const (
	Main     Target = ""         // the action itself
	Fallback Target = "fallback" // who is told when that is not possible
)

// Level is the target of the n-th escalation, from 1.
func Level(n int) Target { return Target("escalate " + itoa(n)) }

// A State is what is known of one alert. It is small, and can be written down. The zero
// State is that of an alert which nobody has looked at.
type State struct {
	Status    Status    `json:"status"`
	Failures  int       `json:"failures,omitempty"`  // in a row
	Successes int       `json:"successes,omitempty"` // in a row, counted as far as the rules ask
	Failing   time.Time `json:"failing,omitzero"`    // since when it fails, without a success between
	Well      time.Time `json:"well,omitzero"`       // since when it is well, without a failure between

	// The episode that lasts, or the last one.
	Number int              `json:"number,omitempty"` // how many there were with it
	Since  time.Time        `json:"since,omitzero"`   // its first failure
	Fired  time.Time        `json:"fired,omitzero"`   // when it began to fire
	Opened time.Time        `json:"opened,omitzero"`  // when somebody was to be told: not silenced, not held back
	Ended  time.Time        `json:"ended,omitzero"`
	Count  int              `json:"count,omitempty"` // its failures
	Acked  *Ack             `json:"acked,omitempty"`
	Heard  map[Target]Heard `json:"heard,omitempty"`  // who was told
	Closed bool             `json:"closed,omitempty"` // those know that it is over, or are not to
	Again  bool             `json:"again,omitempty"`  // that it fires is to be told once more, since it flapped

	Changes  []time.Time `json:"changes,omitempty"` // when it began to fire or ended, lately
	Flapping time.Time   `json:"flapping,omitzero"` // since when it flaps

	Run string `json:"run,omitempty"` // the run that changed it last
}

// An Ack says that somebody knows.
type Ack struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until,omitzero"` // zero: until it is over
}

// A Heard is what one target was told of the episode.
type Heard struct {
	At     time.Time `json:"at"`               // the last time
	Seq    int       `json:"seq"`              // how often
	Kind   Kind      `json:"kind"`             // what, the last time
	Text   string    `json:"text,omitempty"`   // the first time
	Result any       `json:"result,omitempty"` // what the first call returned
}

// An Observation is what a run has seen, and what keeps its message back.
type Observation struct {
	Run     string // one that is known already does not count twice; "": nobody's
	Outcome Outcome
	Silence *Silence // nil: none
	Held    string   // the workflow that this one depends on, and that fails itself; "": none
}

// A Message is one thing to tell somebody.
type Message struct {
	Kind Kind   `json:"kind"`
	To   Target `json:"to,omitempty"`
	Seq  int    `json:"seq"` // the how many-th that the target hears of the episode, from 1
}

// A Decision is what is to be told, and in words why, or why nothing is.
type Decision struct {
	Tell   []Message `json:"tell,omitempty"`
	Reason string    `json:"reason"`
}

// To is what the target is told; the zero Message: nothing.
func (d Decision) To(t Target) Message {
	for _, m := range d.Tell {
		if m.To == t {
			return m
		}
	}
	return Message{}
}

// Decide says what to tell of an alert now that o was seen of it, and what is known of
// it from then on. It is a function of its arguments, and changes none of them.
func Decide(s State, o Observation, r Rules, now time.Time) (State, Decision) {
	r = r.filled()
	before := s
	if o.Run == "" || o.Run != s.Run {
		s = s.moved(o, r, now)
	}
	s = s.expired(now).settled(r, now)
	d := s.due(o, r, now)
	if s.firing() && s.Opened.IsZero() && o.Silence == nil && o.Held == "" {
		s.Opened = now
	}
	if o.Run != "" && !same(before, s) {
		s.Run = o.Run
	}
	return s, d
}

// Told is s after somebody was told m.
func Told(s State, m Message, text string, result any, now time.Time) State {
	heard, again := s.Heard[m.To]
	if !again {
		heard.Text, heard.Result = text, result
	}
	heard.At, heard.Kind, heard.Seq = now, m.Kind, max(m.Seq, heard.Seq)
	s.Heard = maps.Clone(s.Heard)
	if s.Heard == nil {
		s.Heard = map[Target]Heard{}
	}
	s.Heard[m.To] = heard
	switch _, main := s.Heard[Main]; {
	case m.Kind == Over && (m.To == Main || !main):
		s.Closed = true
	case m.Kind == Fire && m.To == Main:
		s.Again = false
	}
	return s
}

// filled is r with its defaults.
func (r Rules) filled() Rules {
	r.Failures, r.Successes = max(1, r.Failures), max(1, r.Successes)
	if r.Flapping.Changes > 0 && r.Flapping.Within <= 0 {
		r.Flapping.Within = time.Hour
	}
	return r
}

func (s State) firing() bool { return s.Status == Firing || s.Status == Acknowledged }

// open says that somebody believes that it fires.
func (s State) open() bool { return len(s.Heard) > 0 && !s.Closed }

// moved is s after a run. What could not be decided changes nothing.
func (s State) moved(o Observation, r Rules, now time.Time) State {
	switch o.Outcome {
	case Fails:
		return s.failed(r, now)
	case Well:
		return s.well(r, now)
	}
	return s
}

func (s State) failed(r Rules, now time.Time) State {
	s.Successes, s.Well = 0, time.Time{}
	if s.Failures == 0 {
		s.Failing = now
	}
	s.Failures++
	if s.firing() {
		s.Count++
		return s
	}
	s.Status = Pending
	if s.Failures < r.Failures || now.Sub(s.Failing) < r.Hold {
		return s
	}
	return s.fire(now)
}

// fire begins an episode. Who has not heard that the last one is over has not noticed
// that it was: it goes on.
func (s State) fire(now time.Time) State {
	s = s.changed(now)
	s.Status = Firing
	if s.open() {
		s.Ended = time.Time{}
		s.Count += s.Failures
		return s
	}
	return State{
		Status: Firing, Failures: s.Failures, Failing: s.Failing,
		Number: s.Number + 1, Since: s.Failing, Fired: now, Count: s.Failures,
		Changes: s.Changes, Flapping: s.Flapping, Run: s.Run,
	}
}

func (s State) well(r Rules, now time.Time) State {
	s.Failures, s.Failing = 0, time.Time{}
	if s.Successes == 0 {
		s.Well = now
	}
	s.Successes = min(s.Successes+1, r.Successes) // no more: what stays the same need not be written down
	switch {
	case s.Number > 0 && s.Status == Pending:
		s.Status = Resolved
	case s.Status == Unknown || s.Status == Pending:
		s.Status = OK
	case s.firing() && s.Successes >= r.Successes && now.Sub(s.Well) >= r.KeepFiring:
		s = s.changed(now)
		s.Status, s.Ended, s.Acked, s.Again = Resolved, now, nil, false
		s.Closed = len(s.Heard) == 0 || !r.Resolved
	}
	return s
}

// changed notes that it begins to fire or ends.
func (s State) changed(now time.Time) State {
	s.Changes = append(slices.Clip(s.Changes), now)
	return s
}

// expired is s without an acknowledgement whose time is over.
func (s State) expired(now time.Time) State {
	if s.Acked != nil && !s.Acked.Until.IsZero() && !now.Before(s.Acked.Until) {
		s.Acked = nil
		if s.Status == Acknowledged {
			s.Status = Firing
		}
	}
	return s
}

// maxChanges bounds what is remembered of one that flaps.
const maxChanges = 100

// settled says whether s flaps: since there were too many changes, and until there was
// none for as long.
func (s State) settled(r Rules, now time.Time) State {
	if r.Flapping.Changes == 0 {
		s.Changes, s.Flapping = nil, time.Time{}
		return s
	}
	late := 0
	for late < len(s.Changes) && now.Sub(s.Changes[late]) > r.Flapping.Within {
		late++
	}
	late = max(late, len(s.Changes)-max(maxChanges, r.Flapping.Changes))
	s.Changes = s.Changes[late:]
	switch flaps := !s.Flapping.IsZero(); {
	case !flaps && len(s.Changes) >= r.Flapping.Changes:
		s.Flapping = now
	case flaps && len(s.Changes) == 0:
		s.Again = s.firing() && s.Heard[Main].Kind == Flapping
		s.Flapping = time.Time{}
	}
	return s
}

// same reports whether a and b are the same but for the run.
func same(a, b State) bool {
	return a.Status == b.Status && a.Failures == b.Failures && a.Successes == b.Successes &&
		a.Failing.Equal(b.Failing) && a.Well.Equal(b.Well) && a.Number == b.Number && a.Since.Equal(b.Since) &&
		a.Fired.Equal(b.Fired) && a.Opened.Equal(b.Opened) && a.Ended.Equal(b.Ended) && a.Count == b.Count &&
		a.Acked == b.Acked && len(a.Heard) == len(b.Heard) && a.Closed == b.Closed && a.Again == b.Again &&
		slices.EqualFunc(a.Changes, b.Changes, time.Time.Equal) && a.Flapping.Equal(b.Flapping)
}
