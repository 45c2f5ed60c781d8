package server

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"tocsin/engine"
	"tocsin/engine/store"
	"tocsin/providers/keep"
	"tocsin/templating/value"
)

// Facets are how Keep's pages narrow a list: fields, and how often each of their values is
// there under a condition. A facet is named by the path of its field, so that any field can
// be asked for, and not only those that are offered.

// A keepFacet is a field that a list can be narrowed by.
type keepFacet struct {
	ID          string  `json:"id" doc:"The same as its property_path."`
	Path        string  `json:"property_path"`
	Name        string  `json:"name"`
	Description *string `json:"description"`
	Static      bool    `json:"is_static" doc:"Always true: there are none that people made."`
	Lazy        bool    `json:"is_lazy"`
	Type        string  `json:"type" doc:"str."`
}

// A keepFacetQuery asks for values of facets.
type keepFacetQuery struct {
	CEL    string            `json:"cel,omitempty" doc:"What of the list counts."`
	Facets map[string]string `json:"facet_queries,omitempty" doc:"Facets, by their id or the path of any field, and for each a condition in CEL besides; none: those of /facets."`
}

// A keepOption is a value of a facet.
type keepOption struct {
	Name  string `json:"display_name"`
	Value data   `json:"value"`
	Count int    `json:"matches_count"`
}

const (
	maxFacets       = 20
	maxOptions      = 50     // of a facet that are shown, the most frequent
	maxDistinct     = 10_000 // of a facet that are told apart; others are not counted
	maxOption       = 1000   // bytes of a value
	maxFacetFields  = 500
	sampledForField = 1000 // rows that are looked at for names of fields
)

// A faceted is a list that has facets.
type faceted struct {
	what   string
	facets []keepFacet
	orders map[string][]string // all values of a field, in their order
	fields []string            // that rows always have
	each   func(*call, context.Context, func(*value.Map) (more bool)) error
}

func facet(path, name string) keepFacet {
	return keepFacet{ID: path, Path: path, Name: name, Static: true, Lazy: true, Type: "str"}
}

var severities = []string{"critical", "high", "warning", "info", "low"}

func facetRoutes() []route {
	alerts := &faceted{
		what: "alerts", facets: []keepFacet{facet("severity", "Severity"), facet("status", "Status"), facet("source", "Source"), facet("dismissed", "Dismissed")},
		orders: map[string][]string{"severity": severities, "status": {"firing", "resolved", "acknowledged", "suppressed", "pending", "maintenance"}},
		each: func(c *call, ctx context.Context, have func(*value.Map) bool) error {
			return c.s.Store.EachAlert(ctx, keep.Search{Distinct: true}, func(f keep.Found) bool { return have(f.Alert) })
		},
	}
	incidents := &faceted{
		what: "incidents", facets: []keepFacet{
			facet("status", "Status"), facet("severity", "Severity"), facet("assignee", "Assignee"), facet("sources", "Source"),
			facet("affectedServices", "Service"), facet("hasLinkedIncident", "Linked incident"),
		},
		orders: map[string][]string{"severity": severities, "status": {"firing", "acknowledged", "resolved", "merged", "deleted"}},
		each: func(c *call, ctx context.Context, have func(*value.Map) bool) error {
			return c.s.Store.EachIncident(ctx, store.IncidentFilter{}, func(m *value.Map) bool {
				seen, err := c.s.incidentView(m)
				return err != nil || have(seen)
			})
		},
	}
	workflows := &faceted{
		what: "workflows", facets: []keepFacet{facet("status", "Status"), facet("isDisabled", "Enabling status"), facet("createdBy", "Created by")},
		fields: namesOf(keepWorkflow{}.fields()),
		each: func(c *call, _ context.Context, have func(*value.Map) bool) error {
			all, err := c.keepWorkflows()
			for _, w := range all {
				if !have(w.fields()) {
					break
				}
			}
			return err
		},
	}
	return slices.Concat(alerts.routes(), incidents.routes(), workflows.routes())
}

func namesOf(m *value.Map) (names []string) {
	for name := range m.All() {
		names = append(names, name)
	}
	return names
}

func (f *faceted) routes() []route {
	path := "/" + f.what + "/facets"
	return []route{
		get(path, reading, "Keep's: fields that "+f.what+" are narrowed by.", func(*call) ([]keepFacet, error) { return f.facets, nil }),
		get(path+"/fields", reading, "Keep's: fields that "+f.what+" could be narrowed by: those of the newest 1,000.", f.names),
		send("POST", path+"/options", reading, "Keep's: how many "+f.what+" have each value of fields, under a condition. Of each the 50 most frequent.", f.options),
	}
}

