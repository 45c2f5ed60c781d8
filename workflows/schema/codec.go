package schema

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// A codec fills a Go value of one type from a source.Value.
type codec struct {
	typ    Type
	takes  string // for messages: "a duration such as 10s or 1m30s"
	secret bool
	lazy   bool
	syntax string // "condition", "expression", "predicate", "cel"
	deep   bool   // reads lists or mappings, and reports what is wrong in them itself

	item   *codec  // of a list or a mapping with any keys
	fields *Schema // of a struct, or of the structs in a list or mapping
	enum   []string

	// set says whether v could be read. A deep codec also adds to d.problems, and
	// says that it could.
	set func(d *decoder, dst reflect.Value, v source.Value) bool
}

// The codecs of types that have one form only.
var (
	secretCodec     = &codec{typ: String, takes: "a text", secret: true, set: setText}
	durationCodec   = &codec{typ: Duration, takes: "a duration such as 10s or 1m30s", set: setDuration}
	sizeCodec       = &codec{typ: Size, takes: "a size such as 64KiB or 10MB", set: setSize}
	lazyCodec       = &codec{typ: Any, takes: "any value", lazy: true, deep: true, set: setLazy}
	valueCodec      = &codec{typ: Any, takes: "any value", deep: true, set: setValue}
	orderedCodec    = &codec{typ: Mapping, takes: "a mapping", deep: true, set: setOrderedMap}
	conditionCodec  = &codec{typ: String, takes: "a condition", lazy: true, syntax: "condition", deep: true, set: setCondition}
	expressionCodec = &codec{typ: String, takes: "an expression", syntax: "expression", set: setExpression}
	predicateCodec  = &codec{typ: String, takes: "an expression", syntax: "predicate", set: setPredicate}
	celCodec        = &codec{typ: String, takes: "a condition in CEL", syntax: "cel", set: setText}
	textCodec       = &codec{typ: String, takes: "a text", set: setText}
	boolCodec       = &codec{typ: Boolean, takes: "true or false", set: setBool}
	numberCodec     = &codec{typ: Number, takes: "a number", set: setFloat}
	anyCodec        = &codec{typ: Any, takes: "any value", deep: true, set: setAny}
)

// codecOf is nil for a type that no field can have.
func codecOf(t reflect.Type) *codec {
	switch t {
	case reflect.TypeFor[Secret]():
		return secretCodec
	case reflect.TypeFor[time.Duration]():
		return durationCodec
	case reflect.TypeFor[ByteSize]():
		return sizeCodec
	case reflect.TypeFor[Lazy]():
		return lazyCodec
	case reflect.TypeFor[Condition]():
		return conditionCodec
	case reflect.TypeFor[Expression]():
		return expressionCodec
	case reflect.TypeFor[Predicate]():
		return predicateCodec
	case reflect.TypeFor[CEL]():
		return celCodec
	case valueType:
		return valueCodec
	case mapType:
		return orderedCodec
	}
	switch t.Kind() {
	case reflect.String:
		return textCodec
	case reflect.Bool:
		return boolCodec
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &codec{typ: Integer, takes: integers(t), set: setInt}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &codec{typ: Integer, takes: integers(t), set: setUint}
	case reflect.Float32, reflect.Float64:
		return numberCodec
	case reflect.Struct:
		return structCodec(t)
	case reflect.Pointer:
		return pointerCodec(t)
	case reflect.Slice:
		return listCodec(t)
	case reflect.Map:
		return mapCodec(t)
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return anyCodec
		}
	}
	return nil
}

// integers says which ones fit into t, where that is worth saying.
func integers(t reflect.Type) string {
	bits := t.Bits()
	switch signed := t.Kind() <= reflect.Int64; {
	case signed && bits == 64:
		return "an integer"
	case signed:
		return fmt.Sprintf("an integer from %d to %d", -1<<(bits-1), 1<<(bits-1)-1)
	case bits == 64:
		return "an integer from 0 up"
	}
	return fmt.Sprintf("an integer from 0 to %d", 1<<bits-1)
}

// withEnum is c limited to the given texts, in lists and mappings their items; nil
// if c reads no texts.
func (c *codec) withEnum(texts []string) *codec {
	limited := *c
	limited.enum = texts
	switch {
	case c.item != nil:
		item := c.item.withEnum(texts)
		if item == nil {
			return nil
		}
		limited.item = item
		limited.set = func(d *decoder, dst reflect.Value, v source.Value) bool { return c.setItems(d, dst, v, item) }
	case c.typ != String:
		return nil
	default:
		limited.takes = choices(texts)
		limited.set = func(d *decoder, dst reflect.Value, v source.Value) bool {
			v.Data = spelled(v.Data, texts)
			if !c.set(d, dst, v) {
				return false
			}
			s := reflect.Indirect(dst).String()
			for _, t := range texts {
				if s == t {
					return true
				}
			}
			return false
		}
	}
	return &limited
}

