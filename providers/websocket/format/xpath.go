package format

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/antchfx/xpath"

	"tocsin/templating/value"
)

// A Table says how to make metrics of a tree (Telegraf's [[inputs.x.xpath]]). Every
// field is an XPath; within the selected nodes they are relative to these.
type Table struct {
	Selection     string     `param:"metric_selection" doc:"Nodes of which each is a metric; the whole message if absent."`
	Name          string     `param:"metric_name" doc:"The metric's name; a fixed one stands in quotes within the quotes."`
	Time          string     `param:"timestamp" doc:"The metric's time."`
	TimeFormat    string     `param:"timestamp_format" doc:"How that is written: unix, unix_ms, unix_us, unix_ns, or a layout of Go's; unix if absent."`
	Timezone      string     `param:"timezone" doc:"Time zone of times without one; UTC if absent."`
	Tags          *value.Map `param:"tags" doc:"Names of tags and where they stand."`
	Fields        *value.Map `param:"fields" doc:"Names of fields and where they stand; number() and boolean() around a path make it that."`
	FieldsInt     *value.Map `param:"fields_int" doc:"The same for fields that are integers."`
	FieldsBytes   []string   `param:"fields_bytes_as_base64" doc:"Fields that are written as base64."`
	Field         string     `param:"field_selection" doc:"Nodes of which each is a field."`
	FieldName     string     `param:"field_name" doc:"Name of such a field, relative to its node; name() if absent."`
	FieldValue    string     `param:"field_value" doc:"Value of such a field; . if absent."`
	FieldExpanded bool       `param:"field_name_expansion" doc:"Put the names of the nodes above before that of the field."`
	Tag           string     `param:"tag_selection" doc:"Nodes of which each is a tag."`
	TagName       string     `param:"tag_name" doc:"Name of such a tag; name() if absent."`
	TagValue      string     `param:"tag_value" doc:"Value of such a tag; . if absent."`
	TagExpanded   bool       `param:"tag_name_expansion" doc:"Put the names of the nodes above before that of the tag."`
}

// XPathOptions are those of all tables.
type XPathOptions struct {
	AllowEmpty  bool `param:"xpath_allow_empty_selection" doc:"For xml and the xpath formats: whether a message may have nothing that metric_selection selects."`
	NativeTypes bool `param:"xpath_native_types" doc:"For the xpath formats: keep the types that the values have in the message."`
}

func newXML(o *Options) (func([]byte, time.Time) (entries, error), error) {
	return newXPath(o, xmlTree)
}

func newXPathJSON(o *Options) (func([]byte, time.Time) (entries, error), error) {
	return newXPath(o, func(data []byte) (*branch, error) { return tree(one(value.DecodeJSON(data))) })
}

func newXPathMsgpack(o *Options) (func([]byte, time.Time) (entries, error), error) {
	return newXPath(o, func(data []byte) (*branch, error) { return tree(unpackAll(data)) })
}

func newXPathCBOR(o *Options) (func([]byte, time.Time) (entries, error), error) {
	return newXPath(o, func(data []byte) (*branch, error) { return tree(decodeCBOR(data)) })
}

func one(v any, err error) ([]any, error) { return []any{v}, err }

// tree is that of the only value.
func tree(values []any, err error) (*branch, error) {
	switch {
	case err != nil:
		return nil, err
	case len(values) != 1:
		return nil, fmt.Errorf("%d values, where one is wanted", len(values))
	}
	return dataTree(values[0]), nil
}

// A table is a Table whose paths have been read.
type table struct {
	selection              *xpath.Expr
	name, time             *xpath.Expr // nil: none
	clock                  clock
	tags, fields, integers []query
	field, tag             *selected // nil: none
	bytes                  []string
	allowEmpty, native     bool
}

type query struct {
	name string
	expr *xpath.Expr
}

// selected are nodes that each have a name and a value.
type selected struct {
	nodes, name, value *xpath.Expr
	expanded           bool
}

func newXPath(o *Options, parse func([]byte) (*branch, error)) (func([]byte, time.Time) (entries, error), error) {
	if len(o.XPath) == 0 {
		return nil, fmt.Errorf("data_format: %s needs xpath: [{metric_selection: ..., fields: {...}}]", o.Format)
	}
	tables := make([]*table, len(o.XPath))
	for i := range o.XPath {
		var err error
		if tables[i], err = newTable(&o.XPath[i], o); err != nil {
			return nil, fmt.Errorf("xpath[%d].%w", i, err)
		}
	}
	return func(data []byte, _ time.Time) (out entries, err error) {
		root, err := parse(data)
		if err != nil {
			return out, err
		}
		// Paths that do not search within searches need a few steps for each node, and
		// there is about one for every ten bytes.
		steps := 50*len(data) + 100_000
		for _, t := range tables {
			if out.metrics, err = t.read(out.metrics, root, &steps); err != nil {
				return out, err
			}
		}
		return out, nil
	}, nil
}

func newTable(o *Table, all *Options) (*table, error) {
	t := &table{bytes: o.FieldsBytes, allowEmpty: all.AllowEmpty, native: all.NativeTypes}
	c := pathCompiler{}
	t.selection = c.path("metric_selection", o.Selection, "/")
	t.name = c.path("metric_name", o.Name, "")
	t.time = c.path("timestamp", o.Time, "")
	t.tags = c.paths("tags", o.Tags)
	t.fields = c.paths("fields", o.Fields)
	t.integers = c.paths("fields_int", o.FieldsInt)
	t.field = c.selected("field", o.Field, o.FieldName, o.FieldValue, o.FieldExpanded)
	t.tag = c.selected("tag", o.Tag, o.TagName, o.TagValue, o.TagExpanded)
	if c.err != nil {
		return nil, c.err
	}
	var err error
	t.clock, err = newClock("timezone", o.TimeFormat, o.Timezone, "unix")
	return t, err
}

