package templating

import (
	"context"
	"slices"
	"strings"

	"tocsin/templating/value"
)

// Render returns the text's value in s: a string, except that a text that is
// wholly one call of a function returning a mapping gives the mapping (spec §4.7).
// Missing paths are an error where s.Strict says so and empty text elsewhere.
func (t *Template) Render(ctx context.Context, s *Scope) (any, error) {
	if t.single(literalPiece) {
		return t.pieces[0].text, nil
	}
	r, err := t.begin(ctx, s)
	if err != nil {
		return nil, err
	}
	defer r.end()
	if t.single(callPiece) {
		v, err := t.one(r)
		if isMapping(v) || err != nil {
			return v, err
		}
		return resultText(v), nil
	}
	text, err := t.string(r)
	if err != nil {
		return nil, err
	}
	return text, nil
}

// Value is Render, except that a text that is one {{ }} or one call and nothing
// else keeps the type of what it gives: for parameters that are lists, mappings,
// numbers or booleans, and for foreach.
func (t *Template) Value(ctx context.Context, s *Scope) (any, error) {
	if !t.single(callPiece) && !t.single(tagPiece) {
		return t.Render(ctx, s)
	}
	r, err := t.begin(ctx, s)
	if err != nil {
		return nil, err
	}
	defer r.end()
	return t.one(r)
}

// begin starts to render t.
func (t *Template) begin(ctx context.Context, s *Scope) (*run, error) {
	r := begin(ctx, s, If, templateTime)
	if !t.keep {
		return r, nil
	}
	var err error
	r.pasting = bare
	if r.rounds, err = t.keepRounds(r); err != nil {
		r.end()
		return nil, evaluationError(t.text, err)
	}
	return r, nil
}

// single says that t is one piece of that kind.
func (t *Template) single(k pieceKind) bool { return len(t.pieces) == 1 && t.pieces[0].kind == k }

// one is the native value of t's only piece.
func (t *Template) one(r *run) (any, error) {
	r.open = append(r.open, t)
	r.strict = r.strict && !t.lax
	v, err := t.pieces[0].code.eval(r)
	return v, r.verdict(t.text, err)
}

// string renders t to text.
func (t *Template) string(r *run) (string, error) {
	r.open = append(r.open, t)
	r.strict = r.strict && !t.lax
	err := r.verdict(t.text, t.render(r, t.pieces))
	return string(r.buf), err
}

// nested renders the author's text t, which a path led to.
func (r *run) nested(t *Template) (any, error) {
	if t.Constant() || strings.Contains(t.text, otherTexts) {
		return t.text, nil
	}
	if t.keep && len(r.open) >= r.rounds || !t.keep && slices.Contains(r.open, t) {
		return t.text, nil // a text that leads to itself stays as it is in the end
	}
	if len(r.open) >= maxDepth {
		return nil, &Error{Text: t.text, Message: "texts that refer to each other are nested too deep"}
	}
	items := r.items
	r.open, r.items = append(r.open, t), nil
	defer func() { r.open, r.items = r.open[:len(r.open)-1], items }()
	if t.single(callPiece) {
		v, err := t.pieces[0].code.eval(r)
		if isMapping(v) || err != nil {
			return v, evaluationError(t.text, err)
		}
		return resultText(v), nil
	}
	text, err := r.text(t.pieces)
	return text, evaluationError(t.text, err)
}

// keepRounds is how often Keep looks whether there is more to render in what it
// rendered: ten times, but only once where it comes upon what the texts of other
// workflows have in them (spec §4.2).
func (t *Template) keepRounds(r *run) (int, error) {
	r.rounds = 0
	stop := strings.Contains(t.outsideOfTags(), otherTexts)
	var failed error
	for i := range t.pieces {
		t.pieces[i].walk(func(n *node) {
			if n.kind != pathNode || n.path == nil || !n.path.deep || stop || failed != nil {
				return
			}
			v, _, err := r.lookup(n.path)
			failed = err
			stop = strings.Contains(tagText(v), otherTexts)
		})
	}
	if stop {
		return 1, failed
	}
	return maxRounds, failed
}

// outsideOfTags is the text without its placeholders, which are gone when Keep looks.
func (t *Template) outsideOfTags() string {
	if !strings.Contains(t.text, otherTexts) {
		return ""
	}
	var b strings.Builder
	for rest := t.text; ; {
		before, tag, open := strings.Cut(rest, "{{")
		b.WriteString(before)
		_, after, closed := strings.Cut(tag, "}}")
		if !open || !closed {
			return b.String()
		}
		rest = after
	}
}

