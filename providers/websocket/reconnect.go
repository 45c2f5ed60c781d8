package websocket

import (
	"math"
	"slices"
	"time"
)

// A backoff says how long to wait before connecting anew (spec/websocket.md §7.1).
type backoff struct {
	initial, max time.Duration
	multiplier   float64
	jitter       string // full, equal or none
	resetAfter   time.Duration
	retries      int // attempts that may fail in a row after the first; negative: any number
}

const (
	// shortest is the least that full jitter waits: reconnecting at once is never right.
	shortest = 50 * time.Millisecond
	// longestAfter is how much of a server's Retry-After is obeyed.
	longestAfter = 5 * time.Minute
	// spread is the part of a server's Retry-After that is waited on top, by chance: it
	// said the same to everybody.
	spread = 0.1
)

// wait is how long to wait before the attempt n, counted from 1 for the first after a
// loss, where what was lost was lost because of failed. chance is a number in [0, 1).
func (b *backoff) wait(n int, failed *Error, chance float64) time.Duration {
	ceiling := float64(b.initial) * math.Pow(b.multiplier, float64(n-1))
	limit, jitter := min(b.max, time.Duration(min(ceiling, float64(longest)))), b.jitter
	if stern(failed) {
		limit = b.max
		if jitter == "full" {
			jitter = "equal" // not by chance at once
		}
	}
	d := limit
	switch jitter {
	case "full":
		least := min(shortest, limit)
		d = least + time.Duration(chance*float64(limit-least))
	case "equal":
		d = limit/2 + time.Duration(chance*float64(limit-limit/2))
	}
	if failed == nil || failed.RetryAfter <= 0 {
		return d
	}
	after := min(failed.RetryAfter, longestAfter)
	if b.jitter != "none" {
		after += time.Duration(chance * spread * float64(after))
	}
	return max(d, after)
}

// Answers that say "not you, not now": credentials rarely mend themselves within
// seconds, but may, since files are read again.
var (
	sternStatuses = []int{400, 401, 403, 404, 410, 426}
	sternCloses   = []int{1008, 3000, 3003, 4001, 4003, 4401, 4403}
)

// stern says that the server turned us away for who we are or what we asked for.
func stern(e *Error) bool {
	return e != nil && (slices.Contains(sternStatuses, e.Status) || slices.Contains(sternCloses, e.CloseCode))
}
