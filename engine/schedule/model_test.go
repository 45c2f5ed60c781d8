package schedule

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tocsin/workflows"
)

// A life is a process, and how long there is none after it.
type life struct{ up, down time.Duration }

// expected is what becomes of each moment of a trigger, said as plainly as possible: in a
// process it starts; of those between two, it depends.
func expected(g Grid, c workflows.CatchUp, from time.Time, lives []life) map[int64]Outcome {
	out := map[int64]Outcome{}
	last := from
	if g.every > 0 && c.Policy != workflows.CatchUpSkip { // a new one runs at once
		last = g.floor(from)
		out[last.UnixNano()] = Started
	}
	begin := from
	for _, l := range lives {
		var absent []time.Time
		end := begin.Add(l.up)
		for at := g.Next(last); !at.After(end); at = g.Next(at) {
			last = at
			if !at.After(begin) {
				absent = append(absent, at)
			} else {
				out[at.UnixNano()] = Started
			}
		}
		for i, at := range absent {
			ago, left := begin.Sub(at), len(absent)-i
			late := ago <= fresh && left == 1
			switch {
			case c.Policy == workflows.CatchUpLatest && left == 1,
				c.Policy == workflows.CatchUpSkip && late,
				c.Policy == workflows.CatchUpAll && (late || left <= c.Runs && ago <= c.Window):
				out[at.UnixNano()] = Started
			case left <= max(shownMissed, c.Runs)+1:
				out[at.UnixNano()] = Missed
			}
		}
		begin = end.Add(l.down)
	}
	return out
}

// TestModel lets processes live and die for random times, and compares with what a plain
// reference says of every moment.
func TestModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		catchUp := rapid.SampledFrom([]string{"latest", "skip", "'all(3, 30m)'", "'all(50, 6h)'"}).Draw(r, "catch up")
		text := rapid.SampledFrom([]string{
			"{type: interval, value: 7m", "{type: interval, value: 2h", "{type: interval, value: 45, jitter: 0",
			"{type: cron, cron: '*/20 * * * *'", "{type: cron, cron: '15 1-5 * * *', timezone: Europe/Vienna, jitter: 10m",
		}).Draw(r, "trigger") + ", catch_up: " + catchUp + "}"
		var lives []life
		for range rapid.IntRange(1, 4).Draw(r, "processes") {
			lives = append(lives, life{
				time.Duration(rapid.IntRange(1, 4_000).Draw(r, "up"))*time.Second + 500*time.Microsecond,
				time.Duration(rapid.IntRange(1, 15_000).Draw(r, "down")) * time.Second,
			})
		}
		wrong := ""
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			from := time.Now()
			var g Grid
			var c workflows.CatchUp
			for _, l := range lives {
				s := newSite(t, m, &plant{}, workflow("w", text, ""))
				trigger := s.Catalog.Items()[0].Program.Triggers()[0]
				g, c = NewGrid("w", trigger), trigger.Timing.CatchUp
				s.start(t)
				time.Sleep(l.up)
				s.stop()
				time.Sleep(l.down)
			}
			want := expected(g, c, from, lives)
			ticks := m.of("w")
			for _, tick := range ticks {
				if want[tick.At.UnixNano()] != tick.Outcome {
					wrong = fmt.Sprintf("%s at %s: %s, want %q", text, tick.At.Sub(from), tick.Outcome, want[tick.At.UnixNano()])
				}
			}
			if len(ticks) != len(want) {
				wrong += fmt.Sprintf(" %d ticks, want %d", len(ticks), len(want))
			}
			check(t, m)
		})
		if wrong != "" {
			r.Fatal(wrong)
		}
	})
}
