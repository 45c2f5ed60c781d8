package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/engine"
	"tocsin/providers/keep"
	"tocsin/templating/value"
)

var update = flag.Bool("update", false, "write the fixture of the newest version anew, if there is none")

// Files that versions wrote, with one of everything; the last with incidents too.
var fixtures = []string{fixture, "testdata/v6.db.gz"}

// fixture is the one of version 1.
const fixture = "testdata/v1.db.gz"

// everything puts one of each kind into s.
func everything(t *testing.T, s *Store) {
	ctx := t.Context()
	run, waits := aJob("run"), aJob("waits")
	waits.Input.Alert = map[string]any{"fingerprint": "f"}
	check := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	check(s.Put(ctx, waits), s.Begin(ctx, run, nil))
	play(t, s, "run", 100)
	check(s.Finish(ctx, Ending{Job: run, Result: aResult("run", engine.Done), Deliveries: []Delivery{{Key: "k1", Run: "run", Workflow: "w", Action: "tell", Sealed: []byte("s")}}}))
	_, err := s.Accept(ctx, "test", []*value.Map{occurrence("f", "firing", noon)}, nil)
	check(err, s.Enrich(ctx, "f", []engine.Field{{Key: "ticket", Value: "7"}}), s.Reject(ctx, "test", []byte("{"), "no JSON"))
	_, err = s.PutWorkflow(ctx, "w", "workflow: {id: w}", "ops")
	check(err, s.Disable(ctx, "v", true, "ops"), s.SetMeta(ctx, "setup", true))
	check(s.PutAPIKey(ctx, APIKey{ID: "1", Name: "ci", Hash: []byte("h"), Role: "author", Scopes: []string{"read"}}))
	check(s.PutHeartbeat(ctx, Heartbeat{Token: []byte("t"), Name: "cron", Grace: time.Minute}))
}

// hasEverything checks that all of that is there.
func hasEverything(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	if _, r, err := s.Run(ctx, "run"); err != nil || r.Status != engine.Done || len(r.Steps) != 2 {
		t.Error(r, err)
	}
	if left := must(s.Unfinished(ctx)); len(left) != 1 || left[0].Job.Run != "waits" || left[0].Job.Input.Alert["fingerprint"] != "f" {
		t.Errorf("%+v", left)
	}
	f := must(s.Alert(ctx, "f"))
	if ticket, _ := f.Alert.Get("ticket"); ticket != "7" {
		t.Errorf("%+v", f)
	}
	if w := must(s.Workflow(ctx, "w", 0)); w.Text != "workflow: {id: w}" || w.CreatedBy != "ops" {
		t.Errorf("%+v", w)
	}
	var setup bool
	if d := must(s.Deliveries(ctx, DeliveryFilter{})); len(d) != 1 || string(d[0].Sealed) != "s" {
		t.Errorf("%+v", d)
	}
	if k := must(s.APIKey(ctx, []byte("h"))); k.Name != "ci" || len(k.Scopes) != 1 {
		t.Errorf("%+v", k)
	}
	lists := []int{len(must(s.Rejects(ctx, 0))), len(must(s.Disabled(ctx))), len(must(s.Heartbeats(ctx))), len(must(s.Audit(ctx, "f")))}
	if there := must(s.Meta(ctx, "setup", &setup)); !there || !setup || lists[0]*lists[1]*lists[2]*lists[3] != 1 {
		t.Error(setup, lists)
	}
}

