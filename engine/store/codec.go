package store

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// encodeEvent is e as one line of JSON. Its run and workflow are those of the row. All
// that a resumed run needs comes back: order of keys, types of values, durations; of an
// error its words, and which step's it was.
func encodeEvent(e engine.Event) []byte {
	w := fields{m: value.NewMap(12)}
	w.m.Set("at", stamp(e.Time))
	w.text("event", string(e.Action))
	w.text("trigger", e.Trigger)
	w.yes("dry_run", e.DryRun)
	w.text("step", e.Step)
	w.text("kind", string(e.Kind))
	w.text("provider", e.Provider)
	w.pos(e.Pos)
	w.number("item", int64(e.Item))
	w.number("attempt", int64(e.Attempt))
	w.text("status", string(e.Status))
	w.text("reason", e.Reason)
	w.yes("fired", e.Fired)
	if e.Check != nil {
		w.m.Set("check", encodeCheck(e.Check))
	}
	w.any("with", e.With)
	w.any("output", e.Output)
	w.number("took", int64(e.Duration))
	if e.Err != nil {
		w.m.Set("error", plain(e.Err.Error(), 0))
	}
	return append(value.AppendJSON(nil, w.m), '\n')
}

// fields are those that say something.
type fields struct{ m *value.Map }

func (w fields) text(key, s string) {
	if s != "" {
		w.m.Set(key, plain(s, 0))
	}
}

func (w fields) yes(key string, b bool) {
	if b {
		w.m.Set(key, true)
	}
}

func (w fields) number(key string, n int64) {
	if n != 0 {
		w.m.Set(key, n)
	}
}

func (w fields) any(key string, v any) {
	if v != nil {
		w.m.Set(key, plain(value.Of(v), 0))
	}
}

func (w fields) pos(p source.Pos) {
	if p != (source.Pos{}) {
		w.text("file", p.File)
		w.number("line", int64(p.Line))
		w.number("col", int64(p.Col))
	}
}

func encodeCheck(c *engine.Check) *value.Map {
	w := fields{m: value.NewMap(8)}
	w.text("name", c.Name)
	w.text("type", c.Type)
	w.text("text", c.Text)
	w.yes("held", c.Held)
	w.text("fires", c.Fires)
	w.yes("passed", c.Passed)
	w.text("words", c.Words)
	w.text("level", c.Level)
	w.any("value", c.Value)
	w.any("against", c.Against)
	if c.Tree != nil {
		w.m.Set("tree", encodeTree(c.Tree, 0))
	}
	w.text("error", c.Error)
	w.pos(c.Pos)
	return w.m
}

// maxTree is how deep an explanation is kept.
const maxTree = 8

func encodeTree(x *templating.Explanation, level int) *value.Map {
	w := fields{m: value.NewMap(4)}
	w.text("text", x.Text)
	w.any("value", x.Value)
	w.yes("missing", x.Missing)
	w.text("error", x.Error)
	if len(x.Parts) == 0 || level == maxTree {
		return w.m
	}
	parts := make([]any, len(x.Parts))
	for i := range x.Parts {
		parts[i] = encodeTree(&x.Parts[i], level+1)
	}
	w.m.Set("parts", parts)
	return w.m
}

// decodeEvents reads lines of encodeEvent.
func decodeEvents(run, workflow string, body []byte) ([]engine.Event, error) {
	var list []engine.Event
	for line := range bytes.Lines(body) {
		v, err := value.DecodeJSON(bytes.TrimSuffix(line, []byte("\n")))
		m, ok := v.(*value.Map)
		if err != nil || !ok {
			return list, damaged(fmt.Errorf("an event of run %s cannot be read: %w", run, errors.Join(err, errEvent)))
		}
		list = append(list, decodeEvent(run, workflow, stored{m}))
	}
	return list, nil
}

var errEvent = errors.New("it is no event")

func decodeEvent(run, workflow string, m stored) engine.Event {
	e := engine.Event{
		Time: moment(m.number("at")), Run: run, Workflow: workflow,
		Action: engine.Action(m.text("event")), Trigger: m.text("trigger"), DryRun: m.yes("dry_run"),
		Step: m.text("step"), Kind: workflows.Kind(m.text("kind")), Provider: m.text("provider"), Pos: m.pos(),
		Item: int(m.number("item")), Attempt: int(m.number("attempt")),
		Status: engine.Status(m.text("status")), Reason: m.text("reason"), Fired: m.yes("fired"),
		With: m.any("with"), Output: m.any("output"), Duration: time.Duration(m.number("took")),
	}
	if check, ok := m.mapping("check"); ok {
		e.Check = decodeCheck(check)
	}
	if _, failed := m.m.Get("error"); failed {
		e.Err = failure(&e, m.text("error"))
	}
	return e
}

