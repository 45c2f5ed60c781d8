package cmd

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/engine/store"
	"tocsin/providers"
)

// program runs a command line, and returns what it printed and its exit code.
func program(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), process{args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &errs}, providers.NewRegistry())
	return out.String(), errs.String(), code
}

// aStoreOfMessages has one message in each of some states.
func aStoreOfMessages(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tocsin.db")
	at := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	st, err := store.Open(t.Context(), store.Options{Path: path, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	keep := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	d := store.Delivery{Run: "r1", Workflow: "disk", Action: "tell", Provider: "slack", Config: "ops", Destination: "slack ops", Severity: "critical"}
	for _, key := range []string{"k-arrived", "k-waits", "k-dead"} {
		d.Key = key
		keep(st.Intend(context.Background(), d))
	}
	keep(st.Settle(context.Background(),
		store.Settlement{Key: "k-arrived", State: store.Confirmed},
		store.Settlement{Key: "k-waits", State: store.Pending, Reason: "slack ops is down", Next: at.Add(time.Minute)},
		store.Settlement{Key: "k-dead", State: store.Dead, Reason: "slack: notify: channel_not_found"},
	))
	return path
}

func TestDeliveriesAreListed(t *testing.T) {
	path := aStoreOfMessages(t)
	out, errs, code := program(t, "deliveries", "--store", path)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 4 || !strings.HasPrefix(lines[0], "KEY ") || !strings.HasPrefix(lines[1], "k-dead ") ||
		!strings.HasSuffix(lines[1], "  slack: notify: channel_not_found") || !strings.Contains(lines[2], "slack ops is down") {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	out, _, code = program(t, "deliveries", "--store", path, "--state", "pending", "--destination", "slack ops", "--output", "json")
	if code != 0 || !strings.Contains(out, `"key": "k-waits"`) || !strings.Contains(out, `"next": "2026-01-02T12:01:00Z"`) || !strings.Contains(out, `"ended": null`) || strings.Contains(out, "k-dead") {
		t.Errorf("%d: %s", code, out)
	}
	if out, _, code = program(t, "deliveries", "--store", path, "--run", "r2"); code != 0 || out != "no messages\n" {
		t.Errorf("%d: %s", code, out)
	}
}

func TestDeliveriesAreRetried(t *testing.T) {
	path := aStoreOfMessages(t)
	out, errs, code := program(t, "deliveries", "retry", "k-dead", "--store", path)
	if code != 0 || !strings.HasPrefix(out, "k-dead is sent again as ") {
		t.Fatalf("%d: %s%s", code, out, errs)
	}
	again := strings.Fields(strings.TrimPrefix(out, "k-dead is sent again as "))[0]
	out, _, _ = program(t, "deliveries", "--store", path, "--state", "pending", "--output", "json")
	if !strings.Contains(out, strings.TrimSuffix(again, ",")) {
		t.Errorf("%s does not wait: %s", again, out)
	}
}

func TestDeliveriesSayWhatIsWrong(t *testing.T) {
	path := aStoreOfMessages(t)
	for _, tt := range []struct {
		args, want string
		code       int
	}{
		{"deliveries --state lost --store " + path, "unknown state", 2},
		{"deliveries --limit 0 --store " + path, "from 1 to 1000", 2},
		{"deliveries --since soon --store " + path, "is no time", 2},
		{"deliveries --store " + path + ".none", "no store", 2},
		{"deliveries retry k-none --store " + path, "no message k-none", 2},
		{"deliveries retry k-waits --store " + path, "it is not dead: pending", 2},
		{"deliveries retry k-dead --store " + path + ".none", "no store", 2},
	} {
		if out, errs, code := program(t, strings.Fields(tt.args)...); code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: %d: %s%s", tt.args, code, out, errs)
		}
	}
}

// While a program serves, it is the one to ask.
func TestDeliveriesOfAStoreThatServes(t *testing.T) {
	path := aStoreOfMessages(t)
	st, err := store.Open(t.Context(), store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if out, errs, code := program(t, "deliveries", "--store", path); code != 0 || !strings.Contains(out, "k-dead") {
		t.Errorf("list: %d: %s%s", code, out, errs)
	}
	if out, errs, code := program(t, "deliveries", "retry", "k-dead", "--store", path); code != 3 || !strings.Contains(errs, "has it open") || !strings.Contains(errs, "name it with --server") {
		t.Errorf("retry: %d: %s%s", code, out, errs)
	}
}