// otherTexts is in the texts of workflows that are the parameter of a step: they are
// not rendered with it (spec §11.3, 14).
const otherTexts = "providers."

// text renders pieces to a string of their own.
func (r *run) text(pieces []piece) (string, error) {
	start := len(r.buf)
	err := r.current().render(r, pieces)
	text := string(r.buf[start:])
	r.buf = r.buf[:start]
	return text, err
}

// current is the template that is rendered; conditions have none.
func (r *run) current() *Template {
	if len(r.open) == 0 {
		return &Template{tags: true}
	}
	return r.open[len(r.open)-1]
}

// render appends pieces to r.buf.
func (t *Template) render(r *run, pieces []piece) error {
	for i := range pieces {
		if r.pieces++; r.pieces > maxPieces {
			return errPieces
		}
		if err := t.piece(r, &pieces[i]); err != nil {
			return err
		}
		if len(r.buf) > maxOutput {
			return errOutput
		}
	}
	return nil
}

func (t *Template) piece(r *run, p *piece) error {
	switch p.kind {
	case literalPiece:
		if !t.tags && len(r.open) > 1 {
			r.buf = append(r.buf, p.raw...) // Keep decodes entities with the tags
			return nil
		}
		r.buf = append(r.buf, p.text...)
		return nil
	case helperPiece:
		return t.helper(r, p)
	}
	v, err := p.code.eval(r)
	if err != nil {
		return err
	}
	switch p.kind {
	case tagPiece:
		r.buf = appendTagText(r.buf, v)
	case decodedPiece:
		r.buf = append(r.buf, decodeEntities(tagText(v))...)
	case callPiece:
		r.buf = t.appendResult(r.buf, v)
	case sectionPiece:
		return t.section(r, p, v)
	case invertedPiece:
		if !value.Truthy(v) {
			return t.render(r, p.kids)
		}
	}
	return nil
}

// section renders p once for each element of a list, and once for what else is true
// (spec §4.2).
func (t *Template) section(r *run, p *piece, v any) error {
	if !value.Truthy(v) {
		return nil
	}
	items := []any{v}
	switch x := v.(type) {
	case []any:
		items = x
	case value.Tuple:
		items = x
	}
	for _, item := range items {
		if err := r.tick(1); err != nil {
			return err
		}
		if t.keep && !value.Truthy(item) {
			continue // Keep shows nothing for 0, "", null and the like
		}
		r.items = append(r.items, item)
		err := t.render(r, p.kids)
		r.items = r.items[:len(r.items)-1]
		if err != nil {
			return err
		}
	}
	return nil
}

// helper renders {{#fn.x}}...{{/fn.x}}, in which nothing is missing.
func (t *Template) helper(r *run, p *piece) error {
	start := len(r.buf)
	r.lenient++
	err := t.render(r, p.kids)
	r.lenient--
	if err != nil {
		return err
	}
	text := helpers(p.text)(string(r.buf[start:]))
	r.buf = append(r.buf[:start], text...)
	return nil
}

// helpers are the functions that sections are rendered through (spec §4.5); nil for
// an unknown name.
func helpers(name string) func(string) string {
	switch name {
	case "na":
		return func(s string) string {
			if strings.TrimSpace(s) == "" {
				return "N/A"
			}
			return s
		}
	case "default":
		return func(s string) string { return s }
	case "upper":
		return upperCase
	case "lower":
		return strings.ToLower
	case "strip":
		return strings.TrimSpace
	}
	return nil
}

// appendResult appends what a function returned. A mapping is JSON when the text has
// no other call (spec §4.3).
func (t *Template) appendResult(dst []byte, v any) []byte {
	if t.calls == 1 && isMapping(v) {
		return value.EncodeJSON(dst, v, 0)
	}
	return append(dst, resultText(v)...)
}

// resultText is the text of what a function returned: None is not empty.
func resultText(v any) string {
	if v == nil {
		return "None"
	}
	return value.Text(v)
}

// tagText is what {{ }} prints: nothing for what is empty.
func tagText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(appendTagText(nil, v))
}

func appendTagText(dst []byte, v any) []byte {
	switch x := v.(type) {
	case nil:
		return dst
	case string:
		return append(dst, x...)
	case []any:
		if len(x) == 0 {
			return dst
		}
	case *value.Map:
		if x.Len() == 0 {
			return dst
		}
	}
	return value.AppendText(dst, v)
}

func isMapping(v any) bool {
	switch v.(type) {
	case *value.Map, value.Object:
		return true
	}
	return false
}
