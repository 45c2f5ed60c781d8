package providers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// Sources are the places that named configurations come from, in words: it reads
// nothing that it is not given.
type Sources struct {
	// File is the providers file, {name: {authentication: {...}}}; the zero Value:
	// there is none.
	File source.Value
	// Environ is an environment as os.Environ has it.
	Environ []string
	// Read reads the file that KEEP_PROVIDERS or TOCSIN_PROVIDERS names instead of
	// holding JSON. nil: naming a file is an error.
	Read func(path string) ([]byte, error)
}

// Gathered is what Sources add up to.
type Gathered struct {
	Configs map[string]source.Value
	// Secrets are the values taken from the environment: they are for
	// Pool.AddSecrets, whatever field they went to.
	Secrets []string
	// Problems are what is wrong. What has a problem is left out of Configs or empty;
	// the rest is there.
	Problems source.Problems
}

// Configurations gathers named configurations from a providers file and from an
// environment as os.Environ has it, later ones winning: file, KEEP_PROVIDERS and
// TOCSIN_PROVIDERS (JSON), KEEP_PROVIDER_<NAME> and TOCSIN_PROVIDER_<NAME> (JSON;
// lower case, "_" becomes "-"). A string of those variables that is $(NAME), and a
// field of any authentication that is {{ env.NAME }}, are replaced from environ (spec
// §7.8). It reads no file and no environment: it is given both. The error is a
// source.Problems; what it is not about is returned beside it. Sources.Gather also
// tells what came from the environment, and warnings.
func Configurations(file source.Value, environ []string) (map[string]source.Value, error) {
	g := Sources{File: file, Environ: environ}.Gather()
	return g.Configs, g.Problems.Err()
}

// Gather reads the sources, as Configurations says.
func (s Sources) Gather() Gathered {
	g := gathering{env: environment(s.Environ), read: s.Read}
	g.Configs = map[string]source.Value{}
	g.all(s.File, "the providers file")
	g.variable("KEEP_PROVIDERS", true)
	g.variable("TOCSIN_PROVIDERS", false)
	g.variables("KEEP_PROVIDER_", true)
	g.variables("TOCSIN_PROVIDER_", false)
	g.render()
	return g.Gathered
}

// FromEnviron replaces the fields of config's authentication that are {{ env.NAME }}
// from an environment as os.Environ has it: the whole field, at the first level, and
// as it is, without escaping. A variable that is not set is an empty text and a
// warning. secrets are the values that were put in.
func FromEnviron(config source.Value, environ []string) (rendered source.Value, secrets []string, ps source.Problems) {
	g := gathering{env: environment(environ)}
	rendered = g.authentication(config)
	return rendered, g.Secrets, g.Problems
}

// ParseReference reads what "config:" says where it is a text: "{{ providers.NAME }}".
// As in Keep, the word before the dot is not looked at. Unlike Keep, NAME may have
// dots of its own. A text without a dot is an error.
func ParseReference(text string) (name string, err error) {
	_, after, ok := strings.Cut(text, ".")
	name = strings.TrimSpace(strings.ReplaceAll(after, "}}", ""))
	if !ok || name == "" {
		return "", fmt.Errorf("%q is not a reference to a configuration; write {{ providers.NAME }}", text)
	}
	return name, nil
}

// gathering is Gather at work.
type gathering struct {
	Gathered
	env  map[string]string
	read func(string) ([]byte, error)
}

func environment(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, v, ok := strings.Cut(entry, "="); ok {
			env[name] = v
		}
	}
	return env
}

func (g *gathering) problem(pos source.Pos, warning bool, code, message, hint string) {
	g.Problems = append(g.Problems, source.Problem{Pos: pos, Warning: warning, Code: code, Message: message, Hint: hint})
}

// all takes the configurations of a mapping of them.
func (g *gathering) all(v source.Value, from string) {
	if v.Data == nil {
		return
	}
	m, ok := v.Data.(source.Map)
	if !ok {
		g.problem(v.Pos, false, source.BadProviders, from+" is not a mapping of names to configurations",
			"write NAME: {authentication: {...}}")
		return
	}
	for _, e := range m {
		g.one(e.Key, e.Value, e.Pos)
	}
}

// one takes one configuration: a mapping, or nothing at all.
func (g *gathering) one(name string, v source.Value, pos source.Pos) {
	m, ok := v.Data.(source.Map)
	if !ok && v.Data != nil {
		g.problem(pos, false, source.BadProviders, fmt.Sprintf("configuration %q is not a mapping", name),
			"write "+name+": {authentication: {...}}")
		return
	}
	authentication, _ := m.Get("authentication")
	if _, ok := authentication.Data.(source.Map); !ok && authentication.Data != nil {
		g.problem(authentication.Pos, false, source.BadProviders, fmt.Sprintf("authentication of %q is not a mapping", name),
			"write authentication: {KEY: VALUE}, or leave it out")
		return
	}
	g.nearMiss(name, m)
	g.Configs[name] = v
}

// nearMiss notices a misspelt "authentication", without which everything below it is
// silently nothing.
func (g *gathering) nearMiss(name string, m source.Map) {
	if _, ok := m.Get("authentication"); ok {
		return
	}
	for _, e := range m {
		if source.Nearest(e.Key, []string{"authentication"}) != "" {
			g.problem(e.Pos, false, source.UnknownKey, fmt.Sprintf("unknown key %q of configuration %q", e.Key, name),
				`did you mean "authentication"?`)
		}
	}
}

