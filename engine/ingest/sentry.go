package ingest

import (
	"strings"

	"tocsin/templating/value"
)

func sentry() Format {
	return Format{
		Name: "sentry", Title: "Sentry", Doc: sentryDoc,
		Schemes: []string{"sentry", "token"}, Parse: parseSentry,
	}
}

const sentryDoc = `In Sentry: Settings, Custom Integrations (Developer Settings), Create New Integration,
Internal Integration.

    Webhook URL         https://tocsin.example.com/alerts/event/sentry
    Alert Rule Action   on
    Webhooks            issue (so that a resolved issue resolves the alert)

Give Tocsin the Client Secret as the secret of the scheme sentry. Then add the action
"Send a notification via" this integration to issue and metric alerts. An alert is an
issue, or a metric alert rule. The level fatal is critical, error is high.
`

// parseSentry reads the webhooks of Sentry's integration platform by their
// Sentry-Hook-Resource (https://docs.sentry.io/organization/integrations/integration-platform/webhooks/)
// and, without that header, the payload of the older webhooks plugin.
func parseSentry(r Request) ([]Alert, error) {
	body, err := decodeMap(r)
	if err != nil {
		return nil, err
	}
	o := from("sentry", r)
	switch resource := r.Header.Get("Sentry-Hook-Resource"); resource {
	case "issue":
		return o.single(sentryIssue(body))
	case "event_alert":
		return o.single(sentryEvent(mapAt(body, "data", "event"), text(body, "data", "triggered_rule")))
	case "error":
		return o.single(sentryEvent(mapAt(body, "data", "error"), ""))
	case "metric_alert":
		return o.single(sentryMetric(body))
	case "":
		return o.single(sentryPlugin(body))
	default:
		return nil, skip("Sentry's %q tells of no alert", short(resource))
	}
}

// sentryIssue is an issue that changed its state: unresolved, resolved or ignored.
func sentryIssue(body *value.Map) (draft, error) {
	issue := mapAt(body, "data", "issue")
	was := status(text(issue, "status"))
	if text(issue, "id") == "" || was == "" {
		return draft{}, refuse(Invalid, `"data.issue" has no id, or the status %q`, short(text(issue, "status")))
	}
	project := text(issue, "project", "slug")
	return draft{
		Name: or(text(issue, "title"), text(issue, "shortId")), Status: was, Severity: sentryLevel(issue),
		Fingerprint: "sentry:issue:" + text(issue, "id"),
		Message:     or(text(issue, "metadata", "value"), text(issue, "title")), Description: text(issue, "culprit"),
		URL: or(text(issue, "web_url"), text(issue, "permalink")), Service: project, Started: text(issue, "firstSeen"),
		Labels: sentryLabels(project, text(issue, "platform"), nil),
		Extra: map[string]any{
			"action": text(body, "action"), "shortId": text(issue, "shortId"), "substatus": text(issue, "substatus"),
			"assignee": text(issue, "assignedTo", "name"), "count": text(issue, "count"), "userCount": at(issue, "userCount"),
		},
	}, nil
}

// sentryEvent is an event of an issue: an issue alert, or any error.
func sentryEvent(event *value.Map, rule string) (draft, error) {
	issue := text(event, "issue_id")
	if issue == "" {
		issue = lastPart(text(event, "issue_url"))
	}
	if issue == "" {
		return draft{}, refuse(Invalid, "the event names no issue")
	}
	return draft{
		Name: or(text(event, "title"), "issue "+issue), Severity: sentryLevel(event), Fingerprint: "sentry:issue:" + issue,
		Message: or(text(event, "message"), text(event, "metadata", "value"), text(event, "title")), Description: text(event, "culprit"),
		URL: text(event, "web_url"), Environment: or(text(event, "environment"), sentryTag(event, "environment")),
		Started: text(event, "datetime"), Labels: sentryLabels("", text(event, "platform"), event),
		Extra: map[string]any{"event_id": text(event, "event_id"), "rule": rule, "release": text(event, "release")},
	}, nil
}

// sentryMetric is a metric alert: critical, warning or resolved.
func sentryMetric(body *value.Map) (draft, error) {
	incident, action := mapAt(body, "data", "metric_alert"), text(body, "action")
	rule := mapAt(incident, "alert_rule")
	d := draft{
		Name: or(text(rule, "name"), text(incident, "title"), text(body, "data", "description_title")), Status: "firing",
		Fingerprint: "sentry:metric_alert:" + or(text(rule, "id"), text(incident, "id")),
		Message:     text(body, "data", "description_title"), Description: text(body, "data", "description_text"),
		URL: text(body, "data", "web_url"), Environment: text(rule, "environment"), Started: text(incident, "date_started"),
		Extra: map[string]any{"action": action, "query": text(rule, "query"), "aggregate": text(rule, "aggregate")},
	}
	if projects, _ := at(incident, "projects").([]any); len(projects) > 0 {
		d.Service, _ = projects[0].(string)
	}
	d.Labels = sentryLabels(d.Service, "", nil)
	switch action {
	case "critical", "warning":
		d.Severity = action
	case "resolved":
		d.Status = "resolved"
	default:
		return draft{}, refuse(Invalid, "the action %q of a metric alert is none of critical, warning, resolved", short(action))
	}
	if or(text(rule, "id"), text(incident, "id")) == "" {
		return draft{}, refuse(Invalid, `"data.metric_alert" has no id`)
	}
	return d, nil
}

// sentryPlugin is what the webhooks plugin of a project sends.
func sentryPlugin(body *value.Map) (draft, error) {
	issue := text(body, "id")
	if issue == "" {
		return draft{}, refuse(Invalid, `the request has no header Sentry-Hook-Resource, and the body no "id" of an issue`)
	}
	event, project := mapAt(body, "event"), text(body, "project")
	return draft{
		Name:     or(text(event, "title"), text(body, "message"), "issue "+issue),
		Severity: or(severity(text(body, "level")), "high"), Fingerprint: "sentry:issue:" + issue,
		Message: or(text(body, "message"), text(event, "metadata", "value")), Description: text(body, "culprit"), URL: text(body, "url"),
		Service: project, Environment: text(event, "environment"), Labels: sentryLabels(project, text(event, "platform"), event),
		Extra: map[string]any{"event_id": text(event, "event_id")},
	}, nil
}

// sentryLevel is the level of an event or issue. Without one it is an error, as for
// Sentry's SDKs.
func sentryLevel(m *value.Map) string { return or(severity(text(m, "level")), "high") }

// sentryLabels are the project, the platform and the tags of an event: a list of pairs.
func sentryLabels(project, platform string, event *value.Map) *value.Map {
	labels := value.NewMap(4)
	setLabel(labels, "project", project)
	setLabel(labels, "platform", platform)
	tags, _ := at(event, "tags").([]any)
	for _, tag := range tags {
		if pair, _ := tag.([]any); len(pair) == 2 {
			setLabel(labels, value.Text(pair[0]), value.Text(pair[1]))
		}
	}
	return labels
}

func sentryTag(event *value.Map, name string) string {
	return text(sentryLabels("", "", event), name)
}

// lastPart is the last part of the path of an address.
func lastPart(address string) string {
	address = strings.TrimRight(address, "/")
	return address[strings.LastIndexByte(address, '/')+1:]
}
