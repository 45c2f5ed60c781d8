package ingest

import (
	"strings"

	"tocsin/templating/value"
)

func uptimeKuma() Format {
	return Format{
		Name: "uptimekuma", Aliases: []string{"uptime-kuma"}, Title: "Uptime Kuma", Doc: uptimeKumaDoc,
		Schemes: []string{"token"}, Parse: parseUptimeKuma,
	}
}

const uptimeKumaDoc = `In Uptime Kuma: Settings, Notifications, Setup Notification.

    Notification Type    Webhook
    Post URL             https://tocsin.example.com/alerts/event/uptimekuma
    Request Body         Preset - application/json (multipart/form-data works too)
    Additional Headers   {"X-API-KEY": "YOUR-API-KEY"}

An alert is a monitor. Tags become labels; the tags environment and service are the
fields of those names. A monitor that is down is critical, or what the tag severity or
?severity= in the URL says. What Kuma says without a monitor's state, such as a
certificate that will expire, is a warning of its own that nothing resolves.
`

// parseUptimeKuma reads {heartbeat, monitor, msg} as JSON, as the field data of a form,
// or from the query of a GET (uptime-kuma, server/notification-providers/webhook.js). Of
// the monitor it takes the fields named here only: it may have passwords.
func parseUptimeKuma(r Request) ([]Alert, error) {
	m, err := kumaBody(r)
	if err != nil {
		return nil, err
	}
	o := from("uptimekuma", r)
	beat, msg := mapAt(m, "heartbeat"), text(m, "msg")
	switch {
	case beat.Len() > 0:
		return o.single(kumaMonitor(beat, mapAt(m, "monitor"), msg))
	case msg == "":
		return nil, refuse(Invalid, `the body has neither a "heartbeat" nor a "msg"`)
	case strings.HasSuffix(msg, " Testing"):
		return nil, skip("a test of Uptime Kuma's notification arrived")
	}
	return o.single(kumaNotice(msg), nil)
}

func kumaBody(r Request) (*value.Map, error) {
	if len(r.Body) > 0 || r.Query.Get("msg") == "" {
		return decodeMap(r)
	}
	m := value.MapOf(value.Entry{Key: "msg", Value: strings.ToValidUTF8(r.Query.Get("msg"), "�")})
	for _, key := range []string{"heartbeat", "monitor"} {
		if s := r.Query.Get(key); s != "" {
			v, err := decodeJSON([]byte(s))
			if err != nil {
				return nil, within("?"+key+"=", err)
			}
			m.Set(key, v)
		}
	}
	return m, nil
}

func kumaMonitor(beat, monitor *value.Map, msg string) (draft, error) {
	id := or(text(monitor, "id"), text(beat, "monitorID"), text(beat, "monitor_id"))
	was, ok := kumaStatus(text(beat, "status"))
	if id == "" || !ok {
		return draft{}, refuse(Invalid, "the heartbeat has no monitor, or the status %q: want 0 to 3", short(text(beat, "status")))
	}
	labels := kumaTags(at(monitor, "tags"))
	d := draft{
		Name: or(text(monitor, "pathName"), text(monitor, "name"), "monitor "+id), Status: was, Otherwise: "critical",
		Severity: severity(text(labels, "severity")), Fingerprint: "uptimekuma:" + id, Message: or(msg, text(beat, "msg")),
		Description: text(monitor, "description"), Service: text(labels, "service"), Environment: or(text(labels, "environment"), text(labels, "env")),
		Labels: labels, Extra: map[string]any{"monitor_id": id, "monitor_type": text(monitor, "type")},
	}
	if u := text(monitor, "url"); u != "https://" && u != "http://" { // what monitors without a URL have
		d.URL = u
	}
	if was != "resolved" {
		d.Started = text(beat, "time") // UTC, without a zone
	}
	return d, nil
}

// kumaStatus reads a heartbeat's: 0 down, 1 up, 2 pending, 3 maintenance.
func kumaStatus(s string) (string, bool) {
	if len(s) == 1 && s[0] >= '0' && s[0] <= '3' {
		return []string{"firing", "resolved", "pending", "maintenance"}[s[0]-'0'], true
	}
	return "", false
}

func kumaTags(v any) *value.Map {
	labels := value.NewMap(4)
	list, _ := v.([]any)
	for _, tag := range list {
		if name := text(tag, "name"); name != "" {
			addLabel(labels, name, text(tag, "value"))
		}
	}
	return labels
}

// kumaNotice is a message without a state. Its numbers, such as the days that are left,
// do not make it another one.
func kumaNotice(msg string) draft {
	same := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, msg)
	return draft{Name: "Uptime Kuma", Otherwise: "warning", Fingerprint: "uptimekuma:msg:" + digest(same), Message: msg}
}
