package cmd

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"tocsin/engine/delivery"
	"tocsin/engine/server"
	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// findFallback opens what --fallback names: whom the program itself tells that messages
// do not arrive. Its configuration is one of those that workflows could use.
func (f *fleet) findFallback() (delivery.Fallback, error) {
	name := cmp.Or(f.fallback, f.getenv("TOCSIN_FALLBACK"))
	if name == "" {
		return delivery.Fallback{}, nil
	}
	d := &document{name: filepath.Join(f.folder.Dirs[0], "-"), file: &workflows.File{}}
	pool, problems, err := f.setup.pool(d, f.env)
	if err != nil {
		return delivery.Fallback{}, err
	}
	if problems.Err() != nil {
		if err := source.Print(f.stderr, documents{}, problems); err != nil {
			return delivery.Fallback{}, broken(err)
		}
		return delivery.Fallback{}, &exitError{code: exitUsage}
	}
	f.ownPool = pool
	n := notifyTest{setup: f.setup, with: f.fallbackWith, text: "a message"}
	p, err := n.provider(pool, name)
	if err != nil {
		return delivery.Fallback{}, err
	}
	with, err := n.parameters(p)
	if err != nil {
		return delivery.Fallback{}, usage("give what it needs with --fallback-with KEY=VALUE", "--fallback %s cannot tell: %v", name, err)
	}
	if p.Notify.Message == "" {
		return delivery.Fallback{}, usage("name one that takes a text, such as slack", "--fallback %s: messages of %s have no text", name, p.Type)
	}
	return delivery.Fallback{Provider: p.Type, Config: name, Field: p.Notify.Message, With: with}, nil
}

// tellsOf has the lane tell of messages: of dead ones by an alert and the fallback, of all
// in figures and traces.
func (f *fleet) tellsOf(metrics *server.Metrics) (err error) {
	f.lane.Raise = f.api.Raise
	f.lane.Outcome = func(s store.State) { metrics.Delivered(string(s)) }
	f.traces.later(f.lane)
	f.lane.Fallback, err = f.findFallback()
	return err
}

// clients has the providers of a workflow, or of the lane itself; nil: there are none.
func (f *fleet) clients(workflow string) *providers.Pool {
	if workflow == delivery.Own {
		return f.ownPool
	}
	return f.pool(workflow)
}

// shared lists the actions that workflows of the folders share (spec §1.6).
func (f *fleet) shared() []server.Configured {
	list := []server.Configured{}
	for _, dir := range f.folder.Dirs {
		actions, _, err := f.actions(filepath.Join(dir, "-"))
		if err != nil {
			f.log.Warn("shared actions cannot be read", "folder", dir, "error", err)
		}
		for name, a := range actions {
			list = append(list, server.Configured{Name: name, Type: a.Provider.S})
		}
	}
	slices.SortFunc(list, func(a, b server.Configured) int { return strings.Compare(a.Name+a.Type, b.Name+b.Type) })
	return slices.Compact(list)
}
