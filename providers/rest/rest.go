// Package rest is for operations that are an HTTP request: a provider says what to
// send as a value, and rest sends it, judges the answer and quotes the vendor's words
// in the error.
//
// It knows no vendor. Start reading at Request and Do; Fetch is for those who need
// more of the answer than Do keeps.
package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"tocsin/providers"
	"tocsin/templating/value"
)

// A Request is an HTTP request as a value. What is empty is left out. Of JSON, Form
// and Text the first that is there is the body.
type Request struct {
	Method string // POST
	URL    string
	Query  map[string]string
	Header map[string]string
	Bearer providers.Secret
	Basic  [2]string // user and password
	JSON   any       // any Go data: value.Of says what becomes of it
	Form   map[string]string
	Text   string
}

// A Client is a configuration and the means to send requests.
type Client[Config any] struct {
	Config Config
	HTTP   *http.Client
}

// Open makes clients that do no more than keep their configuration.
func Open[Config any]() providers.Opener[Client[Config]] {
	return providers.Open(func(_ context.Context, cfg Config, env providers.Env) (Client[Config], error) {
		return Client[Config]{Config: cfg, HTTP: env.HTTP}, nil
	})
}

// Call is an operation that is one request; its result is the decoded body. Read is
// Call with a result of its own; result is not asked where Do returns an error.
func Call[Config, Params any](request func(Config, Params) Request) providers.Method[Client[Config]] {
	return Read(request, func(r Response) (any, error) { return r.Body, nil })
}

// Read is Call with a result of its own.
func Read[Config, Params, Result any](request func(Config, Params) Request, result func(Response) (Result, error)) providers.Method[Client[Config]] {
	return providers.Call(func(c Client[Config], ctx context.Context, p Params) (Result, error) {
		response, err := Do(ctx, c.HTTP, request(c.Config, p))
		if err != nil {
			var none Result
			return none, err
		}
		return result(response)
	})
}

// A Response is what came back, read whole, at most 8 MiB.
type Response struct {
	Status int
	Header http.Header
	Body   any // decoded (value.DecodeJSON) if it was JSON, else a string
}

// Do sends one request, for operations that need several: it sets the headers, limits
// what is read, tells passing failures (429, 5xx, timeouts) from lasting ones, and
// quotes the vendor's words in the error. An answer of 400 or more is an error, and is
// returned beside it. Errors are *providers.Error; none has more of the URL in it than
// its host. A ctx without a deadline gets one of 30 seconds.
func Do(ctx context.Context, c *http.Client, r Request) (Response, error) {
	req, err := r.build(ctx)
	if err != nil {
		return Response{}, err
	}
	resp, body, err := Fetch(c, req)
	if err != nil {
		return Response{}, err
	}
	response := Response{Status: resp.StatusCode, Header: resp.Header, Body: decode(resp.Header, body)}
	return response, Judge(resp, body)
}

// build makes the request. Its errors do not quote the URL, which may be a secret.
func (r Request) build(ctx context.Context) (*http.Request, error) {
	u, err := address(r.URL, r.Query)
	if err != nil {
		return nil, err
	}
	body, contentType := r.body()
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%q is not an HTTP method", method)
	}
	if contentType == "" {
		req.Body, req.GetBody, req.ContentLength = http.NoBody, nil, 0
	} else {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("User-Agent", UserAgent)
	for name, v := range r.Header {
		req.Header.Set(name, v)
	}
	if r.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+string(r.Bearer))
	}
	if r.Basic != [2]string{} {
		req.SetBasicAuth(r.Basic[0], r.Basic[1])
	}
	return req, nil
}

// UserAgent is what requests say who they are.
const UserAgent = "tocsin"

// address adds query to a URL, after what it has of its own.
func address(text string, query map[string]string) (*url.URL, error) {
	u, err := ParseURL(text)
	if err != nil || len(query) == 0 {
		return u, err
	}
	more := make(url.Values, len(query))
	for k, v := range query {
		more.Set(k, v)
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += more.Encode()
	return u, nil
}

// ParseURL reads the address of a request: http or https, with a host. Its errors
// quote no more of it than its scheme.
func ParseURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, fmt.Errorf("there is no URL")
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("the URL cannot be read; write it as https://example.com/path")
	}
	switch {
	case u.Scheme == "" || u.Scheme != "http" && u.Scheme != "https" && u.Opaque != "":
		return nil, fmt.Errorf("the URL has no scheme; put https:// in front of it")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the URL's scheme is %q; it must be http or https", u.Scheme)
	case u.Host == "":
		return nil, fmt.Errorf("the URL has no host; write it as https://example.com/path")
	}
	return u, nil
}

func (r Request) body() (text, contentType string) {
	switch {
	case r.JSON != nil:
		return string(value.AppendJSON(nil, value.Of(r.JSON))), "application/json"
	case r.Form != nil:
		form := make(url.Values, len(r.Form))
		for k, v := range r.Form {
			form.Set(k, v)
		}
		return form.Encode(), "application/x-www-form-urlencoded"
	case r.Text != "":
		return r.Text, "text/plain; charset=utf-8"
	}
	return "", ""
}
