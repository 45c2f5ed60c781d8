package cmd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tocsin/engine"
	"tocsin/templating/value"
)

// An eventFlags says what came in, for "tocsin run" to start what that triggers.
type eventFlags struct {
	alert         string // file of alerts; "": none
	incident      string // file of incidents; "": none
	incidentEvent string
}

func (f *eventFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.alert, "alert", "", "run what an alert triggers: a JSON file of one, a list, or one a line; - is standard input")
	c.Flags().StringVar(&f.incident, "incident", "", "run what an incident triggers: a file as for --alert")
	c.Flags().StringVar(&f.incidentEvent, "incident-event", "created", "what happened to the incident: "+strings.Join(incidentEvents, ", "))
	_ = c.RegisterFlagCompletionFunc("incident-event", cobra.FixedCompletions(incidentEvents, cobra.ShellCompDirectiveNoFileComp))
}

var incidentEvents = []string{"created", "updated", "deleted"}

// given says that workflows are run for events, not once each.
func (f *eventFlags) given() bool { return f.alert != "" || f.incident != "" }

// check refuses flags that cannot go together.
func (f *eventFlags) check(paths []string) error {
	if !slices.Contains(incidentEvents, f.incidentEvent) {
		return usage("it is created, updated or deleted", "--incident-event %q", f.incidentEvent)
	}
	n := 0
	for _, name := range append([]string{f.alert, f.incident}, paths...) {
		if name == "-" {
			n++
		}
	}
	if n > 1 {
		return usage("give the other in a file", "standard input is read once, not for %d things", n)
	}
	return nil
}

// maxEvents is how many alerts or incidents a file may have (design/reliability.md §3).
const maxEvents = 1000

// arrivals reads what came in: alerts first, in the order of their file.
func (r *runCommand) arrivals(now time.Time) ([]engine.Arrival, error) {
	var list []engine.Arrival
	for _, from := range []struct{ kind, file, event string }{{"alert", r.events.alert, ""}, {"incident", r.events.incident, r.events.incidentEvent}} {
		if from.file == "" {
			continue
		}
		text, err := r.read(from.file)
		if err != nil {
			return nil, err
		}
		objects, err := readEvents(from.file, text)
		if err != nil {
			return nil, err
		}
		for i, fields := range objects {
			a := engine.Arrival{Kind: from.kind, Event: from.event, Fields: fieldsOf(fields), Now: now}
			if a, err = identified(a); err != nil {
				return nil, usage("", "%s: %s %d: %v", from.file, from.kind, i+1, err)
			}
			list = append(list, a)
		}
	}
	return list, nil
}

// identified gives an alert without an id one of its own, as Keep does: two that came
// in are two.
func identified(a engine.Arrival) (engine.Arrival, error) {
	if a.Kind == "alert" {
		alert, err := engine.NormalizeAlert(a.Fields, a.Now, newRunID())
		if err != nil {
			return a, err
		}
		a.Fields = fieldsOf(alert.Map)
	}
	_, err := a.Prepared()
	return a, err
}

// readEvents reads one object, a list of them, or one a line.
func readEvents(file string, text []byte) ([]*value.Map, error) {
	const hint = "write a JSON object, a list of them, or one a line"
	v, err := value.DecodeJSON(text)
	if err != nil && bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		if lines, ok := readLines(text); ok {
			v, err = lines, nil
		}
	}
	if err != nil {
		return nil, usage(hint, "%s: %v", file, err)
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	if len(list) > maxEvents {
		return nil, usage("split the file", "%s has %d events, more than %d", file, len(list), maxEvents)
	}
	objects := make([]*value.Map, len(list))
	for i, item := range list {
		m, ok := item.(*value.Map)
		if !ok {
			return nil, usage(hint, "%s: item %d is not an object", file, i+1)
		}
		objects[i] = m
	}
	return objects, nil
}

