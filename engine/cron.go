package engine

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A schedule is a cron expression: minutes, hours, days of the month, months and days
// of the week, each a set of bits. Where days of both kinds are named, either will do.
//
// It is about the time on the wall. Where hours are named, each of those times comes
// once: in the hour that a clock turned back repeats, the first time, and a time that a
// clock turned forward leaves out comes at the first instant after it. Where every hour
// is meant, times come as they pass.
type schedule struct {
	minutes, hours, days, months, weekdays uint64
	everyHour                              bool
	everyDay, everyWeekday                 bool // "*"
	zone                                   *time.Location
}

// A cronField is one of the five fields.
type cronField struct {
	name     string
	min, max int
	words    []string // for min, min+1, ...
}

var cronFields = [5]cronField{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of the month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of the week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// cronWords stand for whole expressions.
var cronWords = []struct{ word, means string }{
	{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
	{"@daily", "0 0 * * *"}, {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},
}

// A cronError says what is wrong with an expression, and where in it.
type cronError struct {
	offset        int
	message, hint string
}

func (e *cronError) Error() string { return e.message }

// parseCron reads a cron expression whose times are those of zone. The error is a
// *cronError.
func parseCron(text string, zone *time.Location) (*schedule, error) {
	if len(text) > 256 {
		return nil, &cronError{0, "a schedule of more than 256 bytes", ""}
	}
	start := len(text) - len(strings.TrimLeft(text, " \t\n"))
	if err := notCron(strings.TrimSpace(text), start); err != nil {
		return nil, err
	}
	for _, w := range cronWords {
		if strings.EqualFold(strings.TrimSpace(text), w.word) {
			text = w.means
		}
	}
	fields, offsets := cronParts(text)
	if len(fields) != len(cronFields) {
		return nil, countError(len(fields), start)
	}
	s := &schedule{zone: zone}
	for i, set := range []*uint64{&s.minutes, &s.hours, &s.days, &s.months, &s.weekdays} {
		var err *cronError
		if *set, err = cronFields[i].parse(fields[i]); err != nil {
			err.offset += offsets[i]
			return nil, err
		}
	}
	s.everyHour = strings.HasPrefix(fields[1], "*")
	s.everyDay, s.everyWeekday = strings.HasPrefix(fields[2], "*"), strings.HasPrefix(fields[4], "*")
	s.weekdays = s.weekdays&0x7f | s.weekdays>>7 // 7 is Sunday too
	if !s.comes() {
		return nil, &cronError{offsets[2], "such a day never comes", "the months that are named have fewer days"}
	}
	return s, nil
}

// notCron knows what other programs have in a schedule.
func notCron(text string, at int) error {
	lower := strings.ToLower(text)
	switch {
	case text == "":
		return &cronError{at, "an empty schedule", `such as cron: "0 9 * * mon-fri"`}
	case strings.HasPrefix(lower, "tz=") || strings.HasPrefix(lower, "cron_tz="):
		return &cronError{at, "a schedule has no time zone in it", "write it beside: timezone: Europe/Vienna"}
	case strings.HasPrefix(lower, "@every"):
		return &cronError{at, "@every is no schedule", "write a trigger of type interval, with every: 1h30m"}
	case text[0] == '@' && !slices.ContainsFunc(cronWords, func(w struct{ word, means string }) bool { return w.word == lower }):
		return &cronError{at, fmt.Sprintf("no schedule %q", text), "there are @hourly, @daily, @weekly, @monthly and @yearly"}
	}
	return nil
}

// cronParts are the fields, and where they stand.
func cronParts(text string) (fields []string, offsets []int) {
	for i := 0; i < len(text); {
		n := strings.IndexAny(text[i:], " \t\n")
		if n < 0 {
			n = len(text) - i
		}
		if n > 0 {
			fields, offsets = append(fields, text[i:i+n]), append(offsets, i)
		}
		i += n + 1
	}
	return fields, offsets
}

func countError(n, at int) error {
	e := &cronError{at, fmt.Sprintf("a schedule has five fields, not %d", n), "minute, hour, day of the month, month, day of the week: 0 9 * * mon-fri"}
	if n == 6 {
		e.hint = "seconds are not taken: for less than a minute, a trigger of type interval with every: 10s"
	}
	return e
}

// parse reads lists of *, 5, 1-5, */15, 1-30/5 and names.
func (f cronField) parse(text string) (uint64, *cronError) {
	var set uint64
	at := 0
	for part := range strings.SplitSeq(text, ",") {
		bits, err := f.part(part)
		if err != nil {
			err.offset += at
			return 0, err
		}
		set |= bits
		at += len(part) + 1
	}
	return set, nil
}

func (f cronField) part(text string) (uint64, *cronError) {
	span, step, stepped := strings.Cut(text, "/")
	from, to, err := f.span(span, stepped)
	if err != nil {
		return 0, err
	}
	by := 1
	if stepped {
		n, wrong := strconv.Atoi(step)
		if wrong != nil || n < 1 || n > f.max {
			return 0, &cronError{len(span) + 1, fmt.Sprintf("a step of %q", step), fmt.Sprintf("a step of the %s is 1 to %d", f.name, f.max)}
		}
		by = n
	}
	var set uint64
	for i := from; i <= to; i += by {
		set |= 1 << i
	}
	return set, nil
}

// span reads *, 5 or 1-5. A single number with a step goes on to the end.
func (f cronField) span(text string, stepped bool) (from, to int, err *cronError) {
	last := f.max
	if f.words != nil {
		last = f.min + len(f.words) - 1 // not 7, which is Sunday again
	}
	if text == "*" {
		return f.min, last, nil
	}
	first, second, isRange := strings.Cut(text, "-")
	if from, err = f.number(first); err != nil {
		return 0, 0, err
	}
	switch {
	case isRange:
		if to, err = f.number(second); err != nil {
			err.offset += len(first) + 1
			return 0, 0, err
		}
	case stepped:
		to = last
	default:
		to = from
	}
	if to < from {
		hint := fmt.Sprintf("write %s-%d,%d-%s", first, last, f.min, second)
		return 0, 0, &cronError{0, fmt.Sprintf("%q goes backwards", text), hint}
	}
	return from, to, nil
}

func (f cronField) number(text string) (int, *cronError) {
	for i, w := range f.words {
		if strings.EqualFold(w, text) {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err == nil && n >= f.min && n <= f.max && text[0] != '+' {
		return n, nil
	}
	hint := fmt.Sprintf("the %s is %d to %d", f.name, f.min, f.max)
	if f.words != nil {
		hint += fmt.Sprintf(", or %s to %s", f.words[0], f.words[len(f.words)-1])
	}
	return 0, &cronError{0, fmt.Sprintf("%q is no %s", text, f.name), hint}
}

// comes says whether a day of the schedule exists: not February 30th.
func (s *schedule) comes() bool {
	longest := [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	if s.everyDay || !s.everyWeekday {
		return true
	}
	for m := 1; m <= 12; m++ {
		if s.months&(1<<m) != 0 && bits.TrailingZeros64(s.days) <= longest[m] {
			return true
		}
	}
	return false
}

// next is the first time of s after t; zero where there is none within eight years,
// which is the longest that a 29th of February can take.
func (s *schedule) next(t time.Time) time.Time {
	local := t.In(s.zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	const longest = 8*366 + 2
	for range longest {
		if s.onDay(day) {
			if first := s.firstAfter(t, day); !first.IsZero() {
				return first.In(s.zone)
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return time.Time{}
}

func (s *schedule) onDay(day time.Time) bool {
	if s.months&(1<<day.Month()) == 0 {
		return false
	}
	inMonth, inWeek := s.days&(1<<day.Day()) != 0, s.weekdays&(1<<day.Weekday()) != 0
	if s.everyDay || s.everyWeekday {
		return inMonth && inWeek
	}
	return inMonth || inWeek
}

// A shift is a stretch of time in which the clocks of a zone have one offset.
type shift struct {
	from, to time.Time // to is zero where it never ends
	offset   time.Duration
}

// shifts are those that a day of the wall's may touch.
func (s *schedule) shifts(day time.Time) []shift {
	const farthest = 27 * time.Hour // from UTC, and to spare
	var list []shift
	for at := day.Add(-farthest); at.Before(day.Add(24*time.Hour + farthest)); {
		_, seconds := at.In(s.zone).Zone()
		_, end := at.In(s.zone).ZoneBounds()
		list = append(list, shift{at, end, time.Duration(seconds) * time.Second})
		if end.IsZero() {
			break
		}
		at = end
	}
	return list
}

// firstAfter is the first time of s on that day of the wall's that is after t; zero
// where there is none.
func (s *schedule) firstAfter(t, day time.Time) time.Time {
	var first time.Time
	shifts := s.shifts(day)
	west, east := offsets(shifts)
	for minute := range 24 * 60 {
		if s.hours&(1<<(minute/60)) == 0 || s.minutes&(1<<(minute%60)) == 0 {
			continue
		}
		wall := day.Add(time.Duration(minute) * time.Minute)
		if !wall.Add(-west).After(t) {
			continue
		}
		if !first.IsZero() && wall.Add(-east).After(first) {
			break
		}
		for _, at := range s.instants(wall, shifts) {
			if at.After(t) && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	return first
}

// offsets are the smallest and the largest of the shifts.
func offsets(shifts []shift) (west, east time.Duration) {
	west, east = shifts[0].offset, shifts[0].offset
	for _, sh := range shifts {
		west, east = min(west, sh.offset), max(east, sh.offset)
	}
	return west, east
}

// instants are when the wall shows a time: once, twice where clocks are turned back,
// never where they are turned forward.
func (s *schedule) instants(wall time.Time, shifts []shift) []time.Time {
	var list []time.Time
	for _, sh := range shifts {
		at := wall.Add(-sh.offset)
		if !at.Before(sh.from) && (sh.to.IsZero() || at.Before(sh.to)) {
			list = append(list, at)
		}
	}
	switch {
	case s.everyHour:
		return list
	case len(list) > 0:
		return list[:1]
	}
	for i, sh := range shifts[1:] {
		if wall.Add(-sh.offset).Before(sh.from) && !wall.Add(-shifts[i].offset).Before(sh.from) {
			return []time.Time{sh.from}
		}
	}
	return nil
}
