package engine

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// Inputs are the values that a run with the given ones sees under "inputs": with
// defaults where nothing was given, and of the types that the workflow declares. What
// is wrong with them is a source.Problems, at the places where the inputs are
// declared. Run checks them too; a command that checks first can say it sooner.
//
// A workflow without declared inputs takes any.
func (p *Program) Inputs(given map[string]any) (any, error) {
	declared := p.workflow.Inputs
	if len(given) == 0 && len(declared) == 0 {
		return nil, nil
	}
	m := value.NewMap(len(given) + len(declared))
	var problems source.Problems
	for _, in := range declared {
		v, ok, problem := input(in, given)
		switch {
		case problem != nil:
			problems = append(problems, *problem)
		case ok:
			m.Set(in.Name, v)
		}
	}
	problems = append(problems, others(p.workflow, given, m)...)
	return m, problems.Err()
}

// input is the value of one declared input, and whether it has one.
func input(in workflows.Input, given map[string]any) (any, bool, *source.Problem) {
	v, ok := given[in.Name]
	switch {
	case ok:
		v = value.Of(v)
	case in.Default.Data != nil:
		v = in.Default.Plain()
	case in.Required:
		return nil, false, wrongInput(in, "give it a value", "input %q is required", in.Name)
	default:
		return nil, false, nil
	}
	out, hint := asInput(in, v)
	if hint != "" {
		return nil, false, wrongInput(in, hint, "input %q cannot be %s", in.Name, strconv.Quote(short(value.Text(v))))
	}
	return out, true, nil
}

func wrongInput(in workflows.Input, hint, format string, args ...any) *source.Problem {
	return &source.Problem{Pos: in.Pos, Code: source.BadInput, Hint: hint, Message: fmt.Sprintf(format, args...)}
}

// asInput is v as the declared type; hint says what it should be where it is not.
func asInput(in workflows.Input, v any) (out any, hint string) {
	switch in.Type {
	case "number":
		if n, ok := asNumber(v); ok {
			return n, ""
		}
		return nil, "it is a number"
	case "boolean":
		if b, ok := asBool(v); ok {
			return b, ""
		}
		return nil, "it is true or false"
	case "choice":
		text := value.Text(v)
		if len(in.Options) == 0 || slices.Contains(in.Options, text) {
			return text, ""
		}
		if near := source.Nearest(text, in.Options); near != "" {
			return nil, fmt.Sprintf("did you mean %q?", near)
		}
		return nil, "it is one of " + strings.Join(in.Options, ", ")
	case "string":
		return value.Text(v), ""
	}
	return v, ""
}

func asNumber(v any) (any, bool) {
	text, ok := v.(string)
	if !ok {
		_, ok := number(v)
		return v, ok
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
		return n, true
	}
	q, ok := parseQuantity(text)
	return q.n, ok && !q.percent
}

func asBool(v any) (bool, bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "yes", "on", "1":
			return true, true
		case "false", "no", "off", "0":
			return false, true
		}
	}
	return false, false
}

// others adds given values that are not declared, as Keep takes them, unless they are
// near one that is.
func others(w *workflows.Workflow, given map[string]any, m *value.Map) source.Problems {
	names := inputNames(w.Inputs)
	var rest []string
	for name := range given {
		if !slices.Contains(names, name) {
			rest = append(rest, name)
		}
	}
	sort.Strings(rest)
	var problems source.Problems
	for _, name := range rest {
		if near := source.Nearest(name, names); near != "" {
			problems = append(problems, source.Problem{
				Pos: w.Pos, Code: source.UnknownInput, Message: fmt.Sprintf("no input %q", name), Hint: fmt.Sprintf("did you mean %q?", near),
			})
			continue
		}
		m.Set(name, value.Of(given[name]))
	}
	return problems
}
