package templating

import (
	"context"
	"strings"
	"time"
)

// An Explanation is one part of a condition and its value. Parts are what it was
// made of; a literal has none and is not listed.
type Explanation struct {
	Text    string        `json:"text"`
	Value   any           `json:"value"`
	Missing bool          `json:"missing,omitempty"` // a path that was not there
	Error   string        `json:"error,omitempty"`   // why there is no value
	Parts   []Explanation `json:"parts,omitempty"`
}

// Explain evaluates every part of the condition: what a person needs to see why it
// held or did not. It is slower than Bool, and what it has no time for after a second
// has an error instead of a value.
func (e *Expr) Explain(ctx context.Context, s *Scope) Explanation {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Second, errTime)
	defer cancel()
	how := typed
	if e.keep {
		_, how, _ = e.keepValue(ctx, s)
	}
	x := e.explain(ctx, s, how, e.code.node)
	x.Text = strings.TrimSpace(e.text)
	if x.Error == "" && e.code.node.kind == pathNode {
		x.Parts = []Explanation{e.explain(ctx, s, how, e.code.node)}
	}
	return x
}

// explain evaluates n as a condition of its own.
func (e *Expr) explain(ctx context.Context, s *Scope, how pasting, n *node) Explanation {
	x := Explanation{Text: e.source(n)}
	if ctx.Err() != nil {
		x.Error = context.Cause(ctx).Error()
		return x
	}
	r := begin(ctx, s, e.form, expressionTime)
	defer r.end()
	if n.kind == pathNode {
		var err error
		var found bool
		x.Value, found, err = r.lookup(n.path)
		x.Missing = !found && err == nil
		if err != nil {
			x.Error = messageOf(err)
		}
		return x
	}
	r.pasting, r.exact = how, e.exact
	c := code{node: n, keep: e.keep}
	v, err := c.run(r)
	if err != nil {
		x.Error = messageOf(err)
	} else {
		x.Value = v
	}
	x.Parts = e.parts(ctx, s, how, n)
	return x
}

func (e *Expr) parts(ctx context.Context, s *Scope, how pasting, n *node) []Explanation {
	if n.loops() {
		return []Explanation{e.explain(ctx, s, how, n.kids[1])} // its variables have many values
	}
	var out []Explanation
	for _, k := range n.kids {
		if k.kind != literalNode {
			out = append(out, e.explain(ctx, s, how, k))
		}
	}
	n.eachPiece(func(c *code) {
		if c.node.kind != literalNode {
			out = append(out, e.explain(ctx, s, how, c.node))
		}
	})
	return out
}

// eachPiece calls f with what the placeholders of a quoted text evaluate.
func (n *node) eachPiece(f func(*code)) {
	for i := range n.pieces {
		if c := n.pieces[i].code; c != nil {
			f(c)
		}
	}
}

// source is n as the author wrote it; a path is shown without its braces.
func (e *Expr) source(n *node) string {
	if n.kind == pathNode {
		return n.path.text
	}
	return strings.TrimSpace(e.text[n.pos:n.end])
}

// messageOf is the message without the text it is about, which is beside it.
func messageOf(err error) string {
	if e, ok := err.(*Error); ok {
		return e.Message
	}
	return err.Error()
}
