package workflows_test

import (
	"testing"
	"time"

	"tocsin/workflows"
)

func TestParseCatchUp(t *testing.T) {
	tests := []struct {
		text string
		want workflows.CatchUp
	}{
		{"", workflows.CatchUp{Policy: workflows.CatchUpLatest}},
		{"latest", workflows.CatchUp{Policy: workflows.CatchUpLatest}},
		{" skip ", workflows.CatchUp{Policy: workflows.CatchUpSkip}},
		{"all(10, 1h30m)", workflows.CatchUp{Policy: workflows.CatchUpAll, Runs: 10, Window: 90 * time.Minute}},
		{"all ( 100,2d )", workflows.CatchUp{Policy: workflows.CatchUpAll, Runs: 100, Window: 48 * time.Hour}},
	}
	for _, tt := range tests {
		got, err := workflows.ParseCatchUp(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("%q: %v, %v; want %v", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"all", "all()", "all(1)", "all(0, 1h)", "all(101, 1h)", "all(1, 0)", "all(1, soon)", "all(1, 1h", "latest()", "first", "all(1,1h,2)"} {
		if got, err := workflows.ParseCatchUp(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

func TestParseOverlap(t *testing.T) {
	tests := []struct {
		text string
		want workflows.Overlap
	}{
		{"", workflows.Overlap{Policy: workflows.OverlapSkip}},
		{"queue_one", workflows.Overlap{Policy: workflows.OverlapQueueOne}},
		{"cancel_previous", workflows.Overlap{Policy: workflows.OverlapCancel}},
		{"parallel(3)", workflows.Overlap{Policy: workflows.OverlapParallel, Runs: 3}},
	}
	for _, tt := range tests {
		got, err := workflows.ParseOverlap(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("%q: %v, %v; want %v", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"parallel", "parallel(0)", "parallel(11)", "parallel(x)", "skip(1)", "queue", "parallel(1"} {
		if got, err := workflows.ParseOverlap(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

// What is accepted is within its limits, and nothing makes the parser stumble.
func FuzzTiming(f *testing.F) {
	for _, text := range []string{"latest", "all(10, 1h)", "parallel(3)", "all(,", "((,))", "all(1e9,1h)", "cancel_previous"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := workflows.ParseCatchUp(text); err == nil && (c.Runs < 0 || c.Runs > 100 || c.Window < 0) {
			t.Errorf("%q is %+v", text, c)
		}
		if o, err := workflows.ParseOverlap(text); err == nil && (o.Runs < 0 || o.Runs > 10) {
			t.Errorf("%q is %+v", text, o)
		}
	})
}
