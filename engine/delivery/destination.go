package delivery

import (
	"context"
	"fmt"
	"time"
)

// A destination is who is told: a kind of provider with one configuration. What one
// message meets there concerns all that go there.
type destination struct {
	until     time.Time // nothing is sent before; zero: now
	why       string
	failures  int  // in a row
	throttles int  // in a row
	denials   int  // in a row
	down      bool // the breaker is open: one message is tried now and then
	behind    bool // messages wait: new ones go behind them
	serving   bool // the loop is at it
	idle      time.Time
	worked    time.Time // when something arrived last
}

// to is the destination of that name. l.mu is held.
func (l *Lane) to(name string) *destination {
	d := l.dests[name]
	if d == nil {
		d = &destination{}
		l.dests[name] = d
	}
	return d
}

// closed says until when nothing is sent to a destination, and why; "": it is open. A
// run does not try a destination that is down, and does not go before what waits: the
// loop does that.
func (l *Lane) closed(name string, run bool) (until time.Time, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.to(name)
	switch now := l.now(); {
	case now.Before(d.until):
		return d.until, d.why
	case run && d.down:
		return now, d.why
	case run && d.behind:
		return now, "others wait for " + name + ", which go first"
	}
	return time.Time{}, ""
}

// noted is what an attempt did to its destination.
type noted struct {
	until  time.Time // it is left alone until then; zero: it is not
	mended bool      // it was down, and is not any more
	keep   bool      // the other side said so: a new process has to know
}

// note learns from an attempt. A destination is there if it answered, even if it did
// not want the message. words are those of err, without secrets.
func (l *Lane) note(name string, o outcome, err error, words string) noted {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, now := l.to(name), l.now()
	switch o {
	case confirmed, permanent:
		mended := d.down
		*d = destination{behind: d.behind, serving: d.serving, worked: d.worked}
		if o == confirmed {
			l.arrived(name)
		}
		return noted{mended: mended}
	case throttled:
		d.throttles++
		wait := asked(err)
		if wait == 0 {
			wait = ceiling(d.throttles)
		}
		d.pause(now.Add(clamped(wait)), fmt.Sprintf("%s wants to be left alone: %s", name, words))
		return noted{until: d.until, keep: true}
	case denied:
		d.denials++
		d.pause(now.Add(denial(d.denials)), fmt.Sprintf("%s does not let us in: %s", name, words))
		return noted{until: d.until, keep: true}
	}
	d.failures++
	if d.failures < or(l.Failures, 3) {
		return noted{}
	}
	// Half of the wait is random, so that it is never none: this is about the whole
	// destination.
	wait := ceiling(d.failures - or(l.Failures, 3) + 1)
	d.down = true
	d.pause(now.Add(wait/2+time.Duration(l.random()*float64(wait/2))), fmt.Sprintf("%s is down since %d attempts: %s", name, d.failures, words))
	return noted{until: d.until}
}

// pause leaves d alone. What is said while an earlier pause lasts does not shorten it.
func (d *destination) pause(until time.Time, why string) {
	if until.After(d.until) {
		d.until = until
	}
	d.why, d.behind = why, true
}

// follow does to the other messages of a destination what was noted.
func (l *Lane) follow(ctx context.Context, name string, n noted) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	var err error
	switch {
	case n.mended:
		err = l.Store.Hasten(ctx, name)
	case n.keep:
		err = l.savePauses(ctx)
	}
	if err != nil {
		l.log().Error("what was learned of a destination is not on disk", "destination", name, "error", err)
	}
}

// pausesKey is where the store keeps which destinations want to be left alone.
const pausesKey = "delivery.pauses"

// A kept pause outlasts the process.
type kept struct {
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
}

func (l *Lane) savePauses(ctx context.Context) error {
	pauses := map[string]kept{}
	l.mu.Lock()
	for name, d := range l.dests {
		if l.now().Before(d.until) && !d.down {
			pauses[name] = kept{d.until, d.why}
		}
	}
	l.mu.Unlock()
	return l.Store.SetMeta(ctx, pausesKey, pauses)
}

func (l *Lane) loadPauses(ctx context.Context) error {
	pauses := map[string]kept{}
	if _, err := l.Store.Meta(ctx, pausesKey, &pauses); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, k := range pauses {
		l.to(name).pause(k.Until, k.Why)
	}
	return nil
}

// A Destination is how it goes with one of those who are told.
type Destination struct {
	Name  string
	Until time.Time // nothing is sent before; zero: it is open
	Down  bool      // too many attempts failed in a row
	Why   string
}

// Destinations are those that something was sent to since the process began.
func (l *Lane) Destinations() []Destination {
	l.open()
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Destination, 0, len(l.dests))
	for name, d := range l.dests {
		s := Destination{Name: name, Down: d.down}
		if l.now().Before(d.until) || d.down {
			s.Until, s.Why = d.until, d.why
		}
		list = append(list, s)
	}
	return list
}
