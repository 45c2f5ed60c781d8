package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/engine"
	"tocsin/workflows"
)

// triggerOf is the trigger that a text says.
func triggerOf(t interface {
	Helper()
	Fatal(...any)
}, text string) engine.Trigger {
	t.Helper()
	programs, problems, err := (&plant{}).compile(FromDisk, "w.yaml", []byte(workflow("w", text, "")))
	if err != nil || problems.Err() != nil || len(programs) != 1 {
		t.Fatal(text, problems, err)
	}
	return programs[0].Triggers()[0]
}

func TestIntervalsOfOnePeriodAreSpread(t *testing.T) {
	trigger := triggerOf(t, "{type: interval, value: 10}")
	var perSecond [10]int
	now := time.Unix(1_800_000_000, 0)
	for i := range 10_000 {
		at := NewGrid(fmt.Sprintf("workflow-%05d", i), trigger).Next(now.Add(-1))
		perSecond[at.Sub(now)/time.Second]++
	}
	for second, n := range perSecond {
		if n < 900 || n > 1100 {
			t.Errorf("%d of 10,000 workflows run in second %d of 10", n, second)
		}
	}
}

func TestGridIsFixed(t *testing.T) {
	tests := []struct {
		name, trigger string
		from          string
		want          []string
	}{
		{
			name: "an interval without jitter is on the full minutes", trigger: "{type: interval, value: 15m, jitter: 0}",
			from: "2027-01-01T00:07:00Z", want: []string{"2027-01-01T00:15:00Z", "2027-01-01T00:30:00Z"},
		},
		{
			name: "a moment itself is not after it", trigger: "{type: interval, value: 1h, jitter: 0}",
			from: "2027-01-01T01:00:00Z", want: []string{"2027-01-01T02:00:00Z"},
		},
		{
			name: "before 1970 too", trigger: "{type: interval, value: 1h, jitter: 0}",
			from: "1969-12-31T22:30:00Z", want: []string{"1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z"},
		},
		{
			name: "cron, and what summer time leaves out", trigger: "{type: cron, cron: '30 2 * * *', timezone: Europe/Vienna}",
			from: "2027-03-27T12:00:00Z", want: []string{"2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewGrid("w", triggerOf(t, tt.trigger))
			at, err := time.Parse(time.RFC3339, tt.from)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range tt.want {
				at = g.Next(at)
				got = append(got, at.UTC().Format(time.RFC3339))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestCronJitterShiftsAlwaysByTheSame(t *testing.T) {
	plain := NewGrid("w", triggerOf(t, "{type: cron, cron: '0 * * * *'}"))
	late := NewGrid("w", triggerOf(t, "{type: cron, cron: '0 * * * *', jitter: 5m}"))
	from := time.Date(2027, 1, 1, 0, 30, 0, 0, time.UTC)
	shift := late.Next(from).Sub(plain.Next(from))
	if shift <= 0 || shift >= 5*time.Minute {
		t.Fatalf("shifted by %s", shift)
	}
	for at := from; at.Before(from.Add(48 * time.Hour)); at = at.Add(time.Hour) {
		if got := late.Next(at).Sub(plain.Next(at)); got != shift {
			t.Fatalf("at %s shifted by %s, before by %s", at, got, shift)
		}
	}
}

func TestAnIntervalOfCenturiesEnds(t *testing.T) {
	g := Grid{every: 1 << 62, shift: 1 << 61}
	at := time.Unix(0, 0)
	for range 10 {
		next := g.Next(at)
		if next.IsZero() {
			return
		}
		if !next.After(at) {
			t.Fatalf("after %s comes %s", at, next)
		}
		at = next
	}
	t.Fatal("it goes on")
}

// TestBetween compares with counting.
func TestBetween(t *testing.T) {
	triggers := []engine.Trigger{
		triggerOf(t, "{type: interval, value: 7}"),
		triggerOf(t, "{type: interval, value: 90m}"),
		triggerOf(t, "{type: cron, cron: '*/7 * * * *', timezone: America/New_York}"),
		triggerOf(t, "{type: cron, cron: '30 2 * * *', timezone: Europe/Vienna, jitter: 20m}"),
		triggerOf(t, "{type: cron, cron: '0 9 1,15 * mon'}"),
	}
	rapid.Check(t, func(t *rapid.T) {
		g := NewGrid("w", rapid.SampledFrom(triggers).Draw(t, "trigger"))
		last := time.Unix(rapid.Int64Range(1_790_000_000, 1_830_000_000).Draw(t, "last"), 0)
		now := last.Add(time.Duration(rapid.IntRange(0, 200_000).Draw(t, "seconds")) * time.Second)
		n := rapid.IntRange(1, 30).Draw(t, "n")
		got, more := g.between(last, now, n)
		var want []time.Time
		for at := g.Next(last); !at.After(now); at = g.Next(at) {
			want = append(want, at)
		}
		if len(want) <= n && more && len(got) < len(want) || len(want) > n && !more {
			t.Fatalf("more is %v of %d", more, len(want))
		}
		want = want[max(0, len(want)-n):]
		if !slices.EqualFunc(got, want, time.Time.Equal) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestDue(t *testing.T) {
	now := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	ago := func(ds ...time.Duration) (list []time.Time) {
		for _, d := range ds {
			list = append(list, now.Add(-d))
		}
		return list
	}
	h := time.Hour
	tests := []struct {
		name    string
		catchUp string
		moments []time.Time
		start   int // so many of the last ones
	}{
		{"nothing has come", "latest", nil, 0},
		{"on time", "latest", ago(time.Millisecond), 1},
		{"on time, whatever is made up for", "skip", ago(time.Millisecond), 1},
		{"the last of several", "latest", ago(3*h, 2*h, h), 1},
		{"none", "skip", ago(3*h, 2*h, h), 0},
		{"none but one that is hardly late", "skip", ago(3*h, 2*h, time.Second), 1},
		{"all within a time", "all(10, 150m)", ago(4*h, 3*h, 2*h, h), 2},
		{"the last few of them", "all(2, 10h)", ago(4*h, 3*h, 2*h, h), 2},
		{"one that is hardly late, whatever the window", "all(5, 1s)", ago(h, 2*time.Second), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := workflows.ParseCatchUp(tt.catchUp)
			if err != nil {
				t.Fatal(err)
			}
			start, missed := due(c, tt.moments, now)
			if len(start) != tt.start || len(start)+len(missed) != len(tt.moments) {
				t.Errorf("%d start, %d are missed; want %d to start", len(start), len(missed), tt.start)
			}
		})
	}
}

func TestRunIDs(t *testing.T) {
	at := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	if a, b := TickRun("w", "interval 5m", at), TickRun("w", "interval 5m", at.In(time.FixedZone("", 3600))); a != b || len(a) != 26 {
		t.Errorf("%s and %s of one moment", a, b)
	}
	ids := []string{TickRun("w", "a", at), TickRun("w", "b", at), TickRun("x", "a", at), TickRun("wa", "", at), NewRun(at), NewRun(at)}
	if slices.Sort(ids); len(slices.Compact(ids)) != 6 {
		t.Errorf("of different runs: %v", ids)
	}
	if before, after := NewRun(at), NewRun(at.Add(time.Millisecond)); before >= after {
		t.Errorf("%s is not before %s", before, after)
	}
}
