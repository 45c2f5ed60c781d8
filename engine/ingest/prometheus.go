package ingest

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"tocsin/templating/value"
)

func prometheus() Format {
	return Format{
		Name: "prometheus", Aliases: []string{"alertmanager"}, Title: "Prometheus and Alertmanager",
		Doc: prometheusDoc, Schemes: []string{"token"}, Parse: parsePrometheus,
	}
}

const prometheusDoc = `Prometheus can tell Tocsin itself, in the place of an Alertmanager. In prometheus.yml:

    alerting:
      alertmanagers:
        - scheme: https
          static_configs: [{targets: ["tocsin.example.com"]}]
          authorization: {credentials: YOUR-API-KEY}

An alert is resolved when Prometheus says so. One that Prometheus stops sending, because
it is down, stays firing.

An Alertmanager groups and silences first. In alertmanager.yml:

    receivers:
      - name: tocsin
        webhook_configs:
          - url: https://tocsin.example.com/alerts/event/prometheus
            send_resolved: true
            http_config: {authorization: {credentials: YOUR-API-KEY}}

The name is the label alertname, severity, environment (or env) and service are the
labels of those names, message and description the annotations summary and description.
Both ways give the same fingerprint, that of the labels. An Alertmanager tries again
after 5xx only; Prometheus tells of a firing alert every minute, whatever the answer.
`

// parsePrometheus reads what Prometheus posts to /api/v2/alerts, a list (Alertmanager's
// api/v2/openapi.yaml, postableAlerts), and what Alertmanager posts to a webhook, an
// object of version 4 (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config).
func parsePrometheus(r Request) ([]Alert, error) {
	body, err := decode(r)
	if err != nil {
		return nil, err
	}
	o := from("prometheus", r)
	switch body := body.(type) {
	case []any:
		return o.batch(body, o.postable)
	case *value.Map:
		return o.group(body)
	}
	return nil, refuse(Invalid, "the body is %s, not the alerts of Prometheus or Alertmanager", kindOf(body))
}

// group reads the webhook of Alertmanager, which is Grafana's too.
func (o origin) group(body *value.Map) ([]Alert, error) {
	items, ok := at(body, "alerts").([]any)
	if !ok {
		return nil, refuse(Invalid, `the body has no list "alerts"`)
	}
	truncated, _ := at(body, "truncatedAlerts").(int64)
	return o.batch(items, func(item any) (Alert, error) {
		d, err := o.labelled(item)
		if err != nil {
			return nil, err
		}
		switch s := text(item, "status"); s {
		case "firing", "resolved":
			d.Status = s
		default:
			return nil, refuse(Invalid, `status %q is neither "firing" nor "resolved"`, short(s))
		}
		if own := text(item, "fingerprint"); own != "" {
			d.Fingerprint = own
		}
		if truncated > 0 {
			d.Extra["truncatedAlerts"] = truncated // of the group: the sender kept that many back
		}
		if o.format == "grafana" {
			grafanaFields(&d, item)
		}
		return o.alert(d)
	})
}

// postable reads one alert for Alertmanager. It is resolved when its endsAt is over.
func (o origin) postable(item any) (Alert, error) {
	d, err := o.labelled(item)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"startsAt", "endsAt"} {
		if _, ok := readTime(text(item, key)); !ok && !noTime(text(item, key)) {
			return nil, refuse(Invalid, "%s %q is not a time", key, short(text(item, key)))
		}
	}
	// The endsAt of a firing alert is a deadline that moves with every message; as a
	// field it would make each one news.
	delete(d.Extra, "endsAt")
	if ends, ok := readTime(text(item, "endsAt")); ok && !ends.After(o.r.Now) {
		d.Status, d.Extra["endsAt"] = "resolved", timeText(ends)
	}
	return o.alert(d)
}

func noTime(s string) bool { return s == "" || strings.HasPrefix(s, "0001-01-01") }

// labelled reads what all alerts of Prometheus have: labels and annotations.
func (o origin) labelled(item any) (draft, error) {
	m, ok := item.(*value.Map)
	if !ok {
		return draft{}, refuse(Invalid, "it is %s, not an object", kindOf(item))
	}
	labels, err := labelTexts(m)
	if err != nil {
		return draft{}, err
	}
	notes := mapAt(m, "annotations")
	d := draft{
		Name: or(text(labels, "alertname"), "unnamed alert"), Severity: severity(text(labels, "severity")), Labels: labels,
		Message:     or(text(notes, "summary"), text(notes, "message"), text(notes, "description")),
		Description: text(notes, "description"),
		URL:         text(m, "generatorURL"), Started: text(m, "startsAt"),
		Environment: or(text(labels, "environment"), text(labels, "env")), Service: text(labels, "service"),
		Fingerprint: labelsFingerprint(labels),
		Extra:       map[string]any{"runbook_url": text(notes, "runbook_url")},
	}
	if notes.Len() > 0 {
		d.Extra["annotations"] = notes
	}
	if ends, ok := readTime(text(m, "endsAt")); ok && text(m, "status") == "resolved" {
		d.Extra["endsAt"] = timeText(ends)
	}
	return d, nil
}

// labelTexts are the labels that say something; Alertmanager leaves out empty ones too.
func labelTexts(m *value.Map) (*value.Map, error) {
	given, ok := at(m, "labels").(*value.Map)
	if !ok {
		return nil, refuse(Invalid, `it has no object "labels"`)
	}
	labels := value.NewMap(given.Len())
	for k, v := range given.All() {
		s, ok := v.(string)
		switch {
		case !ok:
			return nil, refuse(Invalid, "label %q is %s, not a text", short(k), kindOf(v))
		case k == "":
			return nil, refuse(Invalid, "a label has no name")
		case s != "":
			labels.Set(k, s)
		}
	}
	if labels.Len() == 0 {
		return nil, refuse(Invalid, "it has no labels")
	}
	return labels, nil
}

// labelsFingerprint is Prometheus' own: FNV-1a of the sorted labels, each name and value
// followed by 0xff (prometheus/common, model.LabelSet.Fingerprint).
func labelsFingerprint(labels *value.Map) string {
	names := make([]string, 0, labels.Len())
	for k := range labels.All() {
		names = append(names, k)
	}
	slices.Sort(names)
	h := fnv.New64a()
	buf := make([]byte, 0, 256)
	for _, k := range names {
		v, _ := labels.Get(k)
		buf = append(append(buf[:0], k...), 0xff)
		buf = append(append(buf, value.Text(v)...), 0xff)
		h.Write(buf)
	}
	hex := strconv.FormatUint(h.Sum64(), 16)
	return strings.Repeat("0", 16-len(hex)) + hex
}
