package source_test

import (
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// TestPlainScalars has what PyYAML's safe loader makes of plain scalars (spec §1.1).
func TestPlainScalars(t *testing.T) {
	huge, _ := new(big.Int).SetString("98765432109876543210", 10)
	tests := []struct {
		text string
		want any
	}{
		{"yes", true}, {"Yes", true}, {"YES", true}, {"on", true}, {"On", true}, {"true", true}, {"TRUE", true},
		{"no", false}, {"off", false}, {"OFF", false}, {"False", false},
		{"y", "y"}, {"n", "n"}, {"yEs", "yEs"}, {"truely", "truely"},
		{"~", nil}, {"null", nil}, {"Null", nil}, {"NULL", nil}, {"", nil}, {"nUll", "nUll"},

		{"0", int64(0)}, {"7", int64(7)}, {"+5", int64(5)}, {"-7", int64(-7)}, {"1_000", int64(1000)},
		{"010", int64(8)}, {"-010", int64(-8)}, {"0_7", int64(7)}, {"0_", int64(0)}, {"08", "08"}, {"0o17", "0o17"},
		{"0x1f", int64(31)}, {"0xFF_FF", int64(65535)}, {"0x", "0x"}, {"0b101", int64(5)}, {"0b", "0b"},
		{"1:30", int64(90)}, {"12:30:45", int64(45045)}, {"-1:30", int64(-90)}, {"1:60", "1:60"}, {"0:30", "0:30"},
		{"1_0:30", int64(630)},
		{"9223372036854775807", int64(math.MaxInt64)}, {"-9223372036854775808", int64(math.MinInt64)},
		{"98765432109876543210", huge}, {"_1", "_1"}, {"1a", "1a"}, {"+", "+"}, {"--1", "--1"},

		{"0.10", 0.1}, {"1.", 1.0}, {".5", 0.5}, {"-.5", "-.5"}, {"1_0.5", 10.5}, {"1.0e+3", 1000.0}, {"1.0E-3", 0.001},
		{"1e3", "1e3"}, {"1.0e3", "1.0e3"}, {"1.0e+", "1.0e+"}, {".", "."}, {"._1", "._1"}, {"1.2.3", "1.2.3"},
		{".inf", math.Inf(1)}, {"-.INF", math.Inf(-1)}, {"+.Inf", math.Inf(1)}, {"1.0e+999", math.Inf(1)}, {"-.nan", "-.nan"},
		{"190:20:30.15", 685230.15}, {"1:30.5", 90.5}, {"1.5_0", 1.5},
		{"90%", "90%"}, {"10.0.0.1", "10.0.0.1"}, {"127.0.0.1:80", "127.0.0.1:80"}, {"v1.2", "v1.2"}, {"5m", "5m"},

		{"2024-05-06", value.Date{Year: 2024, Month: 5, Day: 6}},
		{"2024-5-6", "2024-5-6"}, {"2024-13-01", "2024-13-01"}, {"2023-02-29", "2023-02-29"}, {"2024-05-061", "2024-05-061"},
		{"2024-05-06T07:08:09Z", time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)},
		{"2024-05-06 07:08:09", time.Date(2024, 5, 6, 7, 8, 9, 0, value.Naive)},
		{"2024-5-6t7:08:09.5", time.Date(2024, 5, 6, 7, 8, 9, 500_000_000, value.Naive)},
		{"2024-05-06 07:08:09.1234567 Z", time.Date(2024, 5, 6, 7, 8, 9, 123_456_000, time.UTC)},
		{"2024-05-06T07:08", "2024-05-06T07:08"}, {"2024-05-06T25:08:09", "2024-05-06T25:08:09"},
		{"2024-05-06T07:08:09 CET", "2024-05-06T07:08:09 CET"}, {"2024-05-06x", "2024-05-06x"},
		{"hello world", "hello world"}, {"=", "="}, {"<", "<"},
	}
	for _, tt := range tests {
		v, err := source.Parse("in.yaml", []byte("a: "+tt.text+"\n"))
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		got, _ := v.Data.(source.Map).Get("a")
		if !reflect.DeepEqual(got.Data, tt.want) {
			t.Errorf("%s = %T %v, want %T %v", tt.text, got.Data, got.Data, tt.want, tt.want)
		}
		if v, ok := source.Scalar(tt.text); ok && !reflect.DeepEqual(v, tt.want) {
			t.Errorf("Scalar of %s = %T %v, want %T %v", tt.text, v, v, tt.want, tt.want)
		}
	}
	v, _ := source.Parse("in.yaml", []byte("[.nan, 2024-05-06T07:08:09+02:30]"))
	list := v.Data.([]source.Value)
	if f, ok := list[0].Data.(float64); !ok || !math.IsNaN(f) {
		t.Errorf(".nan = %v", list[0].Data)
	}
	want := time.Date(2024, 5, 6, 7, 8, 9, 0, time.FixedZone("", 9000))
	if at, ok := list[1].Data.(time.Time); !ok || !at.Equal(want) || at.Format("-0700") != "+0230" {
		t.Errorf("time with a zone = %v", list[1].Data)
	}
}

// TestScalar has texts that Scalar reads like Parse, and those it leaves to it.
func TestScalar(t *testing.T) {
	for _, text := range []string{"hello", "ws://127.0.0.1:80/x?a=b#c", "90 %", "true", "12", "a,b]", "it's", "~"} {
		v, ok := source.Scalar(text)
		parsed, err := source.Parse("in.yaml", []byte(text))
		if !ok || err != nil || v != parsed.Data {
			t.Errorf("%s = %v, %v, want %v", text, v, ok, parsed.Data)
		}
	}
	for _, text := range []string{"", "-5", "a: b", "a #b", "a:", " a", "a ", "a\tb", "ä", "[a]", "'a'", "{{ a }}", "...", "a\nb"} {
		if v, ok := source.Scalar(text); ok {
			t.Errorf("%q = %v", text, v)
		}
	}
}

