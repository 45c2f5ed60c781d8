package trace

import (
	"time"

	"tocsin/engine"
	"tocsin/providers"
)

// A Later is an attempt at a call that a run has left to others: it is made when the run
// is over, mostly.
type Later struct {
	Workflow, Run, Step string
	Provider            string
	Message             string // which it is
	Attempt             int
	In                  providers.Trace // where the run stood
}

// Later opens a span for such an attempt. It says where the call stands, and returns what
// to call when it is over, with its error and the words of that, in which secrets are
// masked. It may be called on a nil Tracer.
func (t *Tracer) Later(l Later) (at providers.Trace, end func(err error, words string)) {
	parent, ok := placeOf(l.In)
	if t == nil || !ok || parent.flags&sampled == 0 {
		return l.In, func(error, string) {}
	}
	r := &Run{t: t, at: parent}
	s := r.span(parent.span, l.Provider+" notify", Client, time.Now())
	s.add("cicd.pipeline.name", l.Workflow)
	s.add("cicd.pipeline.run.id", l.Run)
	s.add("cicd.pipeline.task.name", l.Step)
	s.add("tocsin.provider", l.Provider)
	s.add("tocsin.message", l.Message)
	s.add("tocsin.attempt", l.Attempt)
	if t.Config.Propagate {
		parent.span = s.Span
		at = parent.header()
	}
	return at, func(err error, words string) {
		if err != nil {
			if status := statusOf(err); status != 0 {
				s.add("http.response.status_code", status)
			}
			s.judge(engine.Event{Status: engine.Broken, Reason: words, Err: err})
		}
		r.close(s, time.Now())
	}
}
