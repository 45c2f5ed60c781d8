package ingest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tocsin/templating/value"
)

func datadog() Format {
	return Format{
		Name: "datadog", Title: "Datadog", Doc: datadogDoc,
		Schemes: []string{"token"}, Parse: parseDatadog,
	}
}

const datadogDoc = `In Datadog: Integrations, Webhooks, New Webhook.

    Name             tocsin
    URL              https://tocsin.example.com/alerts/event/datadog
    Custom Headers   {"X-API-KEY": "YOUR-API-KEY"}
    Payload:
    {
      "id": "$ID", "monitor_id": "$ALERT_ID", "title": "$EVENT_TITLE", "body": "$EVENT_MSG",
      "alert_title": "$ALERT_TITLE", "alert_transition": "$ALERT_TRANSITION", "alert_type": "$ALERT_TYPE",
      "severity": "$ALERT_PRIORITY", "alert_query": "$ALERT_QUERY", "scopes": "$ALERT_SCOPE",
      "date": "$DATE", "last_updated": "$LAST_UPDATED", "event_type": "$EVENT_TYPE",
      "tags": "$TAGS", "url": "$LINK", "metric_graph_url": "$SNAPSHOT",
      "org": {"id": "$ORG_ID", "name": "$ORG_NAME"}
    }

and write @webhook-tocsin into the message of the monitors. "Encode as form" works too, and
so do the payload that Keep installs and Datadog's own. An alert is one monitor for one
scope (group). Without a priority of the monitor, an alert is high, a warning is warning.
`

// parseDatadog reads the payload above (https://docs.datadoghq.com/integrations/webhooks/)
// and, with less in it, Datadog's default.
func parseDatadog(r Request) ([]Alert, error) {
	m, err := decodeMap(r)
	if err != nil {
		return nil, err
	}
	return from("datadog", r).single(datadogMonitor(m))
}

func datadogMonitor(m *value.Map) (draft, error) {
	title := datadogText(m, "title")
	monitor, scopes := datadogText(m, "monitor_id"), datadogText(m, "scopes")
	if title == "" && monitor == "" {
		return draft{}, refuse(Invalid, `the body has neither a "title" nor a "monitor_id"`)
	}
	transition, name := datadogTitle(title)
	transition = or(datadogText(m, "alert_transition"), transition)
	tags := datadogTags(datadogText(m, "tags"))
	service, environment := text(tags, "service"), text(tags, "env")
	d := draft{
		Name: or(name, "monitor "+monitor), Severity: severity(datadogText(m, "severity")), Labels: tags,
		Fingerprint: datadogIdentity(monitor, scopes, or(datadogText(m, "aggreg_key"), name)),
		Message:     or(datadogText(m, "alert_title"), title), Description: datadogText(m, "body"),
		URL: datadogText(m, "url"), ImageURL: datadogText(m, "metric_graph_url"),
		Service: service, Environment: environment,
		Extra: map[string]any{
			"monitor_id": monitor, "scopes": scopes, "alert_query": datadogText(m, "alert_query"),
			"alert_transition": transition, "event_type": datadogText(m, "event_type"), "event_id": datadogText(m, "id"),
		},
	}
	d.Status, d.Otherwise = datadogStatus(transition, datadogText(m, "alert_type"))
	if ms, err := strconv.ParseInt(datadogText(m, "date"), 10, 64); err == nil && d.Status != "resolved" && ms > 0 && ms < 1e14 {
		d.Started = timeText(time.UnixMilli(ms))
	}
	return d, nil
}

// datadogStatus reads $ALERT_TRANSITION or, for events that are no transition of a
// monitor, $ALERT_TYPE. What is unknown is firing: better told once too often.
func datadogStatus(transition, kind string) (status, severity string) {
	switch t := strings.TrimPrefix(strings.ToLower(transition), "re-"); {
	case strings.HasPrefix(t, "recovered"), t == "" && kind == "success":
		return "resolved", "high"
	case t == "muted":
		return "suppressed", "high"
	case strings.HasPrefix(t, "warn"), t == "" && kind == "warning":
		return "firing", "warning"
	case t == "" && kind == "info":
		return "firing", "info"
	}
	return "firing", "high"
}

// datadogTitle takes "[Triggered on {host:db1}] Disk is full" apart: the transition, and
// the name with its scope, which are the same when it recovers.
func datadogTitle(title string) (transition, name string) {
	m := datadogBracket().FindStringSubmatch(title)
	if m == nil {
		return "", title
	}
	return m[1], strings.TrimSpace(m[3] + " " + m[2])
}

var datadogBracket = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:\[P[1-5]\] ?)?\[((?:Re-)?(?:Triggered|Recovered|Warn|No Data)|Renotify|Muted)(?: on (\{[^{}]*\}))?\]\s*(.*)$`)
})

// datadogIdentity is the monitor and the scopes in any order, or what else names it.
func datadogIdentity(monitor, scopes, name string) string {
	if monitor == "" {
		return "datadog:" + name
	}
	parts := strings.Split(scopes, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	slices.Sort(parts)
	return "datadog:" + monitor + ":" + strings.Join(parts, ",")
}

// datadogTags are key:value pairs with commas between them.
func datadogTags(tags string) *value.Map {
	m := value.NewMap(8)
	for tag := range strings.SplitSeq(tags, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(tag), ":")
		if k != "" {
			addLabel(m, k, v)
		}
	}
	return m
}

// datadogText is text without what Datadog writes for a variable that has no value: its
// name, null or none.
func datadogText(m *value.Map, key string) string {
	s := text(m, key)
	if s == "null" || s == "none" || strings.HasPrefix(s, "$") && strings.ToUpper(s) == s {
		return ""
	}
	return s
}