// names are the paths of fields that rows have; of those in mappings too.
func (f *faceted) names(c *call) ([]string, error) {
	if f.fields != nil {
		return f.fields, nil
	}
	seen, rows := map[string]bool{}, 0
	err := searching(c.Context(), func(ctx context.Context) error {
		return f.each(c, ctx, func(m *value.Map) bool {
			for k, v := range m.All() {
				inner, ok := v.(*value.Map)
				if !ok {
					seen[k] = true
					continue
				}
				for name := range inner.All() {
					seen[k+"."+name] = true
				}
			}
			rows++
			return rows < sampledForField && len(seen) < maxFacetFields
		})
	})
	list := slices.AppendSeq([]string{}, maps.Keys(seen))
	slices.Sort(list)
	return list[:min(len(list), maxFacetFields)], err
}

// options counts the values of facets.
func (f *faceted) options(c *call, q keepFacetQuery) (map[string][]keepOption, error) {
	if len(q.Facets) > maxFacets {
		return nil, refuse(http.StatusBadRequest, "%d facets: at most %d are counted at a time", len(q.Facets), maxFacets)
	}
	if len(q.Facets) == 0 {
		q.Facets = map[string]string{}
		for _, one := range f.facets {
			q.Facets[one.ID] = ""
		}
	}
	counts := map[string]*tally{}
	err := searching(c.Context(), func(ctx context.Context) error {
		match, err := c.s.condition(ctx, q.CEL)
		if err != nil {
			return err
		}
		for id, cel := range q.Facets {
			counts[id] = &tally{of: map[string]*keepOption{}}
			if counts[id].match, err = c.s.condition(ctx, cel); err != nil {
				return err
			}
		}
		return f.each(c, ctx, func(m *value.Map) bool {
			if match(m) {
				for path, t := range counts {
					t.count(m, path)
				}
			}
			return true
		})
	})
	options := map[string][]keepOption{}
	for id, t := range counts {
		options[id] = t.options(f.orders[id])
	}
	return options, err
}

// condition is one in CEL; "": all rows meet it.
func (s *Server) condition(ctx context.Context, cel string) (func(*value.Map) bool, error) {
	if cel == "" {
		return func(*value.Map) bool { return true }, nil
	}
	if err := s.checkCEL(cel); err != nil {
		return nil, err
	}
	match, err := s.Store.Match(cel)
	return func(m *value.Map) bool { return match(ctx, m) }, err
}

// A tally is how often the values of a field are there.
type tally struct {
	match func(*value.Map) bool
	of    map[string]*keepOption // by the JSON of the value
}

// count counts what m has at a path: of a list each item, once.
func (t *tally) count(m *value.Map, path string) {
	if !t.match(m) {
		return
	}
	v := fieldAt(m, path)
	items, list := v.([]any)
	if !list || len(items) == 0 {
		items = []any{v}
		if list {
			items[0] = nil
		}
	}
	counted := map[string]bool{}
	for _, item := range items {
		if _, mapping := item.(*value.Map); mapping {
			continue
		}
		key := string(value.AppendJSON(nil, item))
		if len(key) > maxOption || counted[key] {
			continue
		}
		counted[key] = true
		if o := t.of[key]; o != nil {
			o.Count++
		} else if len(t.of) < maxDistinct {
			t.of[key] = &keepOption{optionName(item), data{item}, 1}
		}
	}
}

// optionName is Python's text of a value, which is what Keep shows.
func optionName(v any) string {
	if v == nil {
		return "None"
	}
	return value.Text(v)
}

// fieldAt is what a path with dots leads to; nil: nothing is there. A name may have dots of
// its own.
func fieldAt(m *value.Map, path string) any {
	if v, ok := m.Get(path); ok {
		return v
	}
	first, rest, dotted := strings.Cut(path, ".")
	v, _ := m.Get(first)
	inner, ok := v.(*value.Map)
	if !dotted || !ok {
		return nil
	}
	return fieldAt(inner, rest)
}

// options are the values, those of order first, and all of those, then the most frequent.
func (t *tally) options(order []string) []keepOption {
	list := make([]keepOption, 0, len(t.of)+len(order))
	for _, word := range order {
		key := string(value.AppendJSON(nil, word))
		o := keepOption{word, data{word}, 0}
		if had := t.of[key]; had != nil {
			o = *had
			delete(t.of, key)
		}
		list = append(list, o)
	}
	rest := slices.SortedFunc(maps.Values(t.of), func(a, b *keepOption) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Name, b.Name))
	})
	for _, o := range rest {
		list = append(list, *o)
	}
	return list[:min(len(list), maxOptions)]
}

// incidentView is an incident as conditions see it: as workflows do, and under the names that
// Keep's pages have for its fields.
func (s *Server) incidentView(m *value.Map) (*value.Map, error) {
	o, err := engine.NormalizeIncident(store.Fields(m), s.Now(), "")
	if err != nil {
		return nil, fmt.Errorf("incident %s: %w", textAt(m, "id"), err)
	}
	for name, of := range map[string]string{"sources": "alert_sources", "affectedServices": "services"} {
		v, _ := o.Map.Get(of)
		o.Map.Set(name, v)
	}
	same, _ := o.Map.Get("same_incident_in_the_past_id")
	o.Map.Set("hasLinkedIncident", same != nil)
	o.Map.Set("summary", cmp.Or(textAt(m, "user_summary"), textAt(m, "generated_summary")))
	return o.Map, nil
}