// readLines reads a value a line; false where a line has none.
func readLines(text []byte) ([]any, bool) {
	var list []any
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		v, err := value.DecodeJSON(line)
		if err != nil {
			return nil, false
		}
		list = append(list, v)
	}
	return list, len(list) > 1
}

// runEvents runs, for one event after the other, the workflows that it starts, and says
// which these are.
func (r *runCommand) runEvents(ctx context.Context, docs documents, inputs map[string]any, arrivals []engine.Arrival) ([]*engine.Result, error) {
	var programs []*engine.Program
	owner := map[*engine.Program]*document{}
	for _, d := range docs.list {
		for _, p := range d.programs {
			programs = append(programs, p)
			owner[p] = d
		}
	}
	matcher := engine.NewMatcher(programs)
	observe, stop := r.observer()
	defer stop()
	var results []*engine.Result
	var told eventLog
	for _, a := range arrivals {
		if ctx.Err() != nil {
			break
		}
		a, again, err := r.memory.arrive(a)
		if err != nil {
			return nil, broken(err)
		}
		if again {
			told.duplicate(a)
			continue
		}
		started := matcher.Match(a)
		told.event(a, started, programs, r.explain)
		jobs := make([]job, len(started))
		for i, m := range started {
			in := m.Input(newRunID())
			in.Inputs = inputs
			jobs[i] = job{owner[m.Program], m.Program, in}
		}
		results = append(results, r.runJobs(ctx, jobs, observe)...)
	}
	return results, r.tellEvents(told.String())
}

// tellEvents prints what started what: with the report for a person, beside one for a
// program.
func (r *runCommand) tellEvents(text string) error {
	w := r.stdout
	if r.output != "text" {
		w = r.stderr
	}
	if r.quiet {
		return nil
	}
	if _, err := io.WriteString(w, text); err != nil {
		return broken(err)
	}
	return nil
}

// An eventLog has a line for each event: what it started; and where somebody wants to
// know, one for each trigger: why.
type eventLog struct{ strings.Builder }

// duplicate notes an alert that is the one before again.
func (l *eventLog) duplicate(a engine.Arrival) {
	fmt.Fprintf(l, "%s is the same as the one before, and starts nothing\n", eventName(a))
}

func (l *eventLog) event(a engine.Arrival, started []engine.Matched, programs []*engine.Program, explain bool) {
	var names []string
	for _, m := range started {
		names = append(names, clean(m.Program.Workflow().ID))
	}
	switch {
	case len(names) > 0:
		fmt.Fprintf(l, "%s starts %s\n", eventName(a), strings.Join(names, ", "))
	case explain:
		fmt.Fprintf(l, "%s starts nothing\n", eventName(a))
	default:
		fmt.Fprintf(l, "%s starts nothing (--explain tells why)\n", eventName(a))
	}
	if !explain {
		return
	}
	for _, p := range programs {
		l.why(a, p, slices.ContainsFunc(started, func(m engine.Matched) bool { return m.Program == p }))
	}
}

// why says for each trigger of p why the event starts it or does not.
func (l *eventLog) why(a engine.Arrival, p *engine.Program, started bool) {
	name := clean(p.Workflow().ID)
	waits := false
	for i, words := range p.Why(a) {
		if words == "" {
			continue
		}
		waits = true
		verb := "no"
		if ok, _ := p.Triggers()[i].Matches(a); ok && started {
			verb = "yes"
		}
		fmt.Fprintf(l, "  %-3s %s: %s\n", verb, name, clean(words))
	}
	if !waits {
		fmt.Fprintf(l, "  no  %s: no trigger of it waits for events\n", name)
	}
}

// eventName is what a person calls an event.
func eventName(a engine.Arrival) string {
	for _, key := range []string{"name", "user_generated_name", "ai_generated_name", "id"} {
		if s, ok := a.Fields[key].(string); ok && s != "" {
			return a.Kind + " " + clean(s)
		}
	}
	return "this " + a.Kind
}

// clean is text from outside, without what would move a terminal's cursor.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
