package engine

import (
	"cmp"
	"time"

	"tocsin/templating/value"
	"tocsin/workflows"
)

// A Timing is what a trigger of the clock says beside its times. Package schedule acts
// on it.
type Timing struct {
	Every   time.Duration // of an interval: the time between two starts; 0: Next has them
	Jitter  time.Duration // times are shifted by less than that, each workflow's by its own
	CatchUp workflows.CatchUp
	Overlap workflows.Overlap
	Zone    *time.Location         // whose times those of a cron trigger are; nil: an interval has none
	Note    func(time.Time) string // what a clock that was turned did to that time of a cron trigger, in words; nil: nothing ever
}

// timing reads the keys that every trigger of the clock may have. Package workflows has
// checked them.
func (c *compiler) timing(p workflows.Part) Timing {
	var t Timing
	catchUp, _ := key(p, "catch_up")
	overlap, _ := key(p, "overlap")
	jitter, _ := key(p, "jitter")
	t.CatchUp, _ = workflows.ParseCatchUp(textOf(catchUp.Plain()))
	t.Overlap, _ = workflows.ParseOverlap(textOf(overlap.Plain()))
	t.Jitter, _ = workflows.ParseDuration(jitter.Data)
	return t
}

func textOf(v any) string {
	if v == nil {
		return ""
	}
	return value.Text(v)
}

// Name tells the triggers of a workflow apart, and stays while what they say does:
// "interval 5m", "cron 0 9 * * mon Europe/Vienna", "websocket prices", "alert".
func (t Trigger) Name() string {
	switch {
	case t.name != "":
		return t.name
	case t.Subscription != nil && t.Subscription.Name != t.Type:
		return t.Type + " " + t.Subscription.Name
	}
	return t.Type
}

// Limit is how long a run of p may take by its own rules: its timeout, what its
// on-failure may take after that, and the grace of a call that does not stop.
func (p *Program) Limit() time.Duration {
	limit := cmp.Or(p.workflow.Timeout, defaultRunTimeout) + grace
	if p.onFailure != nil {
		limit += p.onFailure.timeout + grace
	}
	return limit
}
