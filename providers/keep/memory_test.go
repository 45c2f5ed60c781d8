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

// What a store remembers is tested with the other one, in engine/store: both must say
// the same.

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
