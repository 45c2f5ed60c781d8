// Package webhook calls a configured URL, for systems that have no provider of their
// own. Actions call what is configured; steps call what they say themselves.
package webhook

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"tocsin/providers"
	"tocsin/providers/rest"
	"tocsin/templating/value"
)

// Config is one URL, and how to call it.
type Config struct {
	URL      providers.Secret `param:"url" doc:"Address that actions call, http:// or https://; often it is itself the key."`
	Method   string           `param:"method" enum:"POST,GET,PUT,DELETE" default:"POST" doc:"How actions call it."`
	Verify   bool             `param:"verify" default:"true" doc:"Whether to check the server's certificate."`
	User     string           `param:"http_basic_authentication_username" doc:"User for basic authentication."`
	Password providers.Secret `param:"http_basic_authentication_password" doc:"Password for basic authentication."`
	APIKey   providers.Secret `param:"api_key" doc:"Token, sent as a bearer; it comes before user and password."`
	Headers  any              `param:"headers" doc:"Headers: [{key, value}], a mapping, or the JSON text of either."`
}

// Send is what an action sends to the configured URL.
type Send struct {
	Body    any        `param:"body" doc:"Sent as JSON, with every method but GET."`
	Params  *value.Map `param:"params" doc:"Query of the URL, with GET only."`
	Message string     `param:"message" doc:"Sent as {\"message\": ...} where there is no body."`
	Rest    *value.Map `param:"*,warn" doc:"Other names are taken, as Keep does, and not sent."`
}

// Ask is a step's own request: nothing of the configuration but verify is used.
type Ask struct {
	URL         string           `param:"url,required" doc:"Address to call, http:// or https://."`
	Method      string           `param:"method" enum:"GET,POST,PUT,DELETE" default:"POST" doc:"How to call it."`
	User        string           `param:"http_basic_authentication_username" doc:"User for basic authentication."`
	Password    providers.Secret `param:"http_basic_authentication_password" doc:"Password for basic authentication."`
	APIKey      providers.Secret `param:"api_key" doc:"Token, sent as a bearer; it comes before user and password."`
	Headers     any              `param:"headers" doc:"Headers: a mapping, [{key, value}], or the JSON text of either."`
	Body        any              `param:"body" doc:"Sent as JSON, with every method but GET."`
	Params      *value.Map       `param:"params" doc:"Query of the URL, with GET only."`
	FailOnError bool             `param:"fail_on_error" default:"true" doc:"Whether an answer of 400 or more is an error; if not, look at status_code."`
	Rest        *value.Map       `param:"*,warn" doc:"Other names are taken, as Keep does, and not sent."`
}

// Answer is what came back.
type Answer struct {
	OK         bool `param:"status" doc:"Whether status_code is below 400."`
	StatusCode int  `param:"status_code" doc:"Status, such as 200."`
	Body       any  `param:"body" doc:"What was sent back: read if it is JSON, else its text."`
}

//go:embed README.md
var readme string

// Provider calls a configured URL.
var Provider = providers.Define(providers.Definition[*client]{
	Type:       "webhook",
	Title:      "Webhook",
	Summary:    "Call a configured URL.",
	Categories: []providers.Category{"Developer Tools"},
	Readme:     readme,
	Message:    "message",
	Retell:     retell,
	Open:       providers.Open(open),
	Query:      providers.Call((*client).ask),
	Notify:     providers.Call((*client).send),
})

// patience is how long a call may take.
const patience = 10 * time.Second

type client struct {
	config  Config
	headers map[string]string
	http    *http.Client
	done    func()
}

func open(_ context.Context, c Config, env providers.Env) (*client, error) {
	if c.URL != "" {
		if _, err := rest.ParseURL(string(c.URL)); err != nil {
			return nil, err
		}
	}
	h, err := headers(c.Headers)
	if err != nil {
		return nil, err
	}
	sender, done := rest.Variant{Insecure: !c.Verify}.Client(env.HTTP)
	return &client{config: c, headers: h, http: sender, done: done}, nil
}

