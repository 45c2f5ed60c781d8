package value

import (
	"math/big"
	"slices"
	"strings"
	"time"
)

// call reads the arguments of a constructor and makes its value; without a
// parenthesis it is the constant of that name.
func (r *pythonReader) call(start int, name string, construct func(arguments) (any, bool)) (any, error) {
	var args arguments
	if r.peek() == '(' {
		var err error
		if args, err = r.arguments(); err != nil {
			return nil, err
		}
	}
	v, ok := construct(args)
	if !ok || r.calls == 0 && isPart(v) {
		return nil, r.failAt(start, name+" with these arguments is no value")
	}
	return v, nil
}

// isPart says that v is only good for an argument: a zone or an offset.
func isPart(v any) bool {
	switch v.(type) {
	case time.Duration, *time.Location:
		return true
	}
	return false
}

// arguments are what is in the parentheses of a call.
type arguments struct {
	items []any
	named []Entry
}

func (r *pythonReader) arguments() (args arguments, err error) {
	if err := r.enter(); err != nil {
		return args, err
	}
	defer r.leave()
	r.calls++
	defer func() { r.calls-- }()
	for {
		if r.closes(')') {
			return args, nil
		}
		name := r.argumentName()
		v, err := r.value()
		if err != nil {
			return args, err
		}
		if name == "" {
			args.items = append(args.items, v)
		} else {
			args.named = append(args.named, Entry{name, v})
		}
		if _, err := r.comma(')'); err != nil {
			return args, err
		}
	}
}

// argumentName reads "name=", if that is next.
func (r *pythonReader) argumentName() string {
	start := r.at
	name := r.name()
	if name != "" && r.peek() == '=' {
		r.at++
		return name
	}
	r.at = start
	return ""
}

// constructors are the calls and constants that make values.
var constructors = map[string]func(arguments) (any, bool){
	"datetime.datetime":     makeDatetime,
	"datetime.date":         makeDate,
	"datetime.timedelta":    makeTimedelta,
	"datetime.timezone":     makeTimezone,
	"datetime.timezone.utc": makeUTC,
	"tzutc":                 makeUTC,
	"Decimal":               makeDecimal,
	"set":                   makeEmptySet,
}

func makeEmptySet(a arguments) (any, bool) { return []any{}, len(a.items)+len(a.named) == 0 }

func makeUTC(a arguments) (any, bool) { return time.UTC, len(a.items)+len(a.named) == 0 }

// makeTimedelta and makeTimezone make what only stands within a datetime.
func makeTimedelta(a arguments) (any, bool) {
	n, ok := a.integers("days", "seconds", "microseconds")
	const most = 100_000 // days: what a Duration holds
	ok = ok && -most < n[0] && n[0] < most
	return time.Duration(n[0])*24*time.Hour + time.Duration(n[1])*time.Second, ok
}

func makeTimezone(a arguments) (any, bool) {
	if len(a.items) != 1 || len(a.named) > 0 {
		return nil, false
	}
	offset, ok := a.items[0].(time.Duration)
	if !ok || offset.Abs() >= 24*time.Hour {
		return nil, false
	}
	return time.FixedZone("", int(offset/time.Second)), true
}

func makeDecimal(a arguments) (any, bool) {
	if len(a.items) != 1 || len(a.named) > 0 {
		return nil, false
	}
	text, ok := a.items[0].(string)
	if !ok {
		return a.items[0], isNumber(a.items[0])
	}
	v, err := numberOf(strings.TrimSpace(text))
	return v, err == nil
}

func isNumber(v any) bool {
	switch v.(type) {
	case int64, float64, *big.Int:
		return true
	}
	return false
}

func makeDate(a arguments) (any, bool) {
	n, ok := a.integers("year", "month", "day")
	d := Date{n[0], n[1], n[2]}
	_, valid := dateTime(n, time.UTC)
	return d, ok && valid
}

func makeDatetime(a arguments) (any, bool) {
	zone, ok := a.takeZone()
	if !ok {
		return nil, false
	}
	n, ok := a.integers("year", "month", "day", "hour", "minute", "second", "microsecond")
	t, valid := dateTime(n, zone)
	return t, ok && valid
}

// dateTime says whether the parts, from the year on, are a day and time there is.
func dateTime(n []int, zone *time.Location) (time.Time, bool) {
	var p [7]int
	copy(p[:], n)
	t := time.Date(p[0], time.Month(p[1]), p[2], p[3], p[4], p[5], p[6]*int(time.Microsecond), zone)
	same := p == [7]int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), micros(t)}
	return t, same && 1 <= p[0] && p[0] <= 9999
}

// takeZone takes tzinfo off the arguments: the eighth, or that of this name.
func (a *arguments) takeZone() (*time.Location, bool) {
	var tz any
	if len(a.items) == 8 {
		tz, a.items = a.items[7], a.items[:7]
	}
	for i, e := range a.named {
		if e.Key == "tzinfo" {
			tz, a.named = e.Value, append(a.named[:i:i], a.named[i+1:]...)
			break
		}
	}
	if tz == nil {
		return Naive, true
	}
	zone, ok := tz.(*time.Location)
	return zone, ok
}

// integers are the arguments by these names, as many as there are names; what is not
// given is 0.
func (a *arguments) integers(names ...string) ([]int, bool) {
	n := make([]int, len(names))
	if len(a.items) > len(names) {
		return n, false
	}
	ok := true
	set := func(i int, v any) {
		whole, isInt := v.(int64)
		if i < 0 || !isInt || whole != int64(int32(whole)) {
			ok = false
			return
		}
		n[i] = int(whole)
	}
	for i, v := range a.items {
		set(i, v)
	}
	for _, e := range a.named {
		set(slices.Index(names, e.Key), e.Value)
	}
	return n, ok
}
