package keep

import (
	"context"
	"time"

	"tocsin/templating/value"
)

// A Store keeps alerts. It is safe for concurrent use.
type Store interface {
	// Alerts are those that s asks for, the newest first. They must not be changed.
	Alerts(ctx context.Context, s Search) ([]Found, error)
	// Save adds what has become of alerts, each under its "fingerprint", and returns
	// them as they are seen from now on, every declared field filled in (spec §3.3).
	Save(ctx context.Context, alerts []*value.Map) ([]*value.Map, error)
	// Forget drops alerts of which nobody was told.
	Forget(ctx context.Context, fingerprints ...string) error
}

// A Search says which alerts are wanted. Its zero fields ask for nothing.
type Search struct {
	Filters  []Filter // all must hold
	CEL      string   // must hold; what cannot be evaluated does not
	From, To time.Time
	Distinct bool // of each fingerprint the newest
	Limit    int  // 0: all
}

// A Filter is a field and what it must be.
type Filter struct {
	Key   string `param:"key,required" doc:"Field of the alert, enrichments included; dots lead into fields of fields."`
	Value any    `param:"value" doc:"What it must be; true also means that it is there at all." example:"servicenow"`
}

// A Found is an alert and what was added to it since it came in, which is among its
// fields too.
type Found struct {
	Alert       *value.Map
	Enrichments *value.Map // nil: nothing
}

// A Library keeps workflows.
type Library interface {
	// Put adds the workflow that text has, in place of the one of the same name.
	Put(ctx context.Context, text string) error
	// DeleteOthers deletes all workflows but the one with this id.
	DeleteOthers(ctx context.Context, id string) error
}
