package workflows_test

import (
	"bytes"
	"testing"

	"gopkg.in/yaml.v3"

	"tocsin/workflows"
)

// BenchmarkParse compares reading the examples with what yaml.v3 alone needs to make
// nodes of them: ours may cost 1.6 times that.
func BenchmarkParse(b *testing.B) {
	var all [][]byte
	size := 0
	for _, text := range exampleFiles(b) {
		all = append(all, text)
		size += len(text)
	}
	b.Run("nodes", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			for _, text := range all {
				var n yaml.Node
				if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&n); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("workflows", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			for _, text := range all {
				if _, err := workflows.Parse("in.yaml", text); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
