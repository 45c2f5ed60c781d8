// Package providers says what a provider is, keeps the registry of those there are
// and the pool of those opened. It imports no provider: package all lists them.
//
// A provider is data: its author writes structs and functions, Define turns them
// into a Provider. Start reading at Definition.
package providers

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"time"

	"tocsin/providers/dial"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A Provider is a kind of system that workflows talk to. It is plain data; what is
// nil, the provider cannot do. Make one with Define.
type Provider struct {
	Type       string // as written: "type: slack"
	Title      string // as people write it: "Slack"
	Summary    string // one sentence
	Categories []Category
	Readme     string // embedded README.md

	Config    *schema.Schema // what "authentication:" takes; nil: nothing
	Query     *Operation     // steps
	Notify    *Operation     // actions
	Subscribe *Operation     // alerts, as they come
	Converse  *Operation     // somebody talks over a connection
	Mirror    Mirroring      // a server that shows what clients say
	Pull      bool           // alerts, on request
	Check     bool           // whether the configuration works
	Executes  bool           // runs programs or code: allowed for files from disk only
	Demo      *Demo          // a stand-in for demonstrations; nil: none

	// Receive reads alerts out of a webhook's request. It is a pure function: no
	// client, no configuration.
	Receive func(Delivery) ([]Alert, error)

	open   func(ctx context.Context, config source.Value, env Env) (operations, error)
	client reflect.Type // what Define knew as C
}

// An Operation is what a provider does for a step or an action.
type Operation struct {
	Params *schema.Schema // never nil
	Result *schema.Schema // nil if the shape is not known before the call; of a subscription: the fields of its alerts
	// Message is the parameter that a plain text goes to (on-failure's message);
	// "" if there is none.
	Message string
	// Review says what is wrong with parameters that the schema takes, before the
	// operation is called, where all of them are known and no configuration has others.
	// nil: nobody can say.
	Review func(what string, with source.Value) error
	// Retell is for messages about an alert of which the provider was told before; nil:
	// they differ in their text only.
	Retell Retell
}

// A Category is where the documentation lists the provider.
type Category string

// What a provider's structs need of package schema, so that authors import one
// package.
type (
	Secret   = schema.Secret
	Lazy     = schema.Lazy
	ByteSize = schema.ByteSize
)

// Open opens p with a configuration: the mapping under "authentication:", or the zero
// Value. The error is an *Error. Whoever opens a client closes it.
func (p *Provider) Open(ctx context.Context, config source.Value, env Env) (*Client, error) {
	shared := env.HTTP != nil
	env = env.filled(p.Type)
	c := &Client{provider: p, log: env.Log, host: env.Host}
	err := c.guard(ctx, "open", func() (err error) {
		if p.open != nil {
			c.do, err = p.open(ctx, config, env)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if !shared {
		c.idle = env.HTTP.CloseIdleConnections
	}
	return c, nil
}

// Env is what a client gets from outside. Tests hand in fakes. Its zero fields have
// defaults: Dialer's own client, the zero Dialer, a logger that forgets, time.Now,
// io.Discard.
type Env struct {
	HTTP   *http.Client
	Dialer *dial.Dialer
	Log    *slog.Logger
	Now    func() time.Time
	Stdout io.Writer // what the console provider prints to

	// Meter takes what a provider counts and measures for as long as it runs. nil: nobody
	// asks.
	Meter Meter

	// Host says by an error that parameters may not name that file or variable of the
	// machine. It is asked when a client is called, and when one is opened with what a
	// workflow says itself. nil: they may name any.
	Host func(Use) error

	// Hide says that texts are secret that no parameter shows to be: what a file or the
	// environment has, or a token that was fetched. They are masked wherever the pool
	// masks, from then on. nil: nobody masks.
	Hide func(texts ...string)
}

// filled is env with its defaults, for a provider of that type.
func (env Env) filled(typ string) Env {
	if env.Dialer == nil {
		env.Dialer = &dial.Dialer{}
	}
	if env.HTTP == nil {
		env.HTTP = env.Dialer.Client()
	}
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	if env.Stdout == nil {
		env.Stdout = io.Discard
	}
	if env.Hide == nil {
		env.Hide = func(...string) {}
	}
	env.Log = env.Log.With("provider", typ)
	return env
}

// An Alert is an event as every provider speaks of it.
type Alert struct {
	ID          string
	Fingerprint string
	Name        string
	Status      string // firing, resolved, acknowledged, suppressed, pending
	Severity    string // critical, high, warning, info, low
	Source      []string
	LastSeen    time.Time
	Fields      map[string]any // everything else the vendor said
}

// A Delivery is one request to a provider's webhook.
type Delivery struct {
	Header http.Header
	Query  url.Values
	Body   []byte
}
