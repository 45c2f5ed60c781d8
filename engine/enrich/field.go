package enrich

import (
	"slices"
	"strings"

	"tocsin/templating"
	"tocsin/templating/value"
)

// fixed are fields that rules do not set: what an alert is known by and what it is kept
// with.
var fixed = []string{
	"id", "event_id", "fingerprint", "source", "lastReceived", "labels", "description_format",
	"workflowId", "trigger", "incident", "enriched_fields",
}

// Settable says that rules may set a field of an alert.
func Settable(field string) bool { return !slices.Contains(fixed, field) }

// severity is a severity in the words of alerts; false: it is none.
func severity(v any) (any, bool) {
	s, _ := v.(string)
	s = strings.ToLower(s)
	_, known := templating.SeverityRank(s)
	return s, known
}

// status is a status in the words of alerts; false: it is none.
func status(v any) (any, bool) {
	s, _ := v.(string)
	s = strings.ToLower(s)
	return s, slices.Contains([]string{"firing", "resolved", "acknowledged", "suppressed", "pending", "maintenance"}, s)
}

// A path leads to a value of an alert: labels.host. As in Keep, @@ stands for a dot that
// is part of a name.
type path []string

func parsePath(text string) path {
	p := path(strings.Split(strings.TrimSpace(text), "."))
	for i, name := range p {
		p[i] = strings.ReplaceAll(name, "@@", ".")
	}
	return p
}

// in is the value that p leads to; nil: there is none.
func (p path) in(m *value.Map) any {
	var v any = m
	for _, name := range p {
		next, ok := v.(*value.Map)
		if !ok {
			return nil
		}
		v, _ = next.Get(name)
	}
	return v
}

// maxText is how much of a text of an alert rules look at, in bytes.
const maxText = 16 << 10

// cut is s, at most maxText of it.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "")
}

// plain is the text of a value that is one; a list of sources is the first of them, as in
// Keep.
func (p path) plain(m *value.Map) (string, bool) {
	v := p.in(m)
	if list, ok := v.([]any); ok && len(p) == 1 && p[0] == "source" && len(list) > 0 {
		v = list[0]
	}
	return scalar(v)
}

// scalar is the text of a value that is neither nothing nor made of others.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return cut(v), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	case nil, *value.Map, value.Object, []any, value.Tuple:
		return "", false
	}
	return cut(value.Text(v)), true
}
