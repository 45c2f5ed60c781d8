package templating

import (
	"fmt"
	"slices"
	"strings"
)

// compared makes a node of a comparison. Comparing severity or source is an operation
// of its own, except with Keep, where the text has been rewritten.
func (p *celParser) compared(op string, at int, left, right *node) *node {
	if p.err == nil && !p.lang.Keep {
		for _, field := range [...]string{"severity", "source"} {
			if isField(left, field) || op != "in" && isField(right, field) {
				p.checkSeverities(field, left, right)
				op = field + " " + op
				break
			}
		}
	}
	return p.cel(op, at, left, right)
}

// isField says that n is the alert's field of that name.
func isField(n *node, name string) bool {
	return n.kind == pathNode && len(n.path.parts) == 1 && n.path.parts[0] == name
}

// checkSeverities notes words that are no severity, which nothing is equal to.
func (p *celParser) checkSeverities(field string, sides ...*node) {
	if field != "severity" {
		return
	}
	for _, n := range sides {
		for _, word := range literalTexts(n) {
			if _, ok := SeverityRank(word.value.(string)); !ok {
				hint := near(word.value.(string), severities[:])
				if hint == "" {
					hint = "severities are critical, high, warning, info and low"
				}
				p.note(word.pos, NoteSeverity, fmt.Sprintf("%q is no severity", word.value), hint)
			}
		}
	}
}

// literalTexts are n, or the items of the list n, that are texts.
func literalTexts(n *node) []*node {
	kids := []*node{n}
	if n.kind == celNode && n.name == "list" {
		kids = n.kids
	}
	return slices.DeleteFunc(slices.Clone(kids), func(k *node) bool {
		_, ok := k.value.(string)
		return k.kind != literalNode || !ok
	})
}

// function makes the call of a function, whose first argument may have stood before
// it: source.contains('x') is contains(source, 'x').
func (p *celParser) function(name string, at, from int, args []*node) *node {
	if p.err != nil {
		return &node{}
	}
	f := celFunctionOf(name)
	switch {
	case f == nil && slices.Contains(celMacros[:], name):
		p.fail(at, fmt.Sprintf("%s() is written after a list", name), fmt.Sprintf("write source.%s(x, x == 'a')", name))
	case f == nil:
		p.fail(at, fmt.Sprintf("no function %q", name), nearCEL(name))
	case !f.takes(len(args)):
		p.fail(at, fmt.Sprintf("%s(): these are not its arguments", name), "write "+f.example)
	}
	if p.err != nil {
		return &node{}
	}
	n := p.cel("call", from, args...)
	n.value = f
	if name == "matches" {
		return p.matching(n)
	}
	return n
}

func nearCEL(name string) string {
	names := append([]string{"has"}, celMacros[:]...)
	for _, f := range celFunctions {
		names = append(names, f.name)
	}
	if hint := near(strings.ToLower(name), names); hint != "" {
		return hint
	}
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return fmt.Sprintf("did you mean %q?", n)
		}
	}
	return "functions are size, contains, startsWith, endsWith, matches, has, " + strings.Join(celMacros[:], ", ")
}

// matching is the call n of matches, whose pattern is compiled once.
func (p *celParser) matching(n *node) *node {
	pattern := n.kids[1]
	if _, ok := pattern.value.(string); !ok || pattern.kind != literalNode {
		p.fail(pattern.pos, "a pattern must be a text in quotes", "write name.matches('^disk')")
		return n
	}
	n.name, n.value, n.kids = "matches", p.parser.pattern(pattern).value, n.kids[:1]
	return n
}
