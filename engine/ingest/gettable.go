package ingest

import (
	"cmp"

	"tocsin/templating/value"
)

// A Gettable is an alert as GET /api/v2/alerts of Alertmanager answers it (its
// api/v2/openapi.yaml, gettableAlert), for amtool, Grafana and karma. Lists and
// mappings are never null.
type Gettable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
	Fingerprint  string            `json:"fingerprint"`
	StartsAt     string            `json:"startsAt"`
	EndsAt       string            `json:"endsAt"`
	UpdatedAt    string            `json:"updatedAt"`
	Receivers    []Receiver        `json:"receivers"`
	Status       GettableStatus    `json:"status"`
}

// A Receiver is who is told of an alert: for us, a workflow.
type Receiver struct {
	Name string `json:"name"`
}

// A GettableStatus says whether an alert is told to anybody.
type GettableStatus struct {
	State       string   `json:"state"` // active, suppressed, unprocessed
	SilencedBy  []string `json:"silencedBy"`
	InhibitedBy []string `json:"inhibitedBy"`
	MutedBy     []string `json:"mutedBy"`
}

// GettableOf is an alert with its fields as workflows see them (engine.NormalizeAlert),
// whatever format it came by. Its name becomes the label alertname where there is none,
// and so does its severity. Receivers are for the caller to add.
func GettableOf(alert *value.Map) Gettable {
	started := cmp.Or(text(alert, "startedAt"), text(alert, "lastReceived"))
	g := Gettable{
		Labels: texts(mapAt(alert, "labels")), Annotations: texts(mapAt(alert, "annotations")),
		GeneratorURL: text(alert, "url"), Fingerprint: text(alert, "fingerprint"),
		StartsAt: started, EndsAt: cmp.Or(text(alert, "endsAt"), started), UpdatedAt: text(alert, "lastReceived"),
		Receivers: []Receiver{},
		Status:    GettableStatus{State: "active", SilencedBy: []string{}, InhibitedBy: []string{}, MutedBy: []string{}},
	}
	fill(g.Labels, "alertname", text(alert, "name"))
	fill(g.Labels, "severity", text(alert, "severity"))
	fill(g.Annotations, "summary", text(alert, "message"))
	fill(g.Annotations, "description", text(alert, "description"))
	switch text(alert, "status") {
	case "suppressed", "maintenance", "acknowledged":
		g.Status.State = "suppressed"
	case "pending":
		g.Status.State = "unprocessed"
	}
	return g
}

// fill sets key unless it is there, or there is nothing to say.
func fill(m map[string]string, key, s string) {
	if m[key] == "" && s != "" {
		m[key] = s
	}
}

func texts(m *value.Map) map[string]string {
	out := make(map[string]string, m.Len()+2)
	for k, v := range m.All() {
		out[k] = value.Text(v)
	}
	return out
}
