package convert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tocsin/workflows/source"
)

// Benthos makes a workflow of a configuration of Benthos, Redpanda Connect or Bento: each
// websocket input is a trigger, each websocket output an action, also where they stand in
// a broker, switch, fallback, read_until or the like, and the rest is notes. A file may
// also be the block "websocket:" alone, or its keys. The error is a source.Problems, for
// a file that cannot be read or has nothing of the kind.
func Benthos(file string, raw []byte, t Target) (*Result, error) {
	v, err := source.Parse(file, raw)
	if err != nil {
		return nil, err
	}
	root, ok := v.Data.(source.Map)
	if !ok {
		return nil, refuse(v.Pos, "give a file with input: or output:", "this is no configuration of Benthos")
	}
	b := &benthos{converter: newConverter(t, file, "Benthos", benthosPieces), resources: map[string]source.Map{}}
	b.root(root)
	if !b.websockets {
		return nil, refuse(v.Pos, "only such configurations can be converted", "there is no websocket input or output here")
	}
	b.finish()
	return b.result()
}

// A benthos reads one configuration.
type benthos struct {
	*converter
	resources  map[string]source.Map // inputs and outputs, by "input NAME"
	following  []string              // resources that are being read
	depth      int
	websockets bool    // there is one at all
	listens    bool    // a trigger is one
	message    string  // what actions send
	generated  *string // what the generate input makes
}

// root takes the keys of a whole configuration.
func (b *benthos) root(root source.Map) {
	if _, bare := root.Get("url"); bare {
		root = source.Map{{Key: "websocket", Pos: root[0].Pos, Value: source.Value{Pos: root[0].Pos, Data: root}}}
	}
	if e, ok := find(root, "websocket"); ok {
		root = append(source.Map{{Key: "input", Pos: e.Pos, Value: source.Value{Pos: e.Pos, Data: source.Map{e}}}}, without(root, "websocket")...)
	}
	for _, kind := range []string{"input", "output"} {
		list, _ := root.Get(kind + "_resources")
		for _, r := range items(list) {
			m, _ := r.Data.(source.Map)
			if label := textOf(m, "label"); label != "" {
				b.resources[kind+" "+label] = m
			}
		}
	}
	for _, e := range root {
		switch e.Key {
		case "input":
			b.input(e.Value)
		case "output", "input_resources", "output_resources": // once it is known what there is to tell
		case "pipeline":
			b.pipeline(e.Value)
		default:
			b.other(e)
		}
	}
	b.message = b.sent()
	if e, ok := find(root, "output"); ok {
		b.output(e.Value, always)
	}
}

// sent is the message that actions send, once all triggers are known.
func (b *benthos) sent() string {
	if b.listens {
		return "{{ alert.data }}"
	}
	if len(b.triggers) == 0 {
		b.trigger(text("type", "manual"))
	}
	if b.generated != nil {
		t := &template{}
		t.show(*b.generated)
		return string(t.text)
	}
	b.inputs = append(b.inputs, input{name: "message", fallback: ""})
	b.note(source.Pos{File: b.file, Line: 1, Col: 1}, "workflow.triggers.0", Changed, `tocsin run FILE --input message="..."`,
		"there is no websocket input: the message is an input of the workflow")
	return "{{ inputs.message }}"
}

// finish gives the workflow something to do, if all that it had to do was lost.
func (b *benthos) finish() {
	if len(b.actions) > 0 {
		return
	}
	b.note(source.Pos{File: b.file, Line: 1, Col: 1}, b.actionPath(), Changed, "put here what is to be done with it",
		"no output could be carried over: each message is printed")
	b.action(b.unique("print"), "", "console", source.Map{text("message", b.message)})
}

// others are the keys of a configuration that a workflow has no place for, and what
// takes their place.
func others(key string) string {
	switch key {
	case "http":
		return "the program has no server of its own; --report and --output jsonl tell what happened"
	case "logger":
		return "tocsin run --verbose"
	case "metrics", "tracer":
		return "tocsin run --output jsonl prints a line for each run"
	case "buffer":
		return "messages wait in the trigger's own queue: queue_size and overflow"
	case "rate_limit_resources":
		return "an action that is not to tell too often has throttle"
	case "cache_resources", "processor_resources":
		return "nothing else here can use it"
	case "tests":
		return "tocsin run --dry-run and expect: are for tests"
	case "shutdown_timeout", "shutdown_delay":
		return "what was read is run before the program ends"
	}
	return "look for its counterpart with: tocsin explain"
}

// other notes a key that a workflow has no place for.
func (b *benthos) other(e source.Entry) {
	if !says(e.Value) {
		return
	}
	b.lost(e.Pos, "", others(e.Key), "%s", cmp.Or(e.Key, "a key without a name"))
}

// pipeline notes the processors between input and output.
func (b *benthos) pipeline(v source.Value) {
	m, _ := v.Data.(source.Map)
	for _, e := range m {
		switch {
		case e.Key == "processors":
			b.processors(e.Value, "workflow.triggers.0")
		case e.Key == "threads":
			if n, ok := e.Value.Data.(int64); !ok || n > 1 {
				b.note(e.Pos, "workflow.triggers.0", Changed, "concurrency: N of the trigger runs several at a time", "threads: runs are one after the other")
			}
		default:
			b.other(e)
		}
	}
}

