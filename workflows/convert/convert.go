// Package convert makes workflows of the configurations of other programs: of Benthos
// (Redpanda Connect, Bento) and of Telegraf, as far as they are about websockets
// (spec/websocket.md §3.3). What a workflow cannot say becomes a note with its place
// and what to do about it, and a comment where it would have stood; nothing is left out
// without one.
//
// Values keep the places where they were read, so that what is wrong with one is said
// of the file it came from. Parameters are carried over by name, as the provider's own
// schema knows them: there is no second list of them here. Start reading at Benthos and
// Telegraf, then carry.go.
package convert

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// Target is what workflows are made for. All of its fields are needed.
type Target struct {
	Trigger *schema.Schema // parameters of a trigger that listens to a websocket
	Action  *schema.Schema // parameters of an action that sends to one
	Secret  func(name string) bool
}

// A Result is a workflow and what is to be said about it.
type Result struct {
	ID       string
	Workflow source.Value // a document {workflow: ...}
	Notes    []Note       // in the order of places

	comments map[string][]string // by path in Workflow
}

// YAML is the workflow as a file, with the notes as comments where they belong.
func (r *Result) YAML() []byte {
	return source.AppendYAML(nil, r.Workflow, func(path string) []string { return r.comments[path] })
}

// Lost says whether something could not be carried over.
func (r *Result) Lost() bool {
	for _, n := range r.Notes {
		if n.Kind == Lost {
			return true
		}
	}
	return false
}

// A Note is about something of the configuration that is not simply there in the
// workflow. No secret is in it.
type Note struct {
	Pos     source.Pos
	Kind    Kind
	Message string
	Hint    string // what to do about it
}

// A Kind is what became of something.
type Kind string

const (
	Lost    Kind = "lost"    // it could not be carried over
	Changed Kind = "changed" // it was, and means or does something else
	Needed  Kind = "needed"  // it was, and something has to be defined for it
)

// title is how a note of the kind begins.
func (k Kind) title() string {
	return map[Kind]string{Lost: "not carried over", Changed: "different", Needed: "to be defined"}[k]
}

// String is the note in one line, without its place.
func (n Note) String() string { return n.Kind.title() + ": " + n.Message }

// A converter makes one workflow.
type converter struct {
	target Target
	file   string
	from   string // whose configuration it is
	split  func(text string) []piece

	notes    []Note
	noted    map[Note]bool
	comments map[string][]string

	inputs    []input
	secrets   map[string]string // names of those that were written out, by what they are
	variables map[string]string // names of those that are variables, by these
	names     map[string]int    // of triggers, actions and secrets, with how often each was wanted

	triggers, actions []source.Value
	onFailure         source.Value
}

// An input is a value that whoever starts the workflow may give.
type input struct {
	name, variable string
	fallback       any
}

func newConverter(t Target, file, from string, split func(string) []piece) *converter {
	return &converter{
		target: t, file: file, from: from, split: split,
		comments: map[string][]string{}, secrets: map[string]string{}, variables: map[string]string{}, names: map[string]int{}, noted: map[Note]bool{},
	}
}

// note says something about the place pos of the configuration, and in the workflow at
// path.
func (c *converter) note(pos source.Pos, path string, kind Kind, hint, format string, args ...any) {
	n := Note{pos, kind, fmt.Sprintf(format, args...), hint}
	if c.noted[n] {
		return
	}
	c.noted[n] = true
	c.notes = append(c.notes, n)
	text := fmt.Sprintf("%s:%d: %s", c.title(), pos.Line, n)
	if hint != "" {
		text += "\n  " + strings.ReplaceAll(hint, "\n", "\n  ")
	}
	c.comments[path] = append(c.comments[path], text)
}

func (c *converter) lost(pos source.Pos, path, hint, format string, args ...any) {
	c.note(pos, path, Lost, hint, format, args...)
}

