package delivery

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/engine/store"
	"tocsin/providers"
)

// requests are when something was sent, on the clock of the bubble.
type requests struct {
	http.RoundTripper
	mu sync.Mutex
	at []time.Time
}

func (r *requests) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.at = append(r.at, time.Now())
	r.mu.Unlock()
	return r.RoundTripper.RoundTrip(req)
}

func (r *requests) times() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.at)
}

// timed is a bench in a bubble whose requests are noted.
func timed(t *testing.T, l *ledger, change ...func(*Lane)) (*bench, *requests) {
	r := &requests{}
	urls := map[string]string{"ops": l.URL}
	pool := poolOf(urls, func(t http.RoundTripper) http.RoundTripper { r.RoundTripper = t; return r })
	b := benchAt(t, t.TempDir(), urls, append(change, func(l *Lane) { l.Pool = func(string) *providers.Pool { return pool } })...)
	t.Cleanup(func() { pool.Close() })
	return b, r
}

// D3: whatever a 429 says of when to come back, the destination is left alone for that
// long, at least a second and at most a quarter of an hour, and nobody else sends there.
func TestTheDestinationIsLeftAlone(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name, after string
		least, most time.Duration
	}{
		{"seconds", "30", 30 * time.Second, 31 * time.Second},
		{"a part of a second", "0.2", time.Second, 2 * time.Second},
		{"a date", now.Add(5 * time.Minute).UTC().Format(http.TimeFormat), 4 * time.Minute, 6 * time.Minute},
		{"a date that is over", now.Add(-time.Hour).UTC().Format(http.TimeFormat), 2 * time.Second, 3 * time.Second},
		{"none", "", 2 * time.Second, 3 * time.Second},
		{"nothing", "0", 2 * time.Second, 3 * time.Second},
		{"less than nothing", "-5", 2 * time.Second, 3 * time.Second},
		{"a day", "86400", 15 * time.Minute, 16 * time.Minute},
		{"for ever", "1e300", 15 * time.Minute, 16 * time.Minute},
		{"not a number", "NaN", 2 * time.Second, 3 * time.Second},
		{"no time at all", "soon, maybe\t;", 2 * time.Second, 3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger(t)
			l.answers(func(n int, _ string) (int, string) {
				if n == 1 {
					return 429, tt.after
				}
				return 200, ""
			})
			synctest.Test(t, func(t *testing.T) {
				b, r := timed(t, l, func(l *Lane) { l.Digest = -1 })
				defer b.running()()
				if got, err := b.tell("first", "ops"); err != nil || got.Confirmed {
					t.Fatalf("%+v, %v", got, err)
				}
				for n := range 20 { // runs that want to tell meanwhile
					if got, err := b.tell(number(n), "ops"); err != nil || got.Confirmed {
						t.Fatalf("%+v, %v", got, err)
					}
				}
				time.Sleep(20 * time.Minute)
				at := r.times()
				if pause := at[1].Sub(at[0]); pause < tt.least || pause > tt.most {
					t.Errorf("left alone for %s", pause)
				}
				if got := l.texts(); len(got) != 21 || got[0] != "first" || !slices.IsSorted(got[1:]) {
					t.Errorf("arrived: %v", got)
				}
				b.balanced(21, l)
			})
		})
	}
}

// A pause outlasts the process: the other side does not care which of ours it talks to.
func TestAPauseOutlastsTheProcess(t *testing.T) {
	l := newLedger(t)
	l.answers(func(int, string) (int, string) { return 429, "600" })
	dir := t.TempDir()
	urls := map[string]string{"ops": l.URL}
	b := benchAt(t, dir, urls)
	if _, err := b.tell("k1", "ops"); err != nil {
		t.Fatal(err)
	}
	if err := b.Store.Close(); err != nil {
		t.Fatal(err)
	}
	b = benchAt(t, dir, urls)
	if r, err := b.tell("k2", "ops"); err != nil || r.State != "pending" || l.requests() != 1 || time.Until(r.Next) < 9*time.Minute {
		t.Errorf("%+v, %v, %d requests", r, err, l.requests())
	}
}

// D4: a channel is down for a day. It is tried every few minutes; what is still of use
// when it is there again arrives in order, and somebody is told of the rest.
func TestAChannelIsDownForADay(t *testing.T) {
	l := newLedger(t)
	l.answers(always(503))
	synctest.Test(t, func(t *testing.T) {
		// With waits that are not random the first is tried each time. With those that are
		// another may be, so that one that nobody takes does not hold up the rest.
		b, r := timed(t, l, func(l *Lane) { l.Digest, l.Random = -1, func() float64 { return 0.5 } })
		defer b.running()()
		severities := []string{"critical", "warning", "info"}
		for n := range 24 * 4 {
			m := message(number(n), "ops")
			m.Severity = severities[n%3]
			if got, err := tell(t.Context(), b.Lane, m); err != nil || got.Confirmed {
				t.Fatalf("%+v, %v", got, err)
			}
			time.Sleep(15 * time.Minute)
		}
		if n := len(r.times()); n > 24*60/2 {
			t.Errorf("it was tried %d times in a day", n)
		}
		l.answers(nil)
		time.Sleep(15 * time.Minute)
		got := l.texts()
		if !slices.IsSorted(got) || len(got) < 24*4/3 {
			t.Errorf("arrived: %v", got)
		}
		_, counts := b.all()
		if counts[store.Confirmed]+counts[store.Dead] != 24*4 || counts[store.Dead] == 0 || len(b.meta) != counts[store.Dead] {
			t.Errorf("%v; %d were reported", counts, len(b.meta))
		}
		if d := b.row(number(2)); d.State != store.Dead || !strings.HasPrefix(d.Reason, "it could not be sent for 1h0m0s: ") {
			t.Errorf("an info of the first hour: %s: %s", d.State, d.Reason)
		}
		b.balanced(24*4, l)
	})
}

