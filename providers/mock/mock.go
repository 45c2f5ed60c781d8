// Package mock answers steps with what they say it should, and actions with their own
// parameters: for tests, and for actions that only enrich an alert.
package mock

import (
	"context"
	_ "embed"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// Query is what a step should get.
type Query struct {
	Output any        `param:"command_output" doc:"What the results shall be."`
	Rest   *value.Map `param:"*" doc:"Other names may stand here and say nothing."`
}

//go:embed README.md
var readme string

// Provider calls nobody.
var Provider = providers.Define(providers.Definition[client]{
	Type:       "mock",
	Title:      "Mock",
	Summary:    "Answer with what the step itself says, calling nobody.",
	Categories: []providers.Category{"Others"},
	Readme:     readme,
	Query:      providers.Call(client.query),
	Notify:     providers.Call(client.notify),
})

type client struct{}

func (client) query(_ context.Context, q Query) (any, error) { return q.Output, nil }

// notify returns its parameters, all of them.
func (client) notify(_ context.Context, with source.Value) (any, error) { return with.Plain(), nil }
