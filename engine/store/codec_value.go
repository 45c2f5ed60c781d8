package store

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/templating/value"
)

// Values are stored as JSON. What JSON does not have is a map with one key that says
// what it is: {"$tuple": [...]}. A map of somebody's that looks like that is in {"$map":
// {...}}. So every value comes back as what it was.

// encode is v as text that decode reads.
func encode(v any) []byte { return appendPlain(nil, v, 0) }

func decode(text []byte) (any, error) {
	v, err := value.DecodeJSON(text)
	if err != nil {
		return nil, damaged(fmt.Errorf("what is stored cannot be read: %w", err))
	}
	return full(v), nil
}

// decodeMap is decode of what was a map.
func decodeMap(text []byte) (*value.Map, error) {
	v, err := decode(text)
	switch v := v.(type) {
	case *value.Map:
		return v, nil
	case value.Object:
		return v.Map, nil
	}
	return value.NewMap(0), err
}

// deep is from where on a value is a text in the text: the decoder reads 64 levels,
// and a call may return as many, which are part of an event.
const deep = 40

// plain is v in values that JSON has. Tags are levels too.
func plain(v any, level int) any {
	if level >= deep {
		return tagged("$deep", string(encode(v)))
	}
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return tagged("$float", strconv.FormatFloat(v, 'g', -1, 64))
		}
	case string:
		if !utf8.ValidString(v) {
			return tagged("$bytes", base64.StdEncoding.EncodeToString([]byte(v)))
		}
	case []any:
		return plainItems(v, level+1)
	case value.Tuple:
		return tagged("$tuple", plainItems(v, level+2))
	case *value.Map:
		return plainMap(v, level+1)
	case value.Object:
		return tagged("$object", plainMap(v.Map, level+2))
	case time.Time:
		if v.Location() == value.Naive {
			return tagged("$naive", v.Format(naiveTime))
		}
		return tagged("$time", v.Format(zonedTime))
	case value.Date:
		return tagged("$date", fmt.Sprintf("%d-%d-%d", v.Year, v.Month, v.Day))
	}
	return v
}

// appendPlain is the JSON of plain, without what is in between.
func appendPlain(text []byte, v any, level int) []byte {
	if level < deep {
		switch v := v.(type) {
		case string:
			if isPlain(v) {
				return append(append(append(text, '"'), v...), '"')
			}
		case []any:
			return appendPlainItems(text, v, level+1)
		case *value.Map:
			if m := v.Entries(); len(m) != 1 || !strings.HasPrefix(m[0].Key, "$") {
				return appendPlainMap(text, m, level+2)
			}
		}
	}
	return value.AppendJSON(text, plain(v, level))
}

func appendPlainItems(text []byte, items []any, level int) []byte {
	text = append(text, '[')
	for i, item := range items {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendPlain(text, item, level)
	}
	return append(text, ']')
}

func appendPlainMap(text []byte, entries []value.Entry, level int) []byte {
	text = append(text, '{')
	for i := range entries {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(appendText(text, entries[i].Key), ':')
		text = appendPlain(text, entries[i].Value, level)
	}
	return append(text, '}')
}

// Offsets have seconds, as some of history do.
const (
	naiveTime = "2006-01-02T15:04:05.999999999"
	zonedTime = "2006-01-02T15:04:05.999999999Z07:00:00"
)

func plainItems(items []any, level int) []any {
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = plain(item, level)
	}
	return list
}

func plainMap(m *value.Map, level int) *value.Map {
	out := value.NewMap(m.Len())
	for k, v := range m.All() {
		out.Set(k, plain(v, level+1))
	}
	if m.Len() == 1 && strings.HasPrefix(m.Entries()[0].Key, "$") {
		return tagged("$map", out)
	}
	return out
}

func tagged(tag string, v any) *value.Map { return value.MapOf(value.Entry{Key: tag, Value: v}) }

// full reads plain back. It changes v.
func full(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = full(v[i])
		}
	case *value.Map:
		if v.Len() == 1 {
			if e := v.Entries()[0]; strings.HasPrefix(e.Key, "$") {
				return untagged(e.Key, e.Value)
			}
		}
		return fullMap(v)
	}
	return v
}

func fullMap(m *value.Map) *value.Map {
	for _, e := range m.Entries() {
		m.Set(e.Key, full(e.Value))
	}
	return m
}

func untagged(tag string, v any) any {
	switch tag {
	case "$tuple":
		items, _ := full(v).([]any)
		return value.Tuple(items)
	case "$map":
		if m, ok := v.(*value.Map); ok {
			return fullMap(m)
		}
	case "$object":
		if m, ok := v.(*value.Map); ok {
			return value.Object{Map: unmapped(m)}
		}
	}
	if text, ok := v.(string); ok {
		if scalar, known := untaggedText(tag, text); known {
			return scalar
		}
	}
	return tagged(tag, full(v))
}

// unmapped is the map of an object, which may itself look like a tag.
func unmapped(m *value.Map) *value.Map {
	if inner, ok := m.Get("$map"); ok && m.Len() == 1 {
		if inner, ok := inner.(*value.Map); ok {
			return fullMap(inner)
		}
	}
	return fullMap(m)
}

func untaggedText(tag, text string) (v any, known bool) {
	var err error
	switch tag {
	case "$deep":
		v, err = decode([]byte(text))
	case "$bytes":
		var b []byte
		b, err = base64.StdEncoding.DecodeString(text)
		v = string(b)
	case "$float":
		v, err = strconv.ParseFloat(text, 64)
	case "$date":
		var d value.Date
		_, err = fmt.Sscanf(text, "%d-%d-%d", &d.Year, &d.Month, &d.Day)
		v = d
	case "$naive":
		v, err = time.ParseInLocation(naiveTime, text, value.Naive)
	case "$time":
		v, err = zoned(text)
	default:
		return nil, false
	}
	return v, err == nil
}

func zoned(text string) (time.Time, error) {
	t, err := time.Parse(zonedTime, text)
	if err != nil {
		return t, err
	}
	if _, offset := t.Zone(); offset != 0 {
		return t.In(time.FixedZone("", offset)), nil
	}
	return t.UTC(), nil
}
