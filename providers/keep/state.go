package keep

import (
	"context"
	"slices"

	"tocsin/templating/value"
)

// settle gives the alerts their status, saves them, and resolves those that are over.
func (g *generation) settle(ctx context.Context) (any, error) {
	before, err := g.before(ctx)
	if err != nil {
		return nil, err
	}
	var changed []*value.Map
	for _, fingerprint := range g.order {
		alert := g.made[fingerprint]
		g.date(alert, before[fingerprint])
		changed = append(changed, alert)
	}
	resolved, forgotten := g.gone(before)
	if len(forgotten) > 0 {
		if err := g.store.Forget(ctx, forgotten...); err != nil {
			return nil, err
		}
	}
	saved, err := g.store.Save(ctx, append(changed, resolved...))
	if err != nil {
		return nil, err
	}
	list := make([]any, len(saved))
	for i := range saved {
		list[i] = saved[i]
	}
	return list, nil
}

// before are the alerts of the workflow as they were, by fingerprint.
func (g *generation) before(ctx context.Context) (map[string]*value.Map, error) {
	found, err := g.store.Alerts(ctx, Search{
		Filters: []Filter{{Key: "workflowId", Value: g.origin.Workflow}}, Distinct: true,
	})
	if err != nil {
		return nil, err
	}
	before := make(map[string]*value.Map, len(found))
	for _, f := range found {
		before[text(f.Alert, "fingerprint")] = f.Alert
	}
	return before, nil
}

// date gives the alert its status and times. An alert that has to hold for a time is
// pending until then; one that fires goes on firing.
func (g *generation) date(alert, before *value.Map) {
	stamp := g.now.Format(stampLayout)
	if _, given := alert.Get("lastReceived"); !given {
		alert.Set("lastReceived", stamp)
	}
	was := text(before, "status")
	if was == "firing" || was == "acknowledged" || was == "suppressed" {
		if since, ok := before.Get("firingStartTime"); ok {
			alert.Set("firingStartTime", since)
		}
	}
	switch {
	case text(alert, "status") != "":
	case g.For <= 0 || was == "firing":
		alert.Set("status", "firing")
	case was == "acknowledged" || was == "suppressed":
		alert.Set("status", was)
	default:
		g.pend(alert, before, stamp)
	}
	if since, ok := alert.Get("firingStartTime"); text(alert, "status") == "firing" && (!ok || since == nil) {
		alert.Set("firingStartTime", stamp)
	}
}

const stampLayout = "2006-01-02T15:04:05.000Z"

// pend lets the alert wait, or fire when it has waited long enough.
func (g *generation) pend(alert, before *value.Map, stamp string) {
	since := g.now
	if text(before, "status") == "pending" {
		if t, ok := parseTime(text(before, "pendingSince")); ok {
			since, stamp = t, text(before, "pendingSince")
		}
	}
	if g.now.Sub(since) >= g.For {
		alert.Set("status", "firing")
		return
	}
	alert.Set("status", "pending")
	alert.Set("pendingSince", stamp)
}

// gone are the alerts of before that are over: resolved where somebody may have been
// told of them, else forgotten.
func (g *generation) gone(before map[string]*value.Map) (resolved []*value.Map, forgotten []string) {
	if g.ReadOnly {
		return nil, nil
	}
	over := g.over
	if !g.origin.Looped {
		for fingerprint := range before {
			over = append(over, fingerprint)
		}
		slices.Sort(over)
	}
	for _, fingerprint := range over {
		alert, known := before[fingerprint]
		if _, again := g.made[fingerprint]; again || !known {
			continue
		}
		switch text(alert, "status") {
		case "resolved":
		case "pending":
			forgotten = append(forgotten, fingerprint)
		default:
			alert = alert.Clone()
			alert.Set("status", "resolved")
			alert.Set("lastReceived", g.now.Format(stampLayout))
			resolved = append(resolved, alert)
		}
	}
	return resolved, forgotten
}
