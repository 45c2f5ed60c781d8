package engine

import (
	"context"
	"log/slog"
	"time"

	"tocsin/providers"
)

// A Runner runs programs. Pool is required; the rest has defaults that forget.
type Runner struct {
	Pool    *providers.Pool
	History History                                    // nil: nothing ever happened before
	Enrich  Enricher                                   // nil: enrichments show in the result only
	Observe func(Event)                                // called in order, never twice at once
	Now     func() time.Time                           // nil: time.Now
	Sleep   func(context.Context, time.Duration) error // nil: a timer; waits between retries
	Random  func() float64                             // nil: math/rand/v2; for jitter
	Log     *slog.Logger
	DryRun  bool    // actions are rendered, not sent
	Explain bool    // conditions that held are explained too, not only those that decided against
	Past    []Event // of a run that was cut off or is replayed: calls that ended are not made again
}

// An Input is what started a run.
type Input struct {
	Run      string // identity of the run
	Trigger  string // "manual", "interval", "alert", "incident"
	Alert    map[string]any
	Incident map[string]any
	Inputs   map[string]any
}

// Run runs p once, and returns when it is over. What went wrong is in the result. It
// stops between steps when ctx is done. The secrets of the pool are masked in every
// event.
func (r *Runner) Run(ctx context.Context, p *Program, in Input) *Result { panic("unwritten") }

// History answers what happened before this run. The store implements it.
type History interface {
	LastRun(ctx context.Context, workflow string) (*Result, error)
	FiringSince(ctx context.Context, fingerprint string) (time.Time, error)
	Seen(ctx context.Context, fingerprint string, since time.Time) (bool, error)
}

// An Enricher adds fields to an alert or incident.
type Enricher interface {
	Enrich(ctx context.Context, fingerprint string, fields []Field) error
}

// A Field is one enrichment.
type Field struct {
	Key        string
	Value      any
	Incident   bool
	Disposable bool
}
