package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/engine/schedule"
	"tocsin/templating/value"
)

// putIncident makes an incident, or puts it in the place of the one of its id.
func putIncident(t testing.TB, s *Store, id string, kv ...any) error {
	t.Helper()
	_, err := s.ChangeIncident(t.Context(), id, func(*value.Map) (*value.Map, error) { return anAlert(append([]any{"id", id}, kv...)...), nil }, nil)
	return err
}

// ids are those of incidents, in order.
func ids(list []*value.Map) string {
	var names []string
	for _, m := range list {
		names = append(names, textAt(m, "id"))
	}
	return strings.Join(names, " ")
}

// An incident is made, changed and deleted with the jobs that wait for that; an edit that
// fails changes nothing.
func TestChangeIncident(t *testing.T) {
	s := opened(t)
	ctx := t.Context()
	plan := func(c IncidentChange) []schedule.Job {
		status, _ := c.Incident.Get("status")
		return []schedule.Job{aJob(fmt.Sprint(c.Event, "-", status))}
	}
	put := func(kv ...any) func(*value.Map) (*value.Map, error) {
		return func(*value.Map) (*value.Map, error) { return anAlert(kv...), nil }
	}
	odd := errors.New("odd")
	tests := []struct {
		name string
		edit func(*value.Map) (*value.Map, error)
		err  error
		want string // as it is then
	}{
		{"one that is not there goes", func(*value.Map) (*value.Map, error) { return nil, nil }, ErrNotFound, ""},
		{"made", put("id", "a", "status", "firing", "share", 93.0), nil, `{"id":"a","status":"firing","share":93.0}`},
		{"refused", func(was *value.Map) (*value.Map, error) { was.Set("status", "odd"); return was, odd }, odd, `{"id":"a","status":"firing","share":93.0}`},
		{"changed", func(was *value.Map) (*value.Map, error) { was.Set("status", "Resolved"); return was, nil }, nil, `{"id":"a","status":"Resolved","share":93.0}`},
		{"deleted", func(*value.Map) (*value.Map, error) { return nil, nil }, nil, ""},
	}
	for _, tt := range tests {
		if _, err := s.ChangeIncident(ctx, "a", tt.edit, plan); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v", tt.name, err)
		}
		m, err := s.Incident(ctx, "a")
		switch {
		case tt.want == "" && !errors.Is(err, ErrNotFound):
			t.Errorf("%s: %v, %v", tt.name, m, err)
		case tt.want != "" && string(value.AppendJSON(nil, m)) != tt.want:
			t.Errorf("%s: %s, %v", tt.name, value.AppendJSON(nil, m), err)
		}
	}
	var jobs []string
	for _, u := range must(reopened(t, s).Unfinished(ctx)) {
		jobs = append(jobs, u.Job.Run)
	}
	if got := strings.Join(jobs, " "); got != "created-firing updated-Resolved deleted-Resolved" {
		t.Errorf("jobs: %s", got)
	}
}

func TestIncidents(t *testing.T) {
	s := opened(t)
	for i := range 10 {
		status, severity := "firing", "info"
		if i%2 == 0 {
			status = "Acknowledged"
		}
		if i%3 == 0 {
			severity = "High"
		}
		if err := putIncident(t, s, fmt.Sprint(i), "status", status, "severity", severity, "n", i); err != nil {
			t.Fatal(err)
		}
	}
	if err := putIncident(t, s, "3", "status", "firing", "severity", "high", "again", true); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		f     IncidentFilter
		want  string
		total int
	}{
		{"all, the newest first", IncidentFilter{}, "9 8 7 6 5 4 3 2 1 0", 10},
		{"a page", IncidentFilter{Limit: 3, Offset: 4}, "5 4 3", 10},
		{"behind the last", IncidentFilter{Offset: 10}, "", 10},
		{"a status", IncidentFilter{Status: []string{"acknowledged"}, Limit: 2}, "8 6", 5},
		{"one of two, and a severity", IncidentFilter{Status: []string{"firing", "acknowledged"}, Severity: []string{"high"}}, "9 6 3 0", 4},
		{"none has it", IncidentFilter{Severity: []string{"critical"}}, "", 0},
		{"matched, a page", IncidentFilter{Status: []string{"firing"}, Match: func(m *value.Map) bool { return textAt(m, "severity") != "info" }, Limit: 1, Offset: 1}, "3", 2},
	}
	for _, tt := range tests {
		list, total, err := s.Incidents(t.Context(), tt.f)
		if ids(list) != tt.want || total != tt.total || err != nil {
			t.Errorf("%s: %s of %d, %v", tt.name, ids(list), total, err)
		}
	}
}

