package workflows_test

import (
	"bytes"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"tocsin/workflows"
)

// BenchmarkParse compares reading the examples with what yaml.v3 alone needs to make
// nodes of them, by turns, the fastest of each: ours may cost 1.6 times that.
func BenchmarkParse(b *testing.B) {
	bare, whole := time.Hour, time.Hour
	all := exampleFiles(b)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		for _, text := range all {
			var n yaml.Node
			if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&n); err != nil {
				b.Fatal(err)
			}
		}
		middle := time.Now()
		for _, text := range all {
			if _, err := workflows.Parse("in.yaml", text); err != nil {
				b.Fatal(err)
			}
		}
		bare, whole = min(bare, middle.Sub(start)), min(whole, time.Since(middle))
	}
	b.ReportMetric(float64(whole)/float64(bare), "ratio")
}
