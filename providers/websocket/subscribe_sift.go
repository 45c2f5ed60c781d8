package websocket

import (
	"sync"
	"time"

	"github.com/coder/websocket"

	"tocsin/providers/websocket/format"
	"tocsin/templating/value"
	"tocsin/workflows/schema"
)

// Sifting is what becomes of messages before they are events (spec/websocket.md §2.3).
type Sifting struct {
	Split        schema.Expression `param:"split" names:"data=text,json,parsed=list,type=text,size=number,seq=number,kind=text,url=text,vars=run" doc:"Expression that makes a list of a message; each item is an event. Over data, json, parsed, type, size, seq, kind and url." example:"json.trades"`
	Filter       schema.Predicate  `param:"filter" names:"data=text,json,parsed=list,type=text,size=number,seq=number,kind=text,url=text,vars=run" doc:"Messages, or with split their items, about which this does not hold are no events. Over the same names." example:"json.price > 100"`
	DedupeKey    schema.Expression `param:"dedupe_key" names:"data=text,json,parsed=list,type=text,size=number,seq=number,kind=text,url=text,vars=run" doc:"Expression that says what a message is about: one for which it gives the same as for another within dedupe_window is no event. Over the same names." example:"json.id"`
	DedupeWindow *time.Duration    `param:"dedupe_window" doc:"How long a key is remembered; 5m if absent."`
}

// A sieve is a checked Sifting, and the format of the messages.
type sieve struct {
	reader *format.Reader // nil: messages are not read as data
	split  schema.Expression
	filter schema.Predicate
	key    schema.Expression
	errors bool // a message that cannot be read is an event with an error

	seen recent
}

const defaultDedupe = 5 * time.Minute

// sieve checks how messages are sifted; nil if they are taken as they are.
func (p Sifting) sieve(s *settings, o format.Options, errors bool) (*sieve, error) {
	if err := s.readAs(o); err != nil {
		return nil, err
	}
	v := &sieve{reader: s.reader, split: p.Split, filter: p.Filter, key: p.DedupeKey, errors: errors}
	for _, e := range []struct {
		name string
		text string
		read bool
	}{
		{"split", v.split.Text, v.split.Value != nil},
		{"filter", v.filter.Text, v.filter.Holds != nil},
		{"dedupe_key", v.key.Text, v.key.Value != nil},
	} {
		if e.text != "" && !e.read {
			return nil, invalid("%s stands in the trigger itself: expressions of a configuration are not read", e.name)
		}
	}
	window, err := limit{name: "dedupe_window", given: p.DedupeWindow}.or(defaultDedupe)
	if err != nil {
		return nil, err
	}
	v.seen.window = window
	if v.reader == nil && v.split.Text == "" && v.filter.Text == "" && v.key.Text == "" {
		return nil, nil
	}
	return v, nil
}

// maxSplit is how many events a message may become.
const maxSplit = 10_000

// sift is what a message becomes: nothing, itself, or several.
func (v *sieve) sift(i *item) []*item {
	if i.kind != MessageKind && i.kind != SampleKind || i.err != nil {
		return []*item{i}
	}
	if failed := v.read(i); failed != nil {
		i.s.meter.note(errorsTotal, 1, string(failed.Code))
		failed.about(i.s.set.target)
		if i.err = failed; v.errors {
			return []*item{i}
		}
		return nil
	}
	var kept []*item
	for _, part := range v.parts(i) {
		if v.wants(part) {
			kept = append(kept, part)
		}
	}
	return kept
}

// read reads a message as data, or all replies of a sample.
func (v *sieve) read(i *item) *Error {
	if v.reader == nil {
		return nil
	}
	i.parsed = []any{}
	replies := []reply{{i.typ, i.data, i.at}}
	if i.took != nil {
		replies = i.took.replies
	}
	for _, r := range replies {
		parsed, err := v.reader.Read(r.data, i.at)
		if err != nil {
			return fault(ParseFailed, err, "the message cannot be read: %v", err).detailed("%v", err)
		}
		i.parsed = append(i.parsed, parsed...)
	}
	return nil
}

// parts are the items that split makes of a message. What it makes no list of stays
// whole; so does a message about which it cannot be said.
func (v *sieve) parts(i *item) []*item {
	if v.split.Text == "" {
		return []*item{i}
	}
	made, err := v.split.Value(i.names(v.split.Uses))
	list, isList := made.([]any)
	if err != nil {
		i.s.shared.warn("split: " + err.Error())
	}
	if err != nil || !isList {
		return []*item{i}
	}
	if len(list) > maxSplit {
		i.s.shared.warn("split: a message became more events than there may be of one")
		list = list[:maxSplit]
	}
	parts := make([]*item, len(list))
	for n, one := range list {
		parts[n] = i.part(one)
	}
	return parts
}

// part is an item of a message, as if it had come by itself.
func (i *item) part(v any) *item {
	p := *i
	p.took, p.typ, p.known = nil, websocket.MessageText, nil
	if text, ok := v.(string); ok {
		p.data = []byte(text)
	} else {
		p.data = value.AppendJSON(nil, v)
	}
	if i.parsed != nil {
		p.parsed = []any{v}
	}
	return &p
}

// wants says that an item passes the filter, and is not known yet. What cannot be judged
// does not pass.
func (v *sieve) wants(i *item) bool {
	if v.filter.Text != "" {
		held, err := v.filter.Holds(i.names(v.filter.Uses))
		if err != nil {
			i.s.shared.warn("filter: " + err.Error())
		}
		if err != nil || !held {
			return false
		}
	}
	if v.key.Text == "" {
		return true
	}
	key, err := v.key.Value(i.names(v.key.Uses))
	if err != nil {
		i.s.shared.warn("dedupe_key: " + err.Error())
		return true
	}
	return v.seen.add(string(value.AppendJSON(nil, key)), i.at)
}

// names are those that expressions about an item see, as far as uses has them.
func (i *item) names(uses []string) map[string]any {
	if i.known == nil {
		i.known = make(map[string]any, len(uses))
	}
	typ, data := i.typ, i.data
	if i.took != nil && len(i.took.replies) > 0 {
		typ, data = i.took.replies[0].typ, i.took.replies[0].data
	}
	m := arrival{typ: typ, data: data}
	for _, name := range uses {
		if _, has := i.known[name]; has {
			continue
		}
		switch name {
		case "parsed":
			i.known[name] = i.parsed
		case "seq":
			i.known[name] = i.seq
		case "kind":
			i.known[name] = string(i.kind)
		case "url":
			i.known[name] = i.s.set.target.redacted
		default:
			i.known[name] = m.value(name)
		}
	}
	return i.known
}

// recent is a set of keys that forgets.
type recent struct {
	window time.Duration

	mu    sync.Mutex
	keys  map[string]bool
	order []remembered // oldest first
}

type remembered struct {
	key string
	at  time.Time
}

// maxRecent is how many keys are remembered at most.
const maxRecent = 100_000

// add says that key is new, and remembers it.
func (r *recent) add(key string, at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.order) > 0 && (at.Sub(r.order[0].at) >= r.window || len(r.order) >= maxRecent) {
		delete(r.keys, r.order[0].key)
		r.order = r.order[1:]
	}
	if r.keys[key] {
		return false
	}
	if r.keys == nil {
		r.keys = map[string]bool{}
	}
	r.keys[key] = true
	r.order = append(r.order, remembered{key, at})
	return true
}
