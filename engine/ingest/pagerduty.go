package ingest

import (
	"tocsin/templating/value"
)

func pagerDuty() Format {
	return Format{
		Name: "pagerduty", Title: "PagerDuty", Doc: pagerDutyDoc,
		Schemes: []string{"pagerduty", "token"}, Parse: parsePagerDuty,
	}
}

const pagerDutyDoc = `In PagerDuty: Integrations, Generic Webhooks (v3), New Webhook.

    Webhook URL          https://tocsin.example.com/alerts/event/pagerduty
    Event subscription   incident.triggered, acknowledged, unacknowledged, reopened,
                         resolved, escalated, reassigned, priority_updated

PagerDuty shows a secret once, when the webhook is made: give it to Tocsin as the secret
of the scheme pagerduty. An alert is an incident. Its severity is its priority (P1 is
critical, P2 high, P3 warning, P4 info, P5 low), else its urgency, high or low.
`

// parsePagerDuty reads a webhook of version 3
// (https://developer.pagerduty.com/docs/webhooks-overview): the event and the incident
// it is about. Events about something else are skipped.
func parsePagerDuty(r Request) ([]Alert, error) {
	body, err := decodeMap(r)
	if err != nil {
		return nil, err
	}
	event := mapAt(body, "event")
	kind := text(event, "event_type")
	if kind == "" {
		return nil, refuse(Invalid, `the body has no "event" with an "event_type": Tocsin reads webhooks of version 3`)
	}
	data := mapAt(event, "data")
	if text(data, "type") != "incident" {
		return nil, skip("%s tells of no incident's state", short(kind))
	}
	return from("pagerduty", r).single(pagerDutyIncident(event, data))
}

func pagerDutyIncident(event, data *value.Map) (draft, error) {
	id, state := text(data, "id"), text(data, "status")
	was := status(state)
	if id == "" || was == "" {
		return draft{}, refuse(Invalid, "incident %q has the status %q: want an id, and triggered, acknowledged or resolved", short(id), short(state))
	}
	service := text(data, "service", "summary")
	labels := value.NewMap(4)
	setLabel(labels, "service", service)
	setLabel(labels, "urgency", text(data, "urgency"))
	setLabel(labels, "priority", text(data, "priority", "summary"))
	setLabel(labels, "escalation_policy", text(data, "escalation_policy", "summary"))
	d := draft{
		Name: or(text(data, "title"), text(data, "summary"), "incident "+id), Status: was,
		Severity:    or(severity(text(data, "priority", "summary")), severity(text(data, "urgency"))),
		Fingerprint: "pagerduty:" + id, Message: text(data, "title"), URL: text(data, "html_url"), Service: service,
		Started: text(data, "created_at"), Labels: labels,
		Extra: map[string]any{
			"event_id": text(event, "id"), "event_type": text(event, "event_type"), "incident_id": id,
			"incident_key": text(data, "incident_key"), "incident_number": text(data, "number"),
			"by": text(event, "agent", "summary"),
		},
	}
	if who, _ := at(data, "assignees").([]any); len(who) > 0 {
		d.Extra["assignee"] = text(who[0], "summary")
	}
	return d, nil
}