// unpacked is a copy of a fixture.
func unpacked(t *testing.T, fixture string) string {
	t.Helper()
	packed, err := os.Open(fixture)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tocsin.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What any released version wrote can be read for ever.
func TestFixtures(t *testing.T) {
	if _, err := os.Stat(fixture); *update && errors.Is(err, os.ErrNotExist) {
		writeFixture(t)
	}
	for _, fixture := range fixtures {
		hasEverything(t, opened(t, func(o *Options) { o.Path = unpacked(t, fixture) }))
	}
}

func writeFixture(t *testing.T) {
	s := opened(t, func(o *Options) { o.Now = func() time.Time { return noon } })
	everything(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(data); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fixture, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A step that fails leaves the old tables and a copy; one that goes well the new, and
// an older version of the program refuses them and says where the copy is.
func TestMigrate(t *testing.T) {
	path := unpacked(t, fixture)
	bad := append(migrations(), migration{"bad.sql", "ALTER TABLE runs ADD COLUMN x INTEGER; DROP TABLE nothing"})
	if err := migrate(t.Context(), path, bad); err == nil || !strings.Contains(err.Error(), "bad.sql") {
		t.Errorf("%v", err)
	}
	hasEverything(t, opened(t, func(o *Options) { o.Path = path + ".v1.backup" }))
	s := opened(t, func(o *Options) { o.Path = path })
	hasEverything(t, s)
	if _, err := s.read.Exec("SELECT x FROM runs"); err == nil {
		t.Error("half of the step was made")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good := append(migrations(), migration{"good.sql", "ALTER TABLE runs ADD COLUMN x INTEGER"})
	for range 2 {
		if err := migrate(t.Context(), path, good); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Open(t.Context(), Options{Path: path, Ballast: -1})
	if err == nil || !strings.Contains(err.Error(), "newer version") || !strings.Contains(err.Error(), backupPath(path, len(migrations()))) {
		t.Errorf("%v", err)
	}
}

// A step that is cut off is made the next time.
func TestMigrateCutOff(t *testing.T) {
	path := unpacked(t, fixture)
	ctx, cancel := context.WithCancel(t.Context())
	slow := "CREATE TABLE n AS WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000000000) SELECT i FROM c"
	go func() {
		for {
			if _, err := os.Stat(backupPath(path, 1)); err == nil {
				cancel()
				return
			}
		}
	}()
	if err := migrate(ctx, path, append(migrations(), migration{"slow.sql", slow})); err == nil {
		t.Fatal("it was not cut off")
	}
	hasEverything(t, opened(t, func(o *Options) { o.Path = path }))
}

// Nothing that a list, a lane or a run asks goes through a table that grows.
func TestPlans(t *testing.T) {
	s := opened(t)
	queries := map[string][]any{
		dueQuery: {1, 1}, lastAlerts: {1, 2}, everyAlert: {1, 2}, alertsOfWorkflow: {"w", 1, 2}, oneAlert: {"f"}, alertHistory: {"f", "f", 1},
		auditQuery: {"f"}, rejectsQuery: {1}, oneWorkflow: {"w", 1}, versionsQuery: {"w"}, oneKey: {"h"},
		sinceQuery: {"f", 1}, seenQuery: {"f", 1, 1},
		oldRuns: {1, 1}, moreRuns: {"w", 1, 1}, oldAlerts: {1, 1}, moreAlerts: {"f", 1, 1}, oldTicks: {1, 1}, oldDeliveries: {1, 1}, oldRejects: {1, 1}, oldAudit: {1, 1}, oldTexts: {1, 1},
		oldIncidents: {1, 1}, longestOver: {}, dropIncident: {1}, "SELECT body FROM incidents WHERE id = ?": {"i"},
		lastGoodRun: {"w"}, auditNewest: {1, 2, 3}, overSeen: {1}, eventsUntil: {1}, arrivalUntil: {"f", 1}, goodBefore: {"w", 1},
		"SELECT body FROM events WHERE run = ? ORDER BY no":                                            {1},
		"SELECT no FROM events WHERE run = ? AND big = 1":                                              {1},
		"DELETE FROM runs WHERE no = ?":                                                                {1},
		"SELECT run FROM jobs WHERE workflow = ? AND key = ? AND begun = 1 AND key <> ''":              {"w", "k"},
		"SELECT at FROM ticks WHERE workflow = ? AND at >= ? ORDER BY at DESC LIMIT ?":                 {"w", 1, 1},
		"SELECT no FROM alert_events WHERE fingerprint = ? AND arrived = 1 ORDER BY no DESC LIMIT 1":   {"f"},
		"UPDATE deliveries SET state = ?, attempts = attempts + 1 WHERE key = ? AND ended = 0":         {"s", "k"},
		"SELECT (SELECT coalesce(max(no), 0) FROM runs) - (SELECT coalesce(min(no) - 1, 0) FROM runs)": {},
		"SELECT coalesce(max(no), 0) FROM alert_events":                                                {},
	}
	for _, f := range []RunFilter{{}, {Workflow: "w"}, {Status: []engine.Status{engine.Done}}, {Status: []engine.Status{engine.Failed}}, {Fingerprint: "f"}, {Incident: "i"}, {Workflow: "w", Trigger: []string{"m"}, Status: []engine.Status{engine.Done, engine.Failed}, Since: noon}} {
		where, args := f.where()
		queries[f.query(where)] = append(args, 1, 1)
		queries[tallyQuery+f.from()+" WHERE "+where] = args
	}
	for _, f := range []IncidentFilter{{}, {Status: []string{"firing", "resolved"}, Severity: []string{"high"}}} {
		where, args := f.where()
		queries[f.count(where)], queries[f.query(where)] = args, append(args, 1, 1)
	}
	for _, f := range []DeliveryFilter{{}, {Key: "k"}, {Run: "r"}, {Workflow: "w"}, {State: Dead}} {
		query, args := f.query()
		queries[query] = args
	}
	query, args := searchQuery(keep.Search{From: noon})
	queries[query] = args
	for query, args := range queries {
		for _, line := range plan(t, s, query, args) {
			if strings.HasPrefix(line, "SCAN ") && line != "SCAN CONSTANT ROW" {
				t.Errorf("%s\n%s", query, line)
			}
			if strings.Contains(line, "TEMP B-TREE") && !strings.Contains(query, "deliveries_run") && !strings.Contains(query, "autoindex") {
				t.Errorf("%s\nsorts: %s", query, line)
			}
		}
	}
}

func plan(t *testing.T, s *Store, query string, args []any) (lines []string) {
	t.Helper()
	rows, err := s.read.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var line string
		if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}
