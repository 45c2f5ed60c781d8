package ingest_test

import (
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/engine/ingest"
)

// fuzz gives a format requests like those of its testdata: whatever comes, it answers
// with sound alerts or an error that says why, and does not panic.
func fuzz(f *testing.F, name string) {
	f.Helper()
	format, ok := ingest.Lookup(name)
	if !ok {
		f.Fatal(name)
	}
	files, _ := filepath.Glob("testdata/" + name + "/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if strings.HasSuffix(part.Name, ".http") {
				r := request(f, part.Data)
				f.Add(r.Body, r.Header.Get("Content-Type"), r.Header.Get("Sentry-Hook-Resource"), r.Query.Encode())
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, kind, resource, query string) {
		r := ingest.Request{Header: http.Header{}, Body: body, Now: now, Fetch: confirmed}
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Sentry-Hook-Resource", resource)
		r.Header.Set("Ce-Type", resource)
		r.Query, _ = url.ParseQuery(query)
		alerts, err := format.Parse(r)
		answers(t, alerts, err)
	})
}

// answers checks that err is of a kind that a server can answer with.
func answers(t *testing.T, alerts []ingest.Alert, err error) {
	t.Helper()
	var refused *ingest.Error
	var skip *ingest.Skip
	switch {
	case errors.As(err, &refused) && refused.Reason != "" && refused.Status() >= 400 && refused.Status() <= 503:
	case errors.As(err, &skip) && skip.Reason != "" && len(alerts) == 0:
	case err != nil:
		t.Errorf("the error %q", err)
	}
	sound(t, alerts)
}

func FuzzCloudEvents(f *testing.F) { fuzz(f, "cloudevents") }
func FuzzCloudWatch(f *testing.F)  { fuzz(f, "cloudwatch") }
func FuzzDatadog(f *testing.F)     { fuzz(f, "datadog") }
func FuzzGatus(f *testing.F)       { fuzz(f, "gatus") }
func FuzzGrafana(f *testing.F)     { fuzz(f, "grafana") }
func FuzzKeep(f *testing.F)        { fuzz(f, "keep") }
func FuzzPagerDuty(f *testing.F)   { fuzz(f, "pagerduty") }
func FuzzPrometheus(f *testing.F)  { fuzz(f, "prometheus") }
func FuzzSentry(f *testing.F)      { fuzz(f, "sentry") }
func FuzzUptimeKuma(f *testing.F)  { fuzz(f, "uptimekuma") }
func FuzzZabbix(f *testing.F)      { fuzz(f, "zabbix") }

func FuzzMapping(f *testing.F) {
	format, err := ingest.Mapping{
		Name: "m", Fields: map[string]string{"name": "{{ item.a }}", "status": "{{ item.b }}", "labels": "{{ item.c }}", "x": "{{ item }}"},
		Each: "{{ body.list }}",
	}.Format()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"list": [{"a": "x", "b": "ok", "c": {"d": 1}}]}`))
	f.Add([]byte(`{"list": "{{ 1 + 1 }}"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		alerts, err := format.Parse(ingest.Request{Body: body, Now: now})
		answers(t, alerts, err)
	})
}

// No body and no header makes a check pass, or panic.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("body"), "sha256=00", "1778051400")
	f.Add([]byte(`{"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms"}`), "v1,AA==", "0")
	f.Fuzz(func(t *testing.T, body []byte, signature, stamp string) {
		r := ingest.Request{Header: http.Header{}, Query: url.Values{}, Body: body, Now: now, Fetch: newAmazon().Fetch}
		for _, s := range senders() {
			s.sign(r.Header, "", now)
			for key := range r.Header {
				r.Header.Set(key, signature)
				if strings.HasSuffix(strings.ToLower(key), "timestamp") {
					r.Header.Set(key, stamp)
				}
			}
			if _, err := ingest.Verify(r, s.check); err == nil && signature != secret && len(signature) < 64 {
				t.Errorf("%s passes with %q", s.check.Scheme, signature)
			}
		}
		if _, err := ingest.Verify(r, topics); err == nil {
			t.Error("sns passes")
		}
	})
}
