package templating

import (
	"fmt"
	"regexp"

	exprs "github.com/expr-lang/expr/builtin"

	"tocsin/templating/value"
)

// operations are what programs are made of, besides expr-lang's jumps, loops and
// variables. Each gets the run first and counts a step.
func operations() []exprs.Function {
	return []exprs.Function{
		{Name: "path", Func: func(a ...any) (any, error) { return a[0].(*run).path(a[1].(*path), required) }},
		{Name: "soft path", Func: func(a ...any) (any, error) { return a[0].(*run).path(a[1].(*path), soft) }},
		{Name: "optional path", Func: func(a ...any) (any, error) { return a[0].(*run).path(a[1].(*path), optional) }},
		{Name: "path ==", Func: func(a ...any) (any, error) { return pathEqual(a, required) }},
		{Name: "path !=", Func: func(a ...any) (any, error) { return not(pathEqual(a, required)) }},
		{Name: "soft path ==", Func: func(a ...any) (any, error) { return pathEqual(a, soft) }},
		{Name: "soft path !=", Func: func(a ...any) (any, error) { return not(pathEqual(a, soft)) }},
		{Name: "optional path ==", Func: func(a ...any) (any, error) { return pathEqual(a, optional) }},
		{Name: "optional path !=", Func: func(a ...any) (any, error) { return not(pathEqual(a, optional)) }},
		{Name: "argument", Func: func(a ...any) (any, error) { return a[0].(*run).argument(a[1]) }},
		{Name: "quoted argument", Func: func(a ...any) (any, error) { return a[0].(*run).quotedArgument(a[1]) }},
		{Name: "quoted", Func: func(a ...any) (any, error) { return a[0].(*run).quoted(a[1]) }},
		{Name: "text", Func: func(a ...any) (any, error) { return a[0].(*run).piecesText(a[1].(*node).pieces) }},
		{Name: "unknown", Func: func(a ...any) (any, error) { return a[0].(*run).unknown(a[1].(string)) }},

		{Name: "pasted path", Func: func(a ...any) (any, error) { r := a[0].(*run); return r.standing(a[1].(*node), r.pastedPath) }},
		{Name: "pasted text", Func: func(a ...any) (any, error) { r := a[0].(*run); return r.standing(a[1].(*node), r.pastedText) }},
		{Name: "pasted call", Func: func(a ...any) (any, error) { r := a[0].(*run); return r.standing(a[1].(*node), r.pastedCall) }},
		{Name: "keep call", Func: func(a ...any) (any, error) { return a[0].(*run).keepCall(a[1].(*node)) }},

		{Name: "truth", Func: func(a ...any) (any, error) { return value.Truthy(a[1]), step(a) }},
		{Name: "not", Func: func(a ...any) (any, error) { return !value.Truthy(a[1]), step(a) }},
		{Name: "==", Func: func(a ...any) (any, error) { return a[0].(*run).equal(a[1], a[2]), stepBy(a, weight(a[1])) }},
		{Name: "!=", Func: func(a ...any) (any, error) { return !a[0].(*run).equal(a[1], a[2]), stepBy(a, weight(a[1])) }},
		{Name: "<", Func: func(a ...any) (any, error) { return a[0].(*run).ordering("<", a[1], a[2]) }},
		{Name: "<=", Func: func(a ...any) (any, error) { return a[0].(*run).ordering("<=", a[1], a[2]) }},
		{Name: ">", Func: func(a ...any) (any, error) { return a[0].(*run).ordering(">", a[1], a[2]) }},
		{Name: ">=", Func: func(a ...any) (any, error) { return a[0].(*run).ordering(">=", a[1], a[2]) }},
		{Name: "in", Func: func(a ...any) (any, error) { return a[0].(*run).contains(a[2], a[1]) }},
		{Name: "not in", Func: func(a ...any) (any, error) { ok, err := a[0].(*run).contains(a[2], a[1]); return !ok, err }},
		{Name: "quoted in", Func: func(a ...any) (any, error) { return a[0].(*run).quotedContains(a[2], a[1]) }},
		{Name: "quoted not in", Func: func(a ...any) (any, error) { ok, err := a[0].(*run).quotedContains(a[2], a[1]); return !ok, err }},
		{Name: "matches", Func: func(a ...any) (any, error) { return a[0].(*run).matches(a[1], a[2].(*regexp.Regexp)) }},

		{Name: "+", Func: func(a ...any) (any, error) { return computed("+", a) }},
		{Name: "-", Func: func(a ...any) (any, error) { return computed("-", a) }},
		{Name: "*", Func: func(a ...any) (any, error) { return computed("*", a) }},
		{Name: "/", Func: func(a ...any) (any, error) { return computed("/", a) }},
		{Name: "//", Func: func(a ...any) (any, error) { return computed("//", a) }},
		{Name: "%", Func: func(a ...any) (any, error) { return computed("%", a) }},
		{Name: "**", Func: func(a ...any) (any, error) { return computed("**", a) }},
		{Name: "negate", Func: func(a ...any) (any, error) { return negate(a[1]) }},

		{Name: "index", Func: func(a ...any) (any, error) { return a[0].(*run).index(a[1], a[2]) }},
		{Name: "slice", Func: func(a ...any) (any, error) { return a[0].(*run).sliced(a[1], a[2], a[3], a[4]) }},
		{Name: "attribute", Func: func(a ...any) (any, error) { return a[0].(*run).attribute(a[1], a[2].(string)) }},
		{Name: "tuple", Func: func(a ...any) (any, error) { return value.Tuple(append([]any{}, a[1:]...)), stepBy(a, len(a)) }},
		{Name: "mapping", Func: func(a ...any) (any, error) { return pairsOf(a[1:]), stepBy(a, len(a)) }},

		{Name: "each", Func: func(a ...any) (any, error) { return a[0].(*run).loopable(a[1]) }},
		{Name: "item", Func: func(a ...any) (any, error) { return a[1], step(a) }},
		{Name: "call", Func: func(a ...any) (any, error) { return a[0].(*run).call(a[1].(*call), a[2:]) }},
		{Name: "method", Func: func(a ...any) (any, error) { return a[0].(*run).method(a[1].(*call), a[2:]) }},
	}
}

