package schedule

import (
	"time"

	"tocsin/workflows"
)

const (
	// fresh is how late a moment may be and still count as now.
	fresh = time.Minute
	// shownMissed is of how many moments in a row that nobody was there for there is a
	// record of its own. The record of the first one says that there were others before.
	shownMissed = 20
)

// due says which of the moments that have come start a run; the newest is the last. None
// of the others ever will.
func due(c workflows.CatchUp, moments []time.Time, now time.Time) (start, missed []time.Time) {
	n := len(moments)
	if n == 0 {
		return nil, nil
	}
	first := n // the first that starts
	switch newest := moments[n-1]; c.Policy {
	case workflows.CatchUpSkip:
		if now.Sub(newest) <= fresh {
			first = n - 1
		}
	case workflows.CatchUpAll:
		for first > max(0, n-c.Runs) && (now.Sub(moments[first-1]) <= c.Window || first == n && now.Sub(newest) <= fresh) {
			first--
		}
	default:
		first = n - 1
	}
	return moments[first:], moments[:first]
}
