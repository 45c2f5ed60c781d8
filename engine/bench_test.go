package engine

import (
	"fmt"
	"testing"

	"tocsin/providers"
	"tocsin/templating/value"
)

// stepsProgram has n steps, each of which decides on and passes on what the one before
// it gave.
func stepsProgram(t testing.TB, n int) (*Program, *providers.Pool) {
	text := "workflow:\n  id: w\n  steps:\n    - {name: s0, provider: {type: ask, with: {v: x}}}\n"
	for i := 1; i < n; i++ {
		text += fmt.Sprintf("    - {name: s%d, if: \"{{ steps.s%d.results }} == 'x'\", provider: {type: ask, with: {v: \"{{ steps.s%d.results }}\"}}}\n", i, i-1, i-1)
	}
	s := &script{answers: map[string][]*value.Map{"ask": {value.MapOf(value.Entry{Key: "echo", Value: "v"})}}}
	return compile(t, text, s.providers()...)
}

// BenchmarkRun is the engine's own time: the providers are in the process. It grows
// with the number of steps, no faster.
func BenchmarkRun(b *testing.B) {
	for _, n := range []int{3, 30, 300} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p, pool := stepsProgram(b, n)
			r := Runner{Pool: pool}
			b.ReportAllocs()
			for b.Loop() {
				if got := r.Run(b.Context(), p, Input{Run: "r", Trigger: "manual"}); got.Status != Done {
					b.Fatal(got.Reason)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/step")
		})
	}
}

// BenchmarkForeach is one step over many items, in turn and four at a time.
func BenchmarkForeach(b *testing.B) {
	for _, parallel := range []int{1, 4} {
		b.Run(fmt.Sprint(parallel), func(b *testing.B) {
			s := &script{answers: map[string][]*value.Map{"ask": {value.MapOf(value.Entry{Key: "echo", Value: "v"})}}}
			p, pool := compile(b, fmt.Sprintf(`workflow:
  id: w
  steps:
    - name: s
      foreach: "{{ inputs.items }}"
      parallel: %d
      provider: {type: ask, with: {v: "{{ foreach.value }}"}}
`, parallel), s.providers()...)
			items := make([]any, 1000)
			for i := range items {
				items[i] = int64(i)
			}
			r := Runner{Pool: pool}
			b.ReportAllocs()
			for b.Loop() {
				if got := r.Run(b.Context(), p, Input{Run: "r", Inputs: map[string]any{"items": items}}); got.Status != Done {
					b.Fatal(got.Reason)
				}
			}
		})
	}
}
