package server

import (
	"context"
	"net/http"

	"tocsin/engine/schedule"
	"tocsin/providers"
)

type traceKey struct{}

// inTrace is a request whose context knows in which trace it stands, if in one.
func inTrace(r *http.Request) *http.Request {
	if t := providers.TraceOf(r.Header); t.Parent != "" {
		return r.WithContext(context.WithValue(r.Context(), traceKey{}, t))
	}
	return r
}

// traceOf is the trace in which whoever asks stands; the zero Trace: in none.
func traceOf(ctx context.Context) providers.Trace {
	t, _ := ctx.Value(traceKey{}).(providers.Trace)
	return t
}

// traced are jobs in the trace of whoever brought what starts them.
func traced(ctx context.Context, jobs []schedule.Job) []schedule.Job {
	if t := traceOf(ctx); t.Parent != "" {
		for i := range jobs {
			jobs[i].Input.Trace = t
		}
	}
	return jobs
}
