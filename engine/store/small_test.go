package store

import (
	"errors"
	"testing"
	"time"
)

// A message is intended once, counted before it is sent, and ends once.
func TestDeliveries(t *testing.T) {
	now := noon
	s := opened(t, func(o *Options) { o.Now = func() time.Time { return now } })
	ctx := t.Context()
	d := Delivery{Key: "k", Run: "r", Workflow: "w", Action: "tell", Item: 2, Provider: "slack", Config: "ops", Destination: "#ops", Sealed: []byte{1, 2}}
	if err := s.Intend(ctx, d, d, Delivery{Key: "later", Next: at(60)}); err != nil {
		t.Fatal(err)
	}
	due := must(s.Due(ctx, now, 10))
	if len(due) != 1 || due[0].Key != "k" || due[0].State != Pending || due[0].Item != 2 || string(due[0].Sealed) != "\x01\x02" {
		t.Fatalf("%+v", due)
	}
	for want := 1; want <= 2; want++ {
		if n := must(s.Attempt(ctx, "k")); n != want {
			t.Errorf("attempt %d, want %d", n, want)
		}
		if err := s.Settle(ctx, Settlement{Key: "k", State: Unknown, Reason: "no answer", Next: at(5)}); err != nil {
			t.Fatal(err)
		}
	}
	if due := must(s.Due(ctx, at(4), 10)); len(due) != 0 {
		t.Errorf("%+v", due)
	}
	if err := s.Revive(ctx, "k", "k2"); err == nil {
		t.Error("a message that is under way is sent again")
	}
	if err := s.Settle(ctx, Settlement{Key: "k", State: Dead, Reason: "404"}, Settlement{Key: "k", State: Confirmed}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Attempt(ctx, "k"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an attempt at what is dead: %v", err)
	}
	if err := s.Revive(ctx, "k", "k2"); err != nil {
		t.Fatal(err)
	}
	if err := s.Revive(ctx, "nobody", "k3"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for _, f := range []DeliveryFilter{{State: Dead}, {Key: "k"}, {Run: "r", State: Dead}, {Workflow: "w", State: Dead}} {
		if list := must(s.Deliveries(ctx, f)); len(list) != 1 || list[0].Key != "k" || list[0].Attempts != 2 || list[0].Ended.IsZero() {
			t.Errorf("%+v: %+v", f, list)
		}
	}
	if list := must(s.Deliveries(ctx, DeliveryFilter{Run: "r"})); len(list) != 2 || list[0].Key != "k2" || list[0].Destination != "#ops" {
		t.Errorf("%+v", list)
	}
}

// Texts have revisions, a deleted workflow comes back, a switch is beside the text.
func TestWorkflows(t *testing.T) {
	s := opened(t)
	ctx := t.Context()
	for i, text := range []string{"a", "b", "b"} {
		if n := must(s.PutWorkflow(ctx, "w", text, "ops")); n != []int{1, 2, 2}[i] {
			t.Errorf("%q is revision %d", text, n)
		}
	}
	if w := must(s.Workflow(ctx, "w", 1)); w.Text != "a" || w.Revision != 1 {
		t.Errorf("%+v", w)
	}
	if v := must(s.Versions(ctx, "w")); len(v) != 2 || v[0].Text != "b" {
		t.Errorf("%+v", v)
	}
	if err := s.DeleteWorkflow(ctx, "w"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteWorkflow(ctx, "w"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.Workflow(ctx, "w", 0); !errors.Is(err, ErrNotFound) || len(must(s.Workflows(ctx))) != 0 {
		t.Error(err)
	}
	if n := must(s.PutWorkflow(ctx, "w", "b", "ops")); n != 3 || len(must(s.Workflows(ctx))) != 1 {
		t.Errorf("revision %d", n)
	}
	for _, off := range []bool{true, true, false} {
		if err := s.Disable(ctx, "w", off, "ops"); err != nil {
			t.Fatal(err)
		}
		if list := must(s.Disabled(ctx)); (len(list) == 1) != off {
			t.Error(list)
		}
	}
}

func TestAPIKeys(t *testing.T) {
	s := opened(t)
	ctx := t.Context()
	k := APIKey{ID: "1", Name: "ci", Hash: []byte("hash"), Role: "author", Scopes: []string{"read", "write"}, Expires: at(60)}
	if err := s.PutAPIKey(ctx, k); err != nil {
		t.Fatal(err)
	}
	if err := s.PutAPIKey(ctx, APIKey{ID: "2", Name: "ci", Hash: []byte("other")}); err == nil {
		t.Error("two keys of one name")
	}
	if err := errors.Join(s.UseAPIKey(ctx, "1", at(2)), s.UseAPIKey(ctx, "1", at(1)), s.RevokeAPIKey(ctx, "1")); err != nil {
		t.Fatal(err)
	}
	got := must(s.APIKey(ctx, []byte("hash")))
	if got.Role != "author" || len(got.Scopes) != 2 || !got.Used.Equal(at(2)) || got.Revoked.IsZero() || !got.Expires.Equal(at(60)) {
		t.Errorf("%+v", got)
	}
	if err := s.RevokeAPIKey(ctx, "1"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.APIKey(ctx, []byte("?")); !errors.Is(err, ErrNotFound) || len(must(s.APIKeys(ctx))) != 1 {
		t.Error(err)
	}
}

func TestHeartbeats(t *testing.T) {
	s := opened(t)
	ctx := t.Context()
	h := Heartbeat{Token: []byte("t"), Name: "cron", Grace: time.Minute}
	if err := errors.Join(s.PutHeartbeat(ctx, h), s.Beat(ctx, h.Token, at(1)), s.PutHeartbeat(ctx, h)); err != nil {
		t.Fatal(err)
	}
	if list := must(s.Heartbeats(ctx)); len(list) != 1 || !list[0].Seen.Equal(at(1)) || list[0].Grace != time.Minute {
		t.Errorf("%+v", list)
	}
	if err := s.DropHeartbeat(ctx, h.Token); err != nil {
		t.Fatal(err)
	}
	if err := s.Beat(ctx, h.Token, at(2)); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// What could not be read is there until somebody dismisses it, as far as the limit.
func TestRejects(t *testing.T) {
	s := opened(t)
	ctx := t.Context()
	if err := errors.Join(s.Reject(ctx, "grafana", make([]byte, 1<<20), "too long"), s.Reject(ctx, "x", nil, "empty")); err != nil {
		t.Fatal(err)
	}
	list := must(s.Rejects(ctx, 0))
	if len(list) != 2 || list[0].Reason != "empty" || len(list[1].Body) != maxRejected {
		t.Fatalf("%d", len(list))
	}
	if err := s.DismissRejects(ctx, list[0].No); err != nil || len(must(s.Rejects(ctx, 0))) != 1 {
		t.Error(err)
	}
	if err := s.DismissRejects(ctx); err != nil || len(must(s.Rejects(ctx, 0))) != 0 {
		t.Error(err)
	}
}

func TestStats(t *testing.T) {
	s := opened(t)
	everything(t, s)
	st := must(s.Stats(t.Context()))
	if st.Runs != 1 || st.Alerts != 1 || st.Jobs != 1 || st.Deliveries != 1 || st.Bytes == 0 || st.Commits == 0 || st.Changes == 0 || st.Waits[len(st.Waits)-1] != st.Changes {
		t.Errorf("%+v", st)
	}
}
