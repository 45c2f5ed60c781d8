package trace

import (
	"testing"

	"tocsin/engine"
	"tocsin/providers"
)

// What spans add to a run of three calls: beside it is the run without them.
func BenchmarkRun(b *testing.B) {
	for _, traced := range []bool{false, true} {
		b.Run(map[bool]string{false: "without", true: "with"}[traced], func(b *testing.B) {
			k := newKit(b, pair)
			k.tracer = &Tracer{Config: Config{Propagate: true}, Spans: func(Span) {}}
			b.ReportAllocs()
			for b.Loop() {
				k.seen = k.seen[:0]
				runner := engine.Runner{Pool: k.pool, Observe: func(engine.Event) {}}
				if traced {
					r := k.tracer.Run("r1", providers.Trace{})
					runner.Observe, runner.Trace = r.Observe, r.At
				}
				runner.Run(b.Context(), k.program, engine.Input{Run: "r1"})
			}
		})
	}
}