// A pathCompiler keeps the first mistake.
type pathCompiler struct{ err error }

func (c *pathCompiler) path(option, text, fallback string) *xpath.Expr {
	if text == "" {
		text = fallback
	}
	if text == "" || c.err != nil {
		return nil
	}
	expr, err := compilePath(text)
	if err != nil {
		c.err = fmt.Errorf("%s: %q is no XPath: %w", option, text, err)
	}
	return expr
}

// compilePath is the library's, which panics at some mistakes.
func compilePath(text string) (expr *xpath.Expr, err error) {
	defer func() {
		if p := recover(); p != nil {
			expr, err = nil, fmt.Errorf("%v", p)
		}
	}()
	return xpath.Compile(text)
}

func (c *pathCompiler) paths(option string, m *value.Map) (all []query) {
	for name, v := range m.All() {
		text, ok := v.(string)
		if !ok && c.err == nil {
			c.err = fmt.Errorf("%s.%s: an XPath is a text", option, name)
		}
		all = append(all, query{name, c.path(option+"."+name, text, "")})
	}
	return all
}

func (c *pathCompiler) selected(option, nodes, name, v string, expanded bool) *selected {
	if nodes == "" {
		return nil
	}
	return &selected{
		nodes:    c.path(option+"_selection", nodes, ""),
		name:     c.path(option+"_name", name, "name()"),
		value:    c.path(option+"_value", v, "."),
		expanded: expanded,
	}
}

// read adds the metrics that t selects. The library, and a walk that takes too long,
// panic.
func (t *table) read(out []metric, root *branch, steps *int) (all []metric, err error) {
	defer func() {
		switch p := recover(); p := p.(type) {
		case nil:
		case error:
			all, err = out, p
		default:
			all, err = out, fmt.Errorf("the XPath cannot be evaluated: %v", p)
		}
	}()
	nodes := t.selection.Select(&walk{root: root, at: root, attr: -1, steps: steps})
	found := false
	for nodes.MoveNext() {
		found = true
		m, err := t.metric(nodes.Current().Copy().(*walk))
		if err != nil {
			return out, err
		}
		if out = append(out, m); len(out) > maxEntries {
			return out, errMany
		}
	}
	if !found && !t.allowEmpty {
		return out, errors.New("metric_selection selects nothing")
	}
	return out, nil
}

func (t *table) metric(at *walk) (m metric, err error) {
	m = newMetric()
	if t.name != nil {
		m.name = plainText(t.eval(t.name, at))
	}
	if t.time != nil {
		if m.time, err = t.clock.read(t.eval(t.time, at)); err != nil {
			return m, fmt.Errorf("timestamp: %w", err)
		}
	}
	for _, q := range t.tags {
		if v := t.eval(q.expr, at); v != nil {
			m.tags.Set(q.name, plainText(v))
		}
	}
	t.each(t.tag, at, func(name string, v any) { m.tags.Set(name, plainText(v)) })
	for _, q := range t.integers {
		v := t.eval(q.expr, at)
		if v == nil {
			continue
		}
		n, err := integer(v, strings.TrimSpace(plainText(v)))
		if err != nil {
			return m, fmt.Errorf("fields_int.%s: %w", q.name, err)
		}
		m.fields.Set(q.name, n)
	}
	for _, q := range t.fields {
		if v := t.eval(q.expr, at); v != nil {
			m.fields.Set(q.name, v)
		}
	}
	t.each(t.field, at, func(name string, v any) { m.fields.Set(name, v) })
	for _, name := range t.bytes {
		if v, ok := m.fields.Get(name); ok {
			coded, _ := converted(v, "base64")
			m.fields.Set(name, coded)
		}
	}
	return m, nil
}

// each calls do with the names and values of the nodes that s selects below at.
func (t *table) each(s *selected, at *walk, do func(name string, v any)) {
	if s == nil {
		return
	}
	nodes := s.nodes.Select(at.Copy())
	for nodes.MoveNext() {
		node := nodes.Current().Copy().(*walk)
		name := plainText(t.eval(s.name, node))
		if s.expanded {
			name = expandedName(at, node, name)
		}
		if v := t.eval(s.value, node); v != nil && name != "" {
			do(name, v)
		}
	}
}

// expandedName has the names of the nodes between at and node before it.
func expandedName(at, node *walk, name string) string {
	for b := node.at.parent; b != nil && b != at.at; b = b.parent {
		if b.name != "" {
			name = b.name + "_" + name
		}
	}
	return name
}

// eval is the value of a path at a node: of nodes that of the first; nil: there is none.
func (t *table) eval(expr *xpath.Expr, at *walk) any {
	switch v := expr.Evaluate(at.Copy()).(type) {
	case *xpath.NodeIterator:
		if !v.MoveNext() {
			return nil
		}
		node := v.Current().(*walk)
		if node.attr < 0 && node.at.null {
			return nil
		}
		if t.native && node.attr < 0 && scalar(node.at) != nil {
			return scalar(node.at)
		}
		return node.Value()
	case float64:
		if math.IsNaN(v) {
			return nil
		}
		return v
	default:
		return value.Of(v)
	}
}

// scalar is the value that the message had at b; nil for a list or mapping.
func scalar(b *branch) any {
	switch v := b.data.(type) {
	case *value.Map, []any:
		return nil
	default:
		return v
	}
}
