package ingest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tocsin/engine/ingest"
)

// A server reads the body, asks who sent it, and takes what there is to take.
func Example() {
	format, _ := ingest.Lookup("alertmanager")
	header := http.Header{"Authorization": {"Bearer s3cr3t"}, "Content-Type": {"application/json"}}
	sent := strings.NewReader(`{"status": "firing", "alerts": [
		{"status": "firing", "labels": {"alertname": "InstanceDown", "severity": "page"}, "fingerprint": "8a1c4f6f0e2d7b35"},
		{"status": "gone", "labels": {"alertname": "Odd"}}]}`)

	raw, body, err := ingest.ReadBody(sent, header.Get("Content-Encoding"))
	if err != nil {
		fmt.Println(err)
		return
	}
	r := ingest.Request{Header: header, Raw: raw, Body: body, Now: time.Date(2026, 5, 6, 7, 10, 0, 0, time.UTC)}
	if _, err := ingest.Verify(r, ingest.Check{Scheme: "token", Secrets: []string{"s3cr3t"}}); err != nil {
		fmt.Println(err)
		return
	}
	alerts, err := format.Parse(r)
	for _, a := range alerts {
		fmt.Println(a["name"], a["status"], a["severity"], a["fingerprint"])
	}
	var refused *ingest.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Status(), refused)
	}
	// Output:
	// InstanceDown firing critical 8a1c4f6f0e2d7b35
	// 422 alert 2: status "gone" is neither "firing" nor "resolved"
}

func ExampleMapping_Format() {
	format, err := ingest.Mapping{
		Name: "backup",
		Each: "{{ body.jobs }}",
		Fields: map[string]string{
			"name": "Backup of {{ item.host }}", "status": "{{ item.state }}", "message": "{{ item.error | default 'done' }}",
		},
		Status: map[string]string{"FAILED": "firing", "DONE": "resolved"},
	}.Format()
	if err != nil {
		fmt.Println(err)
		return
	}
	alerts, err := format.Parse(ingest.Request{Body: []byte(`{"jobs": [{"host": "db1", "state": "FAILED", "error": "no space left"}, {"host": "db2", "state": "DONE"}]}`)})
	for _, a := range alerts {
		fmt.Println(a["name"], a["status"], a["message"])
	}
	fmt.Println(err)
	// Output:
	// Backup of db1 firing no space left
	// Backup of db2 resolved done
	// <nil>
}
