package source_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

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

// BenchmarkNodes is what the YAML library alone takes to make nodes; BenchmarkRead,
// which includes it, may take a quarter more.
func BenchmarkNodes(b *testing.B) { bench(b, nodes) }
func BenchmarkRead(b *testing.B)  { bench(b, read) }

func bench(b *testing.B, f func([]byte)) {
	for _, n := range []int{3, 30, 300} {
		text := workflow(n)
		b.Run(fmt.Sprintf("%dsteps", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				f(text)
			}
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
