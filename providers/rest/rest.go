// Package rest is for operations that are an HTTP request: a provider says what to
// send as a value, and rest sends it, judges the answer and quotes the vendor's words
// in the error.
package rest

import (
	"context"
	"net/http"

	"tocsin/providers"
)

// A Request is an HTTP request as a value. What is empty is left out.
type Request struct {
	Method string // POST
	URL    string
	Query  map[string]string
	Header map[string]string
	Bearer providers.Secret
	Basic  [2]string
	JSON   any
	Form   map[string]string
	Text   string
}

// A Client is a configuration and the means to send requests.
type Client[Config any] struct {
	Config Config
	HTTP   *http.Client
}

// Open makes clients that do no more than keep their configuration.
func Open[Config any]() providers.Opener[Client[Config]] { panic("unwritten") }

// Call is an operation that is one request; its result is the decoded body. Read is
// Call with a result of its own.
func Call[Config, Params any](request func(Config, Params) Request) providers.Method[Client[Config]] {
	panic("unwritten")
}
func Read[Config, Params, Result any](request func(Config, Params) Request, result func(Response) (Result, error)) providers.Method[Client[Config]] {
	panic("unwritten")
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
// returned beside it.
func Do(ctx context.Context, c *http.Client, r Request) (Response, error) { panic("unwritten") }
