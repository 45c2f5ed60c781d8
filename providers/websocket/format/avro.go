package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"tocsin/templating/value"
)

// Avro are the options of avro.
type Avro struct {
	Schema     string   `param:"avro_schema" doc:"For avro: the schema of the messages, as JSON; needed there."`
	Message    string   `param:"avro_message_format" enum:"binary,json" doc:"For avro: how messages are written; binary if absent."`
	Name       string   `param:"avro_measurement" doc:"For avro: name of the metrics; that of the schema's record if absent."`
	Tags       []string `param:"avro_tags" doc:"For avro: fields that become tags."`
	Fields     []string `param:"avro_fields" doc:"For avro: fields that become fields; all but the tags if absent."`
	Time       string   `param:"avro_timestamp" doc:"For avro: field of the metric's time."`
	TimeFormat string   `param:"avro_timestamp_format" doc:"For avro: how that is written: unix, unix_ms, unix_us or unix_ns; unix if absent."`
	Separator  string   `param:"avro_field_separator" doc:"For avro: what stands between the names of fields within fields; an underscore if absent."`
	Union      string   `param:"avro_union_mode" enum:"flatten,nullable,any" doc:"For avro: whether the type's name stands behind the field of a union (flatten, if absent), or not."`
}

type avroReader struct {
	Avro
	root         *avroType
	tags, fields filter
	clock        clock
}

func newAvro(o *Options) (func([]byte, time.Time) (entries, error), error) {
	r := &avroReader{Avro: o.Avro}
	if r.Schema == "" {
		return nil, errors.New("data_format: avro needs avro_schema; registries of schemas are not asked")
	}
	var err error
	if r.root, err = parseAvro(r.Schema); err != nil {
		return nil, fmt.Errorf("avro_schema: %w", err)
	}
	if r.root.kind != "record" {
		return nil, errors.New("avro_schema: a message is a record")
	}
	if r.Name == "" {
		schema, _ := value.DecodeJSON([]byte(r.Schema))
		r.Name, _ = text(schema.(*value.Map), "name")
	}
	if r.Separator == "" {
		r.Separator = "_"
	}
	if r.tags, err = newFilter("avro_tags", r.Avro.Tags); err != nil {
		return nil, err
	}
	if r.fields, err = newFilter("avro_fields", r.Avro.Fields); err != nil {
		return nil, err
	}
	r.clock, err = newClock("avro_timestamp_format", r.TimeFormat, "", "unix")
	return r.read, err
}

func (r *avroReader) read(data []byte, _ time.Time) (out entries, err error) {
	var v any
	if r.Message == "json" {
		if v, err = value.DecodeJSON(data); err == nil {
			v, err = r.root.fromJSON(v)
		}
	} else {
		d := avroDecoder{data: data, left: 16*len(data) + 4096}
		if v, err = d.value(r.root); err == nil && len(d.data) > 0 {
			err = fmt.Errorf("%d bytes follow the record", len(d.data))
		}
	}
	if err != nil {
		return out, fmt.Errorf("no Avro of this schema: %w", err)
	}
	m, err := r.metric(v.(*value.Map))
	out.metrics = []metric{m}
	return out, err
}

func (r *avroReader) metric(record *value.Map) (m metric, err error) {
	m = newMetric()
	m.name = r.Name
	f := avroFlattener{separator: r.Separator, union: r.Union, left: maxKeys}
	f.each = func(name string, v any) {
		switch {
		case name == r.Time && r.Time != "":
			m.time, err = r.clock.read(v)
		case r.tags.has(name):
			m.tags.Set(name, plainText(v))
		case len(r.fields) == 0 || r.fields.has(name):
			m.fields.Set(name, v)
		}
	}
	f.walk("", record)
	if f.left < 0 {
		return m, errKeys
	}
	if err == nil && r.Time != "" && m.time.IsZero() {
		err = fmt.Errorf("there is no %s", r.Time)
	}
	return m, err
}

