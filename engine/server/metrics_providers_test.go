package server

import (
	"strings"
	"testing"

	"tocsin/providers"
)

// What providers count and measure is among the figures, and what they drop is not.
func TestMetricsOfProviders(t *testing.T) {
	open := &providers.Figure{Name: "ws_open", Help: "Whether it is.", Kind: providers.Gauge, Labels: []string{"trigger"}}
	seen := &providers.Figure{Name: "ws_seen_total", Help: "How many.", Labels: []string{"trigger"}}
	took := &providers.Figure{Name: "ws_took_seconds", Help: "How long.", Kind: providers.Histogram, Labels: []string{"trigger"}, Limits: []float64{1, 2}}
	m := NewMetrics("")
	for _, trigger := range []string{"a", "b"} {
		m.Note(open, 1, trigger)
		m.Note(open, 0, trigger)
		m.Note(seen, 2, trigger)
		m.Note(seen, 3, trigger)
		m.Note(took, 1.5, trigger)
	}
	m.Drop(open, "b")
	m.Drop(seen, "nobody")
	text := string(m.text())
	at := strings.Index(text, "# HELP ws_")
	if at < 0 {
		t.Fatal(text)
	}
	want := `# HELP ws_open Whether it is.
# TYPE ws_open gauge
ws_open{trigger="a"} 0
# HELP ws_seen_total How many.
# TYPE ws_seen_total counter
ws_seen_total{trigger="a"} 5
ws_seen_total{trigger="b"} 5
# HELP ws_took_seconds How long.
# TYPE ws_took_seconds histogram
ws_took_seconds_bucket{trigger="a",le="1"} 0
ws_took_seconds_bucket{trigger="a",le="2"} 1
ws_took_seconds_bucket{trigger="a",le="+Inf"} 1
ws_took_seconds_sum{trigger="a"} 1.5
ws_took_seconds_count{trigger="a"} 1
ws_took_seconds_bucket{trigger="b",le="1"} 0
ws_took_seconds_bucket{trigger="b",le="2"} 1
ws_took_seconds_bucket{trigger="b",le="+Inf"} 1
ws_took_seconds_sum{trigger="b"} 1.5
ws_took_seconds_count{trigger="b"} 1
`
	if got := text[at:]; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
