package ingest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tocsin/engine"
	"tocsin/engine/ingest"
)

// The fingerprint is Prometheus' own: the labels and the number are from the tests of
// prometheus/common, model/signature_test.go.
func TestLabelsFingerprint(t *testing.T) {
	f, _ := ingest.Lookup("prometheus")
	body := `[{"labels": {"name": "garland, briggs", "fear": "love is not enough"}}]`
	alerts, err := f.Parse(ingest.Request{Body: []byte(body), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%016x", uint64(5799056148416392346)); alerts[0]["fingerprint"] != want {
		t.Errorf("%v; want %v", alerts[0]["fingerprint"], want)
	}
}

// What came in by any format goes out as Alertmanager's clients know it.
func TestGettable(t *testing.T) {
	f, _ := ingest.Lookup("keep")
	body := `{"name": "Disk", "status": "suppressed", "severity": "high", "fingerprint": "d1", "message": "93%", "url": "https://x.example.com/",
	          "startedAt": "2026-05-06T07:00:00.000Z", "labels": {"host": "db1", "n": 3}}`
	alerts, err := f.Parse(ingest.Request{Body: []byte(body), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	alert, err := engine.NormalizeAlert(alerts[0], now, "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(ingest.GettableOf(alert.Map), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "labels": {
    "alertname": "Disk",
    "host": "db1",
    "n": "3",
    "severity": "high"
  },
  "annotations": {
    "summary": "93%"
  },
  "generatorURL": "https://x.example.com/",
  "fingerprint": "d1",
  "startsAt": "2026-05-06T07:00:00.000Z",
  "endsAt": "2026-05-06T07:00:00.000Z",
  "updatedAt": "2026-05-06T07:10:00.000Z",
  "receivers": [],
  "status": {
    "state": "suppressed",
    "silencedBy": [],
    "inhibitedBy": [],
    "mutedBy": []
  }
}`
	if string(got) != want {
		t.Errorf("%s", got)
	}
}

// hundred is a webhook of Alertmanager with 100 alerts.
func hundred() []byte {
	var b strings.Builder
	b.WriteString(`{"receiver": "tocsin", "status": "firing", "version": "4", "truncatedAlerts": 0, "groupKey": "{}", "alerts": [`)
	for i := range 100 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"status": "firing", "labels": {"alertname": "InstanceDown", "instance": "db%d:9100", "job": "node", "severity": "page", "env": "prod"},
			"annotations": {"summary": "db%d is down", "description": "db%d:9100 of job node did not answer for 5 minutes."},
			"startsAt": "2026-05-06T07:08:09.123Z", "endsAt": "0001-01-01T00:00:00Z",
			"generatorURL": "http://prometheus.example.com:9090/graph?g0.expr=up+%%3D%%3D+0&g0.tab=1", "fingerprint": "%016x"}`, i, i, i, i)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

func BenchmarkAlertmanager(b *testing.B) {
	f, _ := ingest.Lookup("alertmanager")
	body := hundred()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		alerts, err := f.Parse(ingest.Request{Body: body, Now: now})
		if err != nil || len(alerts) != 100 {
			b.Fatal(len(alerts), err)
		}
	}
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "alerts/s")
}