// A choice is the value of a union and the name of its type.
type choice struct {
	typ string
	v   any
}

type avroFlattener struct {
	separator, union string
	left             int
	each             func(name string, v any)
}

func (f *avroFlattener) walk(name string, v any) {
	if f.left -= len(name); f.left < 0 {
		return
	}
	below := func(part string) string {
		if name == "" || f.left < 0 {
			return part
		}
		return name + f.separator + part
	}
	switch v := v.(type) {
	case nil:
	case *value.Map:
		for key, item := range v.All() {
			f.walk(below(key), item)
		}
	case []any:
		for i, item := range v {
			f.walk(below(fmt.Sprint(i)), item)
		}
	case choice:
		if f.union == "" || f.union == "flatten" {
			name = below(v.typ)
		}
		f.walk(name, v.v)
	default:
		f.each(name, v)
	}
}

// An avroDecoder reads the binary encoding. Left is how many values it may still make:
// a list of nulls takes no bytes at all.
type avroDecoder struct {
	data []byte
	left int
}

var errShort = errors.New("the message ends too early")

func (d *avroDecoder) value(t *avroType) (any, error) {
	if d.left--; d.left < 0 {
		return nil, errors.New("more values than such a message can mean")
	}
	switch t.kind {
	case "null":
		return nil, nil
	case "boolean":
		b, err := d.take(1)
		return err == nil && b[0] != 0, err
	case "int", "long":
		n, err := d.long()
		return t.integer(n), err
	case "float":
		b, err := d.take(4)
		if err != nil {
			return nil, err
		}
		return finite(float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))), nil
	case "double":
		b, err := d.take(8)
		if err != nil {
			return nil, err
		}
		return finite(math.Float64frombits(binary.LittleEndian.Uint64(b))), nil
	case "bytes", "string":
		b, err := d.sized()
		return t.bytes(b), err
	case "fixed":
		b, err := d.take(t.size)
		return t.bytes(b), err
	}
	return d.compound(t)
}

func (d *avroDecoder) compound(t *avroType) (any, error) {
	switch t.kind {
	case "record":
		m := value.NewMap(len(t.fields))
		for _, f := range t.fields {
			v, err := d.value(f.typ)
			if err != nil {
				return nil, err
			}
			m.Set(f.name, v)
		}
		return m, nil
	case "array":
		var list []any
		err := d.blocks(func() error {
			v, err := d.value(t.item)
			list = append(list, v)
			return err
		})
		return list, err
	case "map":
		m := value.NewMap(0)
		err := d.blocks(func() error {
			key, err := d.sized()
			if err != nil {
				return err
			}
			v, err := d.value(t.item)
			m.Set(strings.ToValidUTF8(string(key), "\uFFFD"), v)
			return err
		})
		return m, err
	}
	n, err := d.long()
	if err != nil {
		return nil, err
	}
	if t.kind == "enum" {
		if n < 0 || n >= int64(len(t.symbols)) {
			return nil, fmt.Errorf("there is no symbol %d", n)
		}
		return t.symbols[n], nil
	}
	if n < 0 || n >= int64(len(t.either)) {
		return nil, fmt.Errorf("the union has no type %d", n)
	}
	v, err := d.value(t.either[n])
	return choice{t.either[n].called(), v}, err
}

// blocks reads the items of an array or map.
func (d *avroDecoder) blocks(item func() error) error {
	for {
		n, err := d.long()
		if err != nil || n == 0 {
			return err
		}
		if n < 0 { // the block's size in bytes follows
			if n = -n; n < 0 {
				return errShort
			}
			if _, err := d.long(); err != nil {
				return err
			}
		}
		for range n {
			if err := item(); err != nil {
				return err
			}
		}
	}
}

