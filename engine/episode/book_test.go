package episode_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/engine/episode"
)

var start = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// A shelf is a store that remembers what it was given.
type shelf struct {
	mu       sync.Mutex
	alerts   []episode.Record
	silences []episode.Silence
}

func (s *shelf) KeepAlerts(_ context.Context, records ...episode.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alerts = append(s.alerts, records...)
	return nil
}

func (s *shelf) KeepSilence(_ context.Context, silence episode.Silence) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silences = append(s.silences, silence)
	return nil
}

func sighting(workflow string, outcome episode.Outcome, at time.Duration) episode.Sighting {
	return episode.Sighting{
		Key: episode.Key{Workflow: workflow, Action: "tell"}, Run: at.String() + workflow, Outcome: outcome,
		At: start.Add(at), Rules: episode.Defaults(),
		Labels: map[string]string{"workflow": workflow, "action": "tell", "severity": "high"},
	}
}

// see lets b observe s, and tells what is to be told.
func see(t testing.TB, b *episode.Book, s episode.Sighting) episode.Notice {
	t.Helper()
	n, err := b.Observe(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range n.Tell {
		if _, err := b.Told(t.Context(), n, m, "down", nil, s.At); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func main(n episode.Notice) episode.Kind { return n.To(episode.Main).Kind }

func TestDependents(t *testing.T) {
	var b episode.Book
	shop := func(outcome episode.Outcome, at time.Duration) episode.Sighting {
		s := sighting("shop", outcome, at)
		s.DependsOn = []string{"gateway"}
		return s
	}
	till := sighting("till", episode.Fails, 0)
	till.DependsOn = []string{"shop"}
	gateway := sighting("gateway", episode.Fails, 0)
	gateway.Rules.Failures = 2
	see(t, &b, gateway)
	if n := see(t, &b, shop(episode.Fails, time.Second)); main(n) != "" || n.Reason != "held back: it depends on gateway, which fails" {
		t.Errorf("the shop tells %q (%s) while the gateway is about to fire", main(n), n.Reason)
	}
	see(t, &b, till)
	gateway.Run, gateway.At = "second", start.Add(time.Minute)
	if n := see(t, &b, gateway); main(n) != episode.Fire || !slices.Equal(n.Affected, []string{"shop", "till"}) {
		t.Errorf("the gateway tells %q, of %v", main(n), n.Affected)
	}
	see(t, &b, sighting("gateway", episode.Well, 2*time.Minute))
	if n := see(t, &b, shop(episode.Fails, 3*time.Minute)); main(n) != episode.Fire {
		t.Errorf("the shop still fails without the gateway, and tells %q (%s)", main(n), n.Reason)
	}
}

// That a run broke says nothing about what the workflow watches.
func TestAside(t *testing.T) {
	var b episode.Book
	broken := sighting("gateway", episode.Fails, 0)
	broken.Aside = true
	see(t, &b, broken)
	shop := sighting("shop", episode.Fails, time.Second)
	shop.DependsOn = []string{"gateway"}
	if n := see(t, &b, shop); main(n) != episode.Fire {
		t.Errorf("the shop tells %q (%s)", main(n), n.Reason)
	}
}

func TestSilences(t *testing.T) {
	kept := &shelf{}
	b := episode.Book{Store: kept}
	s, err := b.Silence(t.Context(), episode.Silence{
		Match: episode.Matcher{"workflow": "db-*", "severity": "*"}, Reason: "upgrade", Owner: "anna",
		From: start, Until: start.Add(time.Hour),
	})
	if err != nil || s.ID == "" {
		t.Fatalf("%+v, %v", s, err)
	}
	if n := see(t, &b, sighting("db-1", episode.Fails, time.Minute)); n.Reason != "silenced until 11:00 by anna: upgrade" {
		t.Error(n.Reason)
	}
	if n := see(t, &b, sighting("web", episode.Fails, time.Minute)); main(n) != episode.Fire {
		t.Errorf("web tells %q", main(n))
	}
	if due := b.Due(start.Add(2 * time.Minute)); len(due) != 0 {
		t.Errorf("due in a silence: %v", due)
	}
	if err := b.Unsilence(t.Context(), s.ID, "bert", "done early", start.Add(10*time.Minute)); err != nil {
		t.Fatal(err)
	}
	due := b.Due(start.Add(11 * time.Minute))
	if len(due) != 1 || due[0].Key.Workflow != "db-1" || due[0].Tell[0].Kind != episode.Fire {
		t.Errorf("due after it: %v", due)
	}
	if list := b.Silences(start.Add(11 * time.Minute)); len(list) != 0 {
		t.Errorf("still there: %v", list)
	}
	if last := kept.silences[len(kept.silences)-1]; last.Reason != "upgrade; ended by bert: done early" {
		t.Error(last.Reason)
	}
	if err := b.Unsilence(t.Context(), "nope", "bert", "", start); !errors.Is(err, episode.ErrUnknown) {
		t.Error(err)
	}
}

func TestSilencesThatAreNone(t *testing.T) {
	good := episode.Silence{Match: episode.Matcher{"workflow": "x"}, Reason: "r", Owner: "o", From: start, Until: start.Add(1)}
	tests := []struct {
		name   string
		change func(*episode.Silence)
		want   string
	}{
		{"everything", func(s *episode.Silence) { s.Match = nil }, "matcher"},
		{"no reason", func(s *episode.Silence) { s.Reason = " " }, "reason"},
		{"no owner", func(s *episode.Silence) { s.Owner = "" }, "owner"},
		{"no end", func(s *episode.Silence) { s.Until = time.Time{} }, "needs an end"},
		{"over", func(s *episode.Silence) { s.Until = s.From }, "over before it begins"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := good
			tt.change(&s)
			var b episode.Book
			if _, err := b.Silence(t.Context(), s); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestMatcher(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"db", "db", true}, {"db", "db-1", false}, {"db-*", "db-1", true}, {"*", "", true}, {"*-1", "db-1", true},
		{"d*-*1", "db-x-1", true}, {"a*a", "a", false}, {"*b*", "abc", true}, {"a**c", "abc", true}, {"a*b*c", "acb", false},
	}
	for _, tt := range tests {
		if got := (episode.Matcher{"name": tt.pattern}).Matches(map[string]string{"name": tt.text}); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.text, got)
		}
	}
}

// A book that is loaded goes on where the one before stopped, with the same keys.
func TestLoad(t *testing.T) {
	kept := &shelf{}
	first := episode.Book{Store: kept}
	s := sighting("db", episode.Fails, 0)
	s.Rules.Reminder = time.Hour
	n := see(t, &first, s)
	if err := first.Acknowledge(t.Context(), s.Key, episode.Ack{By: "anna", Reason: "on it", At: start}); err != nil {
		t.Fatal(err)
	}
	var second episode.Book
	slices.Reverse(kept.alerts) // the order in which they were written does not matter
	second.Load(kept.alerts, kept.silences)
	if got := second.Alerts(); len(got) != 1 || got[0].State.Status != episode.Acknowledged || got[0].Episode() != n.Episode {
		t.Fatalf("%+v", got)
	}
	if err := second.Unacknowledge(t.Context(), s.Key); err != nil {
		t.Fatal(err)
	}
	due := second.Due(start.Add(time.Hour))
	if len(due) != 1 || due[0].Tell[0].Kind != episode.Reminder {
		t.Errorf("due: %v", due)
	}
}

// What stays as it is is not written down again.
func TestNothingNewIsNotKept(t *testing.T) {
	kept := &shelf{}
	b := episode.Book{Store: kept}
	for i := range 10 {
		see(t, &b, sighting("db", episode.Well, time.Duration(i)*time.Minute))
	}
	if len(kept.alerts) != 1 {
		t.Errorf("kept %d times, want once", len(kept.alerts))
	}
	b.Deferred = true
	see(t, &b, sighting("db", episode.Fails, time.Hour))
	if len(kept.alerts) != 1 {
		t.Error("kept, although whoever records the run does so")
	}
}

func TestMessageKeys(t *testing.T) {
	var b episode.Book
	keys := map[string]bool{}
	for i := range 4 {
		outcome := []episode.Outcome{episode.Fails, episode.Well}[i%2]
		n := see(t, &b, sighting("db", outcome, time.Duration(i)*time.Minute))
		for _, m := range n.Tell {
			key := n.MessageKey("tell", m)
			if len(key) != 32 || keys[key] || key != n.MessageKey("tell", m) {
				t.Errorf("key %q of %v", key, m)
			}
			keys[key] = true
		}
	}
	if len(keys) != 4 {
		t.Errorf("%d keys, want 4", len(keys))
	}
}

func TestGone(t *testing.T) {
	var b episode.Book
	for _, host := range []string{"a", "b", "c"} {
		s := sighting("hosts", episode.Fails, 0)
		s.Key.Alert, s.Run = host, host
		see(t, &b, s)
	}
	gone := b.Gone("hosts", "tell", map[string]bool{"b": true})
	if len(gone) != 2 || gone[0].Key.Alert != "a" || gone[1].Key.Alert != "c" {
		t.Errorf("gone: %v", gone)
	}
}

// What is due is listed once a minute until a run has told it, with the alert that the run
// needs.
func TestDueIsAskedForOnceAMinute(t *testing.T) {
	var b episode.Book
	s := sighting("disk", episode.Fails, 0)
	s.Rules.Reminder, s.Fingerprint = time.Hour, "f1"
	see(t, &b, s)
	at := start.Add(time.Hour)
	if due := b.Due(at); len(due) != 1 || due[0].Fingerprint != "f1" || due[0].Reason == "" {
		t.Fatalf("due: %+v", due)
	}
	if due := b.Due(at.Add(30 * time.Second)); len(due) != 0 {
		t.Errorf("asked again too soon: %+v", due)
	}
	if due := b.Due(at.Add(time.Minute)); len(due) != 1 {
		t.Errorf("due a minute later: %+v", due)
	}
	s.At, s.Run = at.Add(90*time.Second), "again"
	see(t, &b, s)
	if due := b.Due(at.Add(3 * time.Minute)); len(due) != 0 {
		t.Errorf("due after it was told: %+v", due)
	}
}

// An alert that no program tells of any more holds nobody back, and nothing of it is due.
func TestAbandon(t *testing.T) {
	kept := &shelf{}
	b := episode.Book{Store: kept}
	s := sighting("gateway", episode.Fails, 0)
	s.Rules.Reminder = time.Minute
	see(t, &b, s)
	see(t, &b, sighting("other", episode.Fails, 0))
	n, err := b.Abandon(t.Context(), func(k episode.Key) bool { return k.Workflow != "gateway" })
	if err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	if due := b.Due(start.Add(time.Hour)); len(due) != 0 {
		t.Errorf("due: %+v", due)
	}
	shop := sighting("shop", episode.Fails, time.Minute)
	shop.DependsOn = []string{"gateway"}
	if n := see(t, &b, shop); main(n) != episode.Fire {
		t.Errorf("the shop tells %q (%s)", main(n), n.Reason)
	}
	if last := kept.alerts[len(kept.alerts)-2]; last.State.Status == episode.Firing && last.Key.Workflow == "gateway" {
		t.Errorf("kept %+v", last)
	}
}

// There is a limit. At it those at rest make room, and what fires is never forgotten.
func TestLimit(t *testing.T) {
	b := episode.Book{Limit: 10}
	for i := range 10 {
		outcome := episode.Fails
		if i%2 == 0 {
			outcome = episode.Well
		}
		see(t, &b, sighting(fmt.Sprint("w", i), outcome, 0))
	}
	for i := range 5 {
		see(t, &b, sighting(fmt.Sprint("v", i), episode.Fails, 0))
	}
	if _, err := b.Observe(t.Context(), sighting("one-more", episode.Fails, 0)); !errors.Is(err, episode.ErrFull) {
		t.Errorf("%v, want ErrFull", err)
	}
	if n := len(b.Alerts()); n != 10 {
		t.Errorf("%d alerts", n)
	}
}

func TestAtTheSameTime(t *testing.T) {
	b := episode.Book{Store: &shelf{}}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				outcome := []episode.Outcome{episode.Fails, episode.Well}[j%2]
				see(t, &b, sighting(fmt.Sprint("w", (i+j)%4), outcome, time.Duration(j)*time.Minute))
				b.Due(start)
				b.Alerts()
			}
		})
	}
	wg.Wait()
}

func BenchmarkObserve(b *testing.B) {
	var book episode.Book
	s := sighting("db", episode.Well, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := book.Observe(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
}
