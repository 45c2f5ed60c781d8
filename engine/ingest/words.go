package ingest

import (
	"strings"
	"time"
)

// severity is the word of ours for one of theirs; "" for a word that nobody knows.
func severity(word string) string {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "critical", "crit", "fatal", "emergency", "emerg", "disaster", "page", "p1", "sev1":
		return "critical"
	case "high", "error", "err", "major", "p2", "sev2":
		return "high"
	case "warning", "warn", "medium", "average", "minor", "p3", "sev3":
		return "warning"
	case "info", "information", "informational", "notice", "p4", "sev4":
		return "info"
	case "low", "debug", "trace", "not classified", "p5", "sev5":
		return "low"
	}
	return ""
}

// status is the word of ours for one of theirs; "" for a word that nobody knows.
func status(word string) string {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "firing", "triggered", "trigger", "alerting", "alarm", "problem", "down", "open", "opened", "active", "unresolved", "failing":
		return "firing"
	case "resolved", "resolve", "recovered", "recovery", "ok", "up", "closed", "cleared", "normal", "inactive":
		return "resolved"
	case "acknowledged", "acknowledge", "acked":
		return "acknowledged"
	case "suppressed", "muted", "silenced", "paused", "ignored", "archived":
		return "suppressed"
	case "pending", "no_data", "nodata", "insufficient_data", "unknown":
		return "pending"
	case "maintenance":
		return "maintenance"
	}
	return ""
}

func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// readTime reads the times that senders write; without a zone they are UTC. The zero
// time of Go, which Prometheus and Grafana send for "not yet", is none.
func readTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999-0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, t.Year() > 1 && t.Year() < 10000
		}
	}
	return time.Time{}, false
}
