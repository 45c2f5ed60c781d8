package episode_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/engine/episode"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestStory plays what runs see of one alert, line by line: when, what, and perhaps what
// keeps the message back. A message arrives unless the line says "lost", for all or for
// one target. "want" has the state and what was told, with the reason in words.
func TestStory(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sections := map[string]string{}
			for _, f := range a.Files {
				sections[f.Name] = string(f.Data)
			}
			got := story(t, sections["rules"], sections["story"])
			if got == sections["want"] {
				return
			}
			if !*update {
				t.Fatalf("%s\n--- want\n%s\n--- got\n%s", name, sections["want"], got)
			}
			for i := range a.Files {
				if a.Files[i].Name == "want" {
					a.Files[i].Data = []byte(got)
				}
			}
			if err := os.WriteFile(name, txtar.Format(a), 0o666); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func story(t *testing.T, ruleText, text string) string {
	rules := rulesOf(t, ruleText)
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	var s episode.State
	var b strings.Builder
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		now = now.Add(lengthOf(t, words[0]))
		if words[1] == "ack" || words[1] == "unack" {
			s = acknowledged(t, &b, s, words, now)
			continue
		}
		o := episode.Observation{Outcome: episode.Outcome(words[1])}
		lost := map[string]bool{}
		for _, w := range words[2:] {
			key, v, _ := strings.Cut(w, "=")
			switch key {
			case "silenced":
				o.Silence = &episode.Silence{Owner: "ops", Reason: "upgrade", Until: now.Add(lengthOf(t, v))}
			case "held":
				o.Held = v
			case "run":
				o.Run = v
			case "lost":
				lost[strings.ReplaceAll(v, "-", " ")] = true
			default:
				t.Fatalf("what is %q?", w)
			}
		}
		var d episode.Decision
		s, d = episode.Decide(s, o, rules, now)
		fmt.Fprintf(&b, "%s %-7s #%d %-12s", now.Format("15:04:05"), o.Outcome, s.Number, s.Status)
		for _, m := range d.Tell {
			who := ""
			if m.To != episode.Main {
				who = " to " + string(m.To)
			}
			fmt.Fprintf(&b, " TELL %s %d%s,", m.Kind, m.Seq, who)
			if lost[""] || lost[string(m.To)] && m.To != "" || lost["main"] && m.To == "" {
				b.WriteString(" lost,")
				continue
			}
			s = episode.Told(s, m, "down", nil, now)
		}
		fmt.Fprintf(&b, " %s\n", d.Reason)
	}
	return b.String()
}

func acknowledged(t *testing.T, b *strings.Builder, s episode.State, words []string, now time.Time) episode.State {
	var err error
	if words[1] == "unack" {
		s, err = episode.Unacknowledge(s)
	} else {
		a := episode.Ack{By: "anna", Reason: "on it", At: now}
		if len(words) > 2 {
			a.Until = now.Add(lengthOf(t, words[2]))
		}
		s, err = episode.Acknowledge(s, a)
	}
	fmt.Fprintf(b, "%s %-7s #%d %-12s", now.Format("15:04:05"), words[1], s.Number, s.Status)
	if err != nil {
		fmt.Fprintf(b, " %v", err)
	}
	b.WriteString("\n")
	return s
}

func lengthOf(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(strings.TrimPrefix(text, "+"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func rulesOf(t *testing.T, text string) episode.Rules {
	r := episode.Defaults()
	for _, w := range strings.Fields(text) {
		key, v, _ := strings.Cut(w, "=")
		n, _ := strconv.Atoi(v)
		switch key {
		case "failures":
			r.Failures = n
		case "successes":
			r.Successes = n
		case "hold":
			r.Hold = lengthOf(t, v)
		case "keep_firing":
			r.KeepFiring = lengthOf(t, v)
		case "reminder":
			r.Reminder = lengthOf(t, v)
		case "resolved":
			r.Resolved = v == "true"
		case "flapping":
			changes, within, _ := strings.Cut(v, "/")
			n, _ := strconv.Atoi(changes)
			r.Flapping = episode.Flaps{Changes: n, Within: lengthOf(t, within)}
		case "escalate":
			after, unless, _ := strings.Cut(v, "/")
			r.Escalate = append(r.Escalate, episode.Escalation{After: lengthOf(t, after), UnlessAcked: unless == "acked"})
		case "fallback":
			r.Fallback = lengthOf(t, v)
		default:
			t.Fatalf("no rule %q", w)
		}
	}
	return r
}
