package engine

import (
	"context"
	"fmt"

	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// A throttle says why the action should not run again now; "" lets it run.
type throttle func(ctx context.Context, r *run) (string, error)

// throttleTypes is the table of throttles.
var throttleTypes = map[string]func(keep bool) throttle{
	"one_until_resolved": oneUntilResolved,
}

func (c *compiler) throttle(p *workflows.Part) throttle {
	if p == nil {
		return nil
	}
	limits, ok := throttleTypes[p.Type.S]
	if !ok {
		hint := "there is one_until_resolved"
		if near := source.Nearest(p.Type.S, []string{"one_until_resolved"}); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.problem(p.Type.Pos, source.UnknownType, hint, "no throttle of type %q", p.Type.S)
		return nil
	}
	return limits(c.lang.Keep)
}

// oneUntilResolved lets an action run once in a firing episode: when the alert comes
// in for the first time since it began to fire, or is resolved (spec §11.2 G-13). In
// Keep it runs only for the resolved alert.
func oneUntilResolved(keep bool) throttle {
	return func(ctx context.Context, r *run) (string, error) {
		status, _ := r.alert.Get("status")
		fingerprint := text(r.alert, "fingerprint")
		switch {
		case r.alert.Len() == 0 || status == "resolved":
			return "", nil
		case keep:
			return "throttled until the alert is resolved", nil
		case r.History == nil || fingerprint == "":
			return "", nil
		}
		since, err := r.History.FiringSince(ctx, fingerprint)
		if err != nil || since.IsZero() {
			return "", err
		}
		seen, err := r.History.Seen(ctx, fingerprint, since)
		if err != nil || !seen {
			return "", err
		}
		return "throttled: it ran when the alert began to fire, and the alert is not resolved", nil
	}
}

// text is the text under key, or "".
func text(m *value.Map, key string) string {
	v, _ := m.Get(key)
	s, _ := v.(string)
	return s
}
