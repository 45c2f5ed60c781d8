package providers

import "context"

// An Origin says what a call is made for. Providers that keep books need it; to most
// it makes no difference.
type Origin struct {
	Workflow string // its id
	Run      string
	Step     string // its name, or that of the trigger that listens
	// Item is the item of the step's foreach that the call is for, where Looped says
	// that it has one.
	Item   any
	Looped bool
	// Results are what the last step that ran gave, nil if none did.
	Results any
	// Alert is the alert that started the run as a *value.Map; nil: none did.
	Alert any
	// Key names the message that the call sends: the same one when it is sent again, also
	// by another process. "": nobody knows.
	Key string
	// Episode is the alert that the message is about, where it is one that lasts; nil: it
	// is not, or nobody remembers.
	Episode *Episode
	// Trace is where the call stands in a trace. Requests that are made for it say so.
	Trace Trace
	// Compat is "keep" where Keep's own answers are wanted.
	Compat string
	// Note shows a parameter that the call worked out for itself, such as the time it
	// looked back to, to later texts: steps.NAME.provider_parameters.PARAMETER. It may
	// be called from anywhere until the call returns; nil: nobody looks.
	Note func(parameter string, v any)
}

type originKey struct{}

// originated is a context with an Origin in it: a run makes one for each of its calls, and
// in one piece.
type originated struct {
	context.Context
	origin Origin
}

func (c *originated) Value(key any) any {
	if key == (originKey{}) {
		return &c.origin
	}
	return c.Context.Value(key)
}

// WithOrigin says to calls made with the context what they are for.
func WithOrigin(ctx context.Context, o Origin) context.Context { return &originated{ctx, o} }

// OriginOf is what a call with this context is for; the zero Origin where nobody has
// said.
func OriginOf(ctx context.Context) Origin {
	if o, ok := ctx.Value(originKey{}).(*Origin); ok {
		return *o
	}
	return Origin{}
}
