package engine

import (
	"fmt"
	"strings"

	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// configuration reads how the step's provider is configured (spec §7.8): not at all,
// by name, or in the step itself.
func (c *compiler) configuration(s *step) {
	switch data := s.Config.Data.(type) {
	case nil:
		c.unconfigured(s)
	case string:
		c.named(s, data)
	case source.Map:
		c.inline(s)
	default:
		c.problem(s.Config.Pos, source.BadConfig, configHint(s.Provider.S), "a configuration is a name or a mapping")
	}
}

// named reads "{{ providers.NAME }}". Keep splits at dots and takes the second of
// exactly two parts.
func (c *compiler) named(s *step, text string) {
	parts := strings.Split(text, ".")
	if len(parts) != 2 {
		c.problem(s.Config.Pos, source.BadConfig, configHint(configName(text)), "%q does not name a configuration", text)
		c.problems[len(c.problems)-1].Fix = configFix(s.Config, text)
		return
	}
	s.config.name = configName(parts[1])
	c.configured(s.config.name, s.Config.At(len(parts[0])+1), s.Provider.S)
}

func configName(text string) string {
	return strings.TrimSpace(strings.NewReplacer("{{", "", "}}", "").Replace(text))
}

func configHint(name string) string {
	return fmt.Sprintf(`write config: "{{ providers.%s }}"`, name)
}

// configured reports a name that nobody has defined.
func (c *compiler) configured(name string, pos source.Pos, typ string) {
	if c.lib.Configured == nil || c.lib.Configured(name) {
		return
	}
	p, known := c.lib.Providers.Lookup(typ)
	hint := fmt.Sprintf("define it in providers.yaml (%s: {authentication: {%s}})", name, exampleConfig(p))
	if name == strings.ToLower(name) && !strings.Contains(name, "_") {
		hint += " or set TOCSIN_PROVIDER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	}
	c.problem(pos, source.UndefinedConfig, hint, "no provider configuration %q", name)
	// What has nothing to configure runs without, and what is not there does not run.
	needed := known && p.Config != nil
	c.problems[len(c.problems)-1].Warning = !c.lib.Required || !needed
}

// exampleConfig are the keys that a configuration of p cannot do without, or the first
// one there is.
func exampleConfig(p *providers.Provider) string {
	if p == nil || p.Config == nil {
		return "..."
	}
	var keys []string
	fields := p.Config.Fields()
	for _, f := range fields {
		if f.Required {
			keys = append(keys, f.Name+": ...")
		}
	}
	if len(keys) == 0 && len(fields) > 0 {
		keys = append(keys, fields[0].Name+": ...")
	}
	return strings.Join(keys, ", ")
}

// unconfigured reports a provider that cannot be opened without a configuration.
func (c *compiler) unconfigured(s *step) {
	if s.provider == nil || s.provider.Config == nil {
		return
	}
	if required := s.provider.Config.Required(); len(required) > 0 {
		c.problem(s.Provider.Pos, source.MissingConfig, configHint("my-"+s.provider.Type), "%s needs a configuration with %q", s.provider.Type, required[0])
		c.problems[len(c.problems)-1].Warning = !c.lib.Required
	}
}

// inline prepares a configuration that is written in the step.
func (c *compiler) inline(s *step) {
	p := c.param(s.Config, schema.Any)
	s.config.inline = &p
	authentication, ok := s.Config.Data.(source.Map).Get("authentication")
	if s.provider == nil || s.provider.Config == nil || !ok {
		return
	}
	c.check(s.provider.Config, authentication, s.provider.Type)
}

// check reports what is wrong with the keys of v and with the values that no template
// stands for.
func (c *compiler) check(sch *schema.Schema, v source.Value, what string) {
	c.problems = append(c.problems, sch.Check(v, what, final)...)
}

// final says that v is already known: nothing in it is rendered later. In doubt it is
// not.
func final(v source.Value) bool {
	switch data := v.Data.(type) {
	case string:
		return !strings.Contains(data, "{{") && !strings.Contains(data, "keep.") && !strings.HasPrefix(data, "raw_render")
	case source.Map:
		_, deferred := data.Get("key")
		return !deferred
	}
	return true
}

// data prepares a value that texts read later: consts, vars. Texts in it are
// rendered when they are read.
func (c *compiler) data(v source.Value) any {
	switch data := v.Data.(type) {
	case string:
		t, err := c.template(v)
		if err != nil || t.Constant() {
			return data
		}
		return t
	case source.Map:
		m := value.NewMap(len(data))
		for _, e := range data {
			m.Set(e.Key, c.data(e.Value))
		}
		return m
	case []source.Value:
		list := make([]any, len(data))
		for i, item := range data {
			list[i] = c.data(item)
		}
		return list
	}
	return v.Plain()
}
