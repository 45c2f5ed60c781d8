package schedule

import (
	"hash/fnv"
	"slices"
	"time"

	"tocsin/engine"
)

// A Grid is the moments of a trigger of the clock. They are the same whenever and
// wherever one asks: those of an interval are so many periods after 1970, shifted by what
// the workflow's id and the trigger's jitter say, and nothing adds up. Workflows of one
// period are spread over it, and stay where they are when the program starts again.
type Grid struct {
	next  func(time.Time) time.Time
	note  func(time.Time) string
	every time.Duration // 0: next has the moments
	shift time.Duration
}

// NewGrid are the moments of t, which is a trigger of the clock.
func NewGrid(workflow string, t engine.Trigger) Grid {
	g := Grid{next: t.Next, note: t.Timing.Note, every: t.Timing.Every}
	if within := t.Timing.Jitter.Milliseconds(); within > 0 {
		h := fnv.New64a()
		h.Write([]byte(workflow))
		g.shift = time.Duration(mixed(h.Sum64())%uint64(within)) * time.Millisecond
	}
	return g
}

// mixed spreads what differs in the last bits, as the hashes of w1, w2, ... do, over all
// of them (the finalizer of MurmurHash3).
func mixed(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// Next is the first moment after t; the zero time: there is none any more.
func (g Grid) Next(t time.Time) time.Time {
	if g.every == 0 {
		at := g.next(t.Add(-g.shift))
		if at.IsZero() {
			return at
		}
		return at.Add(g.shift)
	}
	at := g.floor(t).Add(g.every)
	if !at.After(t) { // beyond what a time can say
		return time.Time{}
	}
	return at
}

// Note says in words what a clock that was turned did to the moment at; "" where it did
// nothing.
func (g Grid) Note(at time.Time) string {
	if g.note == nil {
		return ""
	}
	return g.note(at.Add(-g.shift))
}

// floor is the last moment of an interval that is not after t.
func (g Grid) floor(t time.Time) time.Time {
	since := t.UnixNano() - int64(g.shift)
	n := since / int64(g.every)
	if since < 0 && since%int64(g.every) != 0 {
		n--
	}
	return time.Unix(0, n*int64(g.every)+int64(g.shift)).In(t.Location())
}

// within is how long it takes from the moment at to the next.
func (g Grid) within(at time.Time) time.Duration {
	if g.every > 0 {
		return g.every
	}
	if next := g.Next(at); !next.IsZero() {
		return next.Sub(at)
	}
	return 0
}

// between are the moments after last up to now, the newest n at most; more says that
// there were others before them.
func (g Grid) between(last, now time.Time, n int) (list []time.Time, more bool) {
	first := g.Next(last)
	if first.IsZero() || first.After(now) {
		return nil, false
	}
	// Nearly always there is one.
	if second := g.Next(first); second.IsZero() || second.After(now) {
		return []time.Time{first}, false
	}
	// Looking back far enough for n of them is enough: nobody needs to count a year.
	gap := g.within(first)
	for back := 2 * gap * time.Duration(n); ; back *= 2 {
		from := last
		if now.Add(-back).After(last) {
			from = now.Add(-back)
		}
		list = list[:0]
		for at := g.Next(from); !at.IsZero() && !at.After(now); at = g.Next(at) {
			list = append(list, at)
		}
		if len(list) >= n || from.Equal(last) || back > 1<<61 {
			more = !from.Equal(last) || len(list) > n
			return slices.Clone(list[max(0, len(list)-n):]), more
		}
	}
}
