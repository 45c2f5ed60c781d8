package format

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"tocsin/templating/value"
)

// A Document says how to make metrics of a JSON document (Telegraf's json_v2). Paths
// are those of gjson.
type Document struct {
	Name       string   `param:"measurement_name" doc:"The metrics' name."`
	NamePath   string   `param:"measurement_name_path" doc:"Where the name stands."`
	Time       string   `param:"timestamp_path" doc:"Where the time stands."`
	TimeFormat string   `param:"timestamp_format" doc:"How it is written: unix, unix_ms, unix_us, unix_ns, or a layout of Go's; unix if absent."`
	Timezone   string   `param:"timestamp_timezone" doc:"Time zone of times without one; UTC if absent."`
	Tags       []Leaf   `param:"tag" doc:"Single values that become tags."`
	Fields     []Leaf   `param:"field" doc:"Single values that become fields; of a list, a metric each."`
	Objects    []Object `param:"object" doc:"Objects all of whose values become fields."`
}

// A Leaf is one value of a document.
type Leaf struct {
	Path     string `param:"path,required" doc:"Where it stands."`
	Rename   string `param:"rename" doc:"What to call it; the last part of the path if absent."`
	Type     string `param:"type" enum:"int,uint,float,string,bool" doc:"What to make of it; as it is, if absent."`
	Optional bool   `param:"optional" doc:"Whether it may be missing."`
}

// An Object is an object of a document, or a list of them.
type Object struct {
	Path       string            `param:"path,required" doc:"Where it stands."`
	Optional   bool              `param:"optional" doc:"Whether it may be missing."`
	Time       string            `param:"timestamp_key" doc:"Key of the time."`
	TimeFormat string            `param:"timestamp_format" doc:"How it is written; unix if absent."`
	Timezone   string            `param:"timestamp_timezone" doc:"Time zone of times without one; UTC if absent."`
	Bare       bool              `param:"disable_prepend_keys" doc:"Leave out the keys above a value from its name."`
	Included   []string          `param:"included_keys" doc:"Keys that count; all if absent. Those within others are written with underscores: a_b."`
	Excluded   []string          `param:"excluded_keys" doc:"Keys that do not count."`
	Tags       []string          `param:"tags" doc:"Keys whose values become tags."`
	Renames    map[string]string `param:"renames" doc:"Keys and what to call them instead."`
	Types      map[string]string `param:"fields" doc:"Keys and their types: int, uint, float, string, bool."`
}

func newJSONv2(o *Options) (func([]byte, time.Time) (entries, error), error) {
	if len(o.JSONv2) == 0 {
		return nil, errors.New("data_format: json_v2 needs json_v2: [{field: [{path: ...}]}]")
	}
	readers := make([]*documentReader, len(o.JSONv2))
	for i := range o.JSONv2 {
		var err error
		if readers[i], err = newDocument(&o.JSONv2[i]); err != nil {
			return nil, fmt.Errorf("json_v2[%d].%w", i, err)
		}
	}
	return func(data []byte, _ time.Time) (out entries, err error) {
		if _, err := queried(data, "@this"); err != nil {
			return out, err
		}
		for _, r := range readers {
			metrics, err := r.read(data)
			if err != nil {
				return out, err
			}
			out.metrics = append(out.metrics, metrics...)
		}
		return out, nil
	}, nil
}

type documentReader struct {
	*Document
	clock  clock
	clocks []clock // of the objects
}

func newDocument(d *Document) (r *documentReader, err error) {
	r = &documentReader{Document: d}
	if len(d.Fields) == 0 && len(d.Objects) == 0 {
		return nil, errors.New("field or object is missing")
	}
	if r.clock, err = newClock("timestamp_timezone", d.TimeFormat, d.Timezone, "unix"); err != nil {
		return nil, err
	}
	for i, o := range d.Objects {
		c, err := newClock("timestamp_timezone", o.TimeFormat, o.Timezone, "unix")
		if err != nil {
			return nil, fmt.Errorf("object[%d].%w", i, err)
		}
		for key, typ := range o.Types {
			if !knownType(typ) {
				return nil, fmt.Errorf("object[%d].fields.%s: there is no type %q", i, key, typ)
			}
		}
		r.clocks = append(r.clocks, c)
	}
	return r, nil
}