func (d *avroDecoder) take(n int) ([]byte, error) {
	if n > len(d.data) {
		return nil, errShort
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b, nil
}

func (d *avroDecoder) sized() ([]byte, error) {
	n, err := d.long()
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(d.data)) {
		return nil, errShort
	}
	return d.take(int(n))
}

// long reads a variable-length zig-zag number.
func (d *avroDecoder) long() (int64, error) {
	n, size := binary.Varint(d.data)
	if size <= 0 {
		return 0, errShort
	}
	d.data = d.data[size:]
	return n, nil
}

func finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}

// integer is a number as its logical type has it.
func (t *avroType) integer(n int64) any {
	if t.logical == "date" && n > -1e6 && n < 3e6 {
		if at := time.Unix(0, 0).UTC().AddDate(0, 0, int(n)); inRange(at) == nil {
			return at.Format(time.DateOnly)
		}
	}
	return n
}

// bytes is a text, bytes, or the decimal that they are.
func (t *avroType) bytes(b []byte) any {
	switch {
	case t.logical == "decimal":
		return t.decimal(b)
	case t.kind == "string":
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return binaryText(b)
}

// decimal is a two's-complement number with so many digits behind the point.
func (t *avroType) decimal(b []byte) any {
	if len(b) > 64 {
		return binaryText(b)
	}
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	f, _ := new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.scale)), nil)).Float64()
	return f
}

// fromJSON checks what was written as JSON: a value of a union is an object with the
// name of its type, unless it is null.
func (t *avroType) fromJSON(v any) (any, error) {
	switch t.kind {
	case "record":
		m, ok := v.(*value.Map)
		if !ok {
			return nil, errors.New("a record is an object")
		}
		return t.recordFromJSON(m)
	case "array":
		list, ok := v.([]any)
		if !ok {
			return nil, errors.New("an array is a list")
		}
		out := make([]any, len(list))
		for i := range list {
			var err error
			if out[i], err = t.item.fromJSON(list[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case "map":
		m, ok := v.(*value.Map)
		if !ok {
			return nil, errors.New("a map is an object")
		}
		out := value.NewMap(m.Len())
		for key, item := range m.All() {
			item, err := t.item.fromJSON(item)
			if err != nil {
				return nil, err
			}
			out.Set(key, item)
		}
		return out, nil
	case "union":
		return t.unionFromJSON(v)
	}
	return t.scalarFromJSON(v)
}

func (t *avroType) recordFromJSON(m *value.Map) (any, error) {
	out := value.NewMap(len(t.fields))
	for _, f := range t.fields {
		v, ok := m.Get(f.name)
		if !ok {
			return nil, fmt.Errorf("there is no %q", f.name)
		}
		v, err := f.typ.fromJSON(v)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", f.name, err)
		}
		out.Set(f.name, v)
	}
	return out, nil
}

func (t *avroType) unionFromJSON(v any) (any, error) {
	m, isMap := v.(*value.Map)
	for _, typ := range t.either {
		switch {
		case typ.kind == "null" && v == nil:
			return choice{"null", nil}, nil
		case isMap && m.Len() == 1:
			if inner, ok := m.Get(typ.called()); ok {
				inner, err := typ.fromJSON(inner)
				return choice{typ.called(), inner}, err
			}
		}
	}
	return nil, fmt.Errorf("%s is of no type of the union", shown(string(value.AppendJSON(nil, v))))
}

func (t *avroType) scalarFromJSON(v any) (any, error) {
	ok := false
	switch t.kind {
	case "null":
		ok = v == nil
	case "boolean":
		_, ok = v.(bool)
	case "int", "long":
		var n int64
		if n, ok = v.(int64); ok {
			return t.integer(n), nil
		}
	case "float", "double":
		var f float64
		if f, ok = number(value.Text(v)); ok {
			v = f
		}
	default:
		_, ok = v.(string)
	}
	if !ok {
		return nil, fmt.Errorf("%s is no %s", shown(string(value.AppendJSON(nil, v))), t.kind)
	}
	return v, nil
}