// isPath is what Keep takes for the name of a file rather than JSON.
var isPath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(/|\./|\.\./).*\.json$`) })

// variable takes the configurations of a variable that holds all of them. keep says
// that it is one of Keep's, where bad JSON is passed over.
func (g *gathering) variable(name string, keep bool) {
	text := g.env[name]
	if text == "" {
		return
	}
	pos := source.Pos{File: "$" + name}
	if isPath().MatchString(text) {
		var ok bool
		if text, ok = g.file(pos, text); !ok {
			return
		}
	}
	if v, ok := g.json(pos, text, keep); ok {
		g.all(v, "$"+name)
	}
}

func (g *gathering) file(pos source.Pos, path string) (string, bool) {
	if g.read == nil {
		g.problem(pos, false, source.BadProviders, fmt.Sprintf("names the file %s, which is not read here", path), "put its JSON into the variable")
		return "", false
	}
	text, err := g.read(path)
	if err != nil {
		g.problem(pos, false, source.BadProviders, err.Error(), "name a file of JSON, or put the JSON into the variable")
		return "", false
	}
	return string(text), true
}

// variables takes the configurations of variables that hold one each, in the order of
// their names.
func (g *gathering) variables(prefix string, keep bool) {
	var names []string
	for name, text := range g.env {
		if strings.HasPrefix(name, prefix) && name != prefix && text != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		pos := source.Pos{File: "$" + name}
		if v, ok := g.json(pos, g.env[name], keep); ok {
			g.one(strings.ReplaceAll(strings.ToLower(name[len(prefix):]), "_", "-"), v, pos)
		}
	}
}

// json reads a variable. Its text is never quoted: it is full of secrets.
func (g *gathering) json(pos source.Pos, text string, keep bool) (source.Value, bool) {
	data, err := value.DecodeJSON([]byte(text))
	if err != nil {
		g.problem(pos, keep, source.BadJSON, "is not JSON and is left out", `write {"NAME": {"authentication": {...}}}, without the name in a variable of one`)
		return source.Value{}, false
	}
	v := source.Of(g.dollars(pos, data))
	place(&v, pos)
	return v, true
}

// place gives what came out of a variable its name for a position.
func place(v *source.Value, pos source.Pos) {
	v.Pos = pos
	switch data := v.Data.(type) {
	case []source.Value:
		for i := range data {
			place(&data[i], pos)
		}
	case source.Map:
		for i := range data {
			data[i].Pos = pos
			place(&data[i].Value, pos)
		}
	}
}

// dollars replaces the strings that are $(NAME). As in Keep, one that is not set or
// empty stays as it is.
func (g *gathering) dollars(pos source.Pos, data any) any {
	switch data := data.(type) {
	case string:
		return g.dollarText(pos, data)
	case []any:
		for i := range data {
			data[i] = g.dollars(pos, data[i])
		}
	case *value.Map:
		for k, v := range data.All() {
			data.Set(k, g.dollars(pos, v))
		}
	}
	return data
}

func (g *gathering) dollarText(pos source.Pos, text string) string {
	inner, begins := strings.CutPrefix(text, "$(")
	name, ends := strings.CutSuffix(inner, ")")
	if !begins || !ends || name == "" || strings.ContainsAny(name, "()") {
		return text
	}
	if v := g.env[name]; v != "" {
		g.Secrets = append(g.Secrets, v)
		return v
	}
	g.problem(pos, true, source.UnsetVariable, fmt.Sprintf("%s: %s is not set", text, name), "export "+name)
	return text
}

// render replaces {{ env.NAME }} in all configurations.
func (g *gathering) render() {
	for _, name := range sorted(g.Configs) {
		g.Configs[name] = g.authentication(g.Configs[name])
	}
}

// authentication is config with {{ env.NAME }} replaced in the fields of its
// authentication; what was there is not changed.
func (g *gathering) authentication(config source.Value) source.Value {
	m := slices.Clone(config.Entries())
	for i, e := range m {
		if e.Key != "authentication" {
			continue
		}
		fields := slices.Clone(e.Value.Entries())
		for j, f := range fields {
			if text, ok := f.Value.Data.(string); ok {
				fields[j].Value.Data = g.field(f, text)
			}
		}
		if fields != nil {
			m[i].Value.Data = fields
		}
	}
	if m != nil {
		config.Data = m
	}
	return config
}

var placeholder = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\{\{[{&]?\s*env\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}\}?`)
})

// field is text with {{ env.NAME }} replaced, if it is all braces, from the first
// character to the last.
func (g *gathering) field(f source.Entry, text string) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	if !strings.HasPrefix(text, "{{") || !strings.HasSuffix(text, "}}") {
		if placeholder().MatchString(text) {
			g.problem(f.Value.Pos, true, source.PartialVariable, fmt.Sprintf("%s: {{ env.NAME }} is replaced only where it is the whole field", f.Key),
				"put all of the text into the variable")
		}
		return text
	}
	if !placeholder().MatchString(text) {
		g.problem(f.Value.Pos, true, source.NotAVariable, f.Key+": only {{ env.NAME }} is replaced here; the field is empty",
			"write "+f.Key+`: "{{ env.NAME }}"`)
		return ""
	}
	return placeholder().ReplaceAllStringFunc(text, func(match string) string {
		name := placeholder().FindStringSubmatch(match)[1]
		v, set := g.env[name]
		if !set {
			g.problem(f.Value.Pos, true, source.UnsetVariable, fmt.Sprintf("%s: the environment has no %s; the field is empty", f.Key, name), "export "+name)
		}
		if v != "" {
			g.Secrets = append(g.Secrets, v)
		}
		return v
	})
}
