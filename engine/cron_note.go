package engine

import (
	"fmt"
	"strings"
	"time"
)

// note says in words what a clock that was turned did to a time of s; "" where it did
// nothing to it.
func (s *schedule) note(at time.Time) string {
	local := at.In(s.zone)
	start, end := local.ZoneBounds()
	if back := turned(start); back > 0 && local.Before(start.Add(back)) {
		return s.repeated(local, "second")
	}
	if back := turned(end); back > 0 && !local.Before(end.Add(-back)) {
		return s.repeated(local, "first")
	}
	if forward := -turned(start); forward > 0 && local.Equal(start) && !s.everyHour {
		return s.leftOut(local, forward)
	}
	return ""
}

// turned is by how much the clocks of a zone are turned back at an instant at which its
// offset changes; negative: forward. The zero time is no such instant.
func turned(at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	_, before := at.Add(-1).Zone()
	_, after := at.Zone()
	return time.Duration(before-after) * time.Second
}

func (s *schedule) repeated(local time.Time, which string) string {
	runs := "runs at the first"
	if s.everyHour {
		runs = "this is the " + which
	}
	return fmt.Sprintf("%s comes twice on %s: %s", local.Format("15:04"), local.Format(time.DateOnly), runs)
}

// leftOut names the times of s that the clock jumped over to show local.
func (s *schedule) leftOut(local time.Time, by time.Duration) string {
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), 0, 0, time.UTC)
	var times []string
	for at := wall.Add(-by); at.Before(wall); at = at.Add(time.Minute) {
		day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		if s.onDay(day) && s.hours&(1<<at.Hour()) != 0 && s.minutes&(1<<at.Minute()) != 0 {
			times = append(times, at.Format("15:04"))
		}
	}
	const shown = 4
	verb := "does"
	switch {
	case len(times) == 0:
		return ""
	case len(times) > shown:
		times = append(times[:shown-1], fmt.Sprintf("%d more", len(times)-shown+1))
		fallthrough
	case len(times) > 1:
		last := len(times) - 1
		times, verb = []string{strings.Join(times[:last], ", ") + " and " + times[last]}, "do"
	}
	return fmt.Sprintf("%s %s not exist on %s: runs at %s", times[0], verb, wall.Add(-1).Format(time.DateOnly), local.Format("15:04"))
}