// pathEqual compares what a path leads to with a literal.
func pathEqual(a []any, need need) (bool, error) {
	r := a[0].(*run)
	v, err := r.path(a[1].(*path), need)
	if err != nil {
		return false, err
	}
	return equal(v, a[2]), r.tick(weight(v))
}

func not(ok bool, err error) (bool, error) { return !ok, err }

func step(a []any) error { return a[0].(*run).tick(1) }

func stepBy(a []any, n int) error { return a[0].(*run).tick(n) }

// weight is how many steps it takes to compare v.
func weight(v any) int {
	switch x := v.(type) {
	case []any:
		return 1 + len(x)
	case *value.Map:
		return 1 + x.Len()
	case string:
		return 1 + len(x)/256
	}
	return 1
}

func computed(op string, a []any) (any, error) {
	if err := step(a); err != nil {
		return nil, err
	}
	return a[0].(*run).arith(op, a[1], a[2])
}

// unknown is a bare name. Where Keep's attempts have failed, the three that other
// languages have for literals are literals.
func (r *run) unknown(name string) (any, error) {
	if r.form == If && r.pasting == typed {
		switch name {
		case "true", "false":
			return name == "true", nil
		case "null", "none":
			return nil, nil
		}
	}
	return nil, unknownName(name)
}

func unknownName(name string) error {
	return &Error{Message: fmt.Sprintf("unknown name %q", name)}
}

// quoted is v as the text that '{{ }}' shows.
func (r *run) quoted(v any) (any, error) {
	if s, ok := v.(string); ok {
		return s, r.tick(1)
	}
	s := tagText(v)
	return s, r.grow(len(s))
}

