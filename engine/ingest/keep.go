package ingest

import (
	"strings"

	"tocsin/engine"
	"tocsin/templating/value"
)

func keep() Format {
	return Format{
		Name: "keep", Title: "Anything that can send JSON, and clients of Keep", Doc: keepDoc,
		Schemes: []string{"standard", "hub", "slack", "token"}, Parse: parseKeep,
	}
}

const keepDoc = `Send an object, or a list of up to 1,000, with as many of the fields of an alert as you
know; other fields are kept as they are and workflows can read them.

    curl https://tocsin.example.com/alerts/event -H "X-API-KEY: YOUR-API-KEY" \
      -H "Content-Type: application/json" -d '{
        "name": "Disk almost full", "status": "firing", "severity": "warning",
        "fingerprint": "disk-db1", "message": "93% of /var", "labels": {"host": "db1"}}'

status is firing, resolved, acknowledged or suppressed, severity is critical, high,
warning, info or low. Messages with the same fingerprint are about the same alert: send
the same one with "status": "resolved" when it is over. Without a fingerprint it is made
of the name; ?fingerprint= sets it for a request with one alert.
`

// parseKeep reads what Keep's clients post to /alerts/event: an alert, a list of them, or
// any object (spec §10.3).
func parseKeep(r Request) ([]Alert, error) {
	body, err := decode(r)
	if err != nil {
		return nil, err
	}
	o := from("keep", r)
	items, isList := body.([]any)
	if !isList {
		items = []any{body}
	}
	return o.batch(items, o.given)
}

// given is an alert in our own words, and whatever else is in it.
func (o origin) given(item any) (Alert, error) {
	m, ok := item.(*value.Map)
	if !ok {
		return nil, refuse(Invalid, "it is %s, not an object", kindOf(item))
	}
	a := make(Alert, m.Len()+10)
	for k, v := range m.All() {
		if v != nil {
			a[k] = v
		}
	}
	a["name"] = or(text(m, "name"), text(m, "id"), "unknown alert name")
	a["status"] = or(status(text(m, "status")), "firing")
	a["severity"] = o.severity(draft{Severity: givenSeverity(m)})
	a["fingerprint"] = fitting(or(text(m, "fingerprint"), digest(a["name"].(string))))
	a["source"] = sources(at(m, "source"), o.format)
	a["labels"] = labelsOf(mapAt(m, "labels"))
	if id := text(m, "id"); id != "" {
		a["id"] = id
	}
	if err := o.arrived(a); err != nil {
		return nil, err
	}
	if _, err := engine.NormalizeAlert(a, o.r.Now, ""); err != nil {
		return nil, refuse(Invalid, "%v", err)
	}
	return a, nil
}

// givenSeverity is a word, or a number from 1, low, to 5, critical (spec §3.3).
func givenSeverity(m *value.Map) string {
	if n, ok := at(m, "severity").(int64); ok && n >= 1 && n <= 5 {
		return []string{"low", "info", "warning", "high", "critical"}[n-1]
	}
	return severity(text(m, "severity"))
}

// sources are where an alert says it is from, else the format: for plain JSON "keep"
// (spec §10.3).
func sources(v any, format string) []any {
	switch v := v.(type) {
	case []any:
		if len(v) > 0 {
			return v
		}
	case string:
		if s := strings.TrimSpace(v); s != "" {
			return []any{s}
		}
	}
	return []any{format}
}