// failure is an error with these words; that of the step, if they are its.
func failure(e *engine.Event, words string) error {
	of := &engine.StepError{Pos: e.Pos, Step: e.Step, Attempt: e.Attempt, Err: errors.New(e.Reason)}
	if e.Step != "" && of.Error() == words {
		return of
	}
	return errors.New(words)
}

// A stored is a map that was written by fields.
type stored struct{ m *value.Map }

func (m stored) any(key string) any {
	v, _ := m.m.Get(key)
	return full(v)
}

func (m stored) text(key string) string {
	s, _ := m.any(key).(string)
	return s
}

func (m stored) yes(key string) bool {
	v, _ := m.m.Get(key)
	return v == true
}

func (m stored) number(key string) int64 {
	v, _ := m.m.Get(key)
	n, _ := v.(int64)
	return n
}

func (m stored) mapping(key string) (stored, bool) {
	v, _ := m.m.Get(key)
	inner, ok := v.(*value.Map)
	return stored{inner}, ok
}

func (m stored) pos() source.Pos {
	return source.Pos{File: m.text("file"), Line: int(m.number("line")), Col: int(m.number("col"))}
}

func decodeCheck(m stored) *engine.Check {
	c := &engine.Check{
		Name: m.text("name"), Type: m.text("type"), Text: m.text("text"), Held: m.yes("held"),
		Fires: m.text("fires"), Passed: m.yes("passed"), Words: m.text("words"), Level: m.text("level"),
		Value: m.any("value"), Against: m.any("against"), Error: m.text("error"), Pos: m.pos(),
	}
	if tree, ok := m.mapping("tree"); ok {
		x := decodeTree(tree)
		c.Tree = &x
	}
	return c
}

func decodeTree(m stored) templating.Explanation {
	x := templating.Explanation{Text: m.text("text"), Value: m.any("value"), Missing: m.yes("missing"), Error: m.text("error")}
	parts, _ := m.m.Get("parts")
	list, _ := parts.([]any)
	for _, part := range list {
		if inner, ok := part.(*value.Map); ok {
			x.Parts = append(x.Parts, decodeTree(stored{inner}))
		}
	}
	return x
}

// encodeJob is j for the table of jobs.
func encodeJob(j schedule.Job) []byte {
	w := fields{m: value.NewMap(12)}
	w.text("run", j.Run)
	w.text("workflow", j.Workflow)
	w.text("trigger", j.Trigger)
	w.text("by", j.By)
	w.text("key", j.Key)
	w.yes("wait", j.Wait)
	w.number("due", stamp(j.Due))
	w.number("attempt", int64(j.Attempt))
	in := fields{m: value.NewMap(4)}
	in.text("run", j.Input.Run)
	in.text("trigger", j.Input.Trigger)
	in.input("alert", j.Input.Alert)
	in.input("incident", j.Input.Incident)
	in.input("inputs", j.Input.Inputs)
	w.m.Set("input", in.m)
	return value.AppendJSON(nil, w.m)
}

func (w fields) input(key string, m map[string]any) {
	if m != nil {
		w.any(key, m)
	}
}

func decodeJob(body []byte) (schedule.Job, error) {
	v, err := value.DecodeJSON(body)
	m, ok := v.(*value.Map)
	if err != nil || !ok {
		return schedule.Job{}, damaged(fmt.Errorf("a job cannot be read: %w", errors.Join(err, errEvent)))
	}
	s := stored{m}
	in, _ := s.mapping("input")
	return schedule.Job{
		Run: s.text("run"), Workflow: s.text("workflow"), Trigger: s.text("trigger"), By: s.text("by"),
		Key: s.text("key"), Wait: s.yes("wait"), Due: moment(s.number("due")), Attempt: int(s.number("attempt")),
		Input: engine.Input{
			Run: in.text("run"), Trigger: in.text("trigger"),
			Alert: in.input("alert"), Incident: in.input("incident"), Inputs: in.input("inputs"),
		},
	}, nil
}

func (m stored) input(key string) map[string]any {
	inner, ok := m.any(key).(*value.Map)
	if !ok {
		return nil
	}
	return Fields(inner)
}

// Fields are the entries of m as an engine.Input has them.
func Fields(m *value.Map) map[string]any {
	fields := make(map[string]any, m.Len())
	for k, v := range m.All() {
		fields[k] = v
	}
	return fields
}
