package templating

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"
	exprfn "github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	exprs "github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// A code is a node and, made when it is first run, its program. Making it cannot
// fail: what could be wrong was found when the node was read.
type code struct {
	node *node
	keep bool // a condition of Keep's, into which texts are pasted
	once sync.Once
	prog *vm.Program
	err  error
}

// eval is the value of c, which is a piece of a text: a path that is missing is no
// mistake there. What is only a path or a literal needs no program.
func (c *code) eval(r *run) (any, error) {
	switch n := c.node; n.kind {
	case pathNode:
		return r.path(n.path, max(n.need(), soft))
	case literalNode:
		return n.value, nil
	}
	return c.run(r)
}

// run runs the program of c.
func (c *code) run(r *run) (any, error) {
	c.once.Do(c.compile)
	if c.err != nil {
		return nil, c.err
	}
	m := r.machine()
	v, err := m.Run(c.prog, r)
	r.depth--
	if err != nil {
		return nil, cause(err)
	}
	return settled(v)
}

// cause is our error in what the machine made of it, with the place. The machine has
// two of its own: for lists that are too long, and for mistakes of ours.
func cause(err error) error {
	var wrapped *file.Error
	if !errors.As(err, &wrapped) {
		return err
	}
	switch inner := wrapped.Prev.(type) {
	case *Error: // ours, and of this evaluation alone
		if inner.Text == "" && inner.Offset == 0 {
			inner.Offset = wrapped.From
		}
		return inner
	case nil:
		if wrapped.Message == "memory budget exceeded" {
			return errList
		}
	case interface{ RuntimeError() }:
	default:
		return inner
	}
	return &Error{Message: "this cannot be evaluated", Offset: wrapped.From}
}

// need is what a path's place in the text says about it.
func (n *node) need() need {
	switch {
	case n.optional:
		return optional
	case n.quoted:
		return soft
	}
	return required
}

func (c *code) compile() {
	t := translator{lang: language(), keep: c.keep, uses: conf.FunctionsTable{}}
	tree := &exprs.Tree{Node: t.node(c.node)}
	c.prog, c.err = compiler.Compile(tree, &conf.Config{ShortCircuit: true, Functions: t.uses})
	if c.err != nil {
		c.err = &Error{Message: "this cannot be evaluated"}
	}
}

// A dialect is what expr-lang knows of us: our operators as functions. The checker of
// expr-lang is not used, because all our values have any type, nor its optimizer,
// which does not know our operators.
type dialect struct {
	operations []exprfn.Function
	env        ast.Node
	typed      nature.Nature // of every node; any type that is no pointer, see translator
}

// language is the dialect, made when a program is first needed.
func language() *dialect {
	shared.once.Do(func() { shared.dialect = newDialect() })
	return shared.dialect
}

// shared is never changed once it is made. It is not a sync.OnceValue because its
// operations evaluate programs, which need it.
var shared struct {
	once    sync.Once
	dialect *dialect
}

func newDialect() *dialect {
	d := &dialect{operations: operations()}
	d.typed = nature.FromType(reflect.TypeFor[bool]())
	d.env = &ast.IdentifierNode{Value: "$env"}
	d.env.SetNature(d.typed)
	return d
}

// A translator turns nodes into those of expr-lang. Every node says that it is a
// boolean: what expr-lang takes for a pointer or any it dereferences, and our
// mappings are pointers.
type translator struct {
	lang *dialect
	keep bool
	uses conf.FunctionsTable // the operations so far
	vars int
}

func (t *translator) typed(n ast.Node) ast.Node {
	n.SetNature(t.lang.typed)
	return n
}

// operation is the one of that name. A program is told of those it uses only: a table of
// all of them takes longer to make than a condition to compile.
func (d *dialect) operation(name string) *exprfn.Function {
	if cel, ok := strings.CutPrefix(name, "cel "); ok {
		return celOperationNamed(cel)
	}
	for i := range d.operations {
		if d.operations[i].Name == name {
			return &d.operations[i]
		}
	}
	panic("templating: no operation " + name)
}

