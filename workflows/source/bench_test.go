package source_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"tocsin/workflows/source"
)

// workflow is a document as people write it, with n steps.
func workflow(n int) []byte {
	var b strings.Builder
	b.WriteString("workflow:\n  id: bench\n  description: Checks a few services\n  triggers:\n    - type: interval\n      value: 60\n  steps:\n")
	for i := range n {
		fmt.Fprintf(&b, `    - name: check-%d
      if: "{{ steps.check-%d.results.status }} == 200"
      provider:
        type: http
        config: "{{ providers.web }}"
        with:
          url: https://example.com/health/%d
          timeout: 10
          headers: {Accept: application/json, X-Check: "yes"}
          body: |
            {"id": %d}
`, i, i, i, i)
	}
	return []byte(b.String())
}

// BenchmarkRead compares reading with what the YAML library alone takes to make nodes, by
// turns, the fastest of each: it may take a quarter more.
func BenchmarkRead(b *testing.B) {
	for _, n := range []int{3, 30, 300} {
		text := workflow(n)
		b.Run(fmt.Sprintf("%dsteps", n), func(b *testing.B) {
			bare, whole := time.Hour, time.Hour
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				nodes(text)
				middle := time.Now()
				read(text)
				bare, whole = min(bare, middle.Sub(start)), min(whole, time.Since(middle))
			}
			b.ReportMetric(float64(whole)/float64(bare), "ratio")
			b.ReportMetric(float64(whole.Nanoseconds())*1024/float64(len(text)), "ns/KiB")
		})
	}
}

func nodes(text []byte) {
	var n yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&n); err != nil {
		panic(err)
	}
}

func read(text []byte) {
	if _, ps := source.Read("in.yaml", text); ps != nil {
		panic(ps)
	}
}
