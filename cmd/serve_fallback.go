package cmd

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tocsin/engine/delivery"
	"tocsin/engine/server"
	"tocsin/engine/store"
	"tocsin/providers"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// findFallback is whom --fallback names: who is told by the program itself that messages do
// not arrive. Its configuration is one of those that workflows could use.
func (f *fleet) findFallback() (delivery.Fallback, error) {
	name := f.fallbackName()
	if name == "" {
		return delivery.Fallback{}, nil
	}
	pool, problems, err := f.openFallback()
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

func (f *fleet) fallbackName() string { return cmp.Or(f.fallback, f.getenv("TOCSIN_FALLBACK")) }

// openFallback is a pool with the configurations as they are now.
func (f *fleet) openFallback() (*providers.Pool, source.Problems, error) {
	return f.setup.pool(&document{name: filepath.Join(f.folder.Dirs[0], "-"), file: &workflows.File{}}, f.env)
}

// renewFallback reads the fallback's configuration anew. One that is wrong keeps what it
// was before. f.mu is not held.
func (f *fleet) renewFallback() {
	if f.fallbackName() == "" {
		return
	}
	pool, problems, err := f.openFallback()
	if err == nil {
		err = problems.Err()
	}
	if err == nil && !pool.Defined(f.fallbackName()) {
		err = fmt.Errorf("no configuration %q", f.fallbackName())
	}
	if err != nil {
		f.log.Error("the fallback keeps its configuration", "error", err)
		return
	}
	f.mu.Lock()
	before := f.ownPool
	f.ownPool = pool
	f.mu.Unlock()
	time.AfterFunc(retired, func() { _ = before.Close() }) // what it says was said by whoever used it
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
		f.mu.Lock()
		defer f.mu.Unlock()
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