// Where there are as many as may be, a new one takes the place of the one that is over for
// longest. Others never go.
func TestManyIncidents(t *testing.T) {
	now := noon
	s := opened(t, func(o *Options) { o.Retention.MaxIncidents, o.Now = 4, func() time.Time { return now } })
	put := func(id, status string) error {
		now = now.Add(time.Second)
		return putIncident(t, s, id, "status", status)
	}
	for _, err := range []error{put("a", "firing"), put("b", "resolved"), put("c", "merged"), put("d", "firing"), put("b", "Resolved"), put("e", "firing"), put("f", "firing")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := put("g", "firing"); !errors.Is(err, ErrManyIncidents) {
		t.Error(err)
	}
	if err := put("a", "resolved"); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	list, _, err := s.Incidents(t.Context(), IncidentFilter{})
	if ids(list) != "f e d a" || err != nil {
		t.Error(ids(list), err)
	}
}

func TestTidyIncidents(t *testing.T) {
	now := noon
	s := opened(t, func(o *Options) { o.Now = func() time.Time { return now } })
	for _, err := range []error{putIncident(t, s, "over", "status", "resolved"), putIncident(t, s, "lasts", "status", "firing")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(91 * day)
	if err := errors.Join(putIncident(t, s, "new", "status", "resolved"), s.Tidy(t.Context())); err != nil {
		t.Fatal(err)
	}
	list, _, err := s.Incidents(t.Context(), IncidentFilter{})
	if ids(list) != "new lasts" || err != nil {
		t.Error(ids(list), err)
	}
}

// What the version before had of incidents, all in one document, is there.
func TestIncidentsOfBefore(t *testing.T) {
	s := opened(t, func(o *Options) { o.Path = unpacked(t, "testdata/v6.db.gz") })
	list, total, err := s.Incidents(t.Context(), IncidentFilter{})
	if err != nil || total != 3 {
		t.Fatal(total, err)
	}
	want := []string{
		`{"id":"i3","name":"odd","severity":5,"status":null,"nested":[[{}],{}]}`,
		`{"id":"i2","name":"over","severity":"info","status":"resolved","creation_time":"2026-01-02T13:00:00.000Z","enrichments":{"room":"12"}}`,
		`{"user_generated_name":"outage","severity":"high","id":"i1","status":"firing","creation_time":"2026-01-02T12:00:00.000Z","share":93.0,"big":123456789012345678901234567890,"note":"a\u0001\"é` + "\u2028" + `","$map":{"$map":1},"fingerprints":["f"],"alerts_count":1}`,
	}
	for i, m := range list {
		if got := string(value.AppendJSON(nil, m)); got != want[i] {
			t.Errorf("%s\nwant %s", got, want[i])
		}
	}
	if firing, n, err := s.Incidents(t.Context(), IncidentFilter{Status: []string{"firing"}, Severity: []string{"high"}}); ids(firing) != "i1" || n != 1 || err != nil {
		t.Error(ids(firing), n, err)
	}
	if there := must(s.Meta(t.Context(), "incidents", new(any))); there {
		t.Error("the document is left")
	}
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, _, err := s.Incidents(t.Context(), IncidentFilter{}); ids(left) != "i3 i2 i1" || err != nil {
		t.Error("they are as old as the file is new:", ids(left), err)
	}
}
