package engine

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"tocsin/templating/value"
)

// An Enricher adds fields to an alert or incident.
type Enricher interface {
	Enrich(ctx context.Context, fingerprint string, fields []Field) error
}

// A Field is one enrichment.
type Field struct {
	Key        string
	Value      any
	Incident   bool
	Disposable bool
}

// renderFields renders what the call adds to the alert: before the call, with its
// parameters (spec §7.9).
func (f *frame) renderFields(ctx context.Context) ([]Field, error) {
	if len(f.s.enrich) == 0 {
		return nil, nil
	}
	fields := make([]Field, len(f.s.enrich))
	for i := range f.s.enrich {
		e := &f.s.enrich[i]
		key, err := e.key.render(ctx, &f.strict)
		if err != nil {
			return nil, err
		}
		v, err := e.value.render(ctx, &f.strict)
		if err != nil {
			return nil, err
		}
		fields[i] = Field{Key: value.Text(key.Plain()), Value: v.Plain(), Incident: e.Incident, Disposable: e.Disposable}
	}
	return fields, nil
}

// errNoFingerprint is in Keep's words: scripts look for them.
//
//lint:ignore ST1005 the capital is Keep's
var errNoFingerprint = errors.New("No fingerprint found for alert enrichment")

// enrich adds the fields to the alert and incident. One whose path leads nowhere is
// left out.
func (f *frame) enrich(ctx context.Context, fields []Field, out any) error {
	if len(fields) == 0 {
		return nil
	}
	var found []Field
	for _, field := range fields {
		v, ok := resolve(field.Value, out)
		if !ok {
			f.log().Warn("enrichment left out: nothing there", "run", f.in.Run, "step", f.s.Name, "key", field.Key)
			continue
		}
		field.Value = v
		found = append(found, field)
	}
	fingerprint := f.fingerprint(out)
	if fingerprint == "" {
		return errNoFingerprint
	}
	if f.Enrich != nil && len(found) > 0 {
		if err := f.Enrich.Enrich(ctx, fingerprint, found); err != nil {
			return err
		}
	}
	f.remember(found)
	f.say(&Event{Action: Enriched, With: listOfFields(found)})
	return nil
}

// resolve is the value of an enrichment: "results.a.b" and "results[0].a" are paths
// into what the call returned, anything else is itself.
func resolve(v, out any) (any, bool) {
	text, ok := v.(string)
	if !ok || text != "results" && !strings.HasPrefix(text, "results.") && !strings.HasPrefix(text, "results[") {
		return v, true
	}
	path := strings.FieldsFunc(strings.TrimPrefix(text, "results"), func(c rune) bool {
		return c == '.' || c == '[' || c == ']'
	})
	for i, part := range path {
		if unquoted, err := strconv.Unquote(part); err == nil {
			path[i] = unquoted
		} else {
			path[i] = strings.Trim(part, "'")
		}
	}
	return lookup(out, path)
}

// fingerprint says what the fields belong to: what the call returned, the item, the
// alert, the incident.
func (f *frame) fingerprint(out any) string {
	if t, ok := f.value.(value.Tuple); ok && len(t) > 0 {
		return firstText(fingerprintOf(out), fingerprintOf(t[0]), text(f.alert, "fingerprint"), text(f.incident, "id"))
	}
	return firstText(fingerprintOf(out), fingerprintOf(f.value), text(f.alert, "fingerprint"), text(f.incident, "id"))
}

func fingerprintOf(v any) string {
	switch v := v.(type) {
	case *value.Map:
		return text(v, "fingerprint")
	case value.Object:
		return text(v.Map, "fingerprint")
	}
	return ""
}

func firstText(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// remember shows the fields to later texts.
func (f *frame) remember(fields []Field) {
	if !f.alone {
		f.run.remember(fields)
		return
	}
	f.added = append(f.added, fields...)
	alert, incident := withFields(f.alert, f.incident, f.added)
	setAlert(f.data, alert)
	setIncident(f.data, incident)
}

func (r *run) remember(fields []Field) {
	if len(fields) == 0 {
		return
	}
	alert, incident := withFields(r.alert, r.incident, fields)
	r.setAlert(alert)
	r.setIncident(incident)
}

// withFields are copies that have the fields: what somebody is reading does not
// change.
func withFields(alert, incident *value.Map, fields []Field) (*value.Map, *value.Map) {
	alert = alert.Clone()
	if incident != nil {
		incident = incident.Clone()
	}
	for _, field := range fields {
		switch {
		case !field.Incident:
			alert.Set(field.Key, field.Value)
		case incident != nil:
			incident.Set(field.Key, field.Value)
		}
	}
	return alert, incident
}

// listOfFields is the fields as an event shows them.
func listOfFields(fields []Field) []any {
	list := make([]any, len(fields))
	for i, field := range fields {
		m := value.MapOf(value.Entry{Key: "key", Value: field.Key}, value.Entry{Key: "value", Value: field.Value})
		if field.Incident {
			m.Set("incident", true)
		}
		if field.Disposable {
			m.Set("disposable", true)
		}
		list[i] = m
	}
	return list
}

// fieldsOf reads listOfFields back.
func fieldsOf(v any) []Field {
	list, _ := value.Of(v).([]any)
	fields := make([]Field, 0, len(list))
	for _, item := range list {
		m, _ := item.(*value.Map)
		v, _ := m.Get("value")
		incident, _ := m.Get("incident")
		disposable, _ := m.Get("disposable")
		fields = append(fields, Field{text(m, "key"), v, incident == true, disposable == true})
	}
	return fields
}
