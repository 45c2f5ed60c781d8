package keep_test

import (
	"fmt"
	"testing"
	"time"

	"tocsin/providers/keep"
	"tocsin/templating/value"
)

func occur(t *testing.T, m *keep.Memory, status string, at time.Time, more ...value.Entry) {
	t.Helper()
	alert := value.MapOf(
		value.Entry{Key: "name", Value: "a"}, value.Entry{Key: "fingerprint", Value: "f"},
		value.Entry{Key: "status", Value: status}, value.Entry{Key: "lastReceived", Value: at.Format(time.RFC3339)},
	)
	for _, e := range more {
		alert.Set(e.Key, e.Value)
	}
	if _, err := m.Add(alert); err != nil {
		t.Fatal(err)
	}
}

// A firing episode goes from the first alert that fires to the one that is resolved.
func TestPast(t *testing.T) {
	m := &keep.Memory{}
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	check := func(what string, since time.Time, seen bool) {
		t.Helper()
		p := m.Past("f")
		gotSince, _ := p.FiringSince(t.Context(), "f")
		gotSeen, _ := p.Seen(t.Context(), "f", gotSince)
		if !gotSince.Equal(since) || gotSeen != seen {
			t.Errorf("%s: firing since %v, seen before: %v; want %v, %v", what, gotSince, gotSeen, since, seen)
		}
	}
	check("nothing came in", time.Time{}, false)
	occur(t, m, "firing", at(0))
	check("the first", at(0), false)
	first := m.Past("f")
	occur(t, m, "firing", at(10))
	check("the second of an episode", at(0), true)
	occur(t, m, "acknowledged", at(15))
	check("acknowledged: it does not fire", time.Time{}, true)
	occur(t, m, "firing", at(18))
	check("fires on", at(0), true)
	occur(t, m, "resolved", at(20))
	check("resolved", time.Time{}, true)
	occur(t, m, "firing", at(30), value.Entry{Key: "firingStartTime", Value: at(25).Format(time.RFC3339)})
	check("a new episode, which says when it began", at(25), false)
	made := value.MapOf(value.Entry{Key: "fingerprint", Value: "f"}, value.Entry{Key: "status", Value: "resolved"})
	if _, err := m.Save(t.Context(), []*value.Map{made}); err != nil {
		t.Fatal(err)
	}
	check("a workflow that the alert started made one of its own", at(25), false)
	other := m.Past("another")
	if seen, _ := other.Seen(t.Context(), "f", at(30)); !seen {
		t.Error("another run does not see the last one")
	}
	if since, _ := first.FiringSince(t.Context(), "f"); !since.Equal(at(0)) {
		t.Errorf("what came later is part of an earlier past: %v", since)
	}
}

// What was added to an alert lasts, save what was meant for one occurrence.
func TestEnrich(t *testing.T) {
	m := &keep.Memory{}
	occur(t, m, "firing", noon)
	m.Enrich("f", "ticket", "42", false)
	m.Enrich("f", "note", "once", true)
	m.Enrich("f", "status", "acknowledged", false)
	show := func() string {
		found, err := m.Alerts(t.Context(), keep.Search{Distinct: true})
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		var out []any
		for _, key := range []string{"status", "ticket", "note"} {
			v, _ := found[0].Alert.Get(key)
			out = append(out, v)
		}
		return fmt.Sprint(out)
	}
	if got := show(); got != "[acknowledged 42 once]" {
		t.Error(got)
	}
	occur(t, m, "firing", noon.Add(time.Minute))
	if got := show(); got != "[firing 42 <nil>]" {
		t.Error(got)
	}
}

// A memory has an end, wherever alerts come from.
func TestMemoryIsBounded(t *testing.T) {
	m := &keep.Memory{}
	for i := range 300 {
		occur(t, m, "firing", noon.Add(time.Duration(i)*time.Second))
	}
	found, err := m.Alerts(t.Context(), keep.Search{})
	if err != nil || len(found) != 100 {
		t.Errorf("%d of one fingerprint, %v", len(found), err)
	}
	for i := range 10_050 {
		if _, err := m.Add(value.MapOf(value.Entry{Key: "fingerprint", Value: fmt.Sprint(i)})); err != nil {
			t.Fatal(err)
		}
	}
	found, err = m.Alerts(t.Context(), keep.Search{Distinct: true})
	if err != nil || len(found) != 10_000 {
		t.Errorf("%d fingerprints, %v", len(found), err)
	}
	if _, err := m.Add(value.NewMap(0)); err == nil {
		t.Error("an alert without a fingerprint is kept")
	}
}

func TestMemoryWithoutCEL(t *testing.T) {
	if _, err := (&keep.Memory{}).Alerts(t.Context(), keep.Search{CEL: "true"}); err == nil {
		t.Error("no error")
	}
}