// spelled is off, on, yes or no where data is what YAML 1.1 takes such a word for, and
// texts have it.
func spelled(data any, texts []string) any {
	is, ok := data.(bool)
	if !ok {
		return data
	}
	for _, t := range texts {
		switch t {
		case "off", "on", "yes", "no":
			if truth[t] == is {
				return t
			}
		}
	}
	return data
}

// choices is "a, b or c".
func choices(texts []string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}

func setText(_ *decoder, dst reflect.Value, v source.Value) bool {
	switch x := v.Data.(type) {
	case string:
		dst.SetString(x)
	case bool, int64, *big.Int, float64, time.Time, value.Date:
		dst.SetString(value.Text(x))
	case Secret:
		dst.SetString(string(x))
	default:
		return setMadeText(dst, v.Data)
	}
	return true
}

// setMadeText takes what a program put into a value: any kind of string or number.
func setMadeText(dst reflect.Value, data any) bool {
	switch rv := reflect.ValueOf(data); rv.Kind() {
	case reflect.String:
		dst.SetString(rv.String())
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Uint, reflect.Uint8,
		reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32:
		dst.SetString(value.Text(value.Of(data)))
	default:
		return false
	}
	return true
}

func setBool(_ *decoder, dst reflect.Value, v source.Value) bool {
	switch x := v.Data.(type) {
	case bool:
		dst.SetBool(x)
		return true
	case int64:
		dst.SetBool(x == 1)
		return x == 0 || x == 1
	case string:
		b, ok := truth[strings.ToLower(strings.TrimSpace(x))]
		dst.SetBool(b)
		return ok
	}
	return false
}

var truth = map[string]bool{
	"true": true, "yes": true, "on": true, "1": true,
	"false": false, "no": false, "off": false, "0": false,
}

// integer reads what is a whole number, whatever its type.
func integer(data any) (int64, bool) {
	switch x := data.(type) {
	case int64:
		return x, true
	case int:
		return int64(x), true
	case float64:
		return int64(x), x == math.Trunc(x) && math.Abs(x) < 1<<63
	case string:
		x = strings.TrimSpace(x)
		if n, err := strconv.ParseInt(x, 10, 64); err == nil {
			return n, true
		}
		if f, ok := finite(x); ok && strings.Contains(x, ".") {
			return integer(f)
		}
	}
	return 0, false
}

func setInt(_ *decoder, dst reflect.Value, v source.Value) bool {
	n, ok := integer(v.Data)
	if !ok || dst.OverflowInt(n) {
		return false
	}
	dst.SetInt(n)
	return true
}

func setUint(_ *decoder, dst reflect.Value, v source.Value) bool {
	n, ok := integer(v.Data)
	if !ok || n < 0 || dst.OverflowUint(uint64(n)) {
		return false
	}
	dst.SetUint(uint64(n))
	return true
}

// float reads a finite number, whatever its type.
func float(data any) (float64, bool) {
	switch x := data.(type) {
	case int64:
		return float64(x), true
	case int:
		return float64(x), true
	case float64:
		return x, !math.IsNaN(x) && !math.IsInf(x, 0)
	case *big.Int:
		f, _ := new(big.Float).SetInt(x).Float64()
		return f, !math.IsInf(f, 0)
	case string:
		return finite(strings.TrimSpace(x))
	}
	return 0, false
}

// finite reads a decimal number; no hexadecimal, no "inf".
func finite(s string) (float64, bool) {
	if strings.ContainsAny(s, "xXnN_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func setFloat(_ *decoder, dst reflect.Value, v source.Value) bool {
	f, ok := float(v.Data)
	if !ok || dst.OverflowFloat(f) {
		return false
	}
	dst.SetFloat(f)
	return true
}

func setDuration(_ *decoder, dst reflect.Value, v source.Value) bool {
	switch x := v.Data.(type) {
	case time.Duration:
		dst.SetInt(int64(x))
		return true
	case string:
		if d, err := time.ParseDuration(strings.TrimSpace(x)); err == nil {
			dst.SetInt(int64(d))
			return true
		}
	}
	seconds, ok := float(v.Data)
	if nanos := seconds * float64(time.Second); ok && math.Abs(nanos) < math.MaxInt64 {
		dst.SetInt(int64(math.Round(nanos)))
		return true
	}
	return false
}

func setSize(_ *decoder, dst reflect.Value, v source.Value) bool {
	if s, isText := v.Data.(string); isText {
		n, ok := ParseByteSize(s)
		dst.SetInt(int64(n))
		return ok
	}
	if n, isSize := v.Data.(ByteSize); isSize {
		dst.SetInt(int64(n))
		return true
	}
	n, ok := integer(v.Data)
	dst.SetInt(max(0, n))
	return ok && n >= 0
}

func setAny(_ *decoder, dst reflect.Value, v source.Value) bool {
	if plain := v.Plain(); plain != nil {
		dst.Set(reflect.ValueOf(plain))
	}
	return true
}

func setValue(_ *decoder, dst reflect.Value, v source.Value) bool {
	*dst.Addr().Interface().(*source.Value) = v
	return true
}