// argument is v as a function gets it from a placeholder: a text that writes a list or
// mapping as Python prints it is that, as it is in Keep (spec §4.3).
func (r *run) argument(v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return v, r.tick(1)
	}
	if parsed, ok := collection(text); ok {
		return parsed, r.grow(len(text))
	}
	return v, r.tick(1)
}

// quotedArgument is v as a function gets it from a placeholder in quotes: text, save
// that a list or mapping is better off as what it is (spec §11.1, B-7).
func (r *run) quotedArgument(v any) (any, error) {
	if _, isList := items(v); isList || isMapping(v) {
		return v, r.tick(1)
	}
	return r.quoted(v)
}

// quotedContains is v in '{{ list }}': an element, or a part of the list's text.
func (r *run) quotedContains(container, needle any) (bool, error) {
	ok, err := r.contains(container, needle)
	if ok || err == nil && container == nil {
		return ok, err
	}
	return r.contains(tagText(container), needle)
}

func (r *run) piecesText(pieces []piece) (any, error) {
	s, err := r.text(pieces)
	return s, firstOf(err, r.grow(len(s)))
}

func (r *run) matches(v any, re *regexp.Regexp) (any, error) {
	if v == nil {
		return nil, &Error{Message: "nothing (null) matches no pattern"}
	}
	s := tagText(v)
	if err := r.tick(1 + len(s)/64); err != nil {
		return nil, err
	}
	return re.MatchString(s), nil
}

// index is v[i].
func (r *run) index(v, i any) (any, error) {
	m, err := indexed(v, i)
	return m, firstOf(err, r.tick(1))
}

// attribute is v.name: nil if there is none, except where that is an error.
func (r *run) attribute(v any, name string) (any, error) {
	if m, ok := value.Member(v, name); ok {
		return m, r.tick(1)
	}
	if r.form == AlertAssert {
		return nil, missingError("", 0, []string{name})
	}
	return nil, r.tick(1)
}

func pairsOf(pairs []any) *value.Map {
	m := value.NewMap(len(pairs) / 2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Set(value.Text(pairs[i]), pairs[i+1])
	}
	return m
}

// loopable is v as a list that expr-lang can go through.
func (r *run) loopable(v any) (any, error) {
	list, err := r.each(v)
	if list == nil {
		list = []any{}
	}
	return list, firstOf(err, r.tick(1))
}

// call calls a function with what was computed for its arguments.
func (r *run) call(c *call, args []any) (any, error) {
	if err := firstOf(r.tick(1), r.check()); err != nil {
		return nil, err
	}
	if c.builtin != nil {
		v, err := c.builtin.call(r, args)
		return v, named(c, err)
	}
	var names []Named
	n := len(args) - len(c.names)
	for i, name := range c.names {
		names = append(names, Named{Name: name, Value: args[n+i]})
	}
	v, err := c.fn.Do(r.ctx, args[:n], names, r.now())
	if err != nil {
		return nil, &Error{Text: c.text, Offset: c.pos, Message: err.Error()}
	}
	return v, r.grow(size(v))
}

// size is about how many bytes of text v is.
func size(v any) int {
	switch x := v.(type) {
	case string:
		return len(x)
	case []any:
		return 16 * len(x)
	case *value.Map:
		return 32 * x.Len()
	}
	return 0
}

func (r *run) method(c *call, args []any) (any, error) {
	if err := r.tick(1); err != nil {
		return nil, err
	}
	v, err := c.builtin.call(r, args)
	return v, named(c, err)
}

// named puts the function's name and place to its error.
func named(c *call, err error) error {
	e, ok := err.(*Error)
	if !ok || e.Text != "" {
		return err
	}
	return &Error{Text: c.text, Offset: c.pos, Message: c.name + ": " + e.Message, Hint: e.Hint}
}
