package ingest

import (
	"tocsin/templating/value"
)

func grafana() Format {
	return Format{
		Name: "grafana", Title: "Grafana", Doc: grafanaDoc,
		Schemes: []string{"grafana", "token"}, Parse: parseGrafana,
	}
}

const grafanaDoc = `In Grafana: Alerting, Contact points, Add contact point, integration Webhook.

    URL                             https://tocsin.example.com/alerts/event/grafana
    Authorization Header Scheme     Bearer
    Authorization Header Credentials  YOUR-API-KEY

From Grafana 12 on it can sign instead: HMAC Signature, with a Secret, the Header
X-Grafana-Alerting-Signature and, against replays, a Timestamp Header such as
X-Grafana-Alerting-Timestamp; tell Tocsin the same names. Then let a notification policy
use the contact point. Leave "Disable resolved message" off, and the payload as it is.

The name is the label alertname; severity, environment (or env) and service are the
labels of those names. The notification channels of Grafana 8 and before (legacy
alerting) post to the same URL.
`

// parseGrafana reads the webhook of unified alerting, which is Alertmanager's with more
// fields (https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/),
// and the one of legacy alerting, one rule in one object.
func parseGrafana(r Request) ([]Alert, error) {
	body, err := decodeMap(r)
	if err != nil {
		return nil, err
	}
	o := from("grafana", r)
	if at(body, "alerts") != nil {
		return o.group(body)
	}
	return o.single(grafanaRule(body))
}

// grafanaFields adds what Grafana says of an alert beyond Alertmanager.
func grafanaFields(d *draft, item any) {
	d.ImageURL = text(item, "imageURL")
	d.URL = or(text(item, "panelURL"), text(item, "dashboardURL"), d.URL)
	for _, key := range []string{"silenceURL", "dashboardURL", "panelURL", "generatorURL", "valueString"} {
		d.Extra[key] = text(item, key)
	}
	if values := mapAt(item, "values"); values.Len() > 0 {
		d.Extra["values"] = values
	}
}

// grafanaRule reads legacy alerting. Its states: alerting, ok, no_data, paused, pending.
func grafanaRule(m *value.Map) (draft, error) {
	rule, state := text(m, "ruleId"), text(m, "state")
	if rule == "" || state == "" {
		return draft{}, refuse(Invalid, `the body has neither a list "alerts" nor a "ruleId" with its "state"`)
	}
	was := status(state)
	if was == "" {
		return draft{}, refuse(Invalid, "state %q is none of Grafana's", short(state))
	}
	tags := mapAt(m, "tags")
	return draft{
		Name: or(text(m, "ruleName"), text(m, "title"), "rule "+rule), Status: was, Severity: severity(text(tags, "severity")),
		Fingerprint: "grafana:" + or(text(m, "orgId"), "1") + ":" + rule,
		Message:     or(text(m, "message"), text(m, "title")), URL: text(m, "ruleUrl"), ImageURL: text(m, "imageUrl"), Labels: tags,
		Environment: or(text(tags, "environment"), text(tags, "env")), Service: text(tags, "service"),
		Extra: map[string]any{"evalMatches": at(m, "evalMatches"), "title": text(m, "title")},
	}, nil
}
