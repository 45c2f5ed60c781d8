package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tocsin/engine"
	"tocsin/engine/schedule"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// joined is base as encoding/json has it, with more fields behind its own.
func joined(base any, more fields) []byte {
	text, err := json.Marshal(base)
	if err != nil {
		panic(err) // what could not be encoded is not in base
	}
	if more.m.Len() == 0 {
		return text
	}
	text[len(text)-1] = ','
	return append(text, value.AppendJSON(nil, more.m)[1:]...)
}

// fields are those that say something.
type fields struct{ m *value.Map }

func (w fields) text(key, s string) {
	if s != "" {
		w.m.Set(key, plain(s, 0))
	}
}

func (w fields) any(key string, v any) {
	if v != nil {
		w.m.Set(key, plain(value.Of(v), 0))
	}
}

// maxTree is how deep an explanation is kept.
const maxTree = 8

func encodeTree(x *templating.Explanation, level int) *value.Map {
	w := fields{m: value.NewMap(4)}
	w.text("text", x.Text)
	w.any("value", x.Value)
	if x.Missing {
		w.m.Set("missing", true)
	}
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

// decodeEvents reads lines of appendEvent, packed or not.
func decodeEvents(run, workflow string, body []byte) ([]engine.Event, error) {
	body, err := unpack(body)
	if err != nil {
		return nil, damaged(fmt.Errorf("the events of run %s cannot be read: %w", run, err))
	}
	var list []engine.Event
	for line := range bytes.Lines(body) {
		e, err := decodeEvent(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			return list, damaged(fmt.Errorf("an event of run %s cannot be read: %w", run, err))
		}
		e.Run, e.Workflow = run, workflow
		list = append(list, e)
	}
	return list, nil
}

var errNoObject = errors.New("it is no JSON object")

// open reads what joined wrote: base, and ours.
func open(line []byte, base any) (ours stored, err error) {
	v, err := value.DecodeJSON(line)
	if err != nil {
		return ours, err
	}
	m, ok := v.(*value.Map)
	if !ok {
		return ours, errNoObject
	}
	return stored{m}, json.Unmarshal(line, base)
}

func decodeEvent(line []byte) (e engine.Event, err error) {
	ours, err := open(line, &e)
	if err != nil {
		return e, err
	}
	e.Pos, e.With, e.Output = ours.pos(), ours.any("with"), ours.any("output")
	e.Duration = time.Duration(ours.number("took"))
	if check, ok := ours.mapping("check"); ok && e.Check != nil {
		decodeCheck(e.Check, check)
	}
	if _, failed := ours.m.Get("error"); failed {
		e.Err = failure(&e, ours.text("error"))
	}
	return e, nil
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

// decodeCheck sets what is ours.
func decodeCheck(c *engine.Check, m stored) {
	c.Value, c.Against, c.Pos, c.Tree = m.any("value"), m.any("against"), m.pos(), nil
	if tree, ok := m.mapping("tree"); ok {
		x := decodeTree(tree)
		c.Tree = &x
	}
}

func decodeTree(m stored) templating.Explanation {
	x := templating.Explanation{Text: m.text("text"), Value: m.any("value"), Missing: m.any("missing") == true, Error: m.text("error")}
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
	ours := fields{m: value.NewMap(4)}
	ours.input("alert", j.Input.Alert)
	ours.input("incident", j.Input.Incident)
	ours.input("inputs", j.Input.Inputs)
	j.Input.Alert, j.Input.Incident, j.Input.Inputs = nil, nil, nil
	return joined(j, ours)
}

// input is a map whose values mostly are values already.
func (w fields) input(key string, given map[string]any) {
	if given == nil {
		return
	}
	m := value.NewMap(len(given))
	for _, k := range slices.Sorted(maps.Keys(given)) {
		m.Set(k, value.Of(given[k]))
	}
	w.m.Set(key, plain(m, 0))
}

func decodeJob(body []byte) (j schedule.Job, err error) {
	ours, err := open(body, &j)
	if err != nil {
		return j, damaged(fmt.Errorf("a job cannot be read: %w", err))
	}
	j.Input.Alert, j.Input.Incident, j.Input.Inputs = ours.input("alert"), ours.input("incident"), ours.input("inputs")
	return j, nil
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
