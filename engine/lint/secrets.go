package lint

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/providers"
	"tocsin/workflows"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// secrets reports secrets that are written into the file: whoever can read the workflow
// has them.
func secrets(f *workflows.File, reg *providers.Registry) source.Problems {
	var ps source.Problems
	types := map[string]string{} // of the configurations that steps name
	for _, w := range f.Workflows {
		c := &checker{w: w}
		for _, s := range c.steps() {
			if name, ok := s.Config.Data.(string); ok {
				types[configName(name)] = s.Provider.S
			}
			if m, ok := s.Config.Data.(source.Map); ok {
				ps = append(ps, secretsIn(reg, s.Provider.S, m)...)
			}
		}
	}
	for _, connection := range f.Providers {
		m, _ := connection.Config.Data.(source.Map)
		ps = append(ps, secretsIn(reg, typeOf(m, types[connection.Name]), m)...)
	}
	return ps
}

// configName is NAME of "{{ providers.NAME }}".
func configName(text string) string {
	_, name, _ := strings.Cut(strings.Trim(text, "{} "), ".")
	return strings.TrimSpace(name)
}

func typeOf(m source.Map, named string) string {
	if v, ok := m.Get("type"); ok {
		if s, isText := v.Data.(string); isText {
			return s
		}
	}
	return named
}

func secretsIn(reg *providers.Registry, typ string, config source.Map) source.Problems {
	authentication, _ := config.Get("authentication")
	m, _ := authentication.Data.(source.Map)
	var ps source.Problems
	for _, e := range m {
		s, isText := e.Value.Data.(string)
		if !isText || s == "" || strings.Contains(s, "{{") || !isSecret(reg, typ, e.Key) {
			continue
		}
		ps = append(ps, source.Problem{
			Pos: e.Pos, Code: source.PlainSecret, Warning: true, Message: fmt.Sprintf("%q is a secret, and stands in the file for everybody to read", e.Key),
			Hint: fmt.Sprintf(`write %s: "{{ env.%s }}", or put the configuration into providers.yaml`, e.Key, strings.ToUpper(strings.ReplaceAll(e.Key, "-", "_"))),
		})
	}
	return ps
}

// isSecret asks the provider, or the name where this build does not have it.
func isSecret(reg *providers.Registry, typ, key string) bool {
	p, ok := reg.Lookup(typ)
	if !ok {
		return slices.ContainsFunc([]string{"password", "token", "secret", "api_key", "apikey"}, func(word string) bool {
			return strings.Contains(strings.ToLower(key), word)
		})
	}
	return p.Config != nil && slices.ContainsFunc(p.Config.Fields(), func(f schema.Field) bool { return f.Name == key && f.Secret })
}