// read makes the metrics of a document: of the single values together, and of each
// object by itself.
func (r *documentReader) read(data []byte) ([]metric, error) {
	base := newMetric()
	base.name = r.Name
	if r.NamePath != "" {
		base.name = gjson.GetBytes(data, r.NamePath).String()
	}
	if r.Time != "" {
		at := gjson.GetBytes(data, r.Time)
		if !at.Exists() {
			return nil, fmt.Errorf("there is no %s", r.Time)
		}
		var err error
		if base.time, err = r.clock.read(scalarOf(at)); err != nil {
			return nil, err
		}
	}
	metrics, err := r.leaves(data, base)
	if err != nil {
		return nil, err
	}
	for i := range r.Objects {
		more, err := r.object(data, base, &r.Objects[i], r.clocks[i])
		if err != nil {
			return nil, err
		}
		metrics = append(metrics, more...)
	}
	return metrics, nil
}

// leaves makes metrics of the single values. A path that gives several makes as many
// metrics, and two such paths every pair of them.
func (r *documentReader) leaves(data []byte, base metric) ([]metric, error) {
	metrics := []metric{base.copy()}
	for _, l := range r.Fields {
		var err error
		if metrics, err = multiply(metrics, data, l, func(m *metric, name string, v any) { m.fields.Set(name, v) }); err != nil {
			return nil, err
		}
	}
	for _, l := range r.Tags {
		var err error
		if metrics, err = multiply(metrics, data, l, func(m *metric, name string, v any) { m.tags.Set(name, plainText(v)) }); err != nil {
			return nil, err
		}
	}
	if len(r.Fields) == 0 {
		// They are the tags of the objects.
		if len(metrics) == 1 {
			for key, v := range metrics[0].tags.All() {
				base.tags.Set(key, v)
			}
		}
		return nil, nil
	}
	return metrics, nil
}

// multiply gives every metric each of the values at a path.
func multiply(metrics []metric, data []byte, l Leaf, set func(m *metric, name string, v any)) ([]metric, error) {
	found := gjson.GetBytes(data, l.Path)
	if !found.Exists() {
		if l.Optional {
			return metrics, nil
		}
		return nil, fmt.Errorf("there is no %s", l.Path)
	}
	values, err := leafValues(found, l)
	if err != nil {
		return nil, err
	}
	if len(values)*len(metrics) > maxEntries {
		return nil, errMany
	}
	name := l.Rename
	if name == "" {
		name = lastPart(l.Path)
	}
	if len(values) == 1 {
		for i := range metrics {
			set(&metrics[i], name, values[0])
		}
		return metrics, nil
	}
	var out []metric
	for _, m := range metrics {
		for _, v := range values {
			c := m.copy()
			set(&c, name, v)
			out = append(out, c)
		}
	}
	return out, nil
}

func leafValues(found gjson.Result, l Leaf) ([]any, error) {
	items := []gjson.Result{found}
	if found.IsArray() {
		items = found.Array()
	}
	var values []any
	for _, item := range items {
		if item.IsObject() || item.IsArray() {
			return nil, fmt.Errorf("%s is no single value; use object", l.Path)
		}
		if item.Type == gjson.Null {
			continue
		}
		v, err := converted(scalarOf(item), l.Type)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Path, err)
		}
		values = append(values, v)
	}
	return values, nil
}

// lastPart is the name at the end of a path.
func lastPart(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		switch c := path[i]; {
		case c == '.' || c == '|' || c == '#' || c == '@':
			return path[i+1:]
		}
	}
	return path
}

