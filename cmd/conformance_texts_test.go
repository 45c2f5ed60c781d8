package cmd_test

import (
	"math/big"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/templating"
	"tocsin/templating/value"
)

// keepNow is when everything happens.
var keepNow = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

func (m keepMode) language() templating.Language {
	return templating.Language{Functions: engine.Functions(), Keep: m == likeKeep}
}

// render renders a text. What is no text is passed on as it is; an empty result is the
// default.
func (c *keepCase) render(t *testing.T, m keepMode) (*value.Map, error) {
	text, isText := valueAt(c.input, "template").(string)
	if !isText {
		return withType(valueAt(c.input, "template")), nil
	}
	parsed, err := m.language().Parse(text)
	if err != nil {
		return nil, err
	}
	s, err := c.scope(m)
	if err != nil {
		return nil, err
	}
	s.Strict = valueAt(c.input, "safe") == true
	v, err := parsed.Render(t.Context(), s)
	if fallback, ok := c.input.Get("default"); ok && v == "" {
		v = fallback
	}
	return withType(v), err
}

// decide decides a condition about names that no run can have.
func (c *keepCase) decide(t *testing.T, m keepMode, text string, form templating.Form) (bool, error) {
	e, err := m.language().ParseExpr(text, form)
	if err != nil {
		return false, err
	}
	s, err := c.scope(m)
	if err != nil {
		return false, err
	}
	return e.Bool(t.Context(), s)
}

// ternary evaluates a choice as the keep provider does. What is none stays as it is.
func (c *keepCase) ternary(t *testing.T, m keepMode) (*value.Map, error) {
	text := textAt(c.input, "value")
	e, err := m.language().ParseTernary(text)
	if err != nil {
		return mapOf("value", text), nil
	}
	v, err := e.Value(t.Context(), &templating.Scope{})
	if err != nil {
		v = text
	}
	return mapOf("value", v), nil
}

// withType is v with the name that the cases have for its type.
func withType(v any) *value.Map {
	name := "null"
	switch v.(type) {
	case bool:
		name = "bool"
	case int64, *big.Int:
		name = "int"
	case float64:
		name = "float"
	case string:
		name = "string"
	case []any, value.Tuple:
		name = "array"
	case *value.Map, value.Object:
		name = "object"
	}
	return mapOf("type", name, "value", v)
}

// scope is what texts see, as a run would have it.
func (c *keepCase) scope(m keepMode) (*templating.Scope, error) {
	s := &templating.Scope{
		Data: map[string]any{"incident": nil, "inputs": nil, "alert": value.NewMap(0)},
		Now:  func() time.Time { return keepNow },
	}
	for k, v := range c.context.All() {
		var err error
		switch k {
		case "consts", "vars", "aliases":
			v, err = authored(m.language(), v)
		case "alert":
			v, err = arrived(v.(*value.Map))
			s.Data["event"] = v
		case "top":
			for k, v := range v.(*value.Map).All() {
				s.Data[k] = v
			}
			continue
		case "providers":
			continue // texts do not see them
		}
		if err != nil {
			return nil, err
		}
		s.Data[k] = v
	}
	s.Data["actions"] = s.Data["steps"]
	return s, nil
}

// authored is v with its texts parsed, as those of the workflow's author are.
func authored(l templating.Language, v any) (any, error) {
	switch v := v.(type) {
	case string:
		return l.Parse(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = authored(l, v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *value.Map:
		out := value.NewMap(v.Len())
		for k, item := range v.All() {
			item, err := authored(l, item)
			if err != nil {
				return nil, err
			}
			out.Set(k, item)
		}
		return out, nil
	}
	return v, nil
}

// arrived is an alert as it came in, with fields of its own in the order they have.
func arrived(raw *value.Map) (value.Object, error) {
	normal, err := engine.NormalizeAlert(goMap(raw), keepNow, "seed")
	if err != nil {
		return value.Object{}, err
	}
	bare, err := engine.NormalizeAlert(nil, keepNow, "seed")
	if err != nil {
		return value.Object{}, err
	}
	out := value.NewMap(normal.Len())
	for k := range bare.All() {
		out.Set(k, valueAt(normal.Map, k))
	}
	for k := range raw.All() {
		out.Set(k, valueAt(normal.Map, k))
	}
	return value.Object{Map: out}, nil
}

func (c *keepCase) normalizeAlert(*testing.T, keepMode) (*value.Map, error) {
	alert, err := engine.NormalizeAlert(goMap(mapAt(c.input, "alert")), keepNow, "seed")
	if err != nil {
		return nil, err
	}
	fields := value.NewMap(1)
	for _, name := range listAt(c.input, "fields") {
		fields.Set(name.(string), valueAt(alert.Map, name.(string)))
	}
	return mapOf("fields", fields), nil
}
