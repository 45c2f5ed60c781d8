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
	Pull      bool           // alerts, on request
	Check     bool           // whether the configuration works
	Executes  bool           // runs programs or code: allowed for files from disk only

	// Receive reads alerts out of a webhook's request. It is a pure function: no
	// client, no configuration.
	Receive func(Delivery) ([]Alert, error)
	// contains unexported fields
}

// An Operation is what a provider does for a step or an action.
type Operation struct {
	Params *schema.Schema
	Result *schema.Schema // nil if the shape is not known before the call
	// Message is the parameter that a plain text goes to (on-failure's message);
	// "" if there is none.
	Message string
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

// Open opens p with a configuration: the mapping under "authentication:".
func (p *Provider) Open(ctx context.Context, config source.Value, env Env) (*Client, error) {
	panic("unwritten")
}

// Env is what a client gets from outside. Tests hand in fakes. Its zero fields have
// defaults: Dial's own client, a logger that forgets, time.Now, io.Discard.
type Env struct {
	HTTP   *http.Client
	Dialer *dial.Dialer
	Log    *slog.Logger
	Now    func() time.Time
	Stdout io.Writer // what the console provider prints to
}

// A Client is a provider opened with one configuration. It is safe for concurrent
// use. Its errors are *Error. Results are values of package templating/value.
type Client struct{}

func (c *Client) Query(ctx context.Context, with source.Value) (any, error)  { panic("unwritten") }
func (c *Client) Notify(ctx context.Context, with source.Value) (any, error) { panic("unwritten") }
func (c *Client) Subscribe(ctx context.Context, with source.Value, emit func(Alert) error) error {
	panic("unwritten")
}
func (c *Client) Pull(ctx context.Context) ([]Alert, error) { panic("unwritten") }
func (c *Client) Check(ctx context.Context) error           { panic("unwritten") }
func (c *Client) Close() error                              { panic("unwritten") }

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