// scalarOf is a JSON value as ours: whole numbers are integers.
func scalarOf(r gjson.Result) any {
	if r.Type == gjson.Number {
		if n, err := strconv.ParseInt(r.Raw, 10, 64); err == nil {
			return n
		}
	}
	return value.Of(r.Value())
}

func (m *metric) copy() metric {
	c := metric{name: m.name, time: m.time, tags: value.NewMap(m.tags.Len()), fields: value.NewMap(m.fields.Len())}
	for key, v := range m.tags.All() {
		c.tags.Set(key, v)
	}
	for key, v := range m.fields.All() {
		c.fields.Set(key, v)
	}
	return c
}

// object makes metrics of an object, or of each in a list.
func (r *documentReader) object(data []byte, base metric, o *Object, c clock) ([]metric, error) {
	found := gjson.GetBytes(data, o.Path)
	if !found.Exists() {
		if o.Optional {
			return nil, nil
		}
		return nil, fmt.Errorf("there is no %s", o.Path)
	}
	v, err := value.DecodeJSON([]byte(found.Raw))
	if err != nil {
		return nil, err
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	e := expander{Object: o, clock: c, left: maxKeys}
	var metrics []metric
	for _, item := range list {
		if _, ok := item.(*value.Map); !ok {
			return nil, fmt.Errorf("%s is no object", o.Path)
		}
		more := e.expand([]metric{base.copy()}, "", item)
		if e.err != nil {
			return nil, e.err
		}
		metrics = append(metrics, more...)
	}
	return metrics, nil
}

// An expander makes metrics of what is within an object: objects in it add their
// values, lists multiply.
type expander struct {
	*Object
	clock clock
	left  int // bytes of keys, and fields copied
	err   error
}

func (e *expander) expand(metrics []metric, key string, v any) []metric {
	if e.left -= len(key); e.left < 0 && e.err == nil {
		e.err = errKeys
	}
	if e.err != nil {
		return nil
	}
	switch v := v.(type) {
	case *value.Map:
		for name, item := range v.All() {
			if e.err != nil {
				return nil
			}
			metrics = e.expand(metrics, below(key, name), item)
		}
		return metrics
	case []any:
		return e.multiply(metrics, key, v)
	case nil:
		return metrics
	}
	if e.counts(key) {
		for i := range metrics {
			e.set(&metrics[i], key, v)
		}
	}
	return metrics
}

// multiply gives every metric each item of a list.
func (e *expander) multiply(metrics []metric, key string, list []any) []metric {
	if len(list) == 0 {
		return metrics
	}
	var out []metric
	for _, item := range list {
		copies := make([]metric, len(metrics))
		for i := range metrics {
			copies[i] = metrics[i].copy()
			if e.left -= 64 * (1 + metrics[i].fields.Len()); e.left < 0 && e.err == nil {
				e.err = errMany
			}
		}
		out = append(out, e.expand(copies, key, item)...)
		if e.err != nil {
			return nil
		}
	}
	return out
}

// counts says that the value of a key is wanted.
func (e *expander) counts(key string) bool {
	if slices.Contains(e.Excluded, key) {
		return false
	}
	return len(e.Included) == 0 || slices.Contains(e.Included, key)
}

func (e *expander) set(m *metric, key string, v any) {
	name := key
	if e.Bare {
		name = lastKey(key)
	}
	if to, ok := e.Renames[key]; ok {
		name = to
	}
	var err error
	switch {
	case key == e.Time && e.Time != "":
		m.time, err = e.clock.read(v)
	case slices.Contains(e.Tags, key):
		m.tags.Set(name, plainText(v))
	default:
		if v, err = converted(v, e.Types[key]); err == nil {
			m.fields.Set(name, v)
		}
	}
	if err != nil && e.err == nil {
		e.err = fmt.Errorf("%s: %w", key, err)
	}
}

// lastKey is the key at the end of a_b.
func lastKey(key string) string {
	for i := len(key) - 1; i >= 0; i-- {
		if key[i] == '_' {
			return key[i+1:]
		}
	}
	return key
}
