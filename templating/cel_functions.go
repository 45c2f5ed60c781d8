package templating

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/templating/value"
)

// A celFunction is a function of CEL. Its first argument may be written before it,
// with a dot.
type celFunction struct {
	name     string
	example  string
	min, max int
	call     func(r *run, args []any) (any, error) // a mistake in the data is an *Error as the value
}

func (f *celFunction) takes(n int) bool { return f.min <= n && n <= f.max }

// celFunctions are the functions of CEL, besides its macros and has().
var celFunctions = [...]celFunction{
	{"size", "size(name)", 1, 1, celSize},
	{"contains", "name.contains('x')", 2, 2, celContains},
	{"startsWith", "name.startsWith('x')", 2, 2, celStartsWith},
	{"endsWith", "name.endsWith('x')", 2, 2, celEndsWith},
	{"matches", "name.matches('^x')", 2, 2, nil}, // an operation, whose pattern is compiled
	{"int", "int('5')", 1, 1, celInt},
	{"uint", "uint('5')", 1, 1, celInt},
	{"double", "double('5')", 1, 1, celDouble},
	{"string", "string(5)", 1, 1, celString},
	{"bool", "bool('true')", 1, 1, celBool},
	{"dyn", "dyn(name)", 1, 1, func(_ *run, args []any) (any, error) { return args[0], nil }},
	{"timestamp", "timestamp('2024-05-06T07:08:09Z')", 1, 1, celTimestamp},
	{"duration", "duration('1h30m')", 1, 1, celDuration},
	{"getFullYear", "timestamp(lastReceived).getFullYear()", 1, 2, celTimePart(time.Time.Year)},
	{"getMonth", "timestamp(lastReceived).getMonth()", 1, 2, celTimePart(func(t time.Time) int { return int(t.Month()) - 1 })},
	{"getDate", "timestamp(lastReceived).getDate()", 1, 2, celTimePart(time.Time.Day)},
	{"getDayOfMonth", "timestamp(lastReceived).getDayOfMonth()", 1, 2, celTimePart(func(t time.Time) int { return t.Day() - 1 })},
	{"getDayOfWeek", "timestamp(lastReceived).getDayOfWeek()", 1, 2, celTimePart(func(t time.Time) int { return int(t.Weekday()) })},
	{"getDayOfYear", "timestamp(lastReceived).getDayOfYear()", 1, 2, celTimePart(func(t time.Time) int { return t.YearDay() - 1 })},
	{"getHours", "timestamp(lastReceived).getHours('Europe/Vienna')", 1, 2, celTimePart(time.Time.Hour)},
	{"getMinutes", "timestamp(lastReceived).getMinutes()", 1, 2, celTimePart(time.Time.Minute)},
	{"getSeconds", "timestamp(lastReceived).getSeconds()", 1, 2, celTimePart(time.Time.Second)},
	{"getMilliseconds", "timestamp(lastReceived).getMilliseconds()", 1, 2, celTimePart(func(t time.Time) int { return t.Nanosecond() / 1e6 })},
}

func celFunctionOf(name string) *celFunction {
	for i := range celFunctions {
		if celFunctions[i].name == name {
			return &celFunctions[i]
		}
	}
	return nil
}

// mistake is a value of CEL: something that could not be evaluated.
func mistake(format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...)}
}

func celSize(_ *run, args []any) (any, error) {
	switch x := args[0].(type) {
	case nil:
		return int64(0), nil // as in Keep
	case string:
		return int64(utf8.RuneCountInString(x)), nil
	case *value.Map:
		return int64(x.Len()), nil
	case value.Object:
		return int64(x.Len()), nil
	}
	if list, ok := items(args[0]); ok {
		return int64(len(list)), nil
	}
	return mistake("%s has no size", described(args[0])), nil
}

