package ingest_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/engine"
	"tocsin/engine/ingest"
	"tocsin/templating/value"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// now is when the requests of the tests come in.
var now = time.Date(2026, 5, 6, 7, 10, 0, 0, time.UTC)

// TestFormats reads the requests of testdata: each archive is a story of one system,
// *.http is what it sends, want.json the alerts, and what is refused or skipped.
// Requests named firing and resolved are about the same alerts.
func TestFormats(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no archives", err)
	}
	for _, file := range files {
		t.Run(strings.TrimPrefix(strings.TrimSuffix(file, ".txtar"), "testdata/"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			format := formatOf(t, file, archive)
			told, prints := value.NewMap(4), map[string][]string{}
			for _, f := range archive.Files {
				name, ok := strings.CutSuffix(f.Name, ".http")
				if !ok {
					continue
				}
				alerts, err := format.Parse(request(t, f.Data))
				told.Set(name, outcome(t, alerts, err))
				prints[name] = fingerprints(alerts)
			}
			if firing, ok := prints["firing"]; ok && !slices.Equal(firing, prints["resolved"]) {
				t.Errorf("firing has the fingerprints %q, resolved %q", firing, prints["resolved"])
			}
			golden(t, file, archive, value.EncodeJSON(nil, told, 2))
		})
	}
}

func formatOf(t *testing.T, file string, archive *txtar.Archive) ingest.Format {
	t.Helper()
	name := path.Base(path.Dir(filepath.ToSlash(file)))
	if name == "mapping" {
		return mappingOf(t, archive)
	}
	format, ok := ingest.Lookup(name)
	if !ok {
		t.Fatalf("there is no format %q", name)
	}
	return format
}

// outcome is what came of a request, for the golden file.
func outcome(t *testing.T, alerts []ingest.Alert, err error) any {
	t.Helper()
	out := value.NewMap(3)
	var skip *ingest.Skip
	var refused *ingest.Error
	switch {
	case errors.As(err, &skip):
		out.Set("skipped", skip.Reason)
	case errors.As(err, &refused):
		out.Set("refused", strconv.Itoa(refused.Status())+" "+refused.Reason)
	case err != nil:
		t.Errorf("an error of another type: %v", err)
	}
	if len(alerts) > 0 {
		sound(t, alerts)
		list := make([]any, len(alerts))
		for i, a := range alerts {
			list[i] = a
		}
		out.Set("alerts", value.Of(list))
	}
	return out
}

// sound checks what holds for the alerts of every format.
func sound(t testing.TB, alerts []ingest.Alert) {
	t.Helper()
	if len(alerts) > ingest.MaxAlerts {
		t.Errorf("%d alerts", len(alerts))
	}
	for _, a := range alerts {
		for _, key := range []string{"name", "status", "severity", "fingerprint", "lastReceived", "providerType"} {
			if s, _ := a[key].(string); s == "" && key != "lastReceived" {
				t.Errorf("%s is %v", key, a[key])
			}
		}
		if f := a["fingerprint"].(string); len(f) > 255 {
			t.Errorf("the fingerprint has %d bytes", len(f))
		}
		if !slices.Contains([]any{"firing", "resolved", "acknowledged", "suppressed", "pending", "maintenance"}, a["status"]) {
			t.Errorf("status %v", a["status"])
		}
		if !slices.Contains([]any{"critical", "high", "warning", "info", "low"}, a["severity"]) {
			t.Errorf("severity %v", a["severity"])
		}
		if source, _ := a["source"].([]any); len(source) == 0 {
			t.Errorf("source %v", a["source"])
		}
		if labels, ok := a["labels"].(*value.Map); !ok || labels.Len() > ingest.MaxLabels {
			t.Errorf("labels %v", a["labels"])
		}
		if normal, err := engine.NormalizeAlert(a, now, ""); err != nil {
			t.Errorf("the engine does not take it: %v", err)
		} else if f, _ := normal.Get("fingerprint"); f != a["fingerprint"] {
			t.Errorf("the engine makes the fingerprint %v of %v", f, a["fingerprint"])
		}
	}
}

