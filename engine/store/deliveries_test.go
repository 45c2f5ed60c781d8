package store

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func aMessage(key, destination string) Delivery {
	return Delivery{Key: key, Run: "r1", Workflow: "w", Action: "tell", Provider: "slack", Config: "ops", Destination: destination, Sealed: []byte(key)}
}

// The intent and the first attempt are one change; what is known of a key already is
// not intended twice.
func TestTake(t *testing.T) {
	s := opened(t)
	d := aMessage("k1", "slack ops")
	d.State = Sending
	got, before, err := s.Take(t.Context(), d, time.Time{})
	if err != nil || before != "" || got.State != Sending || got.Attempts != 1 {
		t.Fatalf("%+v, %q, %v", got, before, err)
	}
	got, before, err = s.Take(t.Context(), d, time.Time{})
	if err != nil || before != Sending || got.State != Sending || got.Attempts != 2 {
		t.Errorf("again: %+v, %q, %v", got, before, err)
	}
	if err := s.Settle(t.Context(), Settlement{Key: "k1", State: Confirmed}); err != nil {
		t.Fatal(err)
	}
	got, _, err = s.Take(t.Context(), d, time.Time{})
	if err != nil || got.State != Confirmed || got.Attempts != 2 {
		t.Errorf("after it has arrived: %+v, %v", got, err)
	}
}

// What died is sent again where a run still wants it sent, unless it died a short while
// ago, or took the process along.
func TestTakeWhatIsDead(t *testing.T) {
	s := opened(t, func(o *Options) { o.Now = func() time.Time { return noon } })
	d := aMessage("k1", "slack ops")
	must(0, s.Intend(t.Context(), d))
	must(0, s.Settle(t.Context(), Settlement{Key: "k1", State: Dead, Reason: "no such channel"}))
	must(0, s.Report(t.Context(), "k1"))
	d.State = Sending
	if got, _, err := s.Take(t.Context(), d, noon); err != nil || got.State != Dead || got.Attempts != 0 {
		t.Errorf("at once: %+v, %v", got, err)
	}
	got, before, err := s.Take(t.Context(), d, noon.Add(1))
	if err != nil || before != Dead || got.State != Sending || got.Attempts != 1 || !got.Reported.IsZero() || !got.Ended.IsZero() {
		t.Errorf("later: %+v, %v", got, err)
	}
}

// Messages that were being sent when the process died are counted, and sent again.
func TestInterrupted(t *testing.T) {
	s := opened(t)
	for _, key := range []string{"k1", "k2"} {
		must(0, s.Intend(t.Context(), aMessage(key, "slack ops")))
	}
	must(s.Attempt(t.Context(), "k1"))
	s = reopened(t, s)
	list, err := s.Interrupted(t.Context())
	if err != nil || len(list) != 1 || list[0].Key != "k1" || list[0].Deaths != 1 || list[0].State != Unknown {
		t.Fatalf("%+v, %v", list, err)
	}
	if list, err = s.Interrupted(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("again: %+v, %v", list, err)
	}
}

func keys(list []Delivery) string {
	var all []string
	for _, d := range list {
		all = append(all, d.Key)
	}
	return strings.Join(all, " ")
}

