package convert

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"tocsin/workflows/source"
)

// A piece is a part of a text: what is written there, or a variable of the environment.
type piece struct {
	at       int    // offset of what was written
	text     string // literal, where variable is ""
	variable string
	fallback *string // nil: none
	refused  string  // why the piece cannot be carried over
}

// A context is what is known about the place of a text.
type context struct {
	path   string // in the workflow
	base   string // what secrets are named for
	field  string // the last key
	secret bool   // all of it is
}

// text is a text of the configuration as one of a workflow: variables become inputs and
// secrets, secrets that are written out become references, braces stay what they are.
// It is false for one that cannot be carried over, which has been noted.
func (c *converter) text(v source.Value, at context) (any, bool) {
	raw := v.Data.(string)
	pieces := c.split(raw)
	for _, p := range pieces {
		if p.refused != "" {
			c.lost(v.Pos, at.path, "write what it would be, or take it from the event: {{ alert.data }}", "%s: %s", at.field, p.refused)
			return nil, false
		}
	}
	hidden := spans(raw, at, c.target.Secret)
	b := &template{}
	for _, p := range pieces {
		if p.variable == "" {
			c.literal(b, p, hidden, v.Pos, at)
			continue
		}
		whole := len(pieces) == 1
		b.refer(c.reference(p, covered(hidden, p.at) || c.target.Secret(p.variable), whole, v.Pos, at))
	}
	return string(b.text), true
}

// A template is a text as it is put together.
type template struct {
	text     []byte
	referred bool // it ends in a reference
}

// refer appends a reference. A brace before it must not become part of it.
func (t *template) refer(to string) {
	if before, ok := bytes.CutSuffix(t.text, []byte("{")); ok && !t.referred {
		t.text = append(before, `{{ "{" }}`...)
	}
	t.text = append(t.text, to...)
	t.referred = true
}

// show appends a text that is shown as it is, whatever would mean something in it.
func (t *template) show(text string) {
	for text != "" {
		n := 1
		switch {
		case strings.HasPrefix(text, "{{"), strings.HasPrefix(text, "{%"):
			n = 2
			t.refer(`{{ "` + text[:n] + `" }}`)
		case text[0] == 'k' && callsKeep().MatchString(text):
			n = len("keep")
			t.refer(`{{ "keep" }}`)
		case text[0] == '}' && t.referred:
			t.refer(`{{ "}" }}`)
		default:
			if next := strings.IndexAny(text[1:], "{}k"); next >= 0 {
				n += next
			} else {
				n = len(text)
			}
			t.text = append(t.text, text[:n]...)
			t.referred = false
		}
		text = text[n:]
	}
}

