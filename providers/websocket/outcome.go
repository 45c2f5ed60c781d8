package websocket

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/providers"
)

// Outcome is how a query or a sending is tried, and what is told of it.
type Outcome struct {
	FailOnError       *bool          `param:"fail_on_error" doc:"Whether a failure fails the step; if not, its result has connection false and an error. False if absent, but true for an action."`
	Retries           *int           `param:"retries" doc:"How often to try again within timeout after a failure that may pass; for an action only while nothing was sent. 0 if absent."`
	RetryDelay        *time.Duration `param:"retry_delay" doc:"Time between two attempts; 1s if absent."`
	RequireCleanClose *bool          `param:"require_clean_close" doc:"Whether it is a failure if the closing handshake is not completed."`
	HeadersInResult   []string       `param:"headers_in_result" doc:"Which headers of the upgrade's answer are in the result: their names, or all, which it is if absent."`
}

// attempts is how something is tried.
type attempts struct {
	retries    int
	retryDelay time.Duration
	cleanClose bool
	headers    []string // to keep, in lower case; nil: all
}

const maxRetries = 1000

func (p Outcome) setOutcome(s *settings) (err error) {
	s.retries = or(p.Retries, 0)
	if s.retries < 0 || s.retries > maxRetries {
		return invalid("retries must be between 0 and %d", maxRetries)
	}
	s.retryDelay, err = limit{name: "retry_delay", given: p.RetryDelay, zero: true}.or(time.Second)
	s.cleanClose = or(p.RequireCleanClose, false)
	if slices.Contains(p.HeadersInResult, "all") || p.HeadersInResult == nil {
		return err
	}
	s.attempts.headers = []string{}
	for _, line := range p.HeadersInResult {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
				s.attempts.headers = append(s.attempts.headers, name)
			}
		}
	}
	return err
}

// again says whether what failed is tried once more, and waits until then. A server
// that said when to come back is heard. Nothing is begun that could not be ended in
// time.
func (a *attempts) again(ctx context.Context, failed *Error, tried int, deadline time.Time) bool {
	if failed == nil || !failed.Retryable || tried > a.retries {
		return false
	}
	wait := max(a.retryDelay, failed.RetryAfter)
	return time.Until(deadline) > wait && pause(ctx, wait) == nil
}

// judged is a failure as the caller gets it: in the result only, or as an error too.
// Mistakes and being called off are always errors.
func judged(failed *Error, fails bool) error {
	switch {
	case failed == nil:
		return nil
	case failed.Code == ConfigInvalid, failed.Code == Cancelled:
		return failed
	case !fails:
		return nil
	case failed.Retryable:
		return providers.Temporary(failed, failed.RetryAfter)
	}
	return failed
}

// A closeSet is codes that a server may close with.
type closeSet []struct{ from, to int }

// closeCodes reads a list of codes and of ranges: 1000, 4000-4999.
func closeCodes(list []string) (set closeSet, err error) {
	for _, line := range list {
		for part := range strings.SplitSeq(line, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			low, high, isRange := strings.Cut(part, "-")
			if !isRange {
				high = low
			}
			from, err1 := strconv.Atoi(strings.TrimSpace(low))
			to, err2 := strconv.Atoi(strings.TrimSpace(high))
			if err1 != nil || err2 != nil || from > to || from < 1000 || to > 4999 {
				return nil, invalid("expect_close: %q is no close code from 1000 to 4999, and no range of them", part)
			}
			set = append(set, struct{ from, to int }{from, to})
		}
	}
	return set, nil
}

func (c closeSet) has(code int) bool {
	for _, r := range c {
		if code >= r.from && code <= r.to {
			return true
		}
	}
	return false
}

func (c closeSet) String() string {
	parts := make([]string, len(c))
	for i, r := range c {
		if parts[i] = strconv.Itoa(r.from); r.to != r.from {
			parts[i] += "-" + strconv.Itoa(r.to)
		}
	}
	return strings.Join(parts, ", ")
}