func fingerprints(alerts []ingest.Alert) []string {
	var list []string
	for _, a := range alerts {
		list = append(list, a["fingerprint"].(string))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// request reads a request as it is on the wire, without its Content-Length.
func request(t testing.TB, text []byte) ingest.Request {
	t.Helper()
	head, body, _ := bytes.Cut(text, []byte("\n\n"))
	body = bytes.TrimSuffix(body, []byte("\n"))
	line, headers, _ := strings.Cut(string(head), "\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line + " HTTP/1.1\r\nHost: tocsin\r\n" + strings.ReplaceAll(headers, "\n", "\r\n") + "\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		body = bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n"))
	}
	return ingest.Request{Header: r.Header, Query: r.URL.Query(), Body: body, Now: now, Fetch: confirmed}
}

// confirmed is Amazon when it is asked to confirm a subscription.
func confirmed(address string) ([]byte, error) {
	if !strings.HasPrefix(address, "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&") {
		return nil, errors.New("404 Not Found")
	}
	return []byte("<ConfirmSubscriptionResponse/>"), nil
}

func golden(t *testing.T, file string, archive *txtar.Archive, got []byte) {
	t.Helper()
	got = append(got, '\n')
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want.json" })
	if *update {
		if i < 0 {
			archive.Files = append(archive.Files, txtar.File{Name: "want.json"})
			i = len(archive.Files) - 1
		}
		archive.Files[i].Data = got
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if i < 0 || !bytes.Equal(archive.Files[i].Data, got) {
		t.Errorf("got:\n%s\nwant.json is something else: -update, and read it", got)
	}
}

// Every format says how to set it up and where to post, and has requests in testdata.
func TestFormatsAreDocumented(t *testing.T) {
	var names []string
	for _, f := range ingest.Formats() {
		names = append(names, f.Name)
		if f.Title == "" || len(f.Schemes) == 0 || !strings.Contains(f.Doc, "https://tocsin.example.com/alerts/event") {
			t.Errorf("%s is not documented", f.Name)
		}
		if archives, _ := filepath.Glob("testdata/" + f.Name + "/*.txtar"); len(archives) == 0 {
			t.Errorf("testdata/%s has no archive", f.Name)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("the formats are not sorted: %q", names)
	}
}

// What is not read is refused with the status that says why, by every format.
func TestRefused(t *testing.T) {
	big := `{"name": "` + strings.Repeat("x", ingest.MaxBody) + `"}`
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	tests := []struct {
		name, kind, body string
		want             int
	}{
		{"an empty body", "application/json", "", http.StatusBadRequest},
		{"half an object", "application/json", `{"status": `, http.StatusBadRequest},
		{"two objects", "application/json", `{} {}`, http.StatusBadRequest},
		{"lists in 65 lists", "application/json", deep, http.StatusBadRequest},
		{"more than 1 MiB", "application/json", big, http.StatusRequestEntityTooLarge},
		{"a type that is none", "a/b/c;;", `{}`, http.StatusUnsupportedMediaType},
		{"a form without a boundary", "multipart/form-data", `x`, http.StatusBadRequest},
		{"a list of a number", "application/json", `[1]`, http.StatusUnprocessableEntity},
		{"null", "application/json", `null`, http.StatusUnprocessableEntity},
	}
	for _, f := range ingest.Formats() {
		for _, tt := range tests {
			if f.Name == "gatus" && tt.body != big {
				continue // its lines are of any type
			}
			r := ingest.Request{Header: http.Header{"Content-Type": {tt.kind}}, Body: []byte(tt.body), Now: now}
			alerts, err := f.Parse(r)
			var refused *ingest.Error
			if !errors.As(err, &refused) || len(alerts) > 0 {
				t.Errorf("%s: %s: %v, %v", f.Name, tt.name, alerts, err)
				continue
			}
			if got := refused.Status(); got != tt.want && (f.Name != "cloudevents" || got != http.StatusUnprocessableEntity) {
				t.Errorf("%s: %s: %d %v; want %d", f.Name, tt.name, got, err, tt.want)
			}
		}
	}
}

// A batch loses only what is wrong with it.
func TestBatchKeepsTheGood(t *testing.T) {
	f, _ := ingest.Lookup("alertmanager")
	labels := `"l0": "x"`
	for i := range 64 {
		labels += `, "l` + strconv.Itoa(i+1) + `": "x"`
	}
	body := `[{"labels": {"alertname": "a"}}, {"labels": {` + labels + `}}, {"labels": {"alertname": "b"}}]`
	alerts, err := f.Parse(ingest.Request{Body: []byte(body), Now: now})
	if len(alerts) != 2 || err == nil || err.Error() != "alert 2: 65 labels: at most 64 are kept" {
		t.Errorf("%d alerts, %v", len(alerts), err)
	}
}

func TestLimits(t *testing.T) {
	f, _ := ingest.Lookup("keep")
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(`{"name":"x"},`, n), ",") + "]" }
	tests := []struct{ name, body, want string }{
		{"1,000 alerts", list(1000), ""},
		{"1,001 alerts", list(1001), "1001 alerts in one request: send at most 1000"},
		{"a label of 1 KiB", `{"name": "x", "labels": {"l": "` + strings.Repeat("x", 1024) + `"}}`, ""},
		{"a longer label", `{"name": "x", "labels": {"l": "` + strings.Repeat("x", 1025) + `"}}`, `label "l" is longer than 1024 bytes`},
		{"a time that is none", `{"name": "x", "lastReceived": "yesterday"}`, `alert: lastReceived "yesterday" is not a time`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := f.Parse(ingest.Request{Body: []byte(tt.body), Now: now})
			if got := errorText(err); got != tt.want {
				t.Errorf("%q; want %q", got, tt.want)
			}
		})
	}
}

// Bodies of 1 MiB made to be slow to read are not: what is put together from parts is
// limited while it grows. (Quadratic, one of these takes minutes.)
func TestLargestBodies(t *testing.T) {
	fill := func(head, part, tail string) string {
		return head + strings.Repeat(part, (ingest.MaxBody-len(head)-len(tail)-1)/len(part)) + tail
	}
	tests := []struct{ format, body, want string }{
		{"datadog", fill(`{"title": "x", "tags": "`, "a:1,", `"}`), `label "a" is longer than 1024 bytes`},
		{"zabbix", fill(`{"id": "1", "name": "x", "value": "1", "tags": [`, `{"tag":"a","value":"1"},`, `{}]}`), `label "a" is longer than 1024 bytes`},
		{"uptimekuma", fill(`{"heartbeat": {"status": 0, "monitorID": 1}, "monitor": {"tags": [`, `{"name":"a","value":"1"},`, `{}]}}`), `label "a" is longer than 1024 bytes`},
		{"keep", fill(`[`, `{},`, `{}]`), "alerts in one request: send at most 1000"},
		{"gatus", fill("name: x\nstatus: TRIGGERED\nerrors:", "\na: b", ""), ""},
		{"gatus", fill("", "a: b\n", ""), `the body has no "name", or the "status" "": want TRIGGERED or RESOLVED`},
	}
	for _, tt := range tests {
		f, _ := ingest.Lookup(tt.format)
		_, err := f.Parse(ingest.Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(tt.body), Now: now})
		if got := errorText(err); !strings.HasSuffix(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%s: %q; want %q", tt.format, got, tt.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

var _ io.Reader = endless{}
