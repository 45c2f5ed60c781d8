package delivery

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/engine/store"
	"tocsin/workflows/source"
)

// regarding is a message about an alert that lasts.
func regarding(key string, n episode.Notice, kind episode.Kind) engine.Message {
	m := message(key, "ops")
	m.Notice, m.Tells, m.Text = &n, episode.Message{Kind: kind, Seq: 1}, key
	return m
}

var disk = episode.Key{Workflow: "w", Action: "tell", Alert: "disk"}

func sees(t *testing.T, b *episode.Book, outcome episode.Outcome, at time.Time) episode.Notice {
	t.Helper()
	n, err := b.Observe(t.Context(), episode.Sighting{Key: disk, Run: at.String(), Outcome: outcome, At: at, Rules: episode.Defaults(), Labels: map[string]string{"workflow": "w"}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The alert is over before anybody was told that it fired: nobody is told either.
func TestNobodyWasToldThatItFired(t *testing.T) {
	l := newLedger(t)
	l.answers(always(503))
	b := newBench(t, map[string]*ledger{"ops": l})
	var book episode.Book
	n := sees(t, &book, episode.Fails, time.Now())
	if r, err := tell(t.Context(), b.Lane, regarding("fire", n, episode.Fire)); err != nil || r.State != "pending" {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err := tell(t.Context(), b.Lane, regarding("over", n, episode.Over))
	if err != nil || r.State != "superseded" || r.Reason != "nobody was told that it fired" {
		t.Errorf("%+v, %v", r, err)
	}
	l.answers(nil)
	stop := b.running()
	b.settled()
	stop()
	if got := l.texts(); len(got) != 0 || b.row("fire").State != store.Superseded {
		t.Errorf("arrived: %v; the first is %s", got, b.row("fire").State)
	}
	b.balanced(2, l)
}

// What may have arrived is taken back: first it is told again, then that it is over.
func TestSomebodyMayHaveBeenTold(t *testing.T) {
	l := newLedger(t)
	l.answers(always(-1))
	b := newBench(t, map[string]*ledger{"ops": l})
	var book episode.Book
	n := sees(t, &book, episode.Fails, time.Now())
	if r, err := tell(t.Context(), b.Lane, regarding("fire", n, episode.Fire)); err != nil || r.State != "unknown" {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := tell(t.Context(), b.Lane, regarding("over", n, episode.Over)); err != nil || r.State != "pending" {
		t.Errorf("%+v, %v", r, err)
	}
	l.answers(nil)
	defer b.running()()
	b.settled()
	if got := strings.Join(l.texts(), " "); got != "fire fire over" {
		t.Errorf("arrived: %s", got)
	}
}

// What has waited is asked about just before it is sent: silences, and alerts that are
// over. What arrives is told to the memory.
func TestTheMemoryIsAsked(t *testing.T) {
	l := newLedger(t)
	l.answers(always(503))
	synctest.Test(t, func(t *testing.T) {
		b, _ := timed(t, l)
		var book episode.Book
		b.Remember(&book)
		defer b.running()()
		n := sees(t, &book, episode.Fails, time.Now())
		if _, err := tell(t.Context(), b.Lane, regarding("fire", n, episode.Fire)); err != nil {
			t.Fatal(err)
		}
		l.answers(nil)
		time.Sleep(10 * time.Minute)
		r, _, ok := book.Look(disk, time.Now())
		if got := l.texts(); len(got) != 1 || !ok || r.State.Heard[episode.Main].Text != "fire" {
			t.Errorf("arrived: %v; heard: %+v", got, r.State.Heard)
		}
	})
}

func TestWhatTheMemorySays(t *testing.T) {
	at := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	var book episode.Book
	n := sees(t, &book, episode.Fails, at)
	fire := []Telling{{Notice: &n, Message: episode.Message{Kind: episode.Fire}}}
	if v := checked(&book, fire, at); v != (Verdict{}) {
		t.Errorf("while it fires: %+v", v)
	}
	if v := checked(&book, []Telling{{Notice: &episode.Notice{Key: episode.Key{Workflow: "other"}}}}, at); v != (Verdict{}) {
		t.Errorf("of an alert that is not known: %+v", v)
	}
	if _, err := book.Silence(t.Context(), episode.Silence{Owner: "anna", Reason: "upgrade", Match: map[string]string{"workflow": "w"}, From: at, Until: at.Add(30 * time.Second)}); err != nil {
		t.Fatal(err)
	}
	if v := checked(&book, fire, at); v.State != store.Suppressed || v.Reason != "silenced until 2026-01-02 12:00 UTC by anna: upgrade" {
		t.Errorf("while it is silenced: %+v", v)
	}
	sees(t, &book, episode.Well, at.Add(time.Minute))
	if v := checked(&book, fire, at.Add(time.Minute)); v.State != store.Superseded {
		t.Errorf("when it is over: %+v", v)
	}
	sees(t, &book, episode.Fails, at.Add(2*time.Minute))
	if v := checked(&book, fire, at.Add(2*time.Minute)); v.State != store.Superseded {
		t.Errorf("in the next episode: %+v", v)
	}
}

// A storm: what waits for one destination becomes one message that lists it. A message
// to another channel is not among them.
func TestDigest(t *testing.T) {
	l := newLedger(t)
	l.answers(func(int, string) (int, string) { return 429, "60" })
	synctest.Test(t, func(t *testing.T) {
		told := 0
		b, _ := timed(t, l, func(l *Lane) {
			l.Digest = 5
			l.Told = func(context.Context, Telling, any, time.Time) error { told++; return nil }
		})
		stop := b.running()
		var book episode.Book
		for i := range 8 {
			m := message(number(i), "ops")
			n := sees(t, &book, episode.Fails, time.Now())
			n.Episode = number(i)
			m.Notice, m.Tells = &n, episode.Message{Kind: episode.Fire, Seq: 1}
			if _, err := tell(t.Context(), b.Lane, m); err != nil {
				t.Fatal(err)
			}
		}
		other := message("other", "ops")
		other.With.Data = append(other.With.Data.(source.Map), source.Entry{Key: "body", Value: source.Of("other")})
		if _, err := tell(t.Context(), b.Lane, other); err != nil {
			t.Fatal(err)
		}
		l.answers(nil)
		time.Sleep(2 * time.Minute)
		got := l.texts()
		if len(got) != 2 {
			t.Fatalf("arrived: %q", got)
		}
		lines := strings.Split(got[0], "\n")
		if len(lines) != 9 || !strings.HasPrefix(lines[0], "8 messages waited, the first since 2000-01-01 00:00:00 UTC (1m0s):") || lines[1] != "- 00:00:00 m00000" {
			t.Errorf("digest:\n%s", got[0])
		}
		if d := b.row(number(3)); d.State != store.Suppressed || !strings.HasPrefix(d.Reason, "one of 8 in the digest ") {
			t.Errorf("%s: %s", d.State, d.Reason)
		}
		if told != 8 {
			t.Errorf("the memory heard of %d", told)
		}
		stop()
		b.balanced(9, l)
	})
}

// A digest lists so many, and counts the rest.
func TestDigestOfMany(t *testing.T) {
	at := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	var letters []letter
	for i := range 50 {
		letters = append(letters, letter{d: store.Delivery{Created: at.Add(time.Duration(i) * time.Second)}, text: strings.Repeat("x", 200) + "\nmore"})
	}
	lines := strings.Split(digestText(letters, at.Add(time.Hour)), "\n")
	if len(lines) != 32 || lines[31] != `and 20 more: "tocsin deliveries" lists them` || len([]rune(lines[1])) != len("- 12:00:00 ")+maxLine {
		t.Errorf("%d lines, the last %q, the second %q", len(lines), lines[len(lines)-1], lines[1])
	}
}
