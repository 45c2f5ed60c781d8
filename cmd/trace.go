package cmd

import (
	"context"
	"log/slog"
	"os"
	"sync"

	"tocsin/engine"
	"tocsin/engine/delivery"
	"tocsin/engine/schedule"
	"tocsin/engine/store"
	"tocsin/engine/trace"
	"tocsin/providers"
	"tocsin/providers/dial"
)

// A tracing makes traces of runs. A nil *tracing makes none.
type tracing struct {
	tracer   *trace.Tracer
	exporter *trace.Exporter
	runs     sync.Map // by id: the *trace.Run of those that are under way
}

// tracing is nil unless the environment, or an endpoint, says where traces go. What the
// environment says that cannot be used is logged.
func (s *setup) tracing(d *dial.Dialer, log *slog.Logger, endpoint string) (*tracing, error) {
	if endpoint == "" && !trace.Wanted(s.getenv) {
		return nil, nil
	}
	config, doubts := trace.FromEnv(s.getenv)
	for _, doubt := range doubts {
		log.Warn("a variable about traces counts as not given", "reason", doubt)
	}
	if endpoint != "" {
		var err error
		if config.Endpoint, err = trace.Endpoint(endpoint, "v1/traces"); err != nil {
			return nil, usage("", "--otlp-endpoint: %v", err)
		}
	}
	if config.Endpoint == "" {
		return nil, nil
	}
	config.Describe(version().Version, newRunID())
	over := d.Transport()
	secured, err := config.TLS(os.ReadFile)
	if err != nil {
		return nil, usage("OTEL_EXPORTER_OTLP_CERTIFICATE, ..._CLIENT_CERTIFICATE and ..._CLIENT_KEY name files in PEM", "traces: %v", err)
	}
	if secured != nil {
		over.TLSClientConfig = secured
	}
	x := &trace.Exporter{Config: config, Client: trace.Poster(over), Log: log}
	return &tracing{tracer: &trace.Tracer{Config: config, Spans: x.Take}, exporter: x}, nil
}

// start sends spans until the function that it returns is called, which waits for the
// last of them, for some seconds at most.
func (t *tracing) start() (stop func()) {
	if t == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	sending.Go(func() { _ = t.exporter.Run(ctx) })
	return func() {
		cancel()
		sending.Wait()
		t.exporter.Client.CloseIdleConnections()
	}
}

// follow has a runner that is about to run in make spans.
func (t *tracing) follow(runner *engine.Runner, in engine.Input) {
	if t == nil || in.Run == "" {
		return
	}
	run, next := t.tracer.Run(in.Run, traceOf(in)), runner.Observe
	t.runs.Store(in.Run, run)
	runner.Trace = run.At
	runner.Observe = func(e engine.Event) {
		run.Observe(e)
		if e.Action == engine.RunEnded {
			t.runs.Delete(in.Run)
		}
		if next != nil {
			next(e)
		}
	}
}

// recorder is r, from which it is learnt that a run is over that did not say so itself.
func (t *tracing) recorder(r schedule.Recorder) schedule.Recorder {
	if t == nil {
		return r
	}
	return tracedRecorder{r, t}
}

type tracedRecorder struct {
	schedule.Recorder
	t *tracing
}

func (r tracedRecorder) End(ctx context.Context, j schedule.Job, res *engine.Result) error {
	if run, ok := r.t.runs.LoadAndDelete(j.Run); ok {
		run.(*trace.Run).End(res)
	}
	return r.Recorder.End(ctx, j, res)
}

// later has a lane make spans of the attempts that it makes after a run.
func (t *tracing) later(l *delivery.Lane) {
	if t == nil {
		return
	}
	l.Trace = func(d store.Delivery, in providers.Trace) (providers.Trace, func(error, string)) {
		return t.tracer.Later(trace.Later{
			Workflow: d.Workflow, Run: d.Run, Step: d.Action, Provider: d.Provider, Message: d.Key, Attempt: d.Attempts, In: in,
		})
	}
}

// traceOf is where whoever started a run says that it stands: the input itself, or the
// alert, where it is one of CloudEvents with their "traceparent" (Distributed Tracing
// extension).
func traceOf(in engine.Input) providers.Trace {
	if in.Trace.Parent != "" {
		return in.Trace
	}
	parent, _ := in.Alert["traceparent"].(string)
	state, _ := in.Alert["tracestate"].(string)
	return providers.ParseTrace(parent, state)
}

// startedIn is the trace in which the program itself was started: CI systems tell their jobs.
func (p process) startedIn() providers.Trace {
	return providers.ParseTrace(p.getenv("TRACEPARENT"), p.getenv("TRACESTATE"))
}
