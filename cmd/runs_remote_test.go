package cmd

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A time that came as seconds is the one that was sent, to the nanosecond.
func TestSpanOfSeconds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "d"))
		if got := span(d.Seconds()); got != d {
			t.Fatalf("%d, want %d", got, d)
		}
	})
}
