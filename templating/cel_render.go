package templating

import (
	"context"
	"strings"

	"tocsin/templating/value"
)

// RenderCEL renders a text that is a condition in CEL. What its templates give is
// data and stays so: a literal of CEL, or inside the text's own quotes, the content of
// one. A text that is one template and nothing else is the condition that it gives.
func (t *Template) RenderCEL(ctx context.Context, s *Scope) (string, error) {
	if t.single(literalPiece) {
		return t.pieces[0].text, nil
	}
	r := begin(ctx, s, If, templateTime)
	defer r.end()
	if t.single(callPiece) || t.single(tagPiece) {
		v, err := t.one(r)
		return resultText(v), err
	}
	r.open = append(r.open, t)
	r.strict = r.strict && !t.lax
	err := r.verdict(t.text, t.celPieces(r))
	return string(r.buf), err
}

func (t *Template) celPieces(r *run) error {
	var q celQuotes
	for i := range t.pieces {
		p := &t.pieces[i]
		switch p.kind {
		case literalPiece:
			q.read(p.raw)
			r.buf = append(r.buf, p.raw...)
			continue
		case tagPiece, decodedPiece, callPiece:
		default:
			return &Error{Text: t.text, Offset: p.pos, Message: "a section cannot stand in CEL", Hint: "write a condition for each case"}
		}
		v, err := p.code.eval(r)
		if err != nil {
			return err
		}
		if err := q.write(r, v); err != nil {
			return &Error{Text: t.text, Offset: p.pos, Message: err.Error()}
		}
		if len(r.buf) > maxOutput {
			return errOutput
		}
	}
	return nil
}

// celQuotes knows whether a text in CEL is inside of quotes.
type celQuotes struct {
	open string // what closes the literal; "": outside
	raw  bool   // r'...': backslashes are themselves
}

// read goes over a part of the text.
func (q *celQuotes) read(text string) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case q.open != "" && c == '\\' && !q.raw:
			i++
		case q.open != "" && strings.HasPrefix(text[i:], q.open):
			i += len(q.open) - 1
			q.open = ""
		case q.open == "" && (c == '\'' || c == '"'):
			q.raw = i > 0 && (text[i-1] == 'r' || text[i-1] == 'R')
			q.open = text[i : i+1]
			if triple := strings.Repeat(q.open, 3); strings.HasPrefix(text[i:], triple) {
				q.open = triple
			}
			i += len(q.open) - 1
		}
	}
}

var errRawQuote = &Error{Message: "data with quotes, backslashes or line ends cannot stand in r'...'"}

// write appends v to r.buf as data.
func (q *celQuotes) write(r *run, v any) error {
	if q.open == "" {
		r.buf = appendCEL(r.buf, v)
		return nil
	}
	text := tagText(v)
	if !q.raw {
		r.buf = appendCELText(r.buf, text)
		return nil
	}
	if strings.ContainsAny(text, "'\"\\\n\r") {
		return errRawQuote
	}
	r.buf = append(r.buf, text...)
	return nil
}

// appendCEL appends the literal that means v.
func appendCEL(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		dst = append(dst, '"')
		return append(appendCELText(dst, v), '"')
	case []any:
		return appendCELList(dst, v)
	case value.Tuple:
		return appendCELList(dst, v)
	case nil, bool:
		return value.AppendJSON(dst, v)
	case int64, float64:
		return value.AppendText(dst, v)
	}
	dst = append(dst, '"')
	return append(appendCELText(dst, value.Text(v)), '"')
}

func appendCELList(dst []byte, list []any) []byte {
	dst = append(dst, '[')
	for i, item := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendCEL(dst, item)
	}
	return append(dst, ']')
}

// appendCELText appends what stands between quotes, of either kind.
func appendCELText(dst []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; c {
		case '\\', '\'', '"':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
