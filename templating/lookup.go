package templating

import (
	"slices"
	"strings"

	"tocsin/templating/value"
)

// lookup finds what p leads to: in the sections around it, inner ones first, then in
// the scope's data (spec §3.2).
func (r *run) lookup(p *path) (any, bool, error) {
	if len(p.parts) == 0 {
		if len(r.items) == 0 {
			return nil, false, nil
		}
		return r.items[len(r.items)-1], true, nil
	}
	for i := len(r.items) - 1; i >= 0; i-- {
		if v, ok, err := r.follow(r.items[i], p.parts); ok || err != nil {
			return v, ok, err
		}
	}
	v, ok := r.scope.Data[p.parts[0]]
	if !ok {
		return nil, false, nil
	}
	v, ok, err := r.follow(v, p.parts[1:])
	if ok && err == nil && p.deep {
		v, err = r.rendered(v)
	}
	return v, ok, err
}

// follow goes down from v.
func (r *run) follow(v any, parts []string) (any, bool, error) {
	for _, part := range parts {
		ok := false
		switch x := v.(type) {
		case *value.Map:
			v, ok = x.Get(part)
		case value.Object:
			v, ok = x.Get(part)
		case *Template:
			text, err := r.nested(x)
			if err != nil {
				return nil, false, err
			}
			v, ok = value.Member(text, part)
		default:
			v, ok = value.Member(v, part)
		}
		if !ok {
			return nil, false, nil
		}
	}
	if t, ok := v.(*Template); ok {
		text, err := r.nested(t)
		return text, err == nil, err
	}
	return v, true, nil
}

// rendered is v with the author's texts in it rendered.
func (r *run) rendered(v any) (any, error) {
	if !holdsTexts(v) {
		return v, nil
	}
	switch x := v.(type) {
	case *Template:
		return r.nested(x)
	case []any:
		out := make([]any, len(x))
		for i := range x {
			var err error
			if out[i], err = r.rendered(x[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *value.Map:
		out := value.NewMap(x.Len())
		for k, e := range x.All() {
			e, err := r.rendered(e)
			if err != nil {
				return nil, err
			}
			out.Set(k, e)
		}
		return out, nil
	}
	return v, nil
}

// holdsTexts says whether a *Template is in v.
func holdsTexts(v any) bool {
	switch x := v.(type) {
	case *Template:
		return true
	case []any:
		for _, e := range x {
			if holdsTexts(e) {
				return true
			}
		}
	case *value.Map:
		for _, e := range x.Entries() {
			if holdsTexts(e.Value) {
				return true
			}
		}
	}
	return false
}

// A need says what it means that a path is missing.
type need uint8

const (
	required need = iota
	soft          // in quotes or a call's argument: not even an assert minds
	optional      // it has a default
)

// path is the value of p. What is missing is nil and remembered, or an error where
// the form says so.
func (r *run) path(p *path, need need) (any, error) {
	if r.steps++; r.steps >= r.checkAt {
		if err := r.tick(0); err != nil {
			return nil, err
		}
	}
	v, ok, err := r.lookup(p)
	if ok || err != nil || need == optional {
		return v, err
	}
	if r.form.cel() {
		return noField(p.text, p.pos), nil
	}
	r.miss(p)
	if r.form == AlertAssert || r.form == Assert && need == required {
		return nil, missingError("", p.pos, []string{p.text})
	}
	return nil, nil
}

// miss remembers that p was not there. In the helpers and in the texts that a path
// leads to, that is no mistake.
func (r *run) miss(p *path) {
	if r.lenient > 0 || len(r.open) > 1 || slices.Contains(r.missing, p.text) {
		return
	}
	if len(r.missing) == 0 {
		r.at = p.pos
	}
	r.missing = append(r.missing, p.text)
}

// verdict is the error of evaluating or rendering text, which ended with err. Where
// it is strict, what was missing tells more than what came of it; elsewhere it is
// the hint.
func (r *run) verdict(text string, err error) error {
	if r.strict && len(r.missing) > 0 {
		return missingError(text, r.at, r.missing)
	}
	if err == nil {
		return nil
	}
	err = evaluationError(text, err)
	if e, ok := err.(*Error); ok && len(r.missing) > 0 && len(e.Missing) == 0 {
		e.Missing = r.missing
		e.Hint = "'" + strings.Join(r.missing, "', '") + "' is not there"
	}
	return err
}
