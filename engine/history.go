package engine

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"tocsin/templating"
	"tocsin/templating/value"
)

// History answers what happened before this run. The store implements it.
type History interface {
	// LastRun is the last run of the workflow that went well; nil: there is none.
	LastRun(ctx context.Context, workflow string) (*Result, error)
	// FiringSince is when the alert began to fire; the zero time: it does not.
	FiringSince(ctx context.Context, fingerprint string) (time.Time, error)
	// Seen says whether the alert came in, firing, since then, before this run.
	Seen(ctx context.Context, fingerprint string, since time.Time) (bool, error)
}

// Functions are the functions that texts of workflows may call: the builtin ones, and
// those that ask what happened before (spec §5).
func Functions() *templating.Functions { return functions() }

var functions = sync.OnceValue(func() *templating.Functions {
	return templating.Builtin().With(historyFunctions...)
})

var historyFunctions = []templating.Function{
	{
		Name:    "keep.get_firing_time",
		Params:  "(alert, unit)",
		Doc:     "How long the alert has been firing, in minutes (m), hours (h) or seconds (s): a number with two decimals, 0.00 if it is not.",
		Example: `keep.get_firing_time({'fingerprint': 'a'}, 'minutes') == 0`,
		Call:    firingTime,
	},
	{
		Name:    "keep.is_first_time",
		Params:  "(fingerprint, since='')",
		Doc:     "Whether the alert with this fingerprint fires for the first time, ever or within a time such as 24h, 7d or 2w.",
		Example: `keep.is_first_time('a', '24h')`,
		Call:    firstTime,
	},
}

type runKey struct{}

// withRun lets functions of texts ask the run about the past.
func withRun(ctx context.Context, r *run) context.Context {
	return context.WithValue(ctx, runKey{}, r)
}

func historyOf(ctx context.Context) History {
	if r, ok := ctx.Value(runKey{}).(*run); ok {
		return r.History
	}
	return nil
}

func firingUnit(name string) (unit time.Duration, ok bool) {
	switch name {
	case "m", "minutes":
		return time.Minute, true
	case "h", "hours":
		return time.Hour, true
	case "s", "seconds":
		return time.Second, true
	}
	return 0, false
}

// firingTime is keep.get_firing_time. The alert may be the object itself or its JSON.
func firingTime(ctx context.Context, a *templating.Args) any {
	unit, ok := firingUnit(a.String(1))
	if !ok {
		return a.Fail("unit %q is none of minutes, hours, seconds", a.String(1))
	}
	fingerprint, err := alertFingerprint(a.Any(0))
	if err != nil {
		return a.Fail("the alert is not JSON: %v", err)
	}
	history := historyOf(ctx)
	if history == nil || fingerprint == "" {
		return "0.00"
	}
	since, err := history.FiringSince(ctx, fingerprint)
	switch {
	case err != nil:
		return a.Fail("%v", err)
	case since.IsZero():
		return "0.00"
	}
	return strconv.FormatFloat(float64(a.Now().Sub(since))/float64(unit), 'f', 2, 64)
}

func alertFingerprint(v any) (string, error) {
	if json, ok := v.(string); ok {
		decoded, err := value.DecodeJSON([]byte(json))
		if err != nil {
			return "", err
		}
		v = decoded
	}
	return fingerprintOf(v), nil
}

// firstTime is keep.is_first_time.
func firstTime(ctx context.Context, a *templating.Args) any {
	since, err := ago(a.Now(), a.String(1))
	if err != nil {
		return a.Fail("%v", err)
	}
	history := historyOf(ctx)
	if history == nil {
		return true
	}
	seen, err := history.Seen(ctx, a.String(0), since)
	if err != nil {
		return a.Fail("%v", err)
	}
	return !seen
}

// ago is now less a time such as 24h; the zero time for none.
func ago(now time.Time, text string) (time.Time, error) {
	if text == "" || text == "None" {
		return time.Time{}, nil
	}
	units := map[byte]time.Duration{
		'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
	}
	n, err := strconv.Atoi(text[:len(text)-1])
	unit, ok := units[text[len(text)-1]]
	if err != nil || !ok || n < 0 || time.Duration(n) > 1<<62/unit {
		return time.Time{}, fmt.Errorf("%q is not a time such as 30m, 24h, 7d or 2w", text)
	}
	return now.Add(-time.Duration(n) * unit), nil
}