// processors notes each of a list of processors.
func (b *benthos) processors(v source.Value, path string) {
	for _, item := range items(v) {
		m, _ := item.Data.(source.Map)
		name, pos := "processor", item.Pos
		for _, e := range m {
			if e.Key != "label" && e.Key != "type" {
				name, pos = e.Key, e.Pos
				break
			}
		}
		if name != "noop" {
			b.lost(pos, path, processorHint(name), "processor %s", name)
		}
	}
}

// processorHint is what takes the place of a processor.
func processorHint(name string) string {
	switch name {
	case "mapping", "bloblang", "mutation", "jmespath", "jq":
		return "the trigger's filter: json.price < 100 leaves messages out, split: json.items makes several of one,\nand texts of actions take parts: {{ alert.json.price }}"
	case "rate_limit":
		return "an action that is not to tell too often has throttle"
	case "dedupe":
		return "the trigger's dedupe_key: json.id and dedupe_window: 5m"
	case "unarchive", "split":
		return "the trigger's split: json makes an event of each item"
	case "log":
		return "an action with provider: {type: console, with: {message: ..., logger: true}}"
	case "http":
		return "a step with provider: {type: http, with: {url: ...}}, whose result is {{ steps.NAME.results.body }}"
	case "switch", "branch", "try", "catch", "for_each", "while", "group_by":
		return "steps and actions with if:, foreach: and continue_on_error:"
	case "sleep":
		return "retry and timeout of a step are what there is to wait with"
	}
	return "a step or an action may do it: tocsin providers"
}

// find is the entry of that key.
func find(m source.Map, key string) (source.Entry, bool) {
	i := slices.IndexFunc(m, func(e source.Entry) bool { return e.Key == key })
	if i < 0 {
		return source.Entry{}, false
	}
	return m[i], true
}

// without is a mapping without some of its keys.
func without(m source.Map, keys ...string) source.Map {
	return slices.DeleteFunc(slices.Clone(m), func(e source.Entry) bool { return slices.Contains(keys, e.Key) })
}

// items are those of a list, or of a mapping of names to them.
func items(v source.Value) []source.Value {
	switch data := v.Data.(type) {
	case []source.Value:
		return data
	case source.Map:
		var list []source.Value
		for _, e := range data {
			list = append(list, e.Value)
		}
		return list
	}
	return nil
}

// textOf is the text under a key, "" if there is none.
func textOf(m source.Map, key string) string {
	v, _ := m.Get(key)
	text, _ := v.Data.(string)
	return text
}

// component is the entry of an input or output that says what it is: "websocket: {...}".
func component(m source.Map) (source.Entry, bool) {
	if typ := textOf(m, "type"); typ != "" { // as it was written in version 3
		if e, ok := find(m, typ); ok {
			return e, true
		}
		e, _ := find(m, "type")
		return source.Entry{Key: typ, Pos: e.Pos}, true
	}
	for _, e := range m {
		if !slices.Contains([]string{"label", "processors", "plugin"}, e.Key) {
			return e, true
		}
	}
	return source.Entry{}, false
}

// part takes an input or output: its processors, then what it is itself, which do makes
// something of, also where it is a resource that it only names.
func (b *benthos) part(kind string, v source.Value, at string, do func(source.Map, source.Entry)) {
	m, _ := v.Data.(source.Map)
	e, ok := component(m)
	if !ok {
		return
	}
	if ps, ok := find(m, "processors"); ok {
		b.processors(ps.Value, at)
	}
	resource := ""
	if e.Key == "resource" {
		var known bool
		if v, resource, known = b.resource(kind, e); !known {
			return
		}
	}
	leave, ok := b.within(v, resource)
	if !ok {
		return
	}
	defer leave()
	if resource != "" {
		b.part(kind, v, at, do)
		return
	}
	do(m, e)
}

// within goes into a nested component. It is false where that leads too deep, or around
// in a circle.
func (b *benthos) within(v source.Value, resource string) (leave func(), ok bool) {
	if b.depth >= source.MaxDepth || resource != "" && slices.Contains(b.following, resource) {
		b.lost(v.Pos, "", "", "what is nested here leads back to itself, or too deep")
		return nil, false
	}
	b.depth++
	before := b.following
	if resource != "" {
		b.following = append(slices.Clone(before), resource)
	}
	return func() { b.depth--; b.following = before }, true
}

// resource is what an input or output that names another one means.
func (b *benthos) resource(kind string, e source.Entry) (source.Value, string, bool) {
	name, _ := e.Value.Data.(string)
	key := kind + " " + name
	m, ok := b.resources[key]
	if !ok {
		b.lost(e.Pos, "", "put it into "+kind+"_resources of this file", "the resource %s, which is not in this file", name)
	}
	return source.Value{Pos: e.Pos, Data: m}, key, ok
}

// named is what an input or output is called: by its label, if it has one.
func (b *benthos) named(m source.Map, fallback string) string {
	if label := identifier(textOf(m, "label"), "-"); label != "" {
		return b.unique(label)
	}
	return b.unique(fallback)
}

// lostParts notes the keys of a component that are not carried over.
func (b *benthos) lostParts(m source.Map, path, of, hint string, known ...string) {
	for _, e := range m {
		if !slices.Contains(known, e.Key) && says(e.Value) {
			b.lost(e.Pos, path, hint, "%s of %s", e.Key, of)
		}
	}
}

// sub is what a component has under a key, and all that it has.
func sub(v source.Value, key string) (source.Value, source.Map) {
	m, _ := v.Data.(source.Map)
	inner, _ := m.Get(key)
	return inner, m
}

// quoteText is a text as a condition has it.
func quoteText(text string) string {
	return fmt.Sprintf("'%s'", strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text))
}
