package keep

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"tocsin/providers"
	"tocsin/templating/value"
)

// A generation is one call that makes alerts.
type generation struct {
	*client
	Change
	origin providers.Origin
	now    time.Time

	order []string              // fingerprints of the alerts, as the rows have them
	made  map[string]*value.Map // by fingerprint; of two rows with one, the last
	over  []string              // fingerprints of rows that have no alert
}

// rows are what there is an alert for, each: the item of a foreach, the elements of
// what the last step found, or the alert that started the run (spec §7.10).
func (g *generation) rows() []any {
	if g.origin.Looped {
		return []any{g.origin.Item}
	}
	switch results := g.origin.Results.(type) {
	case []any:
		return results
	case *value.Map:
		if g.origin.Alert == nil {
			return []any{results}
		}
	}
	return []any{g.origin.Alert}
}

// row makes the alert of one row, if it has one. In a foreach a row without one still
// says which alert is over; a call for all rows knows that from those it has not made.
func (g *generation) row(row any) error {
	more := names(row)
	holds := true
	if g.If != nil {
		var err error
		if holds, err = g.If(more); err != nil {
			return err
		}
	}
	if !holds && (!g.origin.Looped || g.ReadOnly) {
		return nil
	}
	alert, err := g.alert(row, more)
	if err != nil {
		return err
	}
	fingerprint, _ := alert.Get("fingerprint")
	if !holds {
		g.over = append(g.over, fingerprint.(string))
		return nil
	}
	g.add(fingerprint.(string), alert)
	return nil
}

func (g *generation) add(fingerprint string, alert *value.Map) {
	if g.made == nil {
		g.made = map[string]*value.Map{}
	}
	if _, twice := g.made[fingerprint]; !twice {
		g.order = append(g.order, fingerprint)
	}
	g.made[fingerprint] = alert
}

// names are the keys of a row, as texts see them.
func names(row any) map[string]any {
	m := mapping(row)
	more := make(map[string]any, m.Len())
	for k, v := range m.All() {
		more[k] = v
	}
	return more
}

func mapping(v any) *value.Map {
	switch v := v.(type) {
	case *value.Map:
		return v
	case value.Object:
		return v.Map
	}
	return value.NewMap(0)
}

// alert is the alert of a row, with a fingerprint.
func (g *generation) alert(row any, more map[string]any) (*value.Map, error) {
	v, err := g.Alert(more)
	if err != nil {
		return nil, err
	}
	said, ok := v.(*value.Map)
	if !ok {
		return nil, errors.New("alert is a mapping: {name: ..., severity: ...}")
	}
	alert := said.Clone()
	if text(alert, "name") == "" {
		return nil, errors.New("the alert needs a name")
	}
	for k, v := range mapping(row).All() {
		if _, has := alert.Get(k); !has && !slices.Contains(declared, k) {
			alert.Set(k, v)
		}
	}
	alert.Set("source", []any{g.Source})
	alert.Set("workflowId", g.origin.Workflow)
	fingerprint, err := g.fingerprint(alert, row, more)
	alert.Set("fingerprint", fingerprint)
	return alert, err
}

// fingerprint tells the alert from others of the workflow. A field that the alert does
// not have is the row's.
func (g *generation) fingerprint(alert *value.Map, row any, more map[string]any) (string, error) {
	if g.Fingerprint != nil {
		v, err := g.Fingerprint(more)
		if err != nil || value.Text(v) != "" {
			return value.Text(v), err
		}
	}
	if own := text(alert, "fingerprint"); own != "" {
		return own, nil
	}
	hash := sha256.New()
	found := false
	write := func(field string, v any) {
		hash.Write(append(value.AppendJSON([]byte(field+"="), v), '\n'))
	}
	for _, field := range g.identifying(alert) {
		v, ok := at(alert, field)
		if !ok {
			v, ok = at(mapping(row), field)
		}
		found = found || ok && v != nil
		write(field, v)
	}
	if !found && g.origin.Compat != "keep" {
		write("name", text(alert, "name"))
	}
	write("workflowId", g.origin.Workflow)
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// identifying are the fields that tell alerts apart. Keep has no more than the labels,
// so that all alerts without labels are one there; here it is the name then.
func (g *generation) identifying(alert *value.Map) []string {
	if len(g.FingerprintFields) > 0 {
		return g.FingerprintFields
	}
	labels, _ := alert.Get("labels")
	var fields []string
	for k := range mapping(labels).All() {
		fields = append(fields, "labels."+k)
	}
	return fields
}

// at follows a path with dots. A key that has dots itself wins.
func at(m *value.Map, path string) (any, bool) {
	if v, ok := m.Get(path); ok {
		return v, true
	}
	head, rest, dotted := strings.Cut(path, ".")
	v, ok := m.Get(head)
	if !dotted || !ok {
		return nil, false
	}
	return at(mapping(v), rest)
}

func text(m *value.Map, key string) string {
	v, _ := m.Get(key)
	s, _ := v.(string)
	return s
}

// declared are the fields that every alert has (spec §3.3), and those of ours: a row's
// own do not replace them, since they say what the row is, not what the alert is.
var declared = []string{
	"id", "name", "status", "severity", "lastReceived", "firingStartTime",
	"firingStartTimeSinceLastResolved", "firingCounter", "unresolvedCounter", "environment",
	"isFullDuplicate", "isPartialDuplicate", "duplicateReason", "service", "source", "apiKeyRef",
	"message", "description", "description_format", "pushed", "event_id", "url", "imageUrl", "labels",
	"fingerprint", "deleted", "dismissUntil", "dismissed", "assignee", "providerId", "providerType",
	"note", "startedAt", "isNoisy", "enriched_fields", "incident", "trigger", "alert_hash",
	"workflowId", "pendingSince",
}
