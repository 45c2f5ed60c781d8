package value_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/templating/value"
)

func TestDecodeJSON(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"keys keep their order", `{"b": 1, "a": 2}`, `{'b': 1, 'a': 2}`},
		{"the last of equal keys counts", `{"a": 1, "b": 2, "a": 3}`, `{'a': 3, 'b': 2}`},
		{"integers of any size", `[1, -0, 98765432109876543210]`, `[1, 0, 98765432109876543210]`},
		{"a fraction or exponent makes a float", `[1.0, 1e3, 0.0, -0.0]`, `[1.0, 1000.0, 0.0, -0.0]`},
		{"escapes", `"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, `'"\\/\x08\x0c\n\r\té😀'`},
		{"half a pair is no character", `"\ud83d \ude00"`, `'� �'`},
		{"white space", " [\n1 ,\t2 ]\r\n", `[1, 2]`},
		{"bytes that are no UTF-8", "\"a\xffb\"", `'a�b'`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := value.DecodeJSON([]byte(tt.text))
			if got := value.Repr(v); err != nil || got != tt.want {
				t.Errorf("%s is %s, %v; want %s", tt.text, got, err, tt.want)
			}
		})
	}
}

func TestDecodeJSONMistakes(t *testing.T) {
	tests := []struct{ text, want string }{
		{``, "line 1, column 1: want a value, found the end"},
		{"{\n  \"a\": 1,\n  \"é\": nope}", "line 3, column 8: want a value, found 'n'"},
		{`[1, 2,]`, "line 1, column 7: want a value, found ']'"},
		{`[1 2]`, "line 1, column 4: want a comma or ], found '2'"},
		{`{a: 1}`, "line 1, column 2: want a key in quotes, found 'a'"},
		{`{"a" 1}`, "line 1, column 6: want a colon, found '1'"},
		{`{"a": 1} x`, "line 1, column 10: want the end, found 'x'"},
		{`01`, `line 1, column 1: "01" is no number`},
		{`1.`, `line 1, column 1: "1." is no number`},
		{`-`, `line 1, column 1: "-" is no number`},
		{`1e999`, "line 1, column 1: the number 1e999 is too large"},
		{`"a`, "line 1, column 3: a string without an end"},
		{"\"a\nb\"", `line 1, column 3: a control character in a string, which wants \u000a`},
		{`"\x"`, `line 1, column 3: want one of "\/bfnrtu behind the backslash, found 'x'`},
		{`"\u12"`, `line 1, column 4: \u wants four hexadecimal digits`},
		{`'a'`, `line 1, column 1: want a value, found '\''`},
		{`NaN`, "line 1, column 1: want a value, found 'N'"},
		{`/* */ 1`, "line 1, column 1: want a value, found '/'"},
		{strings.Repeat("[", 65), "line 1, column 65: nested deeper than 64 levels"},
		{strings.Repeat(`{"a":`, 1_000_000), "line 1, column 321: nested deeper than 64 levels"},
		{strings.Repeat("9", 5000), "line 1, column 1: an integer of more than 4300 digits"},
	}
	for _, tt := range tests {
		v, err := value.DecodeJSON([]byte(tt.text))
		if err == nil {
			t.Errorf("DecodeJSON(%.40q) = %s, want an error", tt.text, value.Repr(v))
			continue
		}
		if got := strings.TrimPrefix(err.Error(), "JSON, "); got != tt.want {
			t.Errorf("DecodeJSON(%.40q)\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
	if _, err := value.DecodeJSON(make([]byte, 9<<20)); err == nil {
		t.Error("a text of 9 MiB was read")
	}
}

func TestDecodeJSON5(t *testing.T) {
	tests := []struct{ text, want string }{
		{`[1, 2,]`, `[1, 2]`},
		{`{a: 'it\'s', $b: +1, "c": .5, d: 0xff, e: 5.,}`, `{'a': "it's", '$b': 1, 'c': 0.5, 'd': 255, 'e': 5.0}`},
		{"// why\n[1, /* two */ 2] // end", `[1, 2]`},
		{"'a\nb\\\nc'", `'a\nbc'`},
		{`[Infinity, -Infinity, NaN]`, `[inf, -inf, nan]`},
		{`[1] /* open`, "line 1, column 5: want the end, found '/'"},
		{`{a b}`, "line 1, column 4: want a colon, found 'b'"},
		{`--1`, `line 1, column 1: "--1" is no number`},
		{`abc`, "line 1, column 1: want a value, found 'a'"},
	}
	for _, tt := range tests {
		v, err := value.DecodeJSON5([]byte(tt.text))
		got := value.Repr(v)
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "JSON, ")
		}
		if got != tt.want {
			t.Errorf("DecodeJSON5(%s)\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

func TestEncodeJSON(t *testing.T) {
	when := time.Date(2024, 5, 6, 7, 8, 9, 120_000_000, time.UTC)
	v := value.MapOf(
		value.Entry{Key: "b", Value: []any{int64(1), 2.0, nil}},
		value.Entry{Key: "a", Value: "<é & 😀>\u2028"},
		value.Entry{Key: "when", Value: when},
		value.Entry{Key: "local", Value: time.Date(2024, 5, 6, 7, 8, 9, 0, value.Naive)},
		value.Entry{Key: "day", Value: value.Date{Year: 2024, Month: 5, Day: 6}},
		value.Entry{Key: "none", Value: value.Tuple{}},
	)
	compact := `{"b":[1,2.0,null],"a":"<é & 😀>` + "\u2028" + `","when":"2024-05-06T07:08:09.12Z","local":"2024-05-06T07:08:09","day":"2024-05-06","none":[]}`
	if got := string(value.AppendJSON(nil, v)); got != compact {
		t.Errorf("AppendJSON\n got %s\nwant %s", got, compact)
	}
	indented := `{
  "b": [
    1,
    2.0,
    null
  ],
  "a": "<\u00e9 & \ud83d\ude00>\u2028",
  "when": "2024-05-06 07:08:09.120000+00:00",
  "local": "2024-05-06 07:08:09",
  "day": "2024-05-06",
  "none": []
}`
	if got := string(value.EncodeJSON(nil, v, 2)); got != indented {
		t.Errorf("EncodeJSON\n got %s\nwant %s", got, indented)
	}
}

// TestMapIsJSON has a Map within other Go data, where encoding/json asks for its JSON.
func TestMapIsJSON(t *testing.T) {
	type report struct {
		Results *value.Map `json:"results"`
		Nothing *value.Map `json:"nothing"`
	}
	const text = `{"results":{"b":1,"a":[2.5]},"nothing":null}`
	var r report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(r)
	if err != nil || string(got) != text {
		t.Errorf("%s, %v; want %s", got, err, text)
	}
	if err := json.Unmarshal([]byte(`{"results": [1]}`), &r); err == nil {
		t.Error("a list was read as a mapping")
	}
}

// TestJSONIsRead writes every value that JSON has, and reads it back.
func TestJSONIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, err := value.DecodeJSON(value.AppendJSON(nil, values().Draw(t, "v")))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{value.AppendJSON(nil, v), value.EncodeJSON(nil, v, 0), value.EncodeJSON(nil, v, 4)} {
			if again, err := value.DecodeJSON(text); err != nil || !value.Equal(again, v) {
				t.Fatalf("%s was read as %s, %v", text, value.Repr(again), err)
			}
			if !json.Valid(text) {
				t.Fatalf("%s is no JSON", text)
			}
		}
	})
}

// FuzzDecodeJSON compares what is accepted with encoding/json, within our limits.
func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{`{"a": [1, 2.5e-3, null, true, "\u00e9\ud83d"], "b": {}}`, `[[[[`, `1e400`, `-0`, `01`, "\"\x01\"", `{"a":1,}`, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := value.DecodeJSON(text)
		if valid := json.Valid(text); err == nil && !valid || err != nil && valid && withinLimits(err) {
			t.Fatalf("%q: %v, but encoding/json says %v", text, err, valid)
		}
		if err != nil {
			return
		}
		if again, err := value.DecodeJSON(value.AppendJSON(nil, v)); err != nil || !value.Equal(again, v) {
			t.Fatalf("%q is %s, written and read again: %s, %v", text, value.Repr(v), value.Repr(again), err)
		}
		relaxed, err := value.DecodeJSON5(text)
		if err != nil || !value.Equal(relaxed, v) {
			t.Fatalf("%q is JSON, but as JSON5 it is %s, %v", text, value.Repr(relaxed), err)
		}
	})
}

// withinLimits says that the error is not about our limits.
func withinLimits(err error) bool {
	for _, limit := range []string{"too large", "deeper", "digits", "longer"} {
		if strings.Contains(err.Error(), limit) {
			return false
		}
	}
	return true
}

func BenchmarkDecodeJSON(b *testing.B) {
	text := []byte(`[` + strings.Repeat(`{"id": 1, "host": "db-1", "up": true, "load": 0.25, "tags": ["a", "b"]},`, 100) + `null]`)
	b.SetBytes(int64(len(text)))
	b.Run("value", func(b *testing.B) {
		for b.Loop() {
			if _, err := value.DecodeJSON(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json into any", func(b *testing.B) {
		for b.Loop() {
			var v any
			if err := json.NewDecoder(bytes.NewReader(text)).Decode(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