// Close closes connections that are this client's only.
func (c *client) Close() error {
	c.done()
	return nil
}

// send calls what is configured. As in Keep there is no result.
func (c *client) send(ctx context.Context, s Send) (any, error) {
	if c.config.URL == "" {
		return nil, errors.New("there is no url in the configuration; put it under authentication")
	}
	if s.Body == nil && s.Message != "" {
		s.Body = value.MapOf(value.Entry{Key: "message", Value: s.Message})
	}
	r := rest.Request{Method: c.config.Method, URL: string(c.config.URL), Header: c.headers}
	authorize(&r, c.config.APIKey, c.config.User, c.config.Password)
	fill(&r, s.Body, s.Params)
	identify(ctx, &r)
	_, err := c.do(ctx, r)
	return nil, err
}

// identify names the message, so that a receiver can tell one that is sent again from
// another: draft-ietf-httpapi-idempotency-key-header.
func identify(ctx context.Context, r *rest.Request) {
	key := providers.OriginOf(ctx).Key
	if key == "" || r.Method == http.MethodGet {
		return
	}
	for name := range r.Header {
		if http.CanonicalHeaderKey(name) == idempotencyKey {
			return
		}
	}
	r.Header = maps.Clone(r.Header) // it is the configuration's
	if r.Header == nil {
		r.Header = map[string]string{}
	}
	r.Header[idempotencyKey] = key
}

const idempotencyKey = "Idempotency-Key"

// ask calls what the step says.
func (c *client) ask(ctx context.Context, a Ask) (Answer, error) {
	h, err := headers(a.Headers)
	if err != nil {
		return Answer{}, err
	}
	r := rest.Request{Method: a.Method, URL: a.URL, Header: h}
	authorize(&r, a.APIKey, a.User, a.Password)
	fill(&r, a.Body, a.Params)
	response, err := c.do(ctx, r)
	if err != nil && (a.FailOnError || response.Status == 0) {
		return Answer{}, err
	}
	return Answer{OK: response.Status < 400, StatusCode: response.Status, Body: response.Body}, nil
}

func (c *client) do(ctx context.Context, r rest.Request) (rest.Response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("timed out after %v", patience))
	defer cancel()
	return rest.Do(ctx, c.http, r)
}

func authorize(r *rest.Request, key providers.Secret, user string, password providers.Secret) {
	switch {
	case key != "":
		r.Bearer = key
	case user != "" || password != "":
		r.Basic = [2]string{user, string(password)}
	}
}

// fill puts params into the query of a GET, and body into the rest.
func fill(r *rest.Request, body any, params *value.Map) {
	if r.Method != http.MethodGet {
		r.JSON = body
		return
	}
	r.Query = map[string]string{}
	for name, v := range params.All() {
		if v != nil {
			r.Query[name] = value.Text(v)
		}
	}
}

// headers reads a mapping, a list of {key, value}, or the JSON text of either.
func headers(v any) (map[string]string, error) {
	if text, ok := v.(string); ok && text != "" {
		decoded, err := value.DecodeJSON([]byte(text))
		if err != nil {
			return nil, errors.New("headers: not JSON; write a mapping, {X-Api-Key: ...}")
		}
		v = decoded
	}
	h := map[string]string{}
	switch v := v.(type) {
	case nil, string:
	case *value.Map:
		for name, text := range v.All() {
			h[name] = value.Text(text)
		}
	case []any:
		return h, pairs(h, v)
	default:
		return nil, errors.New("headers: neither a mapping nor a list of {key, value}")
	}
	return h, nil
}

func pairs(h map[string]string, list []any) error {
	for i, item := range list {
		m, _ := item.(*value.Map)
		name, ok := m.Get("key")
		text, also := m.Get("value")
		if !ok || !also {
			return fmt.Errorf("headers: item %d is not {key, value}", i+1)
		}
		h[value.Text(name)] = value.Text(text)
	}
	return nil
}
