// Package http calls any URL and tells what came back, how long each part of it took
// and how long the certificate is good for.
//
// An answer of 400 or more is an error unless the step says otherwise; a server that
// cannot be reached always is one. Start reading at client.call.
package http

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"time"

	"tocsin/providers"
	"tocsin/providers/rest"
	"tocsin/templating/value"
)

// Request is one request.
type Request struct {
	URL         string        `param:"url,required" example:"https://example.com/health" doc:"Address, http:// or https://."`
	Method      string        `param:"method" enum:"GET,POST,PUT,DELETE,HEAD,PATCH,OPTIONS" default:"GET" doc:"What to do."`
	Headers     *value.Map    `param:"headers" doc:"Headers: a mapping, or its JSON text."`
	Params      *value.Map    `param:"params" doc:"Query of the URL: a mapping; a list stands for several of that name."`
	Body        any           `param:"body" doc:"Sent as JSON, with every method but GET, HEAD and OPTIONS; a POST without one sends {}."`
	Data        any           `param:"data" doc:"Sent instead of body: a text as it is, a mapping as a form."`
	Auth        *Login        `param:"auth" doc:"User and password for basic authentication."`
	Cookies     *value.Map    `param:"cookies" doc:"Cookies: a mapping of names to values."`
	Timeout     time.Duration `param:"timeout" default:"30s" doc:"Time for everything, redirects included."`
	FailOnError bool          `param:"fail_on_error" default:"true" doc:"Whether an answer of 400 or more is an error; if not, look at status_code."`
	Verify      bool          `param:"verify" default:"true" doc:"Whether to check the server's certificate."`
	Follow      bool          `param:"allow_redirects" default:"true" doc:"Whether to follow redirects, at most 5."`
	Proxies     *value.Map    `param:"proxies" doc:"Proxies by scheme: {https: http://proxy:3128}; also all, and https://host for one host."`
}

// Login is a user and password.
type Login struct {
	User     string           `param:"user,required" alias:"username" doc:"Name of the user."`
	Password providers.Secret `param:"password" doc:"Password of the user."`
}

// Answer is what came back.
type Answer struct {
	OK         bool       `param:"status" doc:"Whether status_code is below 400."`
	StatusCode int        `param:"status_code" doc:"Status, such as 200."`
	Body       any        `param:"body" doc:"What was sent back: read if it is JSON, else its text."`
	Headers    *value.Map `param:"headers" doc:"Headers of the answer, their names in lower case."`
	URL        string     `param:"url" doc:"Address of the answer, after redirects."`
	Redirects  int        `param:"redirects" doc:"How many redirects were followed."`
	Size       int        `param:"size" doc:"Bytes of the body, unpacked."`
	Timings    Timings    `param:"timings" doc:"How long each part took."`
	TLS        *TLS       `param:"tls" doc:"What is known of the encryption; null without it."`
}

// Timings are in milliseconds. What did not happen, because a connection was open
// already, took none.
type Timings struct {
	DNS       float64 `param:"dns_ms" doc:"Looking up the name."`
	Connect   float64 `param:"connect_ms" doc:"Connecting."`
	TLS       float64 `param:"tls_ms" doc:"Agreeing on TLS."`
	FirstByte float64 `param:"first_byte_ms" doc:"From the start to the first byte of the answer."`
	Total     float64 `param:"total_ms" doc:"Everything."`
}

// TLS is about the connection and the server's certificate.
type TLS struct {
	Version  string   `param:"version" doc:"Version, such as TLS 1.3."`
	NotAfter string   `param:"not_after" doc:"End of the certificate, as 2027-01-31T12:00:00Z."`
	DaysLeft int      `param:"days_left" doc:"Whole days until then; below 0 if it is over."`
	Issuer   string   `param:"issuer" doc:"Who issued the certificate."`
	Subject  string   `param:"subject" doc:"Who it was issued for."`
	DNSNames []string `param:"dns_names" doc:"Names that it is good for."`
}

//go:embed README.md
var readme string

// Provider calls any URL.
var Provider = providers.Define(providers.Definition[*client]{
	Type:       "http",
	Title:      "HTTP",
	Summary:    "Call any URL and look at what comes back.",
	Categories: []providers.Category{"Others"},
	Readme:     readme,
	Open:       providers.Open(open),
	Query:      providers.Call((*client).call),
	Notify:     providers.Call((*client).call),
	Demo:       demo,
})

// Config is nothing: what is configured is passed over.
type Config struct{}

type client struct {
	http *http.Client
	now  func() time.Time
}

func open(_ context.Context, _ Config, env providers.Env) (*client, error) {
	return &client{http: env.HTTP, now: env.Now}, nil
}

// identify names a request that changes something, so that a server can tell one that is
// sent again from another: draft-ietf-httpapi-idempotency-key-header.
func identify(req *http.Request) {
	key := providers.OriginOf(req.Context()).Key
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return
	}
	if key != "" && req.Header.Get("Idempotency-Key") == "" {
		req.Header.Set("Idempotency-Key", key)
	}
}

// call sends r and reads the answer.
func (c *client) call(ctx context.Context, r Request) (Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.Timeout, fmt.Errorf("timed out after %v", r.Timeout))
	defer cancel()
	proxy, err := r.proxy()
	if err != nil {
		return Answer{}, err
	}
	watch := newStopwatch()
	req, err := r.build(watch.trace(ctx))
	if err != nil {
		return Answer{}, err
	}
	identify(req)
	sender, done := rest.Variant{Insecure: !r.Verify, Stay: !r.Follow, Proxy: proxy}.Client(c.http)
	defer done()
	resp, body, err := rest.Fetch(sender, req)
	if err != nil {
		return Answer{}, err
	}
	if r.FailOnError {
		if err := rest.Judge(resp, body); err != nil {
			return Answer{}, err
		}
	}
	answer := c.answer(resp, body)
	answer.Timings = watch.stop()
	return answer, nil
}
