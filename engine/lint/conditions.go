package lint

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// fixedConditions reports conditions that read nothing.
func (c *checker) fixedConditions() {
	for i := range c.texts {
		t := &c.texts[i]
		if t.expr == nil || !t.expr.Fixed() {
			continue
		}
		held, err := t.expr.Bool(context.Background(), &templating.Scope{})
		if err != nil {
			continue
		}
		c.warn(t.value.Pos, source.ConstantCondition, "read what it is about with {{ }}", "this condition reads nothing: it %s", always(held))
	}
}

func always(held bool) string {
	if held {
		return "always holds"
	}
	return "never holds"
}

// comparisons reports a comparison with a result that comes out the same for whatever
// the provider can return.
func (c *checker) comparisons() {
	for i := range c.texts {
		t := &c.texts[i]
		if t.expr == nil {
			continue
		}
		for _, k := range t.expr.Comparisons() {
			f, ok := c.field(t, k.Path)
			if !ok {
				continue
			}
			held, same := outcome(t, k, candidates(f, k.Literal))
			if !same {
				continue
			}
			p := c.warn(t.value.At(k.Offset), source.ImpossibleComparison, "it is "+kindOf(f),
				"%s %s, whatever %s is", short(k.Text), always(held), k.Path[len(k.Path)-1])
			p.Len = len([]rune(k.Text))
		}
	}
}

// field is what a provider says about the result that a path leads to.
func (c *checker) field(t *text, path []string) (schema.Field, bool) {
	s, rest := t.step, path
	switch {
	case len(path) > 1 && path[0] == "results" && t.role == expectation:
		rest = path[1:]
	case len(path) > 3 && (path[0] == "steps" || path[0] == "actions") && path[2] == "results":
		s, rest = c.named(path[1]), path[3:]
	default:
		return schema.Field{}, false
	}
	if s == nil || s.Foreach.S != "" {
		return schema.Field{}, false
	}
	op := c.operation(s)
	if op == nil || op.Result == nil {
		return schema.Field{}, false
	}
	f, ok := op.Result.Field(rest[0]) // all of them would be read for it
	if !ok || len(rest) == 1 || f.Type != schema.Mapping {
		return f, ok && len(rest) == 1
	}
	return findField(f.Fields, rest[1:])
}

// named is the step of that name; of several, nil.
func (c *checker) named(name string) *workflows.Step {
	var found *workflows.Step
	for _, s := range slices.Concat(c.w.Steps, c.w.Actions) {
		if s.Name == name && found != nil {
			return nil
		}
		if s.Name == name {
			found = s
		}
	}
	return found
}

func findField(fields []schema.Field, path []string) (schema.Field, bool) {
	i := slices.IndexFunc(fields, func(f schema.Field) bool { return f.Name == path[0] || slices.Contains(f.Aliases, path[0]) })
	switch {
	case i < 0:
		return schema.Field{}, false
	case len(path) == 1:
		return fields[i], true
	case fields[i].Type == schema.Mapping:
		return findField(fields[i].Fields, path[1:])
	}
	return schema.Field{}, false
}

// candidates are values of the field among which there is one for every way a
// comparison with the literal can come out; nil: nobody knows.
func candidates(f schema.Field, literal any) []any {
	switch f.Type {
	case schema.Boolean:
		return []any{true, false}
	case schema.Integer:
		return append([]any{int64(-1), int64(0), int64(1), int64(1 << 40)}, around(literal)...)
	case schema.Number, schema.Duration, schema.Size:
		return append([]any{int64(-1), int64(0), 0.5, int64(1), int64(1 << 40)}, around(literal)...)
	case schema.String:
		if len(f.Enum) == 0 {
			return nil
		}
		all := make([]any, len(f.Enum))
		for i, e := range f.Enum {
			all[i] = e
		}
		return append(all, "")
	}
	return nil
}

// around are numbers at and beside those of the literal.
func around(literal any) []any {
	switch v := literal.(type) {
	case int64:
		return []any{v - 1, v, v + 1}
	case float64:
		return []any{v - 1, v, v + 1}
	case string:
		if n, err := value.ParsePython(strings.TrimSpace(strings.TrimSuffix(v, "%"))); err == nil {
			if _, isText := n.(string); !isText {
				return around(n)
			}
		}
	case []any:
		var all []any
		for _, item := range v {
			all = append(all, around(item)...)
		}
		return all
	}
	return nil
}

