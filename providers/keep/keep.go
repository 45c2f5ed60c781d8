// Package keep reads and makes this program's own alerts, and changes its workflows.
// It keeps nothing itself: alerts are in a Store, workflows in a Library, and whoever
// makes the provider hands them in. Memory is a Store for programs that run once.
//
// What an action is given is a template for each row of what the last step found:
// Change says how. Start reading at Provider.
package keep

import (
	"context"
	_ "embed"
	"time"

	"tocsin/providers"
)

//go:embed README.md
var readme string

// Provider searches and changes the alerts of st and, where lib is not nil, changes
// the workflows of lib.
func Provider(st Store, lib Library) providers.Provider {
	open := func(_ context.Context, _ Config, env providers.Env) (*client, error) {
		return &client{store: st, library: lib, env: env}, nil
	}
	return providers.Define(providers.Definition[*client]{
		Type:       "keep",
		Title:      "Keep",
		Summary:    "Search, fire and resolve this program's own alerts, and change its workflows.",
		Categories: []providers.Category{"Others"},
		Readme:     readme,
		Open:       providers.Open(open),
		Query:      providers.Call((*client).query),
		Notify:     providers.Call((*client).notify),
	})
}

// Config is nothing: alerts and workflows are where the program itself is.
type Config struct{}

type client struct {
	store   Store
	library Library
	env     providers.Env
}

func (c *client) now() time.Time { return c.env.Now().UTC() }
