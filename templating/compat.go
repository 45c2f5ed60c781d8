package templating

import (
	"context"
	"errors"
	"strings"

	"tocsin/templating/value"
)

// With "compat: keep", an if or assert is what Keep makes of it (spec §6.1, §6.4):
// a Python expression into which the text of every placeholder was pasted, first in
// quotes and, if that is an error, as it is. Nothing is pasted here: a placeholder has
// the value that its text would have, which is text, or what the text writes as a
// Python literal. Data that writes anything else is an unknown name or nonsense, as
// most of it is in Keep, and never an operator.
//
// Where Keep raises, our own reading decides (spec §11.1, B-8). It does not raise where
// an operator cannot do with what it has, as in '71' > 70: that does not hold.

// A pasting is how placeholders are read.
type pasting uint8

const (
	typed  pasting = iota // as values, which is ours
	quoted                // as the text that they show
	bare                  // as what that text writes
)

// keeps says that Keep's reading is wanted of a condition of this form. An alert's own
// assert is no older than Keep's, and has only ours.
func (l Language) keeps(form Form) bool { return l.Keep && (form == If || form == Assert) }

// errNonsense is an error that Keep does not report: a text that is no Python. What is
// nonsense does not hold.
var errNonsense = errors.New("this is no expression once the data is in it")

// misplaced says what white space makes nonsense of a condition: Python takes some at
// the beginning for an indentation, and the end of a line for that of a statement.
func misplaced(text string) string {
	if isBlank(text[0]) {
		return "this begins with a blank"
	}
	open := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '(' || c == '[' || c == '{':
			open++
		case c == ')' || c == ']' || c == '}':
			open--
		case c == '\n' && open == 0 && strings.TrimSpace(text[i:]) != "":
			return "this goes on in another line"
		}
	}
	return ""
}

// keepBool is the truth of the condition as Keep has it.
func (e *Expr) keepBool(ctx context.Context, s *Scope) (bool, error) {
	v, how, err := e.keepValue(ctx, s)
	if how == typed {
		return err == nil && truth(v), err
	}
	return err == nil && value.Truthy(v), err
}

// keepValue is the value of the condition as Keep has it, nil for nonsense, and how it
// was come by.
func (e *Expr) keepValue(ctx context.Context, s *Scope) (v any, how pasting, err error) {
	if e.nonsense {
		return nil, bare, nil
	}
	for _, how = range e.pastings() {
		if v, err = e.pasted(ctx, s, how); err == nil || stopping(err) {
			return v, how, err
		}
	}
	switch e.form {
	case Assert:
		if wrong, ok := err.(*Error); ok && wrong.called {
			return nil, how, err
		}
		return nil, how, nil
	}
	if unsaid(err) {
		return nil, how, nil
	}
	v, err = e.value(ctx, s, typed)
	return v, typed, err
}

// unsaid says that Keep has an error without words, which it takes for no: of what is
// no Python, and of operators. Of names and functions it has some.
func unsaid(err error) bool {
	wrong, ours := err.(*Error)
	return err == errNonsense || ours && wrong.refused
}

// stopping says that err is no answer: a budget that ran out, or a run that ended.
func stopping(err error) bool {
	_, ours := err.(*Error)
	return err != nil && !ours && err != errNonsense
}

// pastings are Keep's attempts, in their order. Where there is nothing to put in
// quotes it makes only one.
func (e *Expr) pastings() []pasting {
	switch {
	case e.form == Assert:
		return []pasting{bare}
	case wrappable(e.text):
		return []pasting{quoted, bare}
	}
	return []pasting{quoted}
}

// wrappable says that there is a placeholder in text that touches no single quote:
// Keep puts some around it (spec §6.1).
func wrappable(text string) bool {
	for at := 0; ; {
		open := strings.Index(text[at:], "{{")
		if open < 0 {
			return false
		}
		open += at
		body := strings.IndexByte(text[open:], '}')
		if body < 0 {
			return false
		}
		at = open + body
		rest, closed := strings.CutPrefix(text[at:], "}}")
		if closed && body > len("{{") && (open == 0 || text[open-1] != '\'') && !strings.HasPrefix(rest, "'") {
			return true
		}
	}
}

// pasted is one of Keep's attempts. Of an if, a text is evaluated once more.
func (e *Expr) pasted(ctx context.Context, s *Scope, how pasting) (any, error) {
	v, err := e.value(ctx, s, how)
	if text, ok := v.(string); ok && err == nil && e.form == If {
		return written(text)
	}
	return v, err
}

