package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/templating/value"
)

// arrival reads the alert and the incident that started the run.
func (r *run) arrival() error {
	r.alert = nothing
	if len(r.in.Alert) > 0 {
		alert, err := NormalizeAlert(r.in.Alert, r.now(), r.in.Run)
		if err != nil {
			return err
		}
		if _, ok := alert.Get("trigger"); !ok && r.in.Trigger != "" {
			alert.Set("trigger", r.in.Trigger)
		}
		r.alert = alert.Map
	}
	if len(r.in.Incident) > 0 {
		incident, err := NormalizeIncident(r.in.Incident, r.now(), r.in.Run)
		if err != nil {
			return err
		}
		r.incident = incident.Map
	}
	return nil
}

// alertFields are the fields that every alert has, in the order in which they print
// (spec §3.3), and what they are where nothing is said.
var alertFields = []value.Entry{
	{Key: "id"}, {Key: "name"}, {Key: "status", Value: "firing"}, {Key: "severity", Value: "info"},
	{Key: "lastReceived"}, {Key: "firingStartTime"}, {Key: "firingStartTimeSinceLastResolved"},
	{Key: "firingCounter", Value: int64(0)}, {Key: "unresolvedCounter", Value: int64(0)},
	{Key: "environment"}, {Key: "isFullDuplicate", Value: false}, {Key: "isPartialDuplicate", Value: false},
	{Key: "duplicateReason"}, {Key: "service"}, {Key: "source", Value: []any{}}, {Key: "apiKeyRef"},
	{Key: "message"}, {Key: "description"}, {Key: "description_format"}, {Key: "pushed", Value: false},
	{Key: "event_id"}, {Key: "url"}, {Key: "imageUrl"}, {Key: "labels", Value: value.NewMap(0)},
	{Key: "fingerprint"}, {Key: "deleted", Value: false}, {Key: "dismissUntil"}, {Key: "dismissed", Value: false},
	{Key: "assignee"}, {Key: "providerId"}, {Key: "providerType"}, {Key: "note"}, {Key: "startedAt"},
	{Key: "isNoisy", Value: false}, {Key: "enriched_fields", Value: []any{}}, {Key: "incident"},
}

// NormalizeAlert makes an alert as workflows see it out of what came in (spec §3.3):
// every declared field is there, what is known is in its one form, the rest is kept as
// it came. now is when it came in; an alert without an id gets one made of seed and
// its name.
func NormalizeAlert(fields map[string]any, now time.Time, seed string) (value.Object, error) {
	m := value.NewMap(len(alertFields) + len(fields))
	for _, f := range alertFields {
		m.Set(f.Key, f.Value)
	}
	given := value.Of(fields).(*value.Map)
	for k, v := range given.All() {
		if k != "assignees" && k != "deletedAt" {
			m.Set(k, v)
		}
	}
	if err := normalizeTimes(m, now); err != nil {
		return value.Object{}, err
	}
	normalizeNames(m, seed)
	normalizeAssignees(m, given)
	normalizeDismissal(m, now)
	m.Set("severity", severity(m))
	m.Set("status", status(m))
	m.Set("url", address(text(m, "url")))
	return value.Object{Map: m}, checkFormat(m)
}

func severity(m *value.Map) string {
	known := []string{"low", "info", "warning", "high", "critical"}
	switch v, _ := m.Get("severity"); v := v.(type) {
	case string:
		if slices.Contains(known, v) {
			return v
		}
	case int64:
		if v >= 1 && v <= 5 {
			return known[v-1]
		}
	}
	return "info"
}

func status(m *value.Map) string {
	s := text(m, "status")
	if slices.Contains([]string{"firing", "resolved", "acknowledged", "suppressed", "pending", "maintenance"}, s) {
		return s
	}
	return "firing"
}

// normalizeNames fills in what the alert is known by.
func normalizeNames(m *value.Map, seed string) {
	name := text(m, "name")
	if id, _ := m.Get("id"); id == nil {
		m.Set("id", identity(seed+"\x00"+name))
	}
	fingerprint := text(m, "fingerprint")
	if fingerprint == "" {
		sum := sha256.Sum256([]byte(name))
		fingerprint = hex.EncodeToString(sum[:])
	}
	if len(fingerprint) > 255 {
		fingerprint = strings.ToValidUTF8(fingerprint[:255], "")
	}
	m.Set("fingerprint", fingerprint)
}

// identity is a UUID made of text: the same for the same run.
func identity(text string) string {
	b := sha256.Sum256([]byte(text))
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:16])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

const alertTime = "2006-01-02T15:04:05.000Z"

