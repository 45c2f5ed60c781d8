package store

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// written is a store whose log has three entries.
func written(t *testing.T) *Store {
	t.Helper()
	s := opened(t, func(o *Options) { o.Now = func() time.Time { return noon } })
	for _, e := range []AuditEntry{
		{Who: "ops", Role: "admin", Source: "127.0.0.1", Action: "POST /api/v1/keys", Object: "ci", Outcome: "done"},
		{Source: "192.0.2.1", Action: "refused", Detail: "Invalid API Key", Outcome: "401"},
		{Who: "ops", Action: strings.Repeat("long", 1000), Detail: "\xff"},
	} {
		if err := s.AddAudit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestAuditLog(t *testing.T) {
	s := written(t)
	log := must(s.AuditLog(t.Context(), time.Time{}, 0, 10))
	if len(log) != 3 || log[0].No != 3 || len(log[0].Action) != maxAudited || log[0].Detail != "\uFFFD" || log[2].Who != "ops" || !log[2].At.Equal(noon) || len(log[1].Hash) != 64 {
		t.Errorf("%+v", log)
	}
	if page := must(s.AuditLog(t.Context(), time.Time{}, 3, 1)); len(page) != 1 || page[0].No != 2 {
		t.Errorf("%+v", page)
	}
	if later := must(s.AuditLog(t.Context(), noon.Add(1), 0, 10)); len(later) != 0 {
		t.Errorf("%+v", later)
	}
	p := must(s.VerifyAudit(t.Context(), strings.ToUpper(log[1].Hash)))
	if p.Entries != 3 || p.Broken != 0 || p.Head != log[0].Hash || !p.Known {
		t.Errorf("%+v", p)
	}
	if p := must(s.VerifyAudit(t.Context(), "00")); p.Known {
		t.Errorf("%+v", p)
	}
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p := must(reopened(t, s).VerifyAudit(t.Context(), "")); p.Entries != 3 || p.Broken != 0 {
		t.Errorf("%+v", p)
	}
}

// An entry that waits for a change is there with the first that is made; one that is not made
// leaves it waiting.
func TestAudited(t *testing.T) {
	s := opened(t)
	asked := 0
	a := &Audit{Entry: func(m Made) AuditEntry {
		asked++
		return AuditEntry{Who: "ops", Object: m.ID, Detail: fmt.Sprint(m.Revision), Outcome: "done"}
	}}
	ctx := Audited(t.Context(), a)
	entries := func() (n int) { return len(must(s.AuditLog(t.Context(), time.Time{}, 0, 10))) }
	if err := s.DropAction(ctx, "none"); !errors.Is(err, ErrNotFound) || a.Kept() || entries() != 0 || asked != 0 {
		t.Errorf("what was not done: %v, kept: %v, %d entries, asked %d times", err, a.Kept(), entries(), asked)
	}
	if err := s.AddAudit(ctx, AuditEntry{Who: "another"}); err != nil || a.Kept() || entries() != 1 {
		t.Errorf("an entry of its own: %v, kept: %v, %d entries", err, a.Kept(), entries())
	}
	if _, err := s.PutWorkflow(ctx, "w", "text", "ops"); err != nil || !a.Kept() || entries() != 2 {
		t.Errorf("the change: %v, kept: %v, %d entries", err, a.Kept(), entries())
	}
	if err := s.PutAPIKey(ctx, APIKey{ID: "k", Hash: []byte("h")}); err != nil || entries() != 2 {
		t.Errorf("another change: %v, %d entries", err, entries())
	}
	log := must(s.AuditLog(t.Context(), time.Time{}, 0, 10))
	if log[0].Who != "ops" || log[0].Object != "" || log[0].Detail != "1" {
		t.Errorf("%+v", log[0])
	}
	key := &Audit{Entry: a.Entry}
	if err := s.PutAPIKey(Audited(t.Context(), key), APIKey{ID: "k2", Name: "2", Hash: []byte("h2")}); err != nil {
		t.Fatal(err)
	}
	if log := must(s.AuditLog(t.Context(), time.Time{}, 0, 1)); log[0].Object != "k2" || log[0].Detail != "0" {
		t.Errorf("%+v", log[0])
	}
	if p := must(s.VerifyAudit(t.Context(), "")); p.Entries != 3 || p.Broken != 0 {
		t.Errorf("%+v", p)
	}
}

// Changes of many at the same time, some of which cannot be made, each have one entry or none;
// the chain holds.
func TestAuditedTogether(t *testing.T) {
	s := opened(t)
	var all sync.WaitGroup
	var made atomic.Int64
	for i := range 200 {
		all.Go(func() {
			a := &Audit{Entry: func(m Made) AuditEntry { return AuditEntry{Object: m.ID, Outcome: "done"} }}
			// Three have each hash: two of them cannot be kept.
			id := fmt.Sprint(i)
			err := s.PutAPIKey(Audited(t.Context(), a), APIKey{ID: id, Name: id, Hash: fmt.Append(nil, i/3)})
			if (err == nil) != a.Kept() {
				t.Errorf("%d: %v, kept: %v", i, err, a.Kept())
			}
			if err == nil {
				made.Add(1)
			}
		})
	}
	all.Wait()
	log := must(s.AuditLog(t.Context(), time.Time{}, 0, 1000))
	keys := must(s.APIKeys(t.Context()))
	if made.Load() != 67 || len(log) != 67 || len(keys) != 67 {
		t.Errorf("%d made, %d keys, %d entries", made.Load(), len(keys), len(log))
	}
	for _, k := range keys {
		if !slices.ContainsFunc(log, func(e AuditEntry) bool { return e.Object == k.ID }) {
			t.Errorf("key %s has no entry", k.ID)
		}
	}
	if p := must(s.VerifyAudit(t.Context(), "")); p.Entries != 67 || p.Broken != 0 {
		t.Errorf("%+v", p)
	}
}

// The log is only added to; and who changes the file behind its back is found out.
func TestAuditLogIsNotChanged(t *testing.T) {
	const anyway = "DROP TRIGGER audit_log_stays; DROP TRIGGER audit_log_unchanged; "
	tests := []struct {
		name, change string
		broken       int64
		refused      bool
	}{
		{"an entry is changed", "UPDATE audit_log SET who = 'x' WHERE no = 2", 0, true},
		{"an entry is taken out", "DELETE FROM audit_log WHERE no = 2", 0, true},
		{"the triggers go, and an entry is changed", anyway + "UPDATE audit_log SET who = 'x' WHERE no = 2", 2, false},
		{"... when it was", anyway + "UPDATE audit_log SET at = at + 1 WHERE no = 1", 1, false},
		{"... its hash", anyway + "UPDATE audit_log SET hash = zeroblob(32) WHERE no = 3", 3, false},
		{"... and one is taken out", anyway + "DELETE FROM audit_log WHERE no = 2", 2, false},
		{"... the last", anyway + "DELETE FROM audit_log WHERE no = 3", 3, false},
		{"... two change places", anyway + "UPDATE audit_log SET no = 9 WHERE no = 1; UPDATE audit_log SET no = 1 WHERE no = 2; UPDATE audit_log SET no = 2 WHERE no = 9", 1, false},
		{"one is put in", "INSERT INTO audit_log SELECT 4, at, who, role, source, action, object, detail, outcome, hash FROM audit_log WHERE no = 1", 4, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := written(t)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			db := must(sql.Open("sqlite", "file:"+s.Path))
			_, err := db.ExecContext(t.Context(), tt.change)
			if (err != nil) != tt.refused || tt.refused && !strings.Contains(err.Error(), "what the audit log says") {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			p := must(opened(t, func(o *Options) { o.Path = s.Path }).VerifyAudit(t.Context(), ""))
			if p.Broken != tt.broken || (p.Why == "") != (tt.broken == 0) {
				t.Errorf("%+v, want entry %d", p, tt.broken)
			}
		})
	}
}