// celContains is a part of a text, an element of a list, or a key of a mapping.
func celContains(r *run, args []any) (any, error) {
	if s, ok := args[0].(string); ok {
		part, isText := args[1].(string)
		if !isText {
			return mistake("a text contains no %s", described(args[1])), nil
		}
		return strings.Contains(s, part), r.tick(1 + len(s)/256)
	}
	switch args[0].(type) {
	case *value.Map, value.Object, []any, value.Tuple:
		return r.celIn(args[1], args[0])
	}
	return mistake("%s contains nothing", described(args[0])), nil
}

func celStartsWith(r *run, args []any) (any, error) { return r.celAffix(args, strings.HasPrefix) }
func celEndsWith(r *run, args []any) (any, error)   { return r.celAffix(args, strings.HasSuffix) }

func (r *run) celAffix(args []any, has func(s, part string) bool) (any, error) {
	s, ok := args[0].(string)
	part, also := args[1].(string)
	if !ok || !also {
		return mistake("cannot look for %s in %s: both must be texts", described(args[1]), described(args[0])), nil
	}
	return has(s, part), nil
}

func celInt(_ *run, args []any) (any, error) {
	switch x := args[0].(type) {
	case int64:
		return x, nil
	case float64:
		if x > -math.MaxInt64 && x < math.MaxInt64 {
			return int64(x), nil
		}
	case string:
		if i, err := strconv.ParseInt(x, 10, 64); err == nil {
			return i, nil
		}
	case time.Time:
		return x.Unix(), nil
	}
	return mistake("cannot make a whole number of %s", described(args[0])), nil
}

func celDouble(_ *run, args []any) (any, error) {
	switch x := args[0].(type) {
	case string:
		if f, err := strconv.ParseFloat(x, 64); err == nil {
			return f, nil
		}
	default:
		if isNumber(x) {
			return asFloat(x), nil
		}
	}
	return mistake("cannot make a number of %s", described(args[0])), nil
}

func celString(r *run, args []any) (any, error) {
	var s string
	switch x := args[0].(type) {
	case bool:
		s = strconv.FormatBool(x)
	case time.Duration:
		s = x.String()
	case time.Time:
		s = x.UTC().Format(time.RFC3339Nano)
	case nil, []any, value.Tuple, *value.Map, value.Object:
		return mistake("cannot make a text of %s", described(x)), nil
	default:
		s = value.Text(x)
	}
	return s, r.grow(len(s))
}

func celBool(_ *run, args []any) (any, error) {
	switch x := args[0].(type) {
	case bool:
		return x, nil
	case string:
		if b, err := strconv.ParseBool(x); err == nil {
			return b, nil
		}
	}
	return mistake("cannot make true or false of %s", described(args[0])), nil
}

func celTimestamp(_ *run, args []any) (any, error) {
	switch x := args[0].(type) {
	case time.Time:
		return x, nil
	case int64:
		return time.Unix(x, 0).UTC(), nil
	case string:
		if t, ok := parseTime(x); ok {
			return t, nil
		}
	}
	return mistake("%s is no time", described(args[0])), nil
}

func celDuration(_ *run, args []any) (any, error) {
	switch x := args[0].(type) {
	case time.Duration:
		return x, nil
	case string:
		if d, err := time.ParseDuration(x); err == nil {
			return d, nil
		}
	}
	return mistake("%s is no length of time", described(args[0])), nil
}

// celTimePart is a part of a time, in UTC or the zone that the argument names.
func celTimePart(part func(time.Time) int) func(*run, []any) (any, error) {
	return func(_ *run, args []any) (any, error) {
		t, ok := args[0].(time.Time)
		if !ok {
			return mistake("%s is no time", described(args[0])), nil
		}
		zone := time.UTC
		if len(args) > 1 {
			name, isText := args[1].(string)
			z, err := time.LoadLocation(name)
			if !isText || err != nil || name == "" {
				return mistake("%s is no time zone", described(args[1])), nil
			}
			zone = z
		}
		return int64(part(t.In(zone))), nil
	}
}
