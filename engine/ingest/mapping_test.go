package ingest_test

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/engine/ingest"
	"tocsin/templating/value"
)

// mappingOf reads the mapping.json of an archive.
func mappingOf(t *testing.T, archive *txtar.Archive) ingest.Format {
	t.Helper()
	var m ingest.Mapping
	for _, f := range archive.Files {
		if f.Name != "mapping.json" {
			continue
		}
		v, err := value.DecodeJSON(f.Data)
		if err != nil {
			t.Fatal(err)
		}
		body := v.(*value.Map)
		each, _ := body.Get("each")
		m = ingest.Mapping{
			Name: "backup", Each: value.Text(each), Fields: stringMap(body, "fields"),
			Status: stringMap(body, "status"), Severity: stringMap(body, "severity"),
		}
	}
	format, err := m.Format()
	if err != nil {
		t.Fatal(err)
	}
	return format
}

func stringMap(m *value.Map, key string) map[string]string {
	out := map[string]string{}
	v, _ := m.Get(key)
	inner, _ := v.(*value.Map)
	for k, v := range inner.All() {
		out[k] = value.Text(v)
	}
	return out
}

// All that is wrong with a mapping is said at once, before the first alert comes.
func TestMappingProblems(t *testing.T) {
	_, err := ingest.Mapping{
		Name:     "backup",
		Each:     "{{ body.jobs",
		Fields:   map[string]string{"severity": "{{ item.level", "status": "{{ item.state }}"},
		Status:   map[string]string{"FAILED": "red"},
		Severity: map[string]string{"A": "urgent"},
	}.Format()
	const want = `mapping backup: want a field name, and at most 100 fields
mapping backup: severity: {{ is never closed in "{{ item.level"
mapping backup: each: {{ is never closed in "{{ body.jobs"
mapping backup: status "red" is none of firing, resolved, acknowledged, suppressed, pending, maintenance
mapping backup: severity "urgent" is none of critical, high, warning, info, low`
	if errorText(err) != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}