// Messages about one alert are sent in order; others do not wait for them.
func TestWaiting(t *testing.T) {
	now := noon
	s := opened(t, func(o *Options) { o.Now = func() time.Time { return now } })
	fire, over, other := aMessage("fire", "slack ops"), aMessage("over", "slack ops"), aMessage("other", "slack ops")
	fire.Episode, over.Episode = "e1", "e1"
	must(0, s.Intend(t.Context(), fire, over, other, aMessage("elsewhere", "smtp ops")))
	waiting := func() string { return keys(must(s.Waiting(t.Context(), "slack ops", now, 10))) }
	if got := waiting(); got != "fire other" {
		t.Errorf("first %s", got)
	}
	must(0, s.Settle(t.Context(), Settlement{Key: "fire", State: Confirmed}))
	if got := waiting(); got != "over other" {
		t.Errorf("then %s", got)
	}
	later := now.Add(time.Minute)
	must(0, s.Settle(t.Context(), Settlement{Key: "over", State: Unknown, Next: later}, Settlement{Key: "other", State: Pending, Next: later}))
	if got := waiting(); got != "" {
		t.Errorf("before their time %s", got)
	}
	b := must(s.Backlogs(t.Context()))
	if len(b) != 2 || b[0].Destination != "slack ops" || b[0].Count != 2 || !b[0].Next.Equal(later) || !b[1].Next.Equal(now) {
		t.Errorf("waits: %+v", b)
	}
	must(0, s.Hasten(t.Context(), "slack ops"))
	if got := waiting(); got != "over other" {
		t.Errorf("when it is there again %s", got)
	}
	if got := keys(must(s.Episode(t.Context(), "e1"))); got != "fire over" {
		t.Errorf("of the episode %s", got)
	}
}

// A digest takes the place of what it lists.
func TestFold(t *testing.T) {
	s := opened(t)
	must(0, s.Intend(t.Context(), aMessage("a", "slack ops"), aMessage("b", "slack ops")))
	digest := aMessage("d", "slack ops")
	digest.Kind = "digest"
	must(0, s.Fold(t.Context(), digest,
		Settlement{Key: "a", State: Suppressed, Reason: "in d"}, Settlement{Key: "b", State: Suppressed, Reason: "in d"}))
	must(0, s.Intend(t.Context(), aMessage("c", "slack ops")))
	if got := keys(must(s.Waiting(t.Context(), "slack ops", time.Now(), 10))); got != "d" {
		t.Errorf("%s", got)
	}
	if got := keys(must(s.Queued(t.Context(), "slack ops", 10))); got != "d c" {
		t.Errorf("queued: %s", got)
	}
}

// A dead message is reported once, and can be sent again under another key.
func TestDeadMessages(t *testing.T) {
	s := opened(t)
	must(0, s.Intend(t.Context(), aMessage("a", "slack ops"), aMessage("b", "slack ops")))
	must(0, s.Settle(t.Context(), Settlement{Key: "a", State: Dead, Reason: "no such channel"}))
	if got := keys(must(s.Unreported(t.Context(), 10))); got != "a" {
		t.Errorf("unreported: %s", got)
	}
	must(0, s.Report(t.Context(), "a"))
	if got := keys(must(s.Unreported(t.Context(), 10))); got != "" {
		t.Errorf("unreported after the report: %s", got)
	}
	if err := s.Revive(t.Context(), "b", "b2"); !errors.Is(err, ErrAlive) {
		t.Errorf("of one that is not dead: %v", err)
	}
	if err := s.Revive(t.Context(), "c", "c2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
	must(0, s.Revive(t.Context(), "a", "a2"))
	list := must(s.Deliveries(t.Context(), DeliveryFilter{Key: "a2"}))
	if len(list) != 1 || list[0].State != Pending || string(list[0].Sealed) != "a" || list[0].Attempts != 0 {
		t.Errorf("%+v", list)
	}
	if got := keys(must(s.Deliveries(t.Context(), DeliveryFilter{Destination: "slack ops", Provider: "slack", State: Dead}))); got != "a" {
		t.Errorf("dead: %s", got)
	}
}

// What the lane asks does not go through what has ended.
func TestPlansOfTheLane(t *testing.T) {
	s := opened(t)
	for query, args := range map[string][]any{
		waitingQuery: {"d", 1, 1}, queuedQuery: {"d", 1}, backlogQuery: nil, episodeQuery: {"e"}, unreportedQuery: {1},
	} {
		for _, line := range plan(t, s, query, args) {
			if strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "INDEX") || strings.Contains(line, "TEMP B-TREE") {
				t.Errorf("%s\n%s", query, line)
			}
		}
	}
}
