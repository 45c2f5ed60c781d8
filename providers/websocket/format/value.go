package format

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Value are the options of value.
type Value struct {
	DataType  string `param:"data_type" enum:"integer,float,string,base64,boolean,auto_integer,auto_float" doc:"For value: what the message is; needed there. The auto types are a text where it is no number."`
	FieldName string `param:"value_field_name" doc:"For value: name of the field; value if absent."`
}

func newValue(o *Options) (func([]byte, time.Time) (entries, error), error) {
	typ, name := o.DataType, o.FieldName
	if typ == "" {
		return nil, errors.New("data_format: value needs data_type: integer, float, string, base64, boolean, auto_integer or auto_float")
	}
	if name == "" {
		name = "value"
	}
	return func(data []byte, _ time.Time) (out entries, err error) {
		v, err := single(data, typ)
		if err != nil || v == nil {
			return out, err
		}
		m := newMetric()
		m.fields.Set(name, v)
		out.metrics = []metric{m}
		return out, nil
	}, nil
}

// single is the one value in a message; nil if it is empty. Of several words the last
// counts, where it is a number: that is what programs print that say more.
func single(data []byte, typ string) (any, error) {
	if typ == "base64" {
		return base64.StdEncoding.EncodeToString(data), nil
	}
	text := strings.ToValidUTF8(string(bytes.TrimSpace(bytes.Trim(data, "\x00"))), "\uFFFD")
	if text == "" {
		return nil, nil
	}
	words := strings.Fields(text)
	last := words[len(words)-1]
	switch typ {
	case "integer", "auto_integer":
		if n, err := strconv.ParseInt(last, 10, 64); err == nil {
			return n, nil
		}
	case "float", "auto_float":
		if f, ok := number(last); ok {
			return f, nil
		}
	case "boolean":
		if b, err := strconv.ParseBool(last); err == nil {
			return b, nil
		}
	case "string":
		return text, nil
	}
	if strings.HasPrefix(typ, "auto_") {
		return text, nil
	}
	return nil, fmt.Errorf("%s is no %s", shown(last), typ)
}

// newText reads nothing into a message: it is the text that it is.
func newText(*Options) (func([]byte, time.Time) (entries, error), error) {
	return func(data []byte, _ time.Time) (entries, error) {
		return entries{values: []any{strings.ToValidUTF8(string(data), "\uFFFD")}}, nil
	}, nil
}