func normalizeTimes(m *value.Map, now time.Time) error {
	received, _ := m.Get("lastReceived")
	t, ok := now, true
	switch v := received.(type) {
	case nil:
	case time.Time:
		t = v
	case string:
		t, ok = readTime(v)
	default:
		t, ok = readTime(value.Text(v))
	}
	if !ok {
		return fmt.Errorf("alert: lastReceived %q is not a time", short(value.Text(received)))
	}
	m.Set("lastReceived", t.UTC().Format(alertTime))
	return nil
}

// readTime reads ISO 8601 or seconds since 1970.
func readTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if q, ok := parseQuantity(s); ok && !q.percent && q.n > 0 && q.n < 1e12 {
		return time.UnixMilli(int64(q.n * 1000)), true
	}
	return time.Time{}, false
}

// normalizeAssignees picks the assignee of this occurrence.
func normalizeAssignees(m, given *value.Map) {
	assignees, _ := given.Get("assignees")
	byTime, _ := assignees.(*value.Map)
	if who, ok := byTime.Get(text(given, "lastReceived")); ok {
		m.Set("assignee", who)
	} else if who, ok := byTime.Get(text(m, "lastReceived")); ok {
		m.Set("assignee", who)
	}
}

func normalizeDismissal(m *value.Map, now time.Time) {
	dismissed, _ := m.Get("dismissed")
	if s, ok := dismissed.(string); ok {
		dismissed = strings.EqualFold(s, "true")
	}
	yes := value.Truthy(dismissed)
	if until, ok := readTime(text(m, "dismissUntil")); ok && until.Before(now) {
		yes = false
	}
	m.Set("dismissed", yes)
}

// address is a URL one can follow, or nil. Keep takes everything for one of HTTP; where
// a message of a websocket came from stays what it is.
func address(s string) any {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil
	}
	if !strings.HasPrefix(s, "http") && !strings.HasPrefix(s, "ws://") && !strings.HasPrefix(s, "wss://") {
		s = "https://" + s
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^{|}`+"`", c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	if _, err := url.Parse(b.String()); err != nil {
		return s
	}
	return b.String()
}

var errFormat = errors.New(`alert: description_format is "markdown" or "html"`)

func checkFormat(m *value.Map) error {
	switch v, _ := m.Get("description_format"); v {
	case nil, "markdown", "html":
		return nil
	}
	return errFormat
}

// incidentFieldNames are the fields that every incident has (spec §3.4).
var incidentFieldNames = []string{
	"user_generated_name", "assignee", "user_summary", "same_incident_in_the_past_id", "severity", "id",
	"start_time", "last_seen_time", "end_time", "creation_time", "alerts_count", "alert_sources", "status",
	"services", "is_predicted", "is_candidate", "is_visible", "generated_summary", "ai_generated_name",
	"rule_fingerprint", "fingerprint", "merged_into_incident_id", "merged_by", "merged_at", "enrichments",
	"incident_type", "incident_application", "resolve_on", "rule_id", "rule_name", "rule_is_deleted",
}

// NormalizeIncident makes an incident as workflows see it out of what came in (spec
// §3.4). Its alerts are normalised like others.
func NormalizeIncident(fields map[string]any, now time.Time, seed string) (value.Object, error) {
	m := value.NewMap(len(incidentFieldNames) + len(fields) + 2)
	for _, name := range incidentFieldNames {
		m.Set(name, nil)
	}
	given := value.Of(fields).(*value.Map)
	for k, v := range given.All() {
		m.Set(k, v)
	}
	for _, k := range []string{"status", "severity"} {
		if s := text(m, k); s != "" {
			m.Set(k, strings.ToLower(s[strings.LastIndexByte(s, '.')+1:]))
		}
	}
	if _, named := given.Get("name"); !named {
		m.Set("name", nilIfEmpty(firstText(text(m, "user_generated_name"), text(m, "ai_generated_name"))))
	}
	enrichments, _ := m.Get("enrichments")
	if extra, ok := enrichments.(*value.Map); ok {
		for k, v := range extra.All() {
			m.Set(k, v)
		}
	}
	alerts, err := normalizeAlerts(fields["alerts"], now, seed)
	if err != nil {
		return value.Object{}, err
	}
	m.Set("alerts", alerts)
	return value.Object{Map: m}, nil
}

func normalizeAlerts(v any, now time.Time, seed string) ([]any, error) {
	list, _ := v.([]any)
	out := make([]any, 0, len(list))
	for i, item := range list {
		fields, ok := item.(map[string]any)
		if !ok {
			out = append(out, value.Of(item))
			continue
		}
		alert, err := NormalizeAlert(fields, now, seed+strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		out = append(out, alert)
	}
	return out, nil
}

func nilIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}
