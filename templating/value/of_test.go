package value_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"testing"
	"time"

	"tocsin/templating/value"
)

type level int

type secret string

func (secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

type place struct {
	Host string
	Zone string `json:"zone,omitempty"`
}

type answer struct {
	place
	Status  level          `param:"status_code,required" json:"status"`
	Ratio   float32        `json:"ratio"`
	Token   secret         `json:"token"`
	Skipped string         `json:"-"`
	Body    any            `json:"body"`
	Header  map[string]any `json:"header"`
	Took    time.Duration
	next    *answer
}

func TestOf(t *testing.T) {
	var none *answer
	tests := []struct {
		name string
		v    any
		want string
	}{
		{"a struct, by param, json or lower-case names", answer{place: place{Host: "db-1"}, Status: 200, Ratio: 0.1, Token: "t", Took: time.Second, next: none},
			`{'host': 'db-1', 'zone': '', 'status_code': 200, 'ratio': 0.1, 'token': '[redacted]', 'body': None, 'header': {}, 'took': '1s'}`},
		{"a map, its keys sorted", map[string]int{"b": 2, "a": 1}, `{'a': 1, 'b': 2}`},
		{"a map with other keys", map[level]bool{3: true}, `{'3': True}`},
		{"lists of every kind", [][]uint8{[]byte("text")}, `['text']`},
		{"an array", [2]string{"a", "b"}, `['a', 'b']`},
		{"numbers of every size", []any{int8(1), uint16(2), uint64(1 << 63), float32(2.5), level(4), big.NewInt(5)}, `[1, 2, 9223372036854775808, 2.5, 4, 5]`},
		{"numbers of JSON", []json.Number{"1", "1.0", "98765432109876543210"}, `[1, 1.0, 98765432109876543210]`},
		{"raw JSON", json.RawMessage(`{"b": 1, "a": 2}`), `{'b': 1, 'a': 2}`},
		{"a nil pointer", none, `None`},
		{"a nil list and a nil map", []any{[]string(nil), map[string]any(nil)}, `[[], {}]`},
		{"an error is its text", errors.New("refused"), `'refused'`},
		{"Go data within a value", []any{value.MapOf(value.Entry{Key: "n", Value: 1})}, `[{'n': 1}]`},
		{"a tuple stays one", value.Tuple{1}, `(1,)`},
		{"what is unknown", complex(1, 2), `'(1+2i)'`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := value.Repr(value.Of(tt.v)); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestOfReturnsValues has values handed on, not copied.
func TestOfReturnsValues(t *testing.T) {
	m := value.MapOf(value.Entry{Key: "list", Value: []any{int64(1), value.Tuple{"a"}}})
	if got := value.Of(m); got != any(m) {
		t.Error("a value was copied")
	}
	list := []any{"a", int64(1)}
	if got := value.Of(list).([]any); &got[0] != &list[0] {
		t.Error("a list of values was copied")
	}
}

// TestOfEnds has data that contains itself.
func TestOfEnds(t *testing.T) {
	type node struct {
		Name string
		Next *node
		*place
	}
	loop := &node{Name: "a"}
	loop.Next = &node{Name: "b", Next: loop}
	list := []any{"a", nil}
	list[1] = list
	m := value.NewMap(1)
	m.Set("self", []any{m})
	goMap := map[string]any{}
	goMap["self"] = goMap
	var deep any = "bottom"
	for range 1000 {
		deep = []any{deep}
	}
	tests := []struct {
		name string
		v    any
		want string
	}{
		{"pointers", loop, `{'name': 'a', 'next': {'name': 'b', 'next': None}}`},
		{"a list", list, `['a', None]`},
		{"a mapping", m, `{'self': [None]}`},
		{"a Go map", goMap, `{'self': None}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := value.Repr(value.Of(tt.v)); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
	if got := len(value.Repr(value.Of(deep))); got > 300 {
		t.Errorf("deep data has %d characters", got)
	}
}
