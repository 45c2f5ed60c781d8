// Package trace makes spans of the events of runs and sends them to a collector, in
// OpenTelemetry's protocol: OTLP over HTTP, as JSON.
//
// It observes runs; the engine does not know of it. A Tracer gives each run a Run, whose
// Observe is for the runner's, and whose At is for the runner's Trace: what a call says
// to whom it asks (W3C Trace Context). Spans that are over go to an Exporter. Nothing is
// remembered: the trace of a run and its first span follow from the run's id, so that a
// run that another process goes on with, and a message that is sent an hour later, are
// in the same trace. Start reading at Run.
//
// OpenTelemetry's own SDK does more than we need, and its packages take a quarter of a
// millisecond at the start of every program that links them, used or not: "tocsin run"
// has four. What the environment may say to it (OTEL_...) is read as it reads it.
package trace

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"tocsin/providers"
)

// A Tracer makes the spans of runs. Spans is required.
type Tracer struct {
	Config Config
	Spans  func(Span)    // takes what is over; it must not block
	Random func() uint64 // nil: math/rand/v2; for ids of spans
}

// An ID names a trace.
type ID [16]byte

// A SpanID names a span of a trace.
type SpanID [8]byte

// A Kind says how a span stands to others, with OTLP's numbers.
type Kind int

const (
	Internal Kind = 1 // within a run
	Server   Kind = 2 // a run: somebody asked for it
	Client   Kind = 3 // a call of a provider
)

// A Span is something that took time.
type Span struct {
	Trace      ID
	Span       SpanID
	Parent     SpanID // zero: none
	State      string // tracestate
	Name       string
	Kind       Kind
	Start, End time.Time
	Attributes []Attribute
	Marks      []Mark
	Dropped    int    // marks for which there was no room
	Failed     bool   // it ended badly
	Message    string // why
}

// An Attribute is something that is known of a span. Its value is a string, a bool or an
// int.
type Attribute struct {
	Key   string
	Value any
}

// A Mark is something that happened at a moment within a span; OpenTelemetry calls it an
// event.
type Mark struct {
	At         time.Time
	Name       string
	Attributes []Attribute
}

// A place is where something stands in a trace.
type place struct {
	trace ID
	span  SpanID
	state string
	flags byte
}

// sampled is the flag of a trace that is kept (W3C Trace Context §3.2.2.5).
const sampled = 1

// placeOf reads what providers.ParseTrace let through; false: it is in no trace.
func placeOf(t providers.Trace) (p place, ok bool) {
	t = providers.ParseTrace(t.Parent, t.State)
	if t.Parent == "" {
		return p, false
	}
	var flags [1]byte
	decode(p.trace[:], t.Parent[3:35])
	decode(p.span[:], t.Parent[36:52])
	decode(flags[:], t.Parent[53:55])
	p.flags, p.state = flags[0], t.State
	return p, true
}

func decode(into []byte, digits string) {
	_, _ = hex.Decode(into, []byte(digits)) // they are: it was parsed
}

// header is p for those who are asked.
func (p place) header() providers.Trace {
	b := make([]byte, 0, 64)
	b = append(hex.AppendEncode(append(b, "00-"...), p.trace[:]), '-')
	b = append(hex.AppendEncode(b, p.span[:]), '-')
	b = hex.AppendEncode(b, []byte{p.flags})
	return providers.Trace{Parent: string(b), State: p.state}
}

// first are the ids of a run's trace, where it is in nobody else's, and of its first
// span: always the same.
func first(run string) (ID, SpanID) {
	sum := sha256.Sum256([]byte("tocsin run " + run))
	return ID(sum[:16]), SpanID(sum[16:24])
}

// next is the id of another span.
func (t *Tracer) next() (id SpanID) {
	random := t.Random
	if random == nil {
		random = rand.Uint64
	}
	for id == (SpanID{}) { // zero is not valid
		binary.BigEndian.PutUint64(id[:], random())
	}
	return id
}
