package templating

import (
	"fmt"
	"strings"
)

// pipe reads "| name a b" or "| name(a, b)": the value comes last, as in sprig.
func (p *parser) pipe(value *node) *node {
	p.symbol("|")
	p.space()
	at := p.pos
	name := firstWord(p.rest())
	if strings.HasPrefix(p.rest(), "keep.") {
		name = "keep." + firstWord(p.rest()[len("keep."):])
	}
	if name == "" || !isNameByte(name[0]) || isDigit(name[0]) {
		p.fail(at, "the name of a function is missing after |", "write {{ path | upper }}")
		return value
	}
	p.pos += len(name)
	var args []*node
	jinja := p.pos < p.end && p.text[p.pos] == '('
	if jinja {
		var names []string
		if args, names = p.arguments(); len(names) > 0 {
			p.fail(at, "a filter takes no named arguments here", "")
		}
	} else {
		for p.err == nil && p.moreArguments() {
			args = append(args, p.operand())
		}
	}
	return p.filter(name, at, value, args, jinja)
}

// moreArguments says whether another argument of a pipe follows.
func (p *parser) moreArguments() bool {
	p.space()
	if p.pos >= p.end {
		return false
	}
	for _, w := range [...]string{"and", "or", "in", "is", "not", "if", "else", "for", "matches"} {
		if strings.HasPrefix(p.rest(), w) && firstWord(p.rest()) == w {
			return false
		}
	}
	c := p.text[p.pos]
	return isNameByte(c) || strings.IndexByte("'\"([{.", c) >= 0 || c == '-' && p.pos+1 < p.end && isDigit(p.text[p.pos+1])
}

// filter is name applied to value.
func (p *parser) filter(name string, at int, value *node, args []*node, jinja bool) *node {
	if as := jinjaFilterOf(name); as != nil && (jinja || !p.known(name)) {
		p.note(at, NoteJinja, fmt.Sprintf("%q is a Jinja filter", name), "write "+as.instead)
		name = as.name
		if as.first {
			return p.applied(name, at, append([]*node{value}, args...))
		}
	} else if strings.HasPrefix(name, "keep.") {
		return p.applied(name, at, append([]*node{value}, args...))
	}
	return p.applied(name, at, append(args, value))
}

func (p *parser) known(name string) bool {
	_, ok := p.lang.Functions.Lookup(name)
	return ok
}

func (p *parser) applied(name string, at int, args []*node) *node {
	if name == "default" || name == "coalesce" {
		for _, a := range args {
			a.optional = a.kind == pathNode
		}
	}
	b := builtinOf(name)
	if b == nil || p.known(name) {
		n := p.tableCall(name, at, args, nil)
		n.pos = min(at, args[len(args)-1].pos, args[0].pos)
		return n
	}
	n := p.make(callNode, args[0].pos, args...)
	n.call = &call{name: name, builtin: b, text: p.text, pos: at}
	if p.err == nil && !b.takes(len(args)) {
		p.fail(at, fmt.Sprintf("%s: these are not its arguments", name), "it takes "+b.params)
	}
	return n
}

// A jinjaFilter is what to use for a filter of Jinja's.
type jinjaFilter struct {
	filter  string
	name    string // of the function here
	first   bool   // the value is its first argument, not its last
	instead string // how to write it
}

// jinjaFilters mean the same under another name here, or have their arguments in
// parentheses there.
var jinjaFilters = [...]jinjaFilter{
	{"abs", "abs", true, "abs(x)"},
	{"capitalize", "keep.capitalize", true, "keep.capitalize(x)"},
	{"count", "len", true, "len(x)"},
	{"d", "default", false, "x | default 'none'"},
	{"default", "default", false, "x | default 'none'"},
	{"first", "first", false, "x | first"},
	{"float", "float", true, "float(x)"},
	{"int", "int", true, "int(x)"},
	{"join", "join", false, "x | join ', '"},
	{"last", "last", false, "x | last"},
	{"length", "len", true, "len(x)"},
	{"list", "list", true, "list(x)"},
	{"lower", "lower", false, "x | lower"},
	{"max", "max", true, "max(x)"},
	{"min", "min", true, "min(x)"},
	{"replace", "replace", false, "x | replace 'old' 'new'"},
	{"round", "round", true, "round(x, 2)"},
	{"sort", "sorted", true, "sorted(x)"},
	{"string", "str", true, "str(x)"},
	{"sum", "sum", true, "sum(x)"},
	{"title", "title", false, "x | title"},
	{"tojson", "toJson", false, "x | toJson"},
	{"trim", "trim", false, "x | trim"},
	{"truncate", "trunc", false, "x | trunc 80"},
	{"unique", "uniq", false, "x | uniq"},
	{"upper", "upper", false, "x | upper"},
	{"urlencode", "keep.encode", true, "keep.encode(x)"},
}

func jinjaFilterOf(name string) *jinjaFilter {
	for i := range jinjaFilters {
		if jinjaFilters[i].filter == name {
			return &jinjaFilters[i]
		}
	}
	return nil
}