// op is the call of one of our operations.
func (t *translator) op(name string, args ...ast.Node) ast.Node {
	if _, known := t.uses[name]; !known {
		t.uses[name] = t.lang.operation(name)
	}
	all := make([]ast.Node, 0, len(args)+1)
	return t.typed(&ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: name},
		Arguments: append(append(all, t.lang.env), args...),
	})
}

func (t *translator) constant(v any) ast.Node {
	if v == nil {
		return t.typed(&ast.NilNode{})
	}
	return t.typed(&ast.ConstantNode{Value: v})
}

func (t *translator) all(kids []*node) []ast.Node {
	out := make([]ast.Node, len(kids))
	for i, k := range kids {
		out[i] = t.text(k)
	}
	return out
}

// node translates n. A quoted path has the value of the path: comparisons and truth
// want it; elsewhere text is used.
func (t *translator) node(n *node) ast.Node {
	out := t.translated(n)
	out.SetLocation(file.Location{From: n.pos})
	return out
}

func (t *translator) translated(n *node) ast.Node {
	switch n.kind {
	case literalNode:
		return t.constant(n.value)
	case pathNode:
		if t.keep {
			return t.op("pasted path", t.constant(n))
		}
		return t.op(pathOperation(n), t.constant(n.path))
	case localNode:
		return t.typed(&ast.IdentifierNode{Value: n.name})
	case unknownNode:
		return t.op("unknown", t.constant(n.name))
	case textNode:
		if t.keep {
			return t.op("pasted text", t.constant(n))
		}
		return t.op("text", t.constant(n))
	case andNode, orNode:
		return t.junction(n.kind, n.kids)
	case notNode:
		return t.op("not", t.node(n.kids[0]))
	case compareNode:
		return t.comparison(n)
	case arithNode:
		return t.op(n.name, t.all(n.kids)...)
	case negateNode:
		return t.op("negate", t.text(n.kids[0]))
	case choiceNode:
		return t.choice(t.truth(n.kids[0]), t.text(n.kids[1]), t.text(n.kids[2]))
	case listNode:
		return t.typed(&ast.ArrayNode{Nodes: t.all(n.kids)})
	case eachNode:
		return t.each(n)
	case callNode:
		if n.call.keep {
			return t.keepCall(n)
		}
		return t.op("call", append([]ast.Node{t.constant(n.call)}, t.arguments(n.call, n.kids)...)...)
	case methodNode:
		return t.op("method", append([]ast.Node{t.constant(n.call)}, t.all(n.kids)...)...)
	case celNode:
		return t.cel(n)
	case attrNode:
		return t.op("attribute", t.node(n.kids[0]), t.constant(n.name))
	}
	return t.op(operationOf[n.kind], t.all(n.kids)...)
}

// keepCall is a call of one of the functions as Keep does it: not by the program.
func (t *translator) keepCall(n *node) ast.Node {
	if t.keep {
		return t.op("pasted call", t.constant(n))
	}
	return t.op("keep call", t.constant(n))
}

var operationOf = [...]string{
	indexNode: "index",
	sliceNode: "slice",
	tupleNode: "tuple",
	dictNode:  "mapping",
}

func pathOperation(n *node) string {
	return [...]string{required: "path", soft: "soft path", optional: "optional path"}[n.need()]
}

// text translates n where a quoted path is its text.
func (t *translator) text(n *node) ast.Node {
	if n.kind == pathNode && n.quoted {
		return t.op("quoted", t.node(n))
	}
	return t.node(n)
}

// arguments translates those of a call: placeholders are handed on as they are, quoted
// or not, and may be missing.
func (t *translator) arguments(c *call, kids []*node) []ast.Node {
	out := t.all(kids)
	for i, k := range kids {
		if k.kind != pathNode || k.optional || t.keep || c.builtin != nil && k.quoted {
			continue
		}
		out[i] = t.op("soft path", t.constant(k.path))
		switch {
		case k.quoted:
			out[i] = t.op("quoted argument", out[i])
		case c.builtin == nil && !c.inBraces:
			out[i] = t.op("argument", out[i])
		}
	}
	return out
}

// truth translates n where it only matters whether it is true.
func (t *translator) truth(n *node) ast.Node {
	if n.boolean() {
		return t.node(n)
	}
	return t.op("truth", t.node(n))
}

