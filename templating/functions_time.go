package templating

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"tocsin/templating/value"
)

// timeFunctions know dates and times. A time that was written without a zone is one
// of the clock's zone.
func timeFunctions() []Function {
	return []Function{
		{
			Name: "keep.utcnow", Params: "()",
			Doc:     "The time, in UTC.",
			Example: "keep.len(keep.utcnow()) > 18",
			Call:    func(_ context.Context, a *Args) any { return utcNow(a) },
		},
		{
			Name: "keep.utcnowtimestamp", Params: "()",
			Doc:     "The time, in seconds since 1970.",
			Example: "keep.utcnowtimestamp() > 1700000000",
			Call:    func(_ context.Context, a *Args) any { return a.Now().Unix() },
		},
		{
			Name: "keep.utcnowiso", Params: "()",
			Doc:     "The time as ISO 8601 text, in UTC.",
			Example: "keep.index(keep.utcnowiso(), 10) == 'T'",
			Call:    func(_ context.Context, a *Args) any { return value.ISO(utcNow(a)) },
		},
		{
			Name: "keep.to_utc", Params: "(dt='')",
			Doc:     "The time that the text says, in UTC; an empty text if it says none.",
			Example: "keep.to_utc('2024-05-06T10:00:00+03:00') == keep.to_utc('May 6 2024 7:00 AM UTC')",
			Call:    func(_ context.Context, a *Args) any { return orEmpty(a.time(0)) },
		},
		{
			Name: "keep.to_timestamp", Params: "(dt='')",
			Doc:     "The time that the text says, in seconds since 1970; 0 if it says none.",
			Example: "keep.to_timestamp('2024-05-06T10:00:00Z') == 1714989600",
			Call:    func(_ context.Context, a *Args) any { return toTimestamp(a) },
		},
		{
			Name: "keep.from_timestamp", Params: "(timestamp, timezone='UTC')",
			Doc:     "The time so many seconds after 1970, in that zone; an empty text if there is no such time or zone.",
			Example: "keep.from_timestamp(1714989600) == keep.to_utc('2024-05-06T10:00:00Z')",
			Call:    func(_ context.Context, a *Args) any { return fromTimestamp(a) },
		},
		{
			Name: "keep.datetime_compare", Params: "(t1=None, t2=None)",
			Doc:     "How many hours t1 is later than t2; 0 if one is empty. Texts need keep.to_utc first.",
			Example: "keep.datetime_compare(keep.to_utc('2024-05-06T10:30:00Z'), keep.to_utc('2024-05-06T08:00:00Z')) == 2.5",
			Call:    func(_ context.Context, a *Args) any { return hoursBetween(a) },
		},
		{
			Name: "keep.timestamp_delta", Params: "(dt, amount, unit)",
			Doc:     "The time so many seconds, minutes, hours, days or weeks later; earlier for a negative amount.",
			Example: "keep.timestamp_delta('2024-05-06T10:00:00Z', -2, 'hours') == keep.to_utc('2024-05-06T08:00:00Z')",
			Call:    func(_ context.Context, a *Args) any { return later(a, a.Number(1), a.String(2)) },
		},
		{
			Name: "keep.substract_minutes", Params: "(dt, minutes)",
			Doc:     "The time so many minutes earlier.",
			Example: "keep.substract_minutes('2024-05-06T10:00:00Z', 30) == keep.to_utc('2024-05-06T09:30:00Z')",
			Call:    func(_ context.Context, a *Args) any { return later(a, -a.Number(1), "minutes") },
		},
		{
			Name: "keep.add_time_to_date", Params: "(date, date_format, time_str)",
			Doc:     "The time that the text says in Python's strptime format, later by weeks, days, hours, minutes and seconds such as '1w 2d 3h 4m 5s'.",
			Example: "keep.len(keep.add_time_to_date('2024-02-27', '%Y-%m-%d', '2d 3h')) == 19",
			Call:    func(_ context.Context, a *Args) any { return addTime(a) },
		},
		{
			Name: "keep.is_business_hours", Params: "(time_to_check=None, start_hour=8, end_hour=20, business_days=(0, 1, 2, 3, 4), timezone='UTC')",
			Doc:     "Whether it is a business day (Monday is 0) and an hour from the first up to, not including, the last.",
			Example: "keep.is_business_hours(time_to_check='2024-05-06T09:00:00Z') and not keep.is_business_hours('2024-05-05T09:00:00Z')",
			Call:    func(_ context.Context, a *Args) any { return isBusinessHours(a) },
		},
	}
}

func utcNow(a *Args) time.Time { return a.Now().UTC().Truncate(time.Microsecond) }

// time is argument i as a time in UTC, and whether it says one.
func (a *Args) time(i int) (time.Time, bool) {
	t, ok := a.localTime(i)
	return t.UTC(), ok
}

// localTime is argument i as a time in its own zone, the clock's if it has none.
func (a *Args) localTime(i int) (time.Time, bool) {
	v := a.Any(i)
	t, ok := asTime(v)
	if ok && (t.Location() == value.Naive || isDate(v)) {
		return inZone(t, a.Now().Location()), true
	}
	if ok || v == nil {
		return t, ok
	}
	return parseDate(value.Text(v), a.Now())
}

