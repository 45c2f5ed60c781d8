package episode

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// due is what is to be told of s as it is now.
func (s State) due(o Observation, r Rules, now time.Time) Decision {
	switch {
	case s.firing():
		return s.dueFiring(o, r, now)
	case !s.Flapping.IsZero():
		return s.dueFlapping(o, r, now)
	case s.Status == Resolved && s.open():
		return s.dueOver(o, now)
	case s.Status == Pending:
		return silent("%s", s.pending(r, now))
	case s.Status == Unknown:
		return silent("nobody knows yet")
	}
	return silent("%s", s.Status)
}

func silent(format string, args ...any) Decision {
	return Decision{Reason: fmt.Sprintf(format, args...)}
}

func (s State) dueFiring(o Observation, r Rules, now time.Time) Decision {
	switch {
	case o.Silence != nil:
		return silent("%s", o.Silence.words(now))
	case o.Held != "":
		return silent("held back: it depends on %s, which fails", o.Held)
	case !s.Flapping.IsZero():
		return s.dueFlapping(o, r, now)
	case s.Successes > 0: // it may be over; who is told in between is told in vain
		return silent("%s", s.recovering(r, now))
	}
	d := s.dueMain(r, now)
	s.escalate(&d, r, now)
	return d
}

// dueMain is what the action itself tells of an alert that fires.
func (s State) dueMain(r Rules, now time.Time) Decision {
	heard, told := s.Heard[Main]
	switch {
	case s.Acked != nil:
		return silent("%s", s.Acked.words(now))
	case !told:
		return s.tell(Fire, fmt.Sprintf("fires: %s", plural(s.Count, "failure")))
	case s.Again:
		return s.tell(Fire, "fires, and has stopped flapping")
	case r.Reminder <= 0:
		return silent("told at %s", clock(heard.At, now))
	case now.Before(heard.At.Add(r.Reminder)):
		return silent("told at %s, reminder at %s", clock(heard.At, now), clock(heard.At.Add(r.Reminder), now))
	}
	return s.tell(Reminder, fmt.Sprintf("firing since %s, last told at %s", clock(s.Since, now), clock(heard.At, now)))
}

// escalate adds those to d who are told after some time, and the fallback.
func (s State) escalate(d *Decision, r Rules, now time.Time) {
	opened := cmp.Or(s.Opened, now)
	if r.Fallback > 0 && s.Acked == nil && !s.knows(Main) && !s.knows(Fallback) && now.Sub(opened) >= r.Fallback {
		d.add(s, Fire, Fallback, fmt.Sprintf("could not be told for %s", Span(now.Sub(opened))))
	}
	for i, e := range r.Escalate {
		if s.knows(Level(i+1)) || now.Sub(opened) < e.After || e.UnlessAcked && s.Acked != nil {
			continue
		}
		d.add(s, Fire, Level(i+1), fmt.Sprintf("fires for %s", Span(now.Sub(opened))))
	}
}

// knows says that the target was told, and not that it is over.
func (s State) knows(t Target) bool {
	heard, told := s.Heard[t]
	return told && heard.Kind != Over
}

// dueFlapping tells once that it flaps.
func (s State) dueFlapping(o Observation, r Rules, now time.Time) Decision {
	words := fmt.Sprintf("flaps: %d changes within %s", len(s.Changes), Span(r.Flapping.Within))
	switch {
	case o.Silence != nil:
		return silent("%s", o.Silence.words(now))
	case o.Held != "":
		return silent("held back: it depends on %s, which fails", o.Held)
	case s.Heard[Main].Kind == Flapping:
		return silent("flaps since %s: silent until it has been steady for %s", clock(s.Flapping, now), Span(r.Flapping.Within))
	}
	return s.tell(Flapping, words)
}

// dueOver tells those that it is over who were told that it fires.
func (s State) dueOver(o Observation, now time.Time) Decision {
	if o.Silence != nil {
		return silent("resolved; %s", o.Silence.words(now))
	}
	d := Decision{Reason: fmt.Sprintf("resolved after %s", Span(s.Lasted(now)))}
	for _, to := range s.told() {
		d.add(s, Over, to, "")
	}
	return d
}

// told are those who were told and not yet that it is over, the action first.
func (s State) told() []Target {
	var list []Target
	for to := range s.Heard {
		if s.knows(to) {
			list = append(list, to)
		}
	}
	slices.Sort(list)
	return list
}

func (s State) tell(kind Kind, reason string) Decision {
	var d Decision
	d.add(s, kind, Main, reason)
	return d
}

func (d *Decision) add(s State, kind Kind, to Target, reason string) {
	d.Tell = append(d.Tell, Message{Kind: kind, To: to, Seq: s.Heard[to].Seq + 1})
	if reason == "" {
		return
	}
	if to != Main {
		reason = string(to) + ": " + reason
	}
	d.Reason = strings.TrimPrefix(d.Reason+"; "+reason, "; ")
}

// Lasted is how long the episode has lasted, or lasted.
func (s State) Lasted(now time.Time) time.Duration {
	return max(0, cmp.Or(s.Ended, now).Sub(s.Since))
}

// pending says what is missing before it fires.
func (s State) pending(r Rules, now time.Time) string {
	var parts []string
	if s.Failures < r.Failures {
		parts = append(parts, fmt.Sprintf("%d of %s", s.Failures, plural(r.Failures, "failure")))
	}
	if lasted := now.Sub(s.Failing); lasted < r.Hold {
		parts = append(parts, fmt.Sprintf("fails for %s of %s", Span(lasted), Span(r.Hold)))
	}
	return "pending: " + cmp.Or(strings.Join(parts, ", "), "it has failed long enough, and fires when it fails again")
}

// recovering says what is missing before it is over.
func (s State) recovering(r Rules, now time.Time) string {
	var parts []string
	if s.Successes < r.Successes {
		parts = append(parts, fmt.Sprintf("%d of %s", s.Successes, plural(r.Successes, "success")))
	}
	if lasted := now.Sub(s.Well); lasted < r.KeepFiring {
		parts = append(parts, fmt.Sprintf("well for %s of %s", Span(lasted), Span(r.KeepFiring)))
	}
	return "not resolved yet: " + cmp.Or(strings.Join(parts, ", "), "it is when it is well again")
}

func (a *Ack) words(now time.Time) string {
	text := "acknowledged by " + a.By + " at " + clock(a.At, now)
	if !a.Until.IsZero() {
		text += " until " + clock(a.Until, now)
	}
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	return text
}

// clock is t as a person reads it beside now: the day where it is another.
func clock(t, now time.Time) string {
	t = t.In(now.Location())
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// Span is d in its two largest units: 1h30m, 2d, 40s.
func Span(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Millisecond).String()
	}
	units := []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}
	text, parts := "", 0
	for _, u := range units {
		if n := d / u.d; n > 0 && parts < 2 {
			text += itoa(int(n)) + u.name
			d -= n * u.d
			parts++
		} else if parts > 0 {
			break
		}
	}
	return text
}

func plural(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "s"):
		return itoa(n) + " " + noun + "es"
	}
	return itoa(n) + " " + noun + "s"
}

func itoa(n int) string { return strconv.Itoa(n) }
