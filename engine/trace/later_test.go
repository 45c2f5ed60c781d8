package trace

import (
	"errors"
	"testing"

	"tocsin/providers"
)

// A message that is sent when its run is over is in the run's trace, if that is kept.
func TestLater(t *testing.T) {
	k := newKit(t, pair)
	const kept = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	later := func(in string) string {
		at, end := k.tracer.Later(Later{Workflow: "w", Run: "r1", Step: "tell", Provider: "slack", Message: "k1", Attempt: 2, In: providers.Trace{Parent: in}})
		end(&providers.Error{Err: errors.New("k3y"), Status: 503}, "503 Service Unavailable")
		return at.Parent
	}
	at := later(kept)
	if len(k.spans) != 1 {
		t.Fatalf("%+v", k.spans)
	}
	s := k.spans[0]
	if s.Name != "slack notify" || !s.Failed || s.Message != "503 Service Unavailable" || (place{s.Trace, s.Parent, "", sampled}).header().Parent != kept || (place{s.Trace, s.Span, "", sampled}).header().Parent != at {
		t.Errorf("%s: %+v", at, s)
	}
	for _, in := range []string{"", kept[:53] + "00"} {
		if at := later(in); at != in || len(k.spans) != 1 {
			t.Errorf("of %q: told %q, %d spans", in, at, len(k.spans))
		}
	}
	var none *Tracer
	if at, end := none.Later(Later{In: providers.Trace{Parent: kept}}); at.Parent != kept {
		t.Errorf("without a tracer: %+v", at)
	} else {
		end(nil, "")
	}
}
