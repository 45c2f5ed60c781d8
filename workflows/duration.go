package workflows

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var (
	errInterval = errors.New("not an interval: seconds, or a whole number and s, m, h, d or w")
	errDuration = errors.New("not a duration: seconds, or a number and ms, s, m, h, d or w")
)

// ParseInterval reads the value of an interval trigger: whole seconds as a number or
// text, or a whole number and s, m, h, d or w (spec §2.2, B-16). Zero and less mean
// never. True counts as one second, as in Keep. Fractions are an error.
func ParseInterval(v any) (time.Duration, error) {
	switch v := v.(type) {
	case int64:
		return seconds(v, time.Second)
	case bool:
		if v {
			return time.Second, nil
		}
		return 0, nil
	case string:
		unit := time.Second
		if u := unitOf(v); u > 0 {
			v, unit = v[:len(v)-1], u
		}
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil {
			return 0, errInterval
		}
		return seconds(n, unit)
	}
	return 0, errInterval
}

// unitOf is the unit a text ends with; 0: none.
func unitOf(s string) time.Duration {
	if s == "" {
		return 0
	}
	switch s[len(s)-1] {
	case 's':
		return time.Second
	case 'm':
		return time.Minute
	case 'h':
		return time.Hour
	case 'd':
		return 24 * time.Hour
	case 'w':
		return 7 * 24 * time.Hour
	}
	return 0
}

func seconds(n int64, unit time.Duration) (time.Duration, error) {
	if limit := int64(math.MaxInt64 / unit); n > limit || n < -limit {
		return 0, errInterval
	}
	return time.Duration(n) * unit, nil
}

// ParseDuration reads a length of time: a number of seconds, or texts such as "90",
// "1.5s", "1h30m", "2d" and "1w". It is never negative.
func ParseDuration(v any) (time.Duration, error) {
	switch v := v.(type) {
	case int64:
		d, err := seconds(v, time.Second)
		if err != nil || d < 0 {
			return 0, errDuration
		}
		return d, nil
	case float64:
		if !(v >= 0 && v <= math.MaxInt64/float64(time.Second)/2) {
			return 0, errDuration
		}
		return time.Duration(v * float64(time.Second)), nil
	case string:
		return durationText(strings.TrimSpace(v))
	}
	return 0, errDuration
}

func durationText(s string) (time.Duration, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return ParseDuration(n)
	}
	if u := unitOf(s); u > time.Hour { // days and weeks are not Go's
		n, err := strconv.ParseFloat(s[:len(s)-1], 64)
		if err != nil {
			return 0, errDuration
		}
		return ParseDuration(n * u.Seconds())
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, errDuration
	}
	return d, nil
}
