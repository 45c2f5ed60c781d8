package templating

import (
	"fmt"
	"strings"

	"tocsin/templating/value"
)

// With "compat: keep", a function gets what Keep would read in the text of its call
// (spec §4.3), into which the texts of the placeholders were pasted: numbers, True,
// False and None are their text, and a placeholder outside of quotes is what its text
// writes: a list, a mapping, or a word. Line breaks in quotes vanish from the whole
// call. What a placeholder has in it is never a call itself.

// A token is a call and all in it.
type token struct {
	*run
	unbroken bool // there are line breaks to leave out
}

// keepCall calls the function of n as Keep does.
func (r *run) keepCall(n *node) (any, error) {
	t := token{run: r}
	if err := t.look(n); err != nil {
		return nil, err
	}
	return t.call(n)
}

// look finds out whether there is a line break in quotes anywhere in the call.
func (t *token) look(n *node) error {
	if t.unbroken {
		return nil
	}
	switch n.kind {
	case literalNode:
		t.unbroken = isText(n.value) && strings.ContainsAny(n.source, "\r\n")
	case pathNode, textNode:
		text, err := t.shown(n)
		if err != nil {
			return err
		}
		t.unbroken = n.quote != 0 && strings.ContainsAny(text, "\r\n")
	}
	for _, k := range n.kids {
		if err := t.look(k); err != nil {
			return err
		}
	}
	return nil
}

// call evaluates the arguments and calls the function.
func (t *token) call(n *node) (any, error) {
	if err := firstOf(t.tick(1), t.check()); err != nil {
		return nil, err
	}
	c := n.call
	if c.builtin != nil {
		return nil, &Error{Text: c.text, Offset: n.pos, Message: "an argument that is computed"}
	}
	args := make([]any, 0, len(n.kids))
	kept := make([]any, 0, len(n.kids)) // those that Keep passes on
	for _, k := range n.kids[:len(n.kids)-len(c.names)] {
		v, given, err := t.argument(k)
		if err != nil {
			return nil, err
		}
		if given || len(n.kids) > 1 {
			args = append(args, v)
		}
		if !dropped(v) {
			kept = append(kept, v)
		}
	}
	var names []Named
	for i, name := range c.names {
		v, _, err := t.argument(n.kids[len(n.kids)-len(c.names)+i])
		if err != nil {
			return nil, err
		}
		names = append(names, Named{Name: name, Value: v})
	}
	do := func(args []any) (any, error) {
		return c.fn.do(t.ctx, Args{positional: args, named: names, now: t.now(), keep: true})
	}
	v, err := do(kept)
	if err != nil && len(kept) < len(args) {
		v, err = do(args)
	}
	if err != nil {
		return nil, &Error{Text: c.text, Offset: c.pos, Message: err.Error(), called: true}
	}
	return v, t.grow(size(v))
}

// dropped says that Keep leaves v out of the arguments, so that others move up: nothing,
// False and what is empty, but for texts (spec §4.3).
func dropped(v any) bool {
	switch v.(type) {
	case nil, bool, []any, value.Tuple, *value.Map:
		return !value.Truthy(v)
	}
	return false
}

// argument is what the function gets for n. A placeholder that shows nothing is no
// argument at all.
func (t *token) argument(n *node) (v any, given bool, err error) {
	if n.kind != pathNode && n.kind != textNode {
		v, err = t.value(n)
		return v, true, err
	}
	text, err := t.shown(n)
	switch {
	case err != nil:
		return nil, false, err
	case n.quote != 0:
		if t.condition() && ends(text, n.quote) {
			return nil, false, errNonsense // Keep finds no call in it
		}
		return t.joined(text), true, nil
	case text == "":
		return nil, false, nil
	case t.pasting == quoted:
		if breaks(text, If) {
			return nil, false, errNonsense
		}
		return text, true, nil
	}
	v, err = t.pastedArgument(n, text)
	return v, true, err
}

// shown is the text that a placeholder shows.
func (t *token) shown(n *node) (string, error) {
	if n.kind == textNode {
		return t.text(n.pieces)
	}
	v, err := t.path(n.path, soft)
	text := tagText(v)
	return text, firstOf(err, t.grow(len(text)))
}

// pastedArgument reads the text of a placeholder outside of quotes as an argument. What
// is no text in the data, and none that can be read, is itself (spec §12).
func (t *token) pastedArgument(n *node, text string) (any, error) {
	v, err := value.ParsePython(text)
	if err == nil {
		return t.literal(v), nil
	}
	if text := strings.TrimSpace(text); isWordOnly(text) {
		return text, nil
	}
	if n.kind == pathNode {
		if v, err := t.path(n.path, soft); err != nil || !isText(v) {
			return v, err
		}
	}
	return nil, &Error{Offset: n.pos, Message: fmt.Sprintf("%q is not one argument", around(text, 0)), Hint: "write quotes around the braces", called: true}
}

// ends says that a text in these quotes ends before its end: Keep takes a quote for an
// apostrophe only before a letter, a digit or a blank (spec §4.3).
func ends(text string, quote byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] == quote && (i+1 == len(text) || !isNameByte(text[i+1]) && text[i+1] != ' ' || text[i+1] == '_') {
			return true
		}
	}
	return false
}

func isWordOnly(text string) bool {
	return text != "" && !isDigit(text[0]) && firstWord(text) == text
}

// literal is a literal as a function gets it: numbers and names are text.
func (t *token) literal(v any) any {
	switch v.(type) {
	case []any, value.Tuple, *value.Map:
		return v
	}
	return resultText(v)
}

// value is what an argument that is no placeholder gives.
func (t *token) value(n *node) (any, error) {
	switch n.kind {
	case literalNode:
		if isText(n.value) {
			return t.unquoted(n), nil
		}
		return t.literal(n.value), nil
	case callNode:
		return t.call(n)
	case listNode, tupleNode, dictNode:
		return t.collection(n)
	}
	return nil, &Error{Message: "an argument that is computed"}
}

// collection is a list, tuple or mapping. What is in it keeps its type.
func (t *token) collection(n *node) (any, error) {
	all := make([]any, len(n.kids))
	for i, k := range n.kids {
		var err error
		if all[i], err = t.element(k); err != nil {
			return nil, err
		}
	}
	switch n.kind {
	case tupleNode:
		return value.Tuple(all), nil
	case dictNode:
		return pairsOf(all), nil
	}
	return all, t.elements(len(all))
}

func (t *token) element(n *node) (any, error) {
	switch n.kind {
	case literalNode:
		if isText(n.value) {
			return t.unquoted(n), nil
		}
		return n.value, nil
	case pathNode, textNode:
		text, err := t.shown(n)
		if err != nil || n.quote != 0 {
			return t.joined(text), err
		}
		return written(text)
	}
	return t.value(n)
}

// unquoted is a text in quotes. Where line breaks are left out, so is what writes one.
func (t *token) unquoted(n *node) string {
	if !t.unbroken || n.quote == 0 {
		return n.value.(string)
	}
	return decodeEntities(unescape(t.joined(strings.ReplaceAll(n.source, `\n`, ""))))
}

// joined is text without line breaks, where these are left out.
func (t *token) joined(text string) string {
	if !t.unbroken {
		return text
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(text)
}