// callsKeep matches what would be a call of one of Keep's functions.
var callsKeep = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^keep\.\w+\s*\(`) })

// literal writes what is written out, save what is secret of it.
func (c *converter) literal(b *template, p piece, hidden []span, pos source.Pos, at context) {
	rest, offset := p.text, p.at
	for _, s := range hidden {
		from, to := max(s.from-offset, 0), min(s.to-offset, len(rest))
		if from >= to {
			continue
		}
		b.show(rest[:from])
		b.refer(c.conceal(rest[from:to], cmp.Or(s.name, at.field), pos, at))
		rest, offset = rest[to:], offset+to
	}
	b.show(rest)
}

// conceal is a reference to a secret that is written out in the configuration.
func (c *converter) conceal(text, field string, pos source.Pos, at context) string {
	name, ok := c.secrets[text]
	if !ok {
		name = c.numbered("secret ", identifier(at.base+"_"+field, "_"), "_")
		c.secrets[text] = name
	}
	c.note(pos, at.path, Needed, fmt.Sprintf("export %s=... with the value that stands there", secretVariable(name)),
		"%s has a secret in clear text, which is now {{ secrets.%s }}", at.field, name)
	return "{{ secrets." + name + " }}"
}

// reference is how a workflow reads a variable: as an input if there is a fallback for
// it, else, or where secrets stand, as a secret, which comes from the environment.
func (c *converter) reference(p piece, hidden, whole bool, pos source.Pos, at context) string {
	name := strings.Trim(notInNames().ReplaceAllString(p.variable, "_"), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "v_" + name
	}
	if p.fallback == nil || hidden {
		return c.fromEnvironment(p, name, pos, at)
	}
	var fallback any = *p.fallback
	if v, ok := source.Scalar(*p.fallback); ok && whole && plainData(v) {
		fallback = v
	}
	name = c.input(name, p.variable, fallback)
	c.note(pos, at.path, Needed, fmt.Sprintf(`where it differs from its default, run with --input %s="$%s"`, name, p.variable),
		"the variable %s is now {{ inputs.%s }}", p.variable, name)
	return "{{ inputs." + name + " }}"
}

// plainData says that an input can have v as its default: a number or boolean.
func plainData(v any) bool {
	switch v.(type) {
	case bool, int64, float64:
		return true
	}
	return false
}

// fromEnvironment is a reference to a variable as a secret of that name.
func (c *converter) fromEnvironment(p piece, name string, pos source.Pos, at context) string {
	if p.fallback != nil && *p.fallback != "" {
		c.lost(pos, at.path, "set "+secretVariable(name)+", or write the text there", "the fallback of %s, since secrets have none", p.variable)
	}
	known, ok := c.variables[p.variable]
	if !ok {
		known = c.numbered("secret ", name, "_")
		c.variables[p.variable] = known
	}
	from := fmt.Sprintf(`export %s="$%s"`, secretVariable(known), p.variable)
	if strings.Contains(p.variable, ":") {
		from = fmt.Sprintf("export %s=... with what the store of secrets has", secretVariable(known))
	}
	c.note(pos, at.path, Needed, from,
		"the variable %s is now {{ secrets.%s }}", p.variable, known)
	return "{{ secrets." + known + " }}"
}

// input is the name of the input for a variable with that fallback.
func (c *converter) input(name, variable string, fallback any) string {
	free := name
	for i := 2; ; i++ {
		at := slices.IndexFunc(c.inputs, func(in input) bool { return in.name == free })
		if at < 0 {
			c.inputs = append(c.inputs, input{free, variable, fallback})
			return free
		}
		if c.inputs[at].fallback == fallback && c.inputs[at].variable == variable {
			return free
		}
		free = fmt.Sprintf("%s_%d", name, i)
	}
}

var notInNames = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^A-Za-z0-9_]+`) })

// secretVariable is where a secret comes from, as "tocsin run" reads it.
func secretVariable(name string) string { return "TOCSIN_SECRET_" + strings.ToUpper(name) }

// A span is a part of a text that is secret.
type span struct {
	from, to int
	name     string // what it is
}

func covered(hidden []span, at int) bool {
	return slices.ContainsFunc(hidden, func(s span) bool { return s.from <= at && at < s.to })
}

// spans finds what is secret in a text: passwords and tokens in an address, the values
// of such names in JSON, or all of it.
func spans(raw string, at context, isSecret func(string) bool) []span {
	if raw == "" {
		return nil
	}
	if at.secret {
		from := 0
		if scheme, _, ok := strings.Cut(raw, " "); ok && slices.Contains([]string{"bearer", "basic", "token", "apikey"}, strings.ToLower(scheme)) {
			from = len(scheme) + 1
		}
		return []span{{from, len(raw), ""}}
	}
	re := secretPlaces()
	var found []span
	for _, m := range re.user.FindAllStringSubmatchIndex(raw, 1) {
		found = append(found, span{m[2], m[3], "password"})
	}
	for _, pairs := range []*regexp.Regexp{re.query, re.json} {
		for _, m := range pairs.FindAllStringSubmatchIndex(raw, -1) {
			if name := raw[m[2]:m[3]]; isSecret(name) && m[5] > m[4] {
				found = append(found, span{m[4], m[5], name})
			}
		}
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return found
}

// places are where secrets stand in texts.
type places struct{ user, query, json *regexp.Regexp }

var secretPlaces = sync.OnceValue(func() places {
	return places{
		user:  regexp.MustCompile(`^[A-Za-z0-9+.-]*://[^/?#@:]*:([^/?#@]+)@`),
		query: regexp.MustCompile(`[?&;]([^=&#;]+)=([^&#;]*)`),
		json:  regexp.MustCompile(`"([^"\\]+)"\s*:\s*"((?:[^"\\]|\\.)*)"`),
	}
})
