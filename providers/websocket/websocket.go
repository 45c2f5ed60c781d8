// Package websocket asks WebSocket servers: it connects, sends a message if there is
// one to send, waits for the answer, closes, and says how each of that went. A server
// that refuses is an answer, not an error.
//
// The frames are coder/websocket's. Everything below and around them is here, because
// a check has to end when its time is up, and to tell apart what went wrong: the
// connection and the upgrade are made in transport.go, under the library's Dial, and
// what comes back is watched frame by frame in frames.go. Start reading at query.go.
package websocket

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"tocsin/providers"
	"tocsin/providers/dial"
	"tocsin/providers/websocket/echotest"
)

//go:embed README.md
var readme string

// Provider asks WebSocket servers.
var Provider = providers.Define(providers.Definition[*client]{
	Type:       "websocket",
	Title:      "WebSocket",
	Summary:    "Ask, tell or listen to WebSocket servers: connect, send messages, and read what comes.",
	Categories: []providers.Category{"Developer Tools", "Monitoring"},
	Readme:     readme,
	Open:       providers.Open(open),
	Message:    "message",
	Query:      providers.Prepare((*client).prepare),
	Notify:     providers.Call((*client).Notify),
	Subscribe:  providers.Emits[Event](providers.Streams((*client).Subscribe)),
	Converse:   providers.Converse((*client).Converse),
	Mirror:     mirror,
	Demo: &providers.Demo{
		Handler: func(say func(string)) http.Handler { return echotest.Saying(echotest.Greet, say) },
		With:    map[string]string{"socket_url": "ws://{host}"},
		Feed: func(say func(string)) http.Handler {
			return echotest.Feed(200*time.Millisecond, say, demoPrices...)
		},
		Listen: map[string]string{"url": "ws://{host}"},
	},
})

// demoPrices are what a feed may say.
var demoPrices = []string{
	`{"symbol":"ACME","price":101.5}`, `{"symbol":"ACME","price":99.25}`, `{"symbol":"APEX","price":97}`,
	`{"symbol":"ACME","price":102}`, `{"symbol":"ACME","price":98.75}`,
}

// A client has the defaults of its configuration, and the way to the network. It is large,
// and what holds it may live as long as a subscription: it is handed around by address.
type client struct {
	defaults Config
	dialer   *dial.Dialer
	now      func() time.Time
	log      *slog.Logger
	shared   *shared
	lines    *lines
	meter    providers.Meter // nil: nobody asks for figures
}

func open(_ context.Context, defaults Config, env providers.Env) (*client, error) {
	return &client{defaults, env.Dialer, env.Now, env.Log, &shared{log: env.Log, conceal: env.Hide}, &lines{}, env.Meter}, nil
}

// Close closes the connections that are kept open.
func (c *client) Close() error {
	c.lines.Close()
	return nil
}

// prepare is a query of which everything but the exchange is done. That the server did not
// do what was wanted is in the result, or, with fail_on_error, also an error; a mistake in
// the parameters is always an error, and so is being called off.
func (c *client) prepare(p Params) (func(context.Context) (Result, error), error) {
	p = p.over(c.defaults)
	if p.samples() {
		return func(ctx context.Context) (Result, error) { return c.sample(ctx, p) }, nil
	}
	set, err := p.settings()
	if err != nil {
		return nil, err
	}
	fails := or(p.FailOnError, false)
	return func(ctx context.Context) (Result, error) { return c.ask(ctx, set, fails) }, nil
}

// Query is a query whose parameters are not known before.
func (c *client) Query(ctx context.Context, p Params) (Result, error) {
	query, err := c.prepare(p)
	if err != nil {
		return Result{}, err
	}
	return query(ctx)
}

// ask is one exchange.
func (c *client) ask(ctx context.Context, set *settings, fails bool) (Result, error) {
	begun := time.Now()
	for tried := 1; ; tried++ {
		q := &query{set: set, begun: begun, tried: tried, transport: c.transport(set)}
		result, failed := q.run(ctx)
		if !set.again(ctx, failed, tried, begun.Add(set.timeout)) {
			return result, judged(failed, fails)
		}
	}
}

func (c *client) transport(set *settings) *transport {
	return &transport{set: set, dialer: c.dialer, now: c.now, shared: c.shared}
}

// Query connects to url, sends data unless it is nil or empty, and waits for the first
// message: for at most timeout if data was sent, and for at most two seconds if not,
// since a server may well say nothing of its own accord. A string is sent as text, a
// []byte as a binary message, and anything else as JSON.
//
// connection says whether all of that was done; then err is nil. reply is the first
// message, "" if there was none, in base64 if it was binary and no text. err is an
// *Error. The timeout must be positive.
func Query(ctx context.Context, url string, timeout time.Duration, data any) (connection bool, reply string, err error) {
	fail := true
	c := &client{dialer: &dial.Dialer{}, now: time.Now}
	result, err := c.Query(ctx, Params{
		Connection: Connection{URL: &url, Timeout: &timeout}, Payload: Payload{Data: data}, Outcome: Outcome{FailOnError: &fail},
	})
	if own, ok := errors.AsType[*Error](err); ok {
		err = own
	}
	if result.Data != nil {
		reply = *result.Data
	}
	return result.Connection, reply, err
}
