package templating

import (
	"strings"
)

// A kind is what a node is.
type kind uint8

const (
	literalNode kind = iota // value
	pathNode                // path: a {{ path }} or, inside {{ }}, a name
	localNode               // name: a variable of a comprehension
	unknownNode             // name: evaluating it is an error
	textNode                // pieces: a quoted text with placeholders in it
	andNode                 // kids, left to right
	orNode
	notNode     // kids[0]
	compareNode // kids compared by ops: a < b <= c
	arithNode   // op on kids[0], kids[1]
	negateNode  // kids[0]
	choiceNode  // kids[1] if kids[0] else kids[2]
	indexNode   // kids[0][kids[1]]
	attrNode    // kids[0].name
	sliceNode   // kids[0][kids[1]:kids[2]:kids[3]], literal nil for what is left out
	listNode    // [kids...]
	tupleNode   // (kids...)
	dictNode    // {kids[0]: kids[1], ...}
	eachNode    // [kids[0] for names in kids[1] if kids[2]]; kids[2] may be missing
	callNode    // call
	methodNode  // kids[0].name(kids[1:]...)
	celNode     // an operation of CEL, by its name
)

// A node is one part of an expression, with its place in the text.
type node struct {
	kind     kind
	quoted   bool // a path or text that stood in quotes
	quote    byte // which ones
	wrapped  bool // Keep puts quotes around a placeholder in the text
	optional bool // a path that has a default
	pos, end int

	value  any
	source string // of a literal text: what stands between its quotes
	path   *path
	name   string
	names  []string
	ops    []string
	kids   []*node
	pieces []piece
	call   *call
}

// A call is a function with its arguments: the positional ones first, then those
// with names. They are the kids of the call's node.
type call struct {
	name    string
	fn      Function // of the table, or
	builtin *builtin // one of Python's
	names   []string // of the last arguments
	keep    bool     // it is called as Keep does it

	inBraces bool   // its arguments are those of an expression
	text     string // whose function it is, for errors
	pos      int
}

// walk calls f with n and all below it, in the order of the text.
func (n *node) walk(f func(*node)) {
	f(n)
	for _, k := range n.kids {
		k.walk(f)
	}
	for i := range n.pieces {
		n.pieces[i].walk(f)
	}
}

// A path is a dotted name, split once.
type path struct {
	parts []string
	text  string // as in messages: a.b.0
	pos   int
	deep  bool // may lead to the author's own texts
}

func newPath(parts []string, pos int) *path {
	return &path{parts: parts, text: strings.Join(parts, "."), pos: pos, deep: leadsToTexts(parts)}
}

// leadsToTexts says whether nested templates can be below parts: consts, vars and
// aliases have them, also those of a step, and secrets has the vars of all steps
// (spec §3.1).
func leadsToTexts(parts []string) bool {
	switch parts[0] {
	case "consts", "vars", "aliases", "secrets":
		return true
	case "steps", "actions":
		return len(parts) < 3 || parts[2] == "vars" || parts[2] == "aliases"
	}
	return false
}

// refs collects the paths that nodes read, in order.
type refs []Ref

func (r *refs) add(n *node) {
	if n.kind == pathNode && len(n.path.parts) > 0 {
		*r = append(*r, Ref{Path: n.path.parts, Offset: n.path.pos})
	}
}
