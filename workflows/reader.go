package workflows

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A reader collects what is wrong with a file while its values are read.
type reader struct {
	problems source.Problems
	shared   map[string]source.Value // actions of the file that others may "use"
	set      map[source.Pos]string   // places that a setting changed, and its path
	partial  bool                    // what is missing may come from a shared action
}

func (r *reader) problem(pos source.Pos, code, hint, format string, args ...any) {
	r.problems = append(r.problems, source.Problem{
		Pos: pos, Code: code, Hint: hint, Message: fmt.Sprintf(format, args...),
	})
}

func (r *reader) warn(pos source.Pos, code, hint, format string, args ...any) {
	r.problem(pos, code, hint, format, args...)
	r.problems[len(r.problems)-1].Warning = true
}

// fix adds to the last problem what would mend it.
func (r *reader) fix(f source.Fix) { r.problems[len(r.problems)-1].Fix = f }

// done returns the problems in the order of places, each once: what two workflows
// use is read twice.
func (r *reader) done() source.Problems {
	for i := range r.problems {
		if path := r.set[r.problems[i].Pos]; path != "" {
			p := &r.problems[i]
			p.Hint = strings.TrimPrefix(p.Hint+"\n--set "+path+" gave it this value", "\n")
		}
	}
	r.problems.Sort()
	return slices.Compact(r.problems)
}

// unknown reports a key that l has not. It returns the key of l that is missing
// because of it, if that can be told, so that it is not reported as well.
func (r *reader) unknown(l level, what string, m source.Map, e *source.Entry) string {
	h := l.about()
	if h.misplaced != nil {
		if where, missing := h.misplaced(m, e.Key); where != "" {
			r.misplaced(e, what, where, missing != "")
			return missing
		}
	}
	names := rowNames(l)
	if near := source.Nearest(e.Key, names); near != "" {
		r.problem(e.Pos, source.UnknownKey, fmt.Sprintf("did you mean %q?", near), "unknown key %q", e.Key)
		r.fix(e.Rename(near))
		return near
	}
	hint := fmt.Sprintf("%s may have %s", article(what), list(names, "and"))
	r.problem(e.Pos, source.UnknownKey, hint, "unknown key %q", e.Key)
	r.problems[len(r.problems)-1].Warning = !h.ours
	return ""
}

func (r *reader) misplaced(e *source.Entry, what, where string, fatal bool) {
	hint := "it belongs " + where
	if fatal {
		r.problem(e.Pos, source.MisplacedKey, hint, "%q is not a key of %s", e.Key, article(what))
		return
	}
	r.warn(e.Pos, source.MisplacedKey, hint, "%q is not a key of %s and is ignored", e.Key, article(what))
}

func (r *reader) missing(what string, k *row, pos source.Pos) {
	r.problem(pos, source.MissingKey, sample(k), "this %s has no %q", what, k.name)
}

// empty reports a key without a value, where somebody may think that it has one.
func (r *reader) empty(k *row, e *source.Entry) {
	switch {
	case k.kind == schema.List || k.kind == schema.Mapping || k.required:
		return
	case k.filled:
		r.problem(e.Pos, source.EmptyValue, sample(k), "%q has no value", e.Key)
		return
	}
	r.warn(e.Pos, source.EmptyValue, sample(k), "%q has no value and is ignored", e.Key)
}

// mapping is v as one; what names it where it is something else.
func (r *reader) mapping(v source.Value, what string) (source.Map, bool) {
	m, ok := v.Data.(source.Map)
	if !ok {
		r.problem(v.Pos, source.WrongType, "", "%s is a mapping, not %s", article(what), describe(v))
	}
	return m, ok
}

// accepts reports whether v is what k takes.
func (r *reader) accepts(k *row, v source.Value) bool {
	if !is(k.kind, v) && (k.or == "" || !is(k.or, v)) {
		r.wrongType(k, v)
		return false
	}
	if len(k.enum) > 0 && !r.oneOf(k, v) {
		return false
	}
	if k.check != nil {
		before := len(r.problems)
		k.check(r, v)
		return len(r.problems) == before || !slices.ContainsFunc(r.problems[before:], fatal)
	}
	return true
}

func fatal(p source.Problem) bool { return !p.Warning }

func (r *reader) wrongType(k *row, v source.Value) {
	want := typeName(k.kind)
	if k.or != "" {
		want += " or " + typeName(k.or)
	}
	hint := sample(k)
	if _, ok := v.Data.(string); ok && k.kind == schema.Boolean {
		hint = "write true or false, without quotes"
	}
	r.problem(v.Pos, source.WrongType, hint, "%q is %s, not %s", k.name, want, describe(v))
}

// oneOf reports whether the text v is one that k lists.
func (r *reader) oneOf(k *row, v source.Value) bool {
	s, isText := v.Data.(string)
	if !isText && k.or != "" || slices.Contains(k.enum, s) {
		return true
	}
	hint := ""
	near := source.Nearest(s, k.enum)
	if near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.problem(v.Pos, source.BadValue, hint, "%q is %s, not %s", k.name, list(k.enum, "or"), describe(v))
	tolerated := k.others && isText && near == ""
	r.problems[len(r.problems)-1].Warning = tolerated
	return tolerated
}

// is reports whether v is a t.
func is(t schema.Type, v source.Value) bool {
	switch t {
	case schema.String:
		return scalar(v)
	case schema.Integer:
		n, ok := v.Data.(int64)
		return ok && n >= 0
	case schema.Number:
		switch v.Data.(type) {
		case int64, float64:
			return true
		}
		return false
	case schema.Boolean:
		_, ok := v.Data.(bool)
		return ok
	case schema.Duration:
		_, err := ParseDuration(v.Data)
		return err == nil
	case schema.List:
		_, ok := v.Data.([]source.Value)
		return ok
	case schema.Mapping:
		_, ok := v.Data.(source.Map)
		return ok
	}
	return true
}

func scalar(v source.Value) bool {
	switch v.Data.(type) {
	case nil, []source.Value, source.Map:
		return false
	}
	return true
}

// text is the scalar v as a Text: what is not a string is written as YAML has it.
func text(v source.Value) Text {
	switch d := v.Data.(type) {
	case string:
		return Text{v.Pos, d, v}
	case bool:
		return Text{v.Pos, fmt.Sprint(d), v}
	}
	return Text{v.Pos, value.Text(v.Plain()), v}
}

// name is the scalar v as a name, which should be written as a string.
func (r *reader) name(v source.Value) string {
	t := text(v)
	if _, ok := v.Data.(string); !ok {
		r.warn(v.Pos, source.NotAText, fmt.Sprintf("write it in quotes: %q", t.S), "a name is a text, and YAML reads this as %s", describe(v))
		r.fix(source.Fix{Pos: v.Pos, Old: t.S, Text: strconv.Quote(t.S), What: "quote the name"})
	}
	return t.S
}

// texts are the scalars of a list, or the one that stands for it.
func (r *reader) texts(v source.Value) []Text {
	items, ok := v.Data.([]source.Value)
	if !ok {
		return []Text{text(v)}
	}
	list := make([]Text, 0, len(items))
	for _, item := range items {
		if !scalar(item) {
			r.problem(item.Pos, source.WrongType, "", "an item of this list is a text, not %s", describe(item))
			continue
		}
		list = append(list, text(item))
	}
	return list
}

func (r *reader) strings(v source.Value) []string {
	list := r.texts(v)
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = t.S
	}
	return out
}
