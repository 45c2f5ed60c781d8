package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tocsin/workflows/source"
)

// Resolve returns s merged with the shared action that it uses, or s itself where it
// uses none: what s says wins, mappings merge key by key and lists by index (spec
// §1.6). Parse has resolved what the file itself has; shared are the actions from
// elsewhere, by their ActionKey. Both s and they must come from Parse, which has
// reported their warnings already. A "use" of an action that is not there is a
// problem: a warning where s has a provider without it.
func (s *Step) Resolve(shared map[string]*Step) (*Step, source.Problems) {
	if s.Use == "" {
		return s, nil
	}
	base, ok := shared[s.Use]
	if !ok {
		return s, source.Problems{s.unknownAction(slices.Sorted(maps.Keys(shared)))}
	}
	r := &reader{shared: map[string]source.Value{s.Use: base.written}}
	merged := r.step(s.Kind, s.written)
	return merged, slices.DeleteFunc(r.done(), func(p source.Problem) bool { return p.Warning })
}

func (s *Step) unknownAction(known []string) source.Problem {
	m, _ := s.written.Data.(source.Map)
	p := source.Problem{
		Pos:     get(m, "use").Pos,
		Code:    source.UnknownAction,
		Message: fmt.Sprintf("no shared action %q", s.Use),
		Warning: s.Provider.S != "",
	}
	if near := source.Nearest(s.Use, known); near != "" {
		p.Hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(known) == 0 {
		p.Hint = `write shared actions under "actions:" beside the workflow, or in a file for --actions`
	} else {
		p.Hint = "there are " + strings.Join(known, ", ")
	}
	return p
}

// ActionKey is what other actions "use" s by: its own use, else its name.
func (s *Step) ActionKey() string {
	if s.Use != "" {
		return s.Use
	}
	return s.Name
}

// merge lays v over base. A list that is longer than the one below keeps its tail,
// which Keep loses.
func merge(v, base source.Value) source.Value {
	switch over := v.Data.(type) {
	case source.Map:
		if under, ok := base.Data.(source.Map); ok {
			return source.Value{Pos: v.Pos, Data: mergeMaps(over, under)}
		}
	case []source.Value:
		if under, ok := base.Data.([]source.Value); ok {
			return source.Value{Pos: v.Pos, Data: mergeLists(over, under)}
		}
	}
	return v
}

func mergeMaps(over, under source.Map) source.Map {
	merged := slices.Clone(under)
	for _, e := range over {
		i := slices.IndexFunc(merged, func(m source.Entry) bool { return m.Key == e.Key })
		if i < 0 {
			merged = append(merged, e)
			continue
		}
		merged[i] = source.Entry{Key: e.Key, Pos: e.Pos, Value: merge(e.Value, merged[i].Value)}
	}
	return merged
}

func mergeLists(over, under []source.Value) []source.Value {
	merged := slices.Clone(under)
	for i, v := range over {
		if i < len(merged) {
			merged[i] = merge(v, merged[i])
			continue
		}
		merged = append(merged, v)
	}
	return merged
}
