package providers

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"tocsin/workflows/source"
)

// A Registry is a set of providers by type. There is no global one. It never changes.
type Registry struct {
	byType  map[string]*Provider
	planned []string
}

// NewRegistry panics, naming both, if two providers have one type.
func NewRegistry(ps ...Provider) *Registry {
	return (&Registry{}).With(ps...)
}

// With returns a larger copy. It panics as NewRegistry does.
func (r *Registry) With(ps ...Provider) *Registry {
	larger := &Registry{byType: make(map[string]*Provider, len(r.byType)+len(ps)), planned: r.planned}
	maps.Copy(larger.byType, r.byType)
	for _, p := range ps {
		if had, ok := larger.byType[p.Type]; ok {
			panic(fmt.Sprintf("providers: %q is registered twice, by %s and %s", p.Type, had.from(), p.from()))
		}
		larger.byType[p.Type] = &p
	}
	return larger
}

// Planned returns a copy that knows these types by name only: Keep has them, this
// build has not. Compiling a workflow that names one is a warning, calling it an
// error. A name without a dot stands for its subtypes too ("auth0" for "auth0.logs").
func (r *Registry) Planned(types ...string) *Registry {
	return &Registry{byType: r.byType, planned: slices.Concat(r.planned, types)}
}

// IsPlanned says that typ is known by name only.
func (r *Registry) IsPlanned(typ string) bool {
	if _, here := r.byType[typ]; here {
		return false
	}
	base, _, _ := strings.Cut(typ, ".")
	return slices.Contains(r.planned, typ) || slices.Contains(r.planned, base)
}

// Lookup finds a provider. It must not be changed.
func (r *Registry) Lookup(typ string) (*Provider, bool) {
	p, ok := r.byType[typ]
	return p, ok
}

// Suggest is the type nearest to a misspelt one, or "". Types that are planned only
// are suggested where no other is near.
func (r *Registry) Suggest(typ string) string {
	if near := source.Nearest(typ, sorted(r.byType)); near != "" {
		return near
	}
	return source.Nearest(typ, slices.Sorted(slices.Values(r.planned)))
}

// All lists the providers by type, in the order of the alphabet.
func (r *Registry) All() []*Provider {
	all := make([]*Provider, 0, len(r.byType))
	for _, t := range sorted(r.byType) {
		all = append(all, r.byType[t])
	}
	return all
}

func sorted[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

// from is the package whose client p has, as far as is known. Of a client that several
// share, rest.Client[ntfy.Config], it is that of the configuration.
func (p *Provider) from() string {
	t := p.client
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.PkgPath() == "" {
		return fmt.Sprintf("a provider titled %q", p.Title)
	}
	if _, config, shared := strings.Cut(t.Name(), "["); shared {
		return config[:max(0, strings.LastIndexByte(config, '.'))]
	}
	return t.PkgPath()
}
