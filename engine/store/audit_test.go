package store

import (
	"database/sql"
	"strings"
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
