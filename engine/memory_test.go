package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tocsin/engine/episode"
	"tocsin/providers"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// A file in testdata/memory is a workflow and what one run after the other finds: time
// that passes before it (after), what providers answer from then on (answers), the alert
// that starts it (alert), and what somebody does before it (ack, silence). What comes out
// are the messages, with what they are about, and how steps and the run ended.
func TestMemory(t *testing.T) {
	golden(t, "testdata/memory/*.txtar", func(t *testing.T, a *txtar.Archive) string {
		var out strings.Builder
		synctest.Test(t, func(t *testing.T) {
			newDays(t, a, &out).pass(t)
		})
		return out.String()
	})
}

// days are the runs of one workflow.
type days struct {
	out    *strings.Builder
	script *script
	runner Runner
	book   *episode.Book
	p      *Program
	runs   []any
	names  map[string]string             // of episodes and keys, which are hashes
	ran    func(Input, []Event, *Result) // is told of each run; nil: nobody is
}

func newDays(t *testing.T, a *txtar.Archive, out *strings.Builder) *days {
	d := &days{out: out, script: &script{answers: map[string][]*value.Map{"ask": nil, "tell": nil, "page": nil}}, book: &episode.Book{}, names: map[string]string{}}
	reg := providers.NewRegistry(d.providers()...)
	p, warnings, err := Compile(parse(t, "workflow.yaml", section(a, "workflow.yaml")), Library{Providers: reg, Functions: Functions()})
	if err != nil {
		t.Fatal(err)
	}
	p.Workflow().Forget() // as serve does: no run needs it
	for _, w := range warnings {
		fmt.Fprintf(out, "warning: %s\n", w.Message)
	}
	d.p = p
	pool := providers.NewPool(reg, providers.Env{})
	t.Cleanup(func() { pool.Close() })
	d.runner = Runner{Pool: pool, Memory: d.book}
	v, err := source.Parse("runs.yaml", section(a, "runs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d.runs = v.Plain().([]any)
	return d
}

// providers answer as the script says, and write down who is told what.
func (d *days) providers() []providers.Provider {
	list := d.script.providers()
	for i := range list {
		typ := list[i].Type
		call := providers.Call(func(_ struct{}, ctx context.Context, with source.Value) (any, error) {
			out, err := d.script.answer(ctx, typ, with)
			d.called(providers.OriginOf(ctx), typ, with, err)
			return out, err
		})
		list[i] = providers.Define(providers.Definition[struct{}]{
			Type: typ, Title: typ, Message: "message", Query: providers.Call(func(_ struct{}, ctx context.Context, with source.Value) (any, error) {
				return d.script.answer(ctx, typ, with)
			}), Notify: call,
		})
	}
	return list
}

func (d *days) called(o providers.Origin, typ string, with source.Value, err error) {
	fmt.Fprintf(d.out, "  %s %s", typ, value.AppendJSON(nil, with.Plain()))
	if e := o.Episode; e != nil {
		fmt.Fprintf(d.out, " (%s %d of episode %s, key %s", e.Kind, e.Seq, d.name("e", e.ID), d.name("k", o.Key))
		if e.First != nil {
			fmt.Fprintf(d.out, ", first gave %s", value.AppendJSON(nil, e.First))
		}
		d.out.WriteString(")")
	}
	if err != nil {
		fmt.Fprintf(d.out, ": %v", err)
	}
	d.out.WriteString("\n")
}

// name is a short one for a hash, the same each time.
func (d *days) name(kind, hash string) string {
	if d.names[hash] == "" {
		n := 1
		for _, other := range d.names {
			if strings.HasPrefix(other, kind) {
				n++
			}
		}
		d.names[hash] = fmt.Sprint(kind, n)
	}
	return d.names[hash]
}

func (d *days) pass(t *testing.T) {
	start := time.Now()
	for i, item := range d.runs {
		run := item.(*value.Map)
		time.Sleep(duration(run, "after"))
		d.prepare(t, run)
		r := d.runner
		if v, _ := run.Get("nobody_remembers"); v == true {
			r.Memory = nil
		}
		fmt.Fprintf(d.out, "%s\n", span(time.Since(start)))
		in := Input{Run: fmt.Sprint("r", i), Trigger: "interval", Alert: fields(run, "alert"), Inputs: fields(run, "inputs"), Due: due(run)}
		var events []Event
		r.Observe = func(e Event) { events = append(events, e) }
		result := r.Run(t.Context(), d.p, in)
		checkResult(t, result)
		if d.ran != nil && r.Memory != nil {
			d.ran(in, events, result)
		}
		for _, s := range result.Steps {
			if s.Kind == "action" {
				fmt.Fprintf(d.out, "  %s %s", s.Name, s.Status)
				if s.Alerting {
					d.out.WriteString(" alerting")
				}
				if s.Reason != "" {
					fmt.Fprintf(d.out, ": %s", s.Reason)
				}
				d.out.WriteString("\n")
			}
		}
		fmt.Fprintf(d.out, "  => %s %s\n", result.Status, result.Reason)
		if _, err := json.Marshal(result.Alerts); err != nil {
			t.Error(err)
		}
	}
}

func due(run *value.Map) bool { v, _ := run.Get("due"); return v == true }

// prepare does what happens before a run.
func (d *days) prepare(t *testing.T, run *value.Map) {
	if v, _ := run.Get("answers"); v != nil {
		for typ, a := range v.(*value.Map).All() {
			list, many := a.([]any)
			if !many {
				list = []any{a}
			}
			d.script.answers[typ] = nil
			for _, a := range list {
				d.script.answers[typ] = append(d.script.answers[typ], a.(*value.Map))
			}
		}
	}
	if by := text(run, "ack"); by != "" {
		for _, r := range d.book.Alerts() {
			if err := d.book.Acknowledge(t.Context(), r.Key, episode.Ack{By: by, At: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if v, ok := run.Get("silence"); ok {
		m := v.(*value.Map)
		_, err := d.book.Silence(t.Context(), episode.Silence{
			Match: episode.Matcher{"workflow": text(m, "workflow")}, Owner: "anna", Reason: "upgrade",
			From: time.Now(), Until: time.Now().Add(duration(m, "for")),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A run that was cut off while a message was under way counts once when it is done again,
// and sends the message with the same key.
func TestMemoryOfARunCutOff(t *testing.T) {
	text := `alert:
  id: check
  notify: {failures: 2}
  actions:
    - {name: tell, if: "1 == 1", provider: {type: tell, with: {message: down}}}
`
	var keys []string
	tell := providers.Define(providers.Definition[struct{}]{
		Type: "tell", Title: "tell", Message: "message",
		Notify: providers.Call(func(_ struct{}, ctx context.Context, _ source.Value) (any, error) {
			keys = append(keys, providers.OriginOf(ctx).Key)
			return "sent", nil
		}),
	})
	p, pool := compile(t, text, tell)
	var book episode.Book
	first := Runner{Pool: pool, Memory: &book}
	first.Run(t.Context(), p, Input{Run: "a"})
	// The process dies after the message is sent and before that is known.
	var events []Event
	cut := Runner{Pool: pool, Memory: forgetful{&book}, Observe: func(e Event) {
		if e.Action != StepEnded && e.Action != RunEnded {
			events = append(events, e)
		}
	}}
	cut.Run(t.Context(), p, Input{Run: "b"})
	again := Runner{Pool: pool, Memory: &book, Past: written(t, events)}
	again.Run(t.Context(), p, Input{Run: "b"})
	if len(keys) != 2 || keys[0] != keys[1] || keys[0] == "" {
		t.Errorf("keys %q, want two that are the same", keys)
	}
	if s := book.Alerts()[0].State; s.Count != 2 || s.Heard[episode.Main].Seq != 1 {
		t.Errorf("counted %d failures and %d messages", s.Count, s.Heard[episode.Main].Seq)
	}
	// The next run tells nothing: it was told.
	again.Past = nil
	again.Run(t.Context(), p, Input{Run: "c"})
	if len(keys) != 2 {
		t.Errorf("told again: %q", keys)
	}
}

// forgetful dies before it notes what was told.
type forgetful struct{ *episode.Book }

func (forgetful) Told(_ context.Context, n episode.Notice, _ episode.Message, _ string, _ any, _ time.Time) (episode.Record, error) {
	return n.Record, nil
}

// Who an action escalates to is told too where the run was cut off before that.
func TestMemoryOfAnEscalationCutOff(t *testing.T) {
	text := `alert:
  id: check
  notify: {escalate: [{after: 0s, provider: {type: page, with: {message: up}}}]}
  actions:
    - {name: tell, if: "1 == 1", provider: {type: tell, with: {message: down}}}
    - {name: last, if: "1 == 0", provider: {type: tell, with: {message: never}}}
`
	told := map[string]int{}
	var list []providers.Provider
	for _, typ := range []string{"tell", "page"} {
		list = append(list, providers.Define(providers.Definition[struct{}]{
			Type: typ, Title: typ, Message: "message",
			Notify: providers.Call(func(_ struct{}, _ context.Context, _ source.Value) (any, error) {
				told[typ]++
				return nil, nil
			}),
		}))
	}
	p, pool := compile(t, text, list...)
	var book episode.Book
	var events []Event
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := Runner{Pool: pool, Memory: &book, Observe: func(e Event) {
		if events = append(events, e); e.Action == StepEnded && e.Step == "tell" {
			cancel()
		}
	}}
	r.Run(ctx, p, Input{Run: "a"})
	r.Past, r.Observe = written(t, events), nil
	r.Run(t.Context(), p, Input{Run: "a"})
	if told["tell"] != 1 || told["page"] != 1 {
		t.Errorf("told %v, want each once", told)
	}
}

// written are events as they come back from where they were kept.
func written(t *testing.T, events []Event) []Event {
	t.Helper()
	text, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	var back []Event
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}
