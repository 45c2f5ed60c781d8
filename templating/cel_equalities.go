package templating

import (
	"slices"
	"strings"
)

// An Equality is something without which a condition cannot hold: the path has to
// lead to one of the texts, or to a list with one of them in it.
type Equality struct {
	Path  []string
	Texts []string
}

// Equalities are what a condition in CEL cannot hold without, as far as the text shows
// it: what stands between "&&"s as name == 'x', name in ['x', 'y'], source.contains('x')
// or name == 'x' || name == 'y'. It serves to look up the conditions that an alert can
// meet. Other conditions have none. Severities are in lower case.
func (e *Expr) Equalities() []Equality {
	if !e.form.cel() {
		return nil
	}
	return equalitiesOf(e.code.node)
}

func (n *node) isCEL(op string) bool { return n.kind == celNode && n.name == op && len(n.names) == 0 }

// equalitiesOf are those of n.
func equalitiesOf(n *node) []Equality {
	if n.kind != celNode {
		return nil
	}
	switch n.name {
	case "&&":
		var list []Equality
		for _, k := range n.kids {
			list = append(list, equalitiesOf(k)...)
		}
		return list
	case "||":
		return alternatives(n.kids)
	case "==", "source ==", "severity ==":
		return append(equality(n.name, n.kids[0], n.kids[1]), equality(n.name, n.kids[1], n.kids[0])...)
	case "in", "source in", "severity in":
		return equality(n.name, n.kids[0], n.kids[1])
	case "call":
		f, _ := n.value.(*celFunction)
		if f.name == "contains" && isField(n.kids[0], "source") {
			return equality("source ==", n.kids[0], n.kids[1])
		}
	}
	return nil
}

// equality is that the path left leads to the text right, or to one of the texts of
// the list right.
func equality(op string, left, right *node) []Equality {
	texts := literalTexts(right)
	isList, wantsList := right.isCEL("list"), strings.HasSuffix(op, "in")
	if left.kind != pathNode || isList != wantsList || len(texts) == 0 || isList && len(texts) < len(right.kids) {
		return nil
	}
	e := Equality{Path: left.path.parts}
	for _, t := range texts {
		word := t.value.(string)
		if op == "severity ==" || op == "severity in" {
			rank, ok := SeverityRank(word)
			if !ok {
				continue // nothing is equal to it
			}
			word = severities[rank-1]
		}
		e.Texts = append(e.Texts, word)
	}
	return []Equality{e}
}

// alternatives is one equality for all of the conditions, if they are about one path.
func alternatives(kids []*node) []Equality {
	var all Equality
	for i, k := range kids {
		own := equalitiesOf(k)
		if len(own) != 1 || i > 0 && !slices.Equal(own[0].Path, all.Path) {
			return nil
		}
		all.Path = own[0].Path
		all.Texts = append(all.Texts, own[0].Texts...)
	}
	return []Equality{all}
}