// outcome evaluates k with each of the values. same says that they all agree.
func outcome(t *text, k templating.Comparison, values []any) (held, same bool) {
	e, err := templating.Language{}.ParseExpr(k.Text, t.form)
	if err != nil || len(values) == 0 {
		return false, false
	}
	for i, v := range values {
		scope := templating.Scope{Data: map[string]any{k.Path[0]: nested(k.Path[1:], v)}}
		h, err := e.Bool(context.Background(), &scope)
		if err != nil && t.form != templating.If {
			h = false // what cannot be compared fails
		} else if err != nil {
			return false, false
		}
		if i > 0 && h != held {
			return false, false
		}
		held = h
	}
	return held, true
}

// nested is data in which the path leads to v.
func nested(path []string, v any) any {
	for _, part := range slices.Backward(path) {
		v = value.MapOf(value.Entry{Key: part, Value: v})
	}
	return v
}

func kindOf(f schema.Field) string {
	switch {
	case f.Type == schema.Boolean:
		return "true or false"
	case len(f.Enum) > 0:
		return "one of " + strings.Join(f.Enum, ", ")
	}
	return "a number"
}

// thresholds reports a threshold between two numbers of the document.
func (c *checker) thresholds() {
	for _, s := range c.steps() {
		for _, p := range s.Conditions {
			m, _ := p.With.Data.(source.Map)
			v, ok := m.Get("value")
			to, ok2 := m.Get("compare_to")
			if p.Type.S == "threshold" && ok && ok2 && written(v) && written(to) {
				c.warn(v.Pos, source.ConstantCondition, "read the value with {{ }}", "condition %q compares two values of the document: it always comes out the same", p.Name)
			}
		}
	}
}

// written says that v stands there as it will be.
func written(v source.Value) bool {
	s, isText := v.Data.(string)
	return v.Data != nil && (!isText || !strings.Contains(s, "{{") && !strings.Contains(s, "keep."))
}

// overruled reports conditions beside an "if" that does not ask for them.
func (c *checker) overruled() {
	for _, s := range c.steps() {
		if s.If.S == "" || len(s.Conditions) == 0 {
			continue
		}
		for _, p := range s.Conditions {
			if !c.reads(s, p.Name, p.Alias) {
				c.warn(p.Pos, source.OverruledCondition, fmt.Sprintf(`write "{{ %s }} and ..." into the if, or leave the if out`, p.Alias),
					`%s has an "if", which decides alone: the condition %q changes nothing`, c.title(s), p.Name)
			}
		}
	}
}

// reads reports whether some text of the workflow reads the condition of s.
func (c *checker) reads(s *workflows.Step, names ...string) bool {
	for i := range c.texts {
		for _, ref := range c.texts[i].refs {
			if len(ref.Path) > 0 && slices.Contains(names, ref.Path[0]) {
				return true
			}
			if len(ref.Path) > 2 && ref.Path[1] == s.Name && ref.Path[2] == "conditions" {
				return true
			}
			if len(ref.Path) > 1 && ref.Path[0] == "foreach" && slices.Contains([]string{"compare_value", "compare_to", "level", "stddev"}, ref.Path[1]) {
				return true
			}
		}
	}
	return c.mentions(names...)
}

// mentions reports whether a text that could not be read has one of the words.
func (c *checker) mentions(words ...string) bool {
	for _, t := range c.unread {
		for _, w := range words {
			if w != "" && strings.Contains(t, w) {
				return true
			}
		}
	}
	return false
}

// names reports conditions of one step, and inputs, that have the same name.
func (c *checker) names() {
	for _, s := range c.steps() {
		first := map[string]source.Pos{}
		for _, p := range s.Conditions {
			c.twice(first, p.Alias, p.Pos, "condition")
		}
	}
	first := map[string]source.Pos{}
	for _, in := range c.w.Inputs {
		c.twice(first, in.Name, in.Pos, "input")
	}
}

func (c *checker) twice(first map[string]source.Pos, name string, pos source.Pos, what string) {
	if before, ok := first[name]; ok && name != "" {
		c.warn(pos, source.DuplicateName, fmt.Sprintf("the first is in line %d; texts see the last", before.Line), "a second %s %q", what, name)
		return
	}
	first[name] = pos
}

// short keeps a message on one line.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}