// result puts the workflow together.
func (c *converter) result() (*Result, error) {
	id := identifier(strings.TrimSuffix(filepath.Base(c.file), filepath.Ext(c.file)), "-")
	if id == "" {
		id = strings.ToLower(c.from)
	}
	title := c.title()
	w := source.Map{text("id", id), text("name", title), text("description", "What "+title+" of "+c.from+" does")}
	if len(c.inputs) > 0 {
		w = append(w, entry("inputs", c.inputList()))
	}
	w = append(w, entry("triggers", c.triggers), entry("actions", c.actions))
	if c.onFailure.Data != nil {
		w = append(w, entry("on-failure", c.onFailure.Data))
	}
	head := fmt.Sprintf("Imported from the %s configuration %s.", c.from, title)
	c.comments[""] = append([]string{head}, c.comments[""]...)
	sortNotes(c.notes)
	document := mapping(entry("workflow", w))
	c.settle(document)
	r := &Result{ID: id, Workflow: document, Notes: c.notes, comments: c.comments}
	if size := len(r.YAML()); size > source.MaxSize {
		return nil, refuse(source.Pos{File: c.file, Line: 1, Col: 1}, "split it into several files",
			"the workflow would be of %d KiB, and a file may have %d", size>>10, source.MaxSize>>10)
	}
	return r, nil
}

// title is what the workflow calls the configuration.
func (c *converter) title() string {
	if c.file == "-" {
		return "standard input"
	}
	return filepath.Base(c.file)
}

// settle moves the comments on what did not come to be to where it would have been.
func (c *converter) settle(document source.Value) {
	for _, path := range slices.Sorted(maps.Keys(c.comments)) {
		to := path
		for to != "" && !exists(document, to) {
			to = parent(to)
		}
		if to != path {
			c.comments[to] = append(c.comments[to], c.comments[path]...)
			delete(c.comments, path)
		}
	}
}

// exists says whether there is something at the path.
func exists(v source.Value, path string) bool {
	for _, word := range strings.Split(path, ".") {
		switch data := v.Data.(type) {
		case source.Map:
			inner, ok := data.Get(word)
			if !ok {
				return false
			}
			v = inner
		case []source.Value:
			i, err := strconv.Atoi(word)
			if err != nil || i < 0 || i >= len(data) {
				return false
			}
			v = data[i]
		default:
			return false
		}
	}
	return true
}

func (c *converter) inputList() []source.Value {
	var list []source.Value
	for _, in := range c.inputs {
		typ := "string"
		switch in.fallback.(type) {
		case bool:
			typ = "boolean"
		case int64, float64:
			typ = "number"
		}
		doc := "What " + c.from + " took from the variable " + in.variable
		if in.variable == "" {
			doc = "What is sent"
		}
		list = append(list, mapping(text("name", in.name), text("type", typ), text("description", doc), entry("default", in.fallback)))
	}
	return list
}

// trigger adds a trigger.
func (c *converter) trigger(entries ...source.Entry) {
	c.triggers = append(c.triggers, mapping(entries...))
}

// triggerPath and actionPath are where the next one will stand.
func (c *converter) triggerPath() string { return fmt.Sprintf("workflow.triggers.%d", len(c.triggers)) }
func (c *converter) actionPath() string  { return fmt.Sprintf("workflow.actions.%d", len(c.actions)) }

// action adds an action that tells.
func (c *converter) action(name, condition, provider string, with source.Map, more ...source.Entry) {
	entries := []source.Entry{text("name", name)}
	if condition != "" {
		entries = append(entries, text("if", condition))
	}
	entries = append(entries, more...)
	entries = append(entries, provided(provider, with))
	c.actions = append(c.actions, mapping(entries...))
}

// provided is "provider: {type: ..., with: ...}".
func provided(typ string, with source.Map) source.Entry {
	return entry("provider", source.Map{text("type", typ), entry("with", with)})
}

// unique is the name, with a number if it is taken.
func (c *converter) unique(name string) string { return c.numbered("", name, "-") }

// numbered is the first of name, name-2 and so on that nobody has, among those of a kind.
func (c *converter) numbered(kind, name, by string) string {
	key := func(name string) string { return strings.ToUpper(kind + name) } // as variables of the environment are
	free := name
	for c.names[key(free)] > 0 {
		c.names[key(name)]++
		free = name + by + strconv.Itoa(c.names[key(name)])
	}
	c.names[key(free)]++
	return free
}

// identifier is a name in lower case, with what cannot stand in one replaced.
func identifier(name, by string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_'
	})
	return strings.Join(words, by)
}

func entry(key string, data any) source.Entry {
	return source.Entry{Key: key, Value: source.Value{Data: data}}
}

func text(key, text string) source.Entry { return entry(key, text) }

func mapping(entries ...source.Entry) source.Value { return source.Value{Data: source.Map(entries)} }
