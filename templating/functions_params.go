package templating

import (
	"fmt"
	"strconv"
	"strings"

	"tocsin/templating/value"
)

// parameters is the Params of a Function, read.
type parameters struct {
	function string      // whose they are
	text     string      // Params
	list     []parameter // without the one that takes the rest
	rest     int         // the position from which on the rest is taken, or -1
}

type parameter struct {
	name     string
	required bool
	fallback any
}

// index is the position of the parameter of that name, or -1. Keep has a spelling of
// its own for one.
func (p *parameters) index(name string) int {
	if name == "delimeter" {
		name = "delimiter"
	}
	for i := range p.list {
		if p.list[i].name == name {
			return i
		}
	}
	return -1
}

// name is what an error calls argument i.
func (p *parameters) name(i int) string {
	if i < len(p.list) {
		return p.list[i].name
	}
	return "argument " + strconv.Itoa(i+1)
}

// readParameters reads "(text, delimiter=',', *more)". What it cannot read is a
// mistake in our table.
func readParameters(f Function) *parameters {
	text, ok := strings.CutPrefix(f.Params, "(")
	text, closed := strings.CutSuffix(text, ")")
	if !ok || !closed {
		panic(fmt.Sprintf("templating: function %s: Params %q has no parentheses", f.Name, f.Params))
	}
	p := &parameters{function: f.Name, text: f.Params, rest: -1}
	for _, part := range splitParameters(text) {
		if strings.HasPrefix(part, "*") {
			p.rest = len(p.list)
			continue
		}
		name, literal, optional := strings.Cut(part, "=")
		fallback, err := value.ParsePython(orNone(literal))
		if err != nil {
			panic(fmt.Sprintf("templating: function %s: default of %s: %v", f.Name, name, err))
		}
		p.list = append(p.list, parameter{name, !optional, fallback})
	}
	return p
}

func orNone(literal string) string {
	if literal == "" {
		return "None"
	}
	return literal
}

// splitParameters cuts at the commas that are in no quotes and no brackets.
func splitParameters(text string) []string {
	var parts []string
	depth, start, quoted := 0, 0, false
	for i, c := range text {
		switch {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(text[start:i]))
			start = i + 1
		}
	}
	if last := strings.TrimSpace(text[start:]); last != "" {
		parts = append(parts, last)
	}
	return parts
}
