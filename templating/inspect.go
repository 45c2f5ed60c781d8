package templating

// A Comparison is a part of a condition that compares one path with one literal:
// "{{ steps.ws.results.connection }} == 'up'".
type Comparison struct {
	Text    string // as written
	Offset  int    // of Text in the condition
	Path    []string
	Op      string // as it reads with the path in front: ==, !=, <, <=, >, >=, in, not in
	Literal any
	Quoted  bool // the path stands in quotes
}

// Comparisons lists the parts of the condition that compare a path with a literal, in
// order.
func (e *Expr) Comparisons() []Comparison {
	var list []Comparison
	e.code.node.walk(func(n *node) {
		if n.kind != compareNode || len(n.kids) != 2 {
			return
		}
		c := Comparison{Text: e.source(n), Offset: n.pos, Op: n.ops[0]}
		path, literal := n.kids[0], n.kids[1]
		if path.kind != pathNode {
			path, literal, c.Op = literal, path, turned[c.Op]
		}
		v, ok := constantOf(literal)
		if path.kind != pathNode || !ok || c.Op == "" {
			return
		}
		c.Path, c.Quoted, c.Literal = path.path.parts, path.quoted, v
		list = append(list, c)
	})
	return list
}

// turned are the operators as they read from right to left.
var turned = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// constantOf is the value of a literal, a list of literals, or a negative number.
func constantOf(n *node) (any, bool) {
	switch n.kind {
	case literalNode:
		return n.value, true
	case negateNode:
		switch v := n.kids[0].value.(type) {
		case int64:
			return -v, n.kids[0].kind == literalNode
		case float64:
			return -v, n.kids[0].kind == literalNode
		}
	case listNode, tupleNode:
		list := make([]any, len(n.kids))
		for i, k := range n.kids {
			var ok bool
			if list[i], ok = constantOf(k); !ok {
				return nil, false
			}
		}
		return list, true
	}
	return nil, false
}

// Fixed says that the condition comes out the same every time: it reads nothing and
// calls nothing. One with a name that nothing has is not; its note says more.
func (e *Expr) Fixed() bool {
	fixed := true
	e.code.node.walk(func(n *node) {
		switch n.kind {
		case pathNode, callNode, methodNode, unknownNode:
			fixed = false
		}
	})
	return fixed
}

// Alone is the path that the whole condition is, or nil. not says that it is negated.
func (e *Expr) Alone() (path []string, not bool) {
	n := e.code.node
	if n.kind == notNode {
		n, not = n.kids[0], true
	}
	if n.kind != pathNode {
		return nil, false
	}
	return n.path.parts, not
}

// Sections says that the text has sections, in which names are looked for in the item
// first.
func (t *Template) Sections() bool { return sections(t.pieces) }

func sections(pieces []piece) bool {
	for i := range pieces {
		switch pieces[i].kind {
		case sectionPiece, invertedPiece:
			return true
		}
		if sections(pieces[i].kids) {
			return true
		}
	}
	return false
}

// Sections says that a text within the condition has sections.
func (e *Expr) Sections() bool {
	found := false
	e.code.node.walk(func(n *node) { found = found || sections(n.pieces) })
	return found
}