func isDate(v any) bool {
	_, ok := v.(value.Date)
	return ok
}

// inZone is what a clock in that zone shows when t's shows this.
func inZone(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

func orEmpty(t time.Time, ok bool) any {
	if !ok {
		return ""
	}
	return t
}

func toTimestamp(a *Args) any {
	t, ok := a.time(0)
	if !ok {
		return int64(0)
	}
	return t.Unix()
}

func fromTimestamp(a *Args) any {
	const year9999 = 253402300799
	zone, err := timeZone(a.String(1))
	n, ok := number(a.Any(0))
	if text, isText := a.Any(0).(string); isText && strings.HasSuffix(strings.TrimSpace(text), "%") {
		return "" // a number elsewhere
	}
	if err != nil || !ok || math.Abs(asFloat(n)) > year9999 {
		return ""
	}
	seconds, fraction := math.Modf(asFloat(n))
	micros := math.RoundToEven(fraction * 1e6)
	return time.Unix(int64(seconds), int64(micros)*int64(time.Microsecond)).In(zone)
}

// timeZone finds a zone by its name in the tz database.
func timeZone(name string) (*time.Location, error) {
	switch {
	case name == "Local" || name == "": // Go's names for the server's zone, which is nobody's business, and UTC
		name = "unknown"
	case strings.EqualFold(name, "UTC"):
		return time.UTC, nil
	}
	return time.LoadLocation(name)
}

func hoursBetween(a *Args) any {
	if !a.Bool(0) || !a.Bool(1) {
		return int64(0)
	}
	for i := range 2 {
		if _, ok := asTime(a.Any(i)); !ok {
			return a.Fail("%s is %s, not a time: use keep.to_utc(...)", a.params.name(i), shown(a.Any(i)))
		}
	}
	t1, _ := a.time(0)
	t2, _ := a.time(1)
	return t1.Sub(t2).Hours()
}

// units are those of timestamp_delta.
var units = map[string]time.Duration{
	"microseconds": time.Microsecond,
	"milliseconds": time.Millisecond,
	"seconds":      time.Second,
	"minutes":      time.Minute,
	"hours":        time.Hour,
	"days":         24 * time.Hour,
	"weeks":        7 * 24 * time.Hour,
}

// later is the first argument so many units later.
func later(a *Args, amount float64, unit string) any {
	t, ok := a.localTime(0)
	if !ok {
		return a.Fail("%s is %s, want a time", a.params.name(0), shown(a.Any(0)))
	}
	size, ok := units[unit]
	if !ok {
		return a.Fail("no unit %q: seconds, minutes, hours, days or weeks", unit)
	}
	added := amount * float64(size)
	if math.Abs(added) > math.MaxInt64/2 {
		return a.Fail("%v %s are more than 140 years", amount, unit)
	}
	return t.Add(time.Duration(math.Round(added)))
}

func addTime(a *Args) any {
	t, ok := asTime(a.Any(0))
	if !ok {
		var err error
		if t, err = strptime(a.String(0), a.String(1)); err != nil {
			return a.Fail("%w", err)
		}
	}
	added, ok := timeSpan(a.String(2))
	if !ok {
		return a.Fail("%s is more than 140 years", shown(a.Any(2)))
	}
	return t.Add(added)
}

// timeSpan adds up all numbers with a unit behind them; other text counts nothing.
func timeSpan(s string) (time.Duration, bool) {
	spans := map[byte]time.Duration{'w': 7 * 24 * time.Hour, 'd': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}
	var sum time.Duration
	for s != "" {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		if digits == 0 || digits == len(s) {
			s = s[max(1, digits):]
			continue
		}
		n, err := strconv.ParseInt(s[:digits], 10, 64)
		span := spans[s[digits]]
		if span > 0 && (err != nil || n > int64(math.MaxInt64/2/span) || sum > math.MaxInt64/2) {
			return 0, false
		}
		sum += time.Duration(n) * span
		s = s[digits+1:]
	}
	return sum, true
}

func isBusinessHours(a *Args) any {
	start, end := a.Int(1), a.Int(2)
	if a.err == nil && (start < 0 || start > 23 || end < 0 || end > 23) {
		return a.Fail("hours must be between 0 and 23")
	}
	var open [7]bool
	for _, item := range a.List(3) {
		day, ok := number(item)
		i, isInt := day.(int64)
		if !ok || !isInt || i < 0 || i > 6 {
			return a.Fail("invalid business days %s: they are numbers from 0 (Monday) to 6 (Sunday)", shown(a.Any(3)))
		}
		open[i] = true
	}
	zone, err := timeZone(a.String(4))
	if err != nil {
		return a.Fail("no time zone %s", shown(a.Any(4)))
	}
	t, ok := a.Now(), true
	if a.Has(0) {
		t, ok = a.time(0)
	}
	t = t.In(zone)
	monday0 := (int(t.Weekday()) + 6) % 7
	return ok && open[monday0] && start <= t.Hour() && t.Hour() < end
}