// Every run of a check tells again what nobody has taken. That the other side may have it
// is not said before an answer stayed out.
func TestWhatNobodyTookIsToldAgain(t *testing.T) {
	l := newLedger(t)
	l.answers(always(503))
	synctest.Test(t, func(t *testing.T) {
		b, r := timed(t, l)
		for range 4 {
			if got, err := tell(t.Context(), b.Lane, message("k1", "ops")); err != nil || got.State != string(store.Pending) {
				t.Errorf("%+v, %v", got, err)
			}
			time.Sleep(10 * time.Minute)
		}
		if n := len(r.times()); n < 3 {
			t.Errorf("it was tried %d times", n)
		}
		if d := b.row("k1"); d.State != store.Pending {
			t.Errorf("it is %s: %s", d.State, d.Reason)
		}
	})
}

// Wrong credentials: the destination is left alone for 1, 5, 15 minutes, and nothing is
// lost when they are right again.
func TestTheCredentialsAreWrong(t *testing.T) {
	l := newLedger(t)
	l.answers(always(401))
	synctest.Test(t, func(t *testing.T) {
		b, r := timed(t, l)
		defer b.running()()
		if _, err := b.tell("k1", "ops"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		l.answers(nil)
		time.Sleep(20 * time.Minute)
		var waits []time.Duration
		at := r.times()
		for i := 1; i < len(at); i++ {
			waits = append(waits, at[i].Sub(at[i-1]).Round(time.Minute))
		}
		if got := fmt.Sprint(waits); got != "[1m0s 5m0s 15m0s 15m0s 15m0s]" {
			t.Errorf("tried after %s", got)
		}
		b.balanced(1, l)
	})
}

// P4: one destination is dead, and takes its time to say so. The others do not notice.
func TestOneDestinationIsDead(t *testing.T) {
	good, dead := newLedger(t), newLedger(t)
	release := make(chan struct{})
	dead.answers(func(int, string) (int, string) { <-release; return 503, "" })
	dests := map[string]*ledger{"dead": dead}
	for n := range 99 {
		dests[number(n)] = good
	}
	b := newBench(t, dests)
	for n := range 99 {
		for i := range 3 {
			b.queue(number(n), fmt.Sprintf("%s-%d", number(n), i))
		}
	}
	var keys []string
	for i := range 10 {
		keys = append(keys, fmt.Sprintf("dead-%d", i))
	}
	b.queue("dead", keys...)
	stop := b.running()
	for range 6000 {
		if len(good.texts()) == 99*3 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := len(good.texts()); n != 99*3 {
		t.Errorf("%d of %d arrived while one destination hangs", n, 99*3)
	}
	close(release)
	stop()
	if n := dead.requests(); n > 3 {
		t.Errorf("the dead one was asked %d times", n)
	}
	b.balanced(99*3+10, good, dead)
}

// The breaker opens after three failures in a row: one message is tried now and then, by
// the loop only, and when it arrives the others follow.
func TestTheBreaker(t *testing.T) {
	l := newLedger(t)
	l.answers(always(500))
	synctest.Test(t, func(t *testing.T) {
		b, r := timed(t, l, func(l *Lane) { l.Digest = -1 })
		for n := range 10 {
			if _, err := b.tell(number(n), "ops"); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(r.times()); n != 3 {
			t.Errorf("%d requests before it is left alone", n)
		}
		if d := b.Destinations(); len(d) != 1 || !d[0].Down || !strings.Contains(d[0].Why, "webhook ops is down since 3 attempts") {
			t.Errorf("%+v", d)
		}
		stop := b.running()
		time.Sleep(10 * time.Minute)
		l.answers(nil)
		time.Sleep(6 * time.Minute)
		if got := l.texts(); len(got) != 10 || !slices.IsSorted(got[:1]) {
			t.Errorf("arrived: %v", got)
		}
		stop()
		if r, err := b.tell("now", "ops"); err != nil || !r.Confirmed {
			t.Errorf("afterwards: %+v, %v", r, err)
		}
		b.balanced(11, l)
	})
}

// D3 with many messages that wait: none of them is sent meanwhile.
func TestManyMessagesWaitForOneDestination(t *testing.T) {
	many := 300
	if os.Getenv("TOCSIN_DEEP") == "1" {
		many = 10_000
	}
	l := newLedger(t)
	l.answers(func(n int, _ string) (int, string) {
		if n%100 == 1 {
			return 429, "7"
		}
		return 200, ""
	})
	synctest.Test(t, func(t *testing.T) {
		b, r := timed(t, l, func(l *Lane) { l.Digest = -1 })
		var keys []string
		for n := range many {
			keys = append(keys, number(n))
		}
		b.queue("ops", keys...)
		stop := b.running()
		time.Sleep(time.Duration(many/99+2) * 10 * time.Second)
		stop()
		at := r.times()
		for i := 0; i+1 < len(at); i += 100 {
			if pause := at[i+1].Sub(at[i]); pause < 7*time.Second {
				t.Errorf("after request %d it waited %s", i+1, pause)
			}
		}
		if got := l.texts(); len(got) != many || !slices.IsSorted(got) {
			t.Errorf("%d arrived", len(got))
		}
		b.balanced(many, l)
	})
}