// TestDialect reads whole documents; what is wanted is their JSON.
func TestDialect(t *testing.T) {
	tests := []struct {
		name, yaml, want string
	}{
		{"booleans are YAML 1.1", "a: yes\nb: no\nc: on\nd: off\ne: true\nf: 'yes'", `{"a":true,"b":false,"c":true,"d":false,"e":true,"f":"yes"}`},
		{"on as a key is true", "on: [x]", `{"true":["x"]}`},
		{"other keys that are no texts", "010: a\n~: b\n'on': c\n0x1f: d\n1.50: e\n2024-05-06: f", `{"8":"a","null":"b","on":"c","31":"d","1.50":"e","2024-05-06":"f"}`},
		{"base sixty", "a: 1:30\nb: 12:30:45", `{"a":90,"b":45045}`},
		{"nulls", "a: ~\nb: null\nc:\nd: Null", `{"a":null,"b":null,"c":null,"d":null}`},
		{"a folded block", "a: >\n  one\n  two\n\n  three\n", `{"a":"one two\nthree\n"}`},
		{"a literal block", "a: |-\n  one\n  two\n", `{"a":"one\ntwo"}`},
		{"a merge", "base: &b {x: 1, y: 2}\nc: {<<: *b, y: 3}", `{"base":{"x":1,"y":2},"c":{"x":1,"y":3}}`},
		{"the first of merged mappings wins", "a: {<<: [{x: 1}, {x: 2, y: 2}], z: 3}", `{"a":{"x":1,"y":2,"z":3}}`},
		{"a merge within a merge", "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {z: 3, <<: *b}", `{"a":{"x":1},"b":{"x":1,"y":2},"c":{"x":1,"y":2,"z":3}}`},
		{"a quoted << is a key", `a: {"<<": 1}`, `{"a":{"<<":1}}`},
		{"signs", "a: +5\nb: -7\nc: 0.10", `{"a":5,"b":-7,"c":0.1}`},
		{"no numbers", "a: 90%\nb: 10.0.0.1", `{"a":"90%","b":"10.0.0.1"}`},
		{"the last of equal keys", "a: 1\nb: 2\na: 3", `{"a":3,"b":2}`},
		{"an alias", "a: &x [1, {b: 2}]\nc: *x\n&k d: *x\n*k : 1", `{"a":[1,{"b":2}],"c":[1,{"b":2}],"d":1}`},
		{"tags", "a: !!str 010\nb: !!int \"12\"\nc: !!float 3\nd: !!bool yes\ne: !!null ~\nf: !!map {x: 1}\ng: !!seq [1]", `{"a":"010","b":12,"c":3.0,"d":true,"e":null,"f":{"x":1},"g":[1]}`},
		{"order is kept", "z: 1\na: 2\nm: 3", `{"z":1,"a":2,"m":3}`},
		{"a byte order mark", "\ufeffa: 1", `{"a":1}`},
		{"an empty file", "", `null`},
		{"comments only", "# nothing\n", `null`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := source.Parse("in.yaml", []byte(tt.yaml))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(value.AppendJSON(nil, v.Plain())); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSeveralDocuments(t *testing.T) {
	text := []byte("---\n# only a comment\n---\na: 1\n---\nb: 2\n...\n---\n")
	docs, err := source.ParseAll("in.yaml", text)
	if err != nil || len(docs) != 2 || docs[1].Pos.String() != "in.yaml:6:1" {
		t.Errorf("ParseAll = %v, %v", docs, err)
	}
	_, err = source.Parse("in.yaml", text)
	const want = `in.yaml:6:1: a second document begins here (remove the "---" line, or put the document into a file of its own)`
	if err == nil || err.Error() != want {
		t.Errorf("Parse: %v\nwant   %s", err, want)
	}
}

func TestPlaces(t *testing.T) {
	v, err := source.Parse("in.yaml", []byte("größe: {ä: 1, ö: [x,\n  'y']}\nlast: |\n  text\n"))
	if err != nil {
		t.Fatal(err)
	}
	m := v.Data.(source.Map)
	inner := m[0].Value.Data.(source.Map)
	list := inner[1].Value.Data.([]source.Value)
	for _, tt := range []struct {
		pos  source.Pos
		want string
	}{
		{v.Pos, "in.yaml:1:1"}, {m[0].Pos, "in.yaml:1:1"}, {m[0].Value.Pos, "in.yaml:1:8"},
		{inner[0].Pos, "in.yaml:1:9"}, {inner[1].Pos, "in.yaml:1:15"}, {list[1].Pos, "in.yaml:2:3"},
		{m[1].Value.Pos, "in.yaml:3:7"}, {source.Pos{}, ""}, {source.Pos{Line: 2, Col: 3}, "2:3"},
	} {
		if got := tt.pos.String(); got != tt.want {
			t.Errorf("place %s, want %s", got, tt.want)
		}
	}
	if list[0].Style != source.Plain || list[1].Style != source.Quoted || m[1].Value.Style != source.Block {
		t.Error("styles are not kept")
	}
}

func TestPlainAndOf(t *testing.T) {
	data := value.MapOf(value.Entry{Key: "b", Value: []any{int64(1), nil}}, value.Entry{Key: "a", Value: value.Tuple{"x"}})
	if got := source.Of(data).Plain(); !reflect.DeepEqual(got, data) {
		t.Errorf("Plain of Of = %v, want %v", got, data)
	}
}