// boolean says that n is always true or false.
func (n *node) boolean() bool {
	switch n.kind {
	case notNode, compareNode:
		return true
	case andNode, orNode:
		for _, k := range n.kids {
			if !k.boolean() {
				return false
			}
		}
		return true
	}
	return false
}

// junction is Python's and, or: the value of the operand that decided.
func (t *translator) junction(k kind, kids []*node) ast.Node {
	if len(kids) == 1 {
		return t.node(kids[0])
	}
	op := "and"
	if k == orNode {
		op = "or"
	}
	first := kids[0]
	if first.boolean() {
		return t.typed(&ast.BinaryNode{Operator: op, Left: t.node(first), Right: t.junction(k, kids[1:])})
	}
	return t.let(t.node(first), func(v ast.Node) ast.Node {
		rest := t.junction(k, kids[1:])
		if k == andNode {
			return t.choice(t.op("truth", v), rest, v)
		}
		return t.choice(t.op("truth", v), v, rest)
	})
}

func (t *translator) choice(cond, then, otherwise ast.Node) ast.Node {
	return t.typed(&ast.ConditionalNode{Cond: cond, Exp1: then, Exp2: otherwise})
}

// let computes v once for in.
func (t *translator) let(v ast.Node, in func(ast.Node) ast.Node) ast.Node {
	t.vars++
	name := fmt.Sprint("$", t.vars)
	return t.typed(&ast.VariableDeclaratorNode{
		Name:  name,
		Value: v,
		Expr:  in(t.typed(&ast.IdentifierNode{Value: name})),
	})
}

// comparison is a < b, or the chain a < b < c, in which b is computed once.
func (t *translator) comparison(n *node) ast.Node {
	left, right := n.kids[0], n.kids[1]
	if !t.keep && left.kind == pathNode && right.kind == literalNode && len(n.ops) == 1 && (n.ops[0] == "==" || n.ops[0] == "!=") {
		// Most conditions are this, and one operation is faster than two.
		return t.op(pathOperation(left)+" "+n.ops[0], t.constant(left.path), t.constant(right.value))
	}
	return t.compare(t.node(n.kids[0]), n.ops, n.kids[1:])
}

func (t *translator) compare(left ast.Node, ops []string, kids []*node) ast.Node {
	op, right := ops[0], t.node(kids[0])
	if kids[0].kind == pathNode && kids[0].quoted && (op == "in" || op == "not in") {
		op = "quoted " + op
	}
	if len(ops) == 1 {
		return t.op(op, left, right)
	}
	return t.let(right, func(middle ast.Node) ast.Node {
		return t.typed(&ast.BinaryNode{
			Operator: "and",
			Left:     t.op(op, left, middle),
			Right:    t.compare(middle, ops[1:], kids[1:]),
		})
	})
}

// each is a comprehension: a map over a filter.
func (t *translator) each(n *node) ast.Node {
	list := t.op("each", t.node(n.kids[1]))
	if len(n.kids) > 2 {
		list = t.loop("filter", list, n.names, func() ast.Node { return t.truth(n.kids[2]) })
	}
	return t.loop("map", list, n.names, func() ast.Node { return t.text(n.kids[0]) })
}

// loop is expr-lang's predicate over list, with a step counted for each element.
func (t *translator) loop(name string, list ast.Node, names []string, body func() ast.Node) ast.Node {
	item := t.op("item", t.typed(&ast.PointerNode{}))
	var do ast.Node
	if len(names) == 1 {
		do = t.typed(&ast.VariableDeclaratorNode{Name: names[0], Value: item, Expr: body()})
	} else {
		do = t.let(item, func(pair ast.Node) ast.Node {
			second := t.typed(&ast.VariableDeclaratorNode{Name: names[1], Value: t.op("index", pair, t.constant(int64(1))), Expr: body()})
			return t.typed(&ast.VariableDeclaratorNode{Name: names[0], Value: t.op("index", pair, t.constant(int64(0))), Expr: second})
		})
	}
	return t.typed(&ast.BuiltinNode{Name: name, Arguments: []ast.Node{list, t.typed(&ast.PredicateNode{Node: do})}})
}