// value evaluates the condition with placeholders read in one way.
func (e *Expr) value(ctx context.Context, s *Scope, how pasting) (any, error) {
	r := begin(ctx, s, e.form, expressionTime)
	defer r.end()
	r.pasting = how
	v, err := e.code.pasted(r)
	if err == errNonsense {
		return nil, err
	}
	return v, r.verdict(e.text, err)
}

// pasted is the value of c with everything pasted into it before it is evaluated: what
// is nonsense in a part is nonsense as a whole, and every function is called.
func (c *code) pasted(r *run) (any, error) {
	if r.pasting != typed {
		r.pastes = map[*node]paste{}
		if err := r.paste(c.node); err != nil {
			return nil, err
		}
	}
	return c.run(r)
}

// A paste is what stands for a placeholder or call, or why nothing can: names that
// nobody knows are an error only where they are needed.
type paste struct {
	v   any
	err error
}

// paste finds out what stands for the placeholders and calls in n.
func (r *run) paste(n *node) error {
	var p paste
	switch {
	case n.kind == pathNode:
		p.v, p.err = r.pastedPath(n)
	case n.kind == textNode:
		p.v, p.err = r.pastedText(n)
	case n.kind == callNode && n.call.keep:
		p.v, p.err = r.pastedCall(n)
	default:
		for _, k := range n.kids {
			if err := r.paste(k); err != nil {
				return err
			}
		}
		return nil
	}
	if wrong, ours := p.err.(*Error); p.err != nil && (!ours || wrong.called) {
		return p.err
	}
	r.pastes[n] = p
	return nil
}

// standing is what stands for n, as paste found out, or its value where nothing is
// pasted.
func (r *run) standing(n *node, value func(*node) (any, error)) (any, error) {
	if r.pasting == typed {
		return value(n)
	}
	p, ok := r.pastes[n]
	if !ok {
		return value(n)
	}
	return p.v, p.err
}

// written is the value that a text has as a Python expression: that of a literal.
// What else it could be is not looked at, since data is no code: it has names that
// nobody knows.
func written(text string) (any, error) {
	if v, err := value.ParsePython(text); err == nil {
		return v, nil
	}
	if text = strings.TrimSpace(text); expressible(text) {
		return nil, unknownName(around(text, 0))
	}
	return nil, errNonsense
}

// expressible says that Python could read the text, if it had all the names in it.
func expressible(text string) bool {
	if text == "" || len(text) > maxExpression {
		return false
	}
	p := &parser{lang: Language{Keep: true}, form: Assert, text: text, end: len(text), nodes: maxNodes, condition: true, open: "{{", close: "}}"}
	p.whole()
	return p.err == nil
}

// pastedPath is what the placeholder of n reads like in this attempt.
func (r *run) pastedPath(n *node) (any, error) {
	v, err := r.path(n.path, soft)
	if err != nil || r.pasting == typed {
		return v, err
	}
	text := tagText(v)
	if err := r.grow(len(text)); err != nil {
		return nil, err
	}
	switch {
	case n.quote == '"' && r.pasting == quoted:
		text = "'" + text + "'" // Keep does not see that it is quoted already
	case n.quote == '"':
	case n.quote != 0:
		if breaks(text, r.form) {
			return nil, errNonsense
		}
	case r.pasting == quoted:
		if breaks(text, r.form) {
			return nil, errNonsense
		}
	case n.pos == 0 && text != "" && isBlank(text[0]):
		return nil, errNonsense // to Python it is indented
	default:
		return written(text)
	}
	return text, nil
}

// breaks says that a text in single quotes would not be one.
func breaks(text string, form Form) bool {
	return strings.IndexByte(text, '\'') >= 0 || form == If && strings.ContainsAny(text, "\r\n") || strings.HasSuffix(text, `\`)
}

// pastedText is a text with placeholders in it: one in quotes, or a section. Keep puts
// quotes around every placeholder that touches none, which ends the text in its
// middle.
func (r *run) pastedText(n *node) (any, error) {
	if r.pasting == quoted && (n.quote == 0 || n.quote == '\'' && n.wrapped) {
		return nil, errNonsense
	}
	text, err := r.piecesText(n.pieces)
	if err != nil || n.quote != 0 || r.pasting == typed {
		return text, err
	}
	return written(text.(string))
}

// pastedCall is what a function's result reads like: its text is pasted as it is.
func (r *run) pastedCall(n *node) (any, error) {
	v, err := r.keepCall(n)
	if err != nil || r.pasting == typed {
		return v, err
	}
	return written(resultText(v))
}
