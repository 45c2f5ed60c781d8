package format

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"tocsin/templating/value"
)

// JSON are the options of json.
type JSON struct {
	Query        string   `param:"json_query" doc:"For json: which part of the message is read, as a path of gjson with dots."`
	TagKeys      []string `param:"tag_keys" doc:"For json: keys that become tags; * and ? stand for others."`
	StringFields []string `param:"json_string_fields" doc:"For json: keys whose texts and booleans become fields; others are dropped."`
	NameKey      string   `param:"json_name_key" doc:"For json: key whose text is the metric's name."`
	TimeKey      string   `param:"json_time_key" doc:"For json: key of the metric's time."`
	TimeFormat   string   `param:"json_time_format" doc:"For json: how that is written: unix, unix_ms, unix_us, unix_ns, or a layout of Go's."`
	Timezone     string   `param:"json_timezone" doc:"For json: time zone of times without one; UTC if absent."`
	Strict       *bool    `param:"json_strict" doc:"For json: whether one bad object of a list spoils the list; true if absent."`
}

type jsonReader struct {
	JSON
	tags, strings filter
	clock         clock
}

func newJSON(o *Options) (func([]byte, time.Time) (entries, error), error) {
	r := &jsonReader{JSON: o.JSON}
	var err error
	if r.tags, err = newFilter("tag_keys", r.TagKeys); err != nil {
		return nil, err
	}
	if r.strings, err = newFilter("json_string_fields", r.StringFields); err != nil {
		return nil, err
	}
	if r.TimeKey != "" && r.TimeFormat == "" {
		return nil, errors.New("json_time_key needs json_time_format")
	}
	r.clock, err = newClock("json_timezone", r.TimeFormat, r.Timezone, "unix")
	return r.read, err
}

func (r *jsonReader) read(data []byte, _ time.Time) (out entries, err error) {
	if r.Query != "" {
		if data, err = queried(data, r.Query); err != nil || data == nil {
			return out, err
		}
	}
	v, err := value.DecodeJSON(data)
	if err != nil {
		return out, err
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	for i, item := range list {
		m, err := r.metric(item)
		switch {
		case err == nil:
			out.metrics = append(out.metrics, m)
		case !isList:
			return out, err
		case r.Strict == nil || *r.Strict:
			return out, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return out, nil
}

// queried is the part of data at a path of gjson; nil: there is none.
func queried(data []byte, query string) ([]byte, error) {
	if !gjson.ValidBytes(data) {
		_, err := value.DecodeJSON(data) // which says where
		if err == nil {
			err = errors.New("no JSON")
		}
		return nil, err
	}
	found := gjson.GetBytes(data, query)
	if !found.Exists() {
		return nil, nil
	}
	return []byte(found.Raw), nil
}

// metric makes a metric of an object.
func (r *jsonReader) metric(v any) (metric, error) {
	object, ok := v.(*value.Map)
	if !ok {
		return metric{}, fmt.Errorf("%s is no object", shown(string(value.AppendJSON(nil, v))))
	}
	m := newMetric()
	var err error
	long := flatten(object, func(key string, v any) {
		switch {
		case key == r.NameKey && r.NameKey != "":
			m.name = value.Text(v)
		case key == r.TimeKey && r.TimeKey != "":
			m.time, err = r.clock.read(v)
		case r.tags.has(key):
			m.tags.Set(key, plainText(v))
		default:
			r.field(&m, key, v)
		}
	})
	if err == nil {
		err = long
	}
	if err == nil && r.TimeKey != "" && m.time.IsZero() {
		err = fmt.Errorf("there is no %s", r.TimeKey)
	}
	return m, err
}

// field adds a number, and a text or boolean if it was asked for.
func (r *jsonReader) field(m *metric, key string, v any) {
	switch v.(type) {
	case string, bool:
		if r.strings.has(key) {
			m.fields.Set(key, v)
		}
	default:
		if f, ok := number(value.Text(v)); ok {
			m.fields.Set(key, f)
		}
	}
}

// flatten calls each with the scalars within v and their keys, joined by underscores.
// Nulls are left out. Where keys are much longer than what they are made of, it gives
// up.
func flatten(v any, each func(key string, v any)) error {
	f := flattener{each: each, left: maxKeys}
	f.walk("", v)
	if f.left < 0 {
		return errKeys
	}
	return nil
}

// maxKeys is how long all keys of a metric may be together.
const maxKeys = 32 << 20

var errKeys = errors.New("the keys within keys are too long")

type flattener struct {
	each func(key string, v any)
	left int
}

func (f *flattener) walk(key string, v any) {
	if f.left -= len(key); f.left < 0 {
		return
	}
	switch v := v.(type) {
	case nil:
	case *value.Map:
		for name, item := range v.All() {
			if f.left < 0 {
				return
			}
			f.walk(below(key, name), item)
		}
	case []any:
		for i, item := range v {
			if f.left < 0 {
				return
			}
			f.walk(below(key, strconv.Itoa(i)), item)
		}
	default:
		f.each(key, v)
	}
}

// below is the key of name within key.
func below(key, name string) string {
	if key == "" {
		return name
	}
	return key + "_" + name
}

// plainText is a scalar as a tag has it.
func plainText(v any) string {
	if b, ok := v.(bool); ok {
		return strconv.FormatBool(b)
	}
	return value.Text(v)
}
