package store

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"tocsin/engine"
	"tocsin/engine/episode"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// appendEvent adds e to text, as one line of JSON. Its run and workflow are those of the row. All
// that a resumed run needs comes back: order of keys, types of values, durations; of an
// error its words, and which step's it was.
//
// It is written out, since it is what is done most: a run has some eight events.
func appendEvent(text []byte, e *engine.Event) []byte {
	o := newObject(text)
	o.time("time", e.Time)
	o.words("event", string(e.Action))
	o.words("trigger", e.Trigger)
	o.yes("dry_run", e.DryRun)
	o.words("step", e.Step)
	o.words("kind", string(e.Kind))
	o.words("provider", e.Provider)
	o.number("item", int64(e.Item))
	o.number("attempt", int64(e.Attempt))
	o.words("status", string(e.Status))
	o.words("reason", e.Reason)
	o.yes("fired", e.Fired)
	if e.Notice != nil {
		o.key("notice")
		o.text = appendNotice(o.text, e.Notice)
	}
	o.pos(e.Pos)
	if e.Check != nil {
		o.key("check")
		o.text = appendCheck(o.text, e.Check)
	}
	o.value("with", e.With)
	o.value("output", e.Output)
	o.number("took", int64(e.Duration))
	if e.Err != nil {
		o.key("error")
		o.text = value.AppendJSON(o.text, plain(e.Err.Error(), 0))
	}
	return append(o.end(), '\n')
}

func appendCheck(text []byte, c *engine.Check) []byte {
	o := newObject(text)
	o.words("name", c.Name)
	o.words("type", c.Type)
	o.words("text", c.Text)
	o.yes("held", c.Held)
	o.words("fires", c.Fires)
	o.yes("passed", c.Passed)
	o.words("words", c.Words)
	o.words("level", c.Level)
	o.words("error", c.Error)
	o.value("value", c.Value)
	o.value("against", c.Against)
	if c.Tree != nil {
		o.raw("tree", value.AppendJSON(nil, encodeTree(c.Tree, 0)))
	}
	o.pos(c.Pos)
	return o.end()
}

func appendNotice(text []byte, n *episode.Notice) []byte {
	o := newObject(text)
	o.key("key")
	key := newObject(o.text)
	key.words("workflow", n.Key.Workflow)
	key.words("action", n.Key.Action)
	key.words("alert", n.Key.Alert)
	o.text = key.end()
	o.words("episode", n.Episode)
	if !n.At.IsZero() {
		o.time("at", n.At)
	}
	o.words("status", string(n.Status))
	if len(n.Tell) > 0 {
		o.raw("tell", marshaled(n.Tell))
	}
	o.words("reason", n.Reason)
	if !n.Since.IsZero() {
		o.time("since", n.Since)
	}
	o.number("lasted", int64(n.Lasted))
	o.number("count", int64(n.Count))
	if n.Item != nil {
		o.raw("item", marshaled(n.Item))
	}
	if len(n.Affected) > 0 {
		o.raw("affected", marshaled(n.Affected))
	}
	return o.end()
}

// marshaled is v as encoding/json has it.
func marshaled(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it is of our own structs
	}
	return text
}

// An object is JSON that is being written. Fields that say nothing are left out.
type object struct {
	text  []byte
	begin int
}

func newObject(text []byte) object { return object{append(text, '{'), len(text) + 1} }

func (o *object) end() []byte { return append(o.text, '}') }

// key is followed by a value. Names are ours, and need no escapes.
func (o *object) key(name string) {
	if len(o.text) > o.begin {
		o.text = append(o.text, ',')
	}
	o.text = append(append(append(o.text, '"'), name...), '"', ':')
}

func (o *object) words(name, s string) {
	if s != "" {
		o.key(name)
		if isPlain(s) {
			o.text = append(append(append(o.text, '"'), s...), '"')
		} else {
			o.text = value.AppendJSON(o.text, strings.ToValidUTF8(s, "\uFFFD"))
		}
	}
}

func (o *object) time(name string, t time.Time) {
	o.key(name)
	o.text = append(t.UTC().AppendFormat(append(o.text, '"'), time.RFC3339Nano), '"')
}

// appendText is s as JSON. Most of ours has nothing to escape.
func appendText(text []byte, s string) []byte {
	if isPlain(s) {
		return append(append(append(text, '"'), s...), '"')
	}
	return value.AppendJSON(text, s)
}

// isPlain says that s is its own JSON, but for the quotes.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func (o *object) yes(name string, is bool) {
	if is {
		o.raw(name, []byte("true"))
	}
}

func (o *object) number(name string, n int64) {
	if n != 0 {
		o.key(name)
		o.text = strconv.AppendInt(o.text, n, 10)
	}
}

func (o *object) raw(name string, text []byte) {
	o.key(name)
	o.text = append(o.text, text...)
}

func (o *object) value(name string, v any) {
	if v != nil {
		o.key(name)
		o.text = appendPlain(o.text, value.Of(v), 0)
	}
}

func (o *object) pos(p source.Pos) {
	if p != (source.Pos{}) {
		o.words("file", p.File)
		o.number("line", int64(p.Line))
		o.number("col", int64(p.Col))
	}
}
