package templating

import "github.com/expr-lang/expr/ast"

// cel translates an operation of CEL. What goes wrong in one is its value, an *Error,
// so that "&&" and "||" can pass it over; what is spent too much of ends the program.
func (t *translator) cel(n *node) ast.Node {
	switch {
	case n.name == "&&" || n.name == "||":
		return t.celJunction(n)
	case n.name == "?":
		return t.celChoice(n)
	case len(n.names) > 0:
		return t.celMacro(n)
	}
	args := make([]ast.Node, 0, len(n.kids)+1)
	if n.value != nil { // a function, a pattern, or the name of a field
		args = append(args, t.constant(n.value))
	}
	for _, k := range n.kids {
		args = append(args, t.node(k))
	}
	return t.op("cel "+n.name, args...)
}

// celJunction evaluates the operands up to the one that decides.
func (t *translator) celJunction(n *node) ast.Node {
	decides := n.name == "||"
	all := t.node(n.kids[0])
	for _, k := range n.kids[1:] {
		all = t.let(all, func(v ast.Node) ast.Node {
			return t.choice(t.op("cel is", v, t.constant(decides)), t.constant(decides), t.op("cel "+n.name, v, t.node(k)))
		})
	}
	return all
}

func (t *translator) celChoice(n *node) ast.Node {
	return t.let(t.node(n.kids[0]), func(v ast.Node) ast.Node {
		otherwise := t.choice(t.op("cel is", v, t.constant(false)), t.node(n.kids[2]), t.op("cel undecided", v))
		return t.choice(t.op("cel is", v, t.constant(true)), t.node(n.kids[1]), otherwise)
	})
}

// celMacro goes through a list: the body is evaluated for each element, then the
// operation makes one value of what came out.
func (t *translator) celMacro(n *node) ast.Node {
	return t.celList(t.op("cel range", t.node(n.kids[1])), func(list ast.Node) ast.Node {
		each := t.loop("map", list, n.names, func() ast.Node { return t.node(n.kids[0]) })
		switch {
		case len(n.kids) == 3:
			return t.celList(t.op("cel filter", list, each), func(kept ast.Node) ast.Node {
				return t.op("cel map", t.loop("map", kept, n.names, func() ast.Node { return t.node(n.kids[2]) }))
			})
		case n.name == "filter":
			return t.op("cel filter", list, each)
		}
		return t.op("cel "+n.name, each)
	})
}

// celList computes a list for in, unless it could not be made.
func (t *translator) celList(v ast.Node, in func(ast.Node) ast.Node) ast.Node {
	return t.let(v, func(list ast.Node) ast.Node {
		return t.choice(t.op("cel failed", list), list, in(list))
	})
}

// loops says that n evaluates its first kid for each element of its second.
func (n *node) loops() bool { return n.kind == eachNode || n.kind == celNode && len(n.names) > 0 }
