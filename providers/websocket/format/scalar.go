package format

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"path"
	"strconv"
	"strings"
	"time"

	"tocsin/templating/value"
)

// guessed is a text as the number, truth or text that it looks like.
func guessed(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if f, ok := number(text); ok {
		return f
	}
	switch text {
	case "true", "True", "TRUE", "t", "T":
		return true
	case "false", "False", "FALSE", "f", "F":
		return false
	}
	return text
}

// number reads a finite decimal number.
func number(text string) (float64, bool) {
	if text == "" || strings.ContainsAny(text, "xXpPnN_") {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && !math.IsInf(f, 0)
}

// converted is v as the type that an option names.
func converted(v any, typ string) (any, error) {
	text := value.Text(v)
	if b, ok := v.(bool); ok {
		text = strconv.FormatBool(b)
	}
	switch typ {
	case "", "auto":
		return v, nil
	case "string", "text":
		return text, nil
	case "int", "integer", "long", "uint", "unsigned":
		return integer(v, text)
	case "float", "double", "number":
		if b, ok := v.(bool); ok {
			return map[bool]float64{true: 1}[b], nil
		}
		if f, ok := number(text); ok {
			return f, nil
		}
	case "bool", "boolean":
		if b, err := strconv.ParseBool(text); err == nil {
			return b, nil
		}
		if f, ok := number(text); ok {
			return f != 0, nil
		}
	case "base64":
		return base64.StdEncoding.EncodeToString([]byte(text)), nil
	}
	return nil, fmt.Errorf("%s is no %s", shown(text), typ)
}

func integer(v any, text string) (any, error) {
	switch v := v.(type) {
	case int64, *big.Int:
		return v, nil
	case bool:
		return map[bool]int64{true: 1}[v], nil
	}
	if n, ok := new(big.Int).SetString(text, 10); ok && len(text) < 100 {
		return whole(n), nil
	}
	if f, ok := number(text); ok && math.Abs(f) < 1<<63 {
		return int64(f), nil
	}
	return nil, fmt.Errorf("%s is no integer", shown(text))
}

// whole is n as an int64 if it fits.
func whole(n *big.Int) any {
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

// types are what converted knows.
func knownType(typ string) bool {
	switch typ {
	case "", "auto", "string", "text", "int", "integer", "long", "uint", "unsigned", "float", "double", "number", "bool", "boolean", "base64":
		return true
	}
	return false
}

// shown is a text of the data in a message, shortened.
func shown(text string) string {
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "…"
	}
	return strconv.Quote(text)
}

// A clock reads times as an option says they are written.
type clock struct {
	layout string // a layout of Go's, or unix, unix_ms, unix_us, unix_ns
	zone   *time.Location
}

// newClock checks a layout and a time zone; fallback is the layout where there is none.
func newClock(name, layout, zone, fallback string) (clock, error) {
	if layout == "" {
		layout = fallback
	}
	c := clock{layout: layout, zone: time.UTC}
	if known, ok := layouts[layout]; ok {
		c.layout = known
	}
	if zone != "" {
		var err error
		if c.zone, err = time.LoadLocation(zone); err != nil || zone == "Local" {
			return c, fmt.Errorf("%s: there is no time zone %q", name, zone)
		}
	}
	return c, nil
}

// layouts are those of Go's that have names.
var layouts = map[string]string{
	"ANSIC": time.ANSIC, "UnixDate": time.UnixDate, "RubyDate": time.RubyDate, "RFC822": time.RFC822, "RFC822Z": time.RFC822Z,
	"RFC850": time.RFC850, "RFC1123": time.RFC1123, "RFC1123Z": time.RFC1123Z, "RFC3339": time.RFC3339,
	"RFC3339Nano": time.RFC3339Nano, "Stamp": time.Stamp, "StampMilli": time.StampMilli, "StampMicro": time.StampMicro, "StampNano": time.StampNano,
}

// units are the lengths of the ticks that the unix layouts count.
var units = map[string]time.Duration{
	"unix": time.Second, "unix_ms": time.Millisecond, "unix_us": time.Microsecond, "unix_ns": time.Nanosecond,
}

// read reads a time.
func (c clock) read(v any) (time.Time, error) {
	text := strings.TrimSpace(value.Text(v))
	if unit, ok := units[c.layout]; ok {
		return ticks(text, unit)
	}
	t, err := time.ParseInLocation(c.layout, text, c.zone)
	if err != nil {
		return t, fmt.Errorf("%s is no time of the form %q", shown(text), c.layout)
	}
	return t, inRange(t)
}

// ticks reads a number of units since 1970, with a fraction or without.
func ticks(text string, unit time.Duration) (time.Time, error) {
	text = strings.Replace(text, ",", ".", 1)
	n, ok := new(big.Rat).SetString(text)
	if !ok || len(text) > 40 || strings.ContainsAny(text, "/eExXpP_") {
		return time.Time{}, fmt.Errorf("%s is no time", shown(text))
	}
	n.Mul(n, new(big.Rat).SetInt64(int64(unit)))
	nanos := new(big.Int).Quo(n.Num(), n.Denom())
	seconds, rest := new(big.Int).QuoRem(nanos, big.NewInt(1e9), new(big.Int))
	if !seconds.IsInt64() {
		return time.Time{}, fmt.Errorf("%s is no time", shown(text))
	}
	t := time.Unix(seconds.Int64(), rest.Int64())
	return t, inRange(t)
}

// inRange refuses years that cannot be written.
func inRange(t time.Time) error {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return fmt.Errorf("the year %d cannot be written", y)
	}
	return nil
}

// A filter is a list of names, in which * and ? stand for others.
type filter []string

func newFilter(option string, patterns []string) (filter, error) {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("%s: %q is no pattern", option, p)
		}
	}
	return filter(patterns), nil
}

func (f filter) has(name string) bool {
	for _, p := range f {
		if ok, _ := path.Match(p, name); ok || p == name {
			return true
		}
	}
	return false
}
