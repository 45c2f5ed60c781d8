package engine

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// cronTrigger runs at times of the wall's clock: our own, Keep has none. The clock is
// that of "timezone", else UTC.
func cronTrigger(c *compiler, p workflows.Part) Trigger {
	v, ok := key(p, "cron")
	if !ok {
		c.problem(p.Pos, source.MissingKey, `such as cron: "0 9 * * mon-fri"`, "this cron trigger has no %q", "cron")
		return Trigger{}
	}
	zone := c.timezone(p)
	s, err := parseCron(value.Text(v.Plain()), zone)
	var wrong *cronError
	if errors.As(err, &wrong) {
		c.problem(v.At(wrong.offset), source.BadValue, wrong.hint, "%s", wrong.message)
		return Trigger{}
	}
	name := "cron " + strings.Join(strings.Fields(value.Text(v.Plain())), " ")
	if zone != time.UTC {
		name += " " + zone.String()
	}
	t := Trigger{Next: s.next, Timing: c.timing(p), name: name}
	t.Timing.Zone, t.Timing.Note = zone, s.note
	return t
}

// timezone is the one that a trigger names, such as Europe/Vienna.
func (c *compiler) timezone(p workflows.Part) *time.Location {
	v, ok := key(p, "timezone")
	if !ok {
		return time.UTC
	}
	name := value.Text(v.Plain())
	zone, err := time.LoadLocation(name)
	if err == nil && name != "Local" {
		return zone
	}
	hint := "such as Europe/Vienna, America/New_York or UTC"
	if strings.Trim(name, "+-:0123456789") == "" {
		hint = "an offset is no zone, it does not know summer time; " + hint
	}
	c.problem(v.Pos, source.BadValue, hint, "%s", fmt.Sprintf("no time zone %q", name))
	return time.UTC
}
