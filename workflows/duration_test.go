package workflows_test

import (
	"math"
	"testing"
	"time"

	"tocsin/workflows"
)

func TestDurations(t *testing.T) {
	const none = time.Duration(math.MinInt64)
	for _, tt := range []struct {
		text               any
		interval, duration time.Duration
	}{
		{int64(90), 90 * time.Second, 90 * time.Second},
		{"90", 90 * time.Second, 90 * time.Second},
		{"90s", 90 * time.Second, 90 * time.Second},
		{"5m", 5 * time.Minute, 5 * time.Minute},
		{" 5 m", 5 * time.Minute, none},
		{"2h", 2 * time.Hour, 2 * time.Hour},
		{"1d", 24 * time.Hour, 24 * time.Hour},
		{"1w", 168 * time.Hour, 168 * time.Hour},
		{"1.5h", none, 90 * time.Minute},
		{"1h30m", none, 90 * time.Minute},
		{"0.5d", none, 12 * time.Hour},
		{1.5, none, 1500 * time.Millisecond},
		{"250ms", none, 250 * time.Millisecond},
		{"0", 0, 0},
		{"-2m", -2 * time.Minute, none},
		{int64(-1), -time.Second, none},
		{true, time.Second, none},
		{false, 0, none},
		{"", none, none},
		{"m", none, none},
		{"5M", none, none},
		{"5 minutes", none, none},
		{"9223372036854775807", none, none},
		{"9223372036854775807w", none, none},
		{int64(math.MaxInt64), none, none},
		{"NaN", none, none},
		{"Inf", none, none},
		{"1e300d", none, none},
		{math.Inf(1), none, none},
		{nil, none, none},
	} {
		check := func(what string, want, got time.Duration, err error) {
			if err != nil {
				got = none
			}
			if got != want {
				t.Errorf("%s %v: %v (%v), want %v", what, tt.text, got, err, want)
			}
		}
		got, err := workflows.ParseInterval(tt.text)
		check("interval", tt.interval, got, err)
		got, err = workflows.ParseDuration(tt.text)
		check("duration", tt.duration, got, err)
	}
}
