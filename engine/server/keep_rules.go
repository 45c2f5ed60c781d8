package server

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"tocsin/engine/enrich"
	"tocsin/engine/store"
	"tocsin/templating/value"
)

// Rules that add fields to alerts that come in (engine/enrich). They are few: all of a
// kind are one document of the store, and what they make together is at hand.
const (
	extractionShelf = "extraction rules"
	mappingShelf    = "mapping rules"
)

// A ruling is the rules that count now.
type ruling struct {
	changes sync.Mutex // of who changes rules
	now     atomic.Pointer[enrich.Rules]
}

// A shelf is the rules of a kind, and the last id that one was given.
type shelf[R any] struct {
	Last  int64 `json:"last"`
	Rules []R   `json:"rules"`
}

func readShelf[R any](ctx context.Context, st *store.Store, name string) (s shelf[R], err error) {
	_, err = st.Meta(ctx, name, &s)
	return s, err
}

// loadRules makes the rules of the store those that count. One that cannot be used is left
// out: nobody could put it as it is.
func (s *Server) loadRules(ctx context.Context) error {
	s.ruling.changes.Lock()
	defer s.ruling.changes.Unlock()
	return s.rule(ctx)
}

func (s *Server) rule(ctx context.Context) error {
	extractions, err := readShelf[keepExtraction](ctx, s.Store, extractionShelf)
	if err != nil {
		return err
	}
	mappings, err := readShelf[keptMapping](ctx, s.Store, mappingShelf)
	if err != nil {
		return err
	}
	var xs []enrich.Extraction
	for _, x := range extractions.Rules {
		xs = append(xs, x.rule())
	}
	var ms []enrich.Mapping
	for _, m := range mappings.Rules {
		ms = append(ms, m.rule())
	}
	rules, err := enrich.New(xs, ms)
	if err != nil {
		s.Log.Error("rules that add fields to alerts are left out", "problem", err)
	}
	s.ruling.now.Store(rules)
	s.Store.AddTo(func(alert *value.Map) []store.Amendment { return amendments(rules.Add(alert)) })
	return nil
}

// amendments are additions as the store has them.
func amendments(all []enrich.Addition) []store.Amendment {
	var list []store.Amendment
	for _, a := range all {
		list = append(list, store.Amendment{Set: a.Fields, By: a.Rule, Action: "enriched"})
	}
	return list
}

// reshelve changes the rules of a kind, keeps them and has them count.
func reshelve[R, Out any](c *call, name string, change func(*shelf[R]) (Out, error)) (out Out, err error) {
	s := c.s
	s.ruling.changes.Lock()
	defer s.ruling.changes.Unlock()
	rules, err := readShelf[R](c.Context(), s.Store, name)
	if err != nil {
		return out, err
	}
	if out, err = change(&rules); err != nil {
		return out, err
	}
	if err := s.Store.SetMeta(c.kept(), name, rules); err != nil {
		return out, err
	}
	return out, s.rule(c.kept())
}

// numbered is where the rule of the path is.
func numbered[R any](c *call, rules []R, missing string, id func(R) int64) (int, error) {
	n, err := strconv.ParseInt(c.PathValue("id"), 10, 64)
	i := slices.IndexFunc(rules, func(r R) bool { return id(r) == n })
	if err != nil || i < 0 {
		return 0, refuse(http.StatusNotFound, "%s", missing)
	}
	return i, nil
}

// revise is a route that takes as JSON what is to change in something.
func revise[In, Out any](path string, needs permission, doc string, f func(*call) (Out, error)) route {
	r := get(path, needs, doc, f)
	r.method, r.body, r.in = "PUT", "application/json", reflect.TypeFor[In]()
	return r
}
