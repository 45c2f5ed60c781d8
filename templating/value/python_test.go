package value_test

import (
	"math"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tocsin/templating/value"
)

// TestPythonText compares our text with what Python itself wrote: testdata/python.txt
// says how.
func TestPythonText(t *testing.T) {
	text, err := os.ReadFile("testdata/python.txt")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	for i := 0; i+2 < len(lines); i += 3 {
		v, err := value.DecodeJSON([]byte(lines[i]))
		if err != nil {
			t.Errorf("%s: %v", lines[i], err)
			continue
		}
		if got := value.Repr(v); got != lines[i+1] {
			t.Errorf("Repr of %s\n got %s\nwant %s", lines[i], got, lines[i+1])
		}
		if got := string(value.EncodeJSON(nil, v, 0)); got != lines[i+2] {
			t.Errorf("EncodeJSON of %s\n got %s\nwant %s", lines[i], got, lines[i+2])
		}
		if back, err := value.ParsePython(lines[i+1]); err != nil || !value.Equal(back, v) {
			t.Errorf("ParsePython(%s) = %s, %v", lines[i+1], value.Repr(back), err)
		}
	}
}

func TestText(t *testing.T) {
	plus2 := time.FixedZone("", 2*60*60)
	tests := []struct {
		name       string
		v          any
		text, repr string
	}{
		{"nothing is empty text", nil, "", "None"},
		{"a string is itself", "it's", "it's", `"it's"`},
		{"a tuple of one has a comma", value.Tuple{int64(1)}, "(1,)", "(1,)"},
		{"an empty tuple", value.Tuple{}, "()", "()"},
		{"a time has its offset", time.Date(2024, 5, 6, 7, 8, 9, 0, plus2), "2024-05-06 07:08:09+02:00",
			"datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone(datetime.timedelta(seconds=7200)))"},
		{"an offset to the west counts from the day before", time.Date(2024, 5, 6, 7, 0, 0, 0, time.FixedZone("", -5*60*60)), "2024-05-06 07:00:00-05:00",
			"datetime.datetime(2024, 5, 6, 7, 0, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=68400)))"},
		{"microseconds are all six or none", time.Date(2024, 5, 6, 7, 8, 9, 120_000_999, time.UTC), "2024-05-06 07:08:09.120000+00:00",
			"datetime.datetime(2024, 5, 6, 7, 8, 9, 120000, tzinfo=datetime.timezone.utc)"},
		{"a time without a zone has no offset", time.Date(2024, 5, 6, 0, 0, 0, 0, value.Naive), "2024-05-06 00:00:00",
			"datetime.datetime(2024, 5, 6, 0, 0)"},
		{"a date", value.Date{Year: 2024, Month: 5, Day: 6}, "2024-05-06", "datetime.date(2024, 5, 6)"},
		{"infinity", math.Inf(-1), "-inf", "-inf"},
		{"not a number", math.NaN(), "nan", "nan"},
		{"an object is JSON with an indent", value.Object{Map: value.MapOf(value.Entry{Key: "id", Value: "é"}, value.Entry{Key: "tags", Value: []any{}})},
			"{\n    \"id\": \"\\u00e9\",\n    \"tags\": []\n}", "AlertDto(id='é', tags=[])"},
		{"an incident in a list", value.Object{Map: value.MapOf(value.Entry{Key: "user_generated_name"})}, "{\n    \"user_generated_name\": null\n}", "IncidentDto(user_generated_name=None)"},
		{"Go data is made a value first", []int{1, 2}, "[1, 2]", "[1, 2]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := value.Text(tt.v); got != tt.text {
				t.Errorf("Text = %s, want %s", got, tt.text)
			}
			if got := value.Repr(tt.v); got != tt.repr {
				t.Errorf("Repr = %s, want %s", got, tt.repr)
			}
		})
	}
}

func TestParsePython(t *testing.T) {
	tests := []struct {
		text string
		want any
	}{
		{` [ 1 , 2 , ] `, []any{int64(1), int64(2)}},
		{`(1)`, int64(1)},
		{`(1,)`, value.Tuple{int64(1)}},
		{`{1, 'a'}`, []any{int64(1), "a"}},
		{`set()`, []any{}},
		{`{}`, value.NewMap(0)},
		{`{1: 'a', None: 'b', 'a': 'c'}`, value.MapOf(value.Entry{Key: "1", Value: "a"}, value.Entry{Key: "None", Value: "b"}, value.Entry{Key: "a", Value: "c"})},
		{`'a' "b"`, "ab"},
		{`'\x41\u00e9\U0001f600\101\q\'"'`, "Aé😀A\\q'\""},
		{`r'\d' `, `\d`},
		{`b'ab'`, "ab"},
		{`1_000`, int64(1000)},
		{`0x1f`, int64(31)},
		{`-1.5e3`, -1500.0},
		{`.5`, 0.5},
		{`Decimal('1.50')`, 1.5},
		{`Decimal('10')`, int64(10)},
		{`datetime.date(2024, 5, 6)`, value.Date{Year: 2024, Month: 5, Day: 6}},
		{`datetime.datetime(2024, 5, 6, 7, 8)`, time.Date(2024, 5, 6, 7, 8, 0, 0, value.Naive)},
		{`datetime.datetime(2024, 5, 6, 7, 8, 9, 12, tzinfo=tzutc())`, time.Date(2024, 5, 6, 7, 8, 9, 12000, time.UTC)},
		{`datetime.datetime(2024, 5, 6, hour=7, tzinfo=datetime.timezone.utc)`, time.Date(2024, 5, 6, 7, 0, 0, 0, time.UTC)},
	}
	for _, tt := range tests {
		got, err := value.ParsePython(tt.text)
		if err != nil || !value.Equal(got, tt.want) {
			t.Errorf("ParsePython(%s) = %s, %v; want %s", tt.text, value.Repr(got), err, value.Repr(tt.want))
		}
	}
}

func TestParsePythonMistakes(t *testing.T) {
	tests := []struct{ text, want string }{
		{``, "character 1: want a value, found the end"},
		{`[1`, "character 3: want a comma or ], found the end"},
		{`[1 2]`, `character 4: want a comma or ], found '2'`},
		{`{'a' 1}`, `character 6: want a comma or }, found '1'`},
		{`{'a': 1, 'b'}`, `character 13: want a colon, found '}'`},
		{`'abc`, "character 1: a string without an end"},
		{"'a\nb'", "character 1: a string that does not end on its line"},
		{`'\x4'`, `character 2: \x wants 2 hexadecimal digits`},
		{`1 2`, "character 3: want the end, found '2'"},
		{`1__0`, `character 1: "1__0" is no number`},
		{`--1`, "character 2: want a number, found '-'"},
		{`é`, "character 1: want a value, found 'é'"},
		{`os.system('x')`, "character 1: want a value, found 'o'"},
		{`datetime.timedelta(days=1)`, "character 1: datetime.timedelta with these arguments is no value"},
		{`datetime.date(2024, 2, 30)`, "character 1: datetime.date with these arguments is no value"},
		{`datetime.datetime(2024, 5, 6, 7, tzinfo=5)`, "character 1: datetime.datetime with these arguments is no value"},
		{strings.Repeat("[", 65), "character 65: nested deeper than 64 levels"},
		{strings.Repeat("9", 5000), "character 1: an integer of more than 4300 digits"},
	}
	for _, tt := range tests {
		v, err := value.ParsePython(tt.text)
		if err == nil {
			t.Errorf("ParsePython(%.40s) = %s, want an error", tt.text, value.Repr(v))
			continue
		}
		if got := strings.TrimPrefix(err.Error(), "literal, "); got != tt.want {
			t.Errorf("ParsePython(%.40s)\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
	if _, err := value.ParsePython(strings.Repeat(" ", 9<<20)); err == nil {
		t.Error("a text of 9 MiB was read")
	}
}

// values generates every kind of value that Repr prints so that it can be read back.
func values() *rapid.Generator[any] {
	scalars := rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.Int64().AsAny(),
		rapid.Float64().AsAny(),
		rapid.String().AsAny(),
		rapid.StringOf(rapid.RuneFrom([]rune("'\"\\\n\x00 a\u00a0\ud7ff\ufffd\U0010ffff"))).AsAny(),
		rapid.Custom(bigInt).AsAny(),
		rapid.Custom(instant).AsAny(),
		rapid.Custom(date).AsAny(),
	)
	return rapid.Custom(func(t *rapid.T) any { return nested(t, scalars, 3) })
}

func nested(t *rapid.T, scalars *rapid.Generator[any], depth int) any {
	kind := "scalar"
	if depth > 0 {
		kind = rapid.SampledFrom([]string{"scalar", "list", "tuple", "map"}).Draw(t, "kind")
	}
	if kind == "scalar" {
		return scalars.Draw(t, "scalar")
	}
	n := rapid.IntRange(0, 4).Draw(t, "length")
	items := make([]any, n)
	m := value.NewMap(n)
	for i := range items {
		items[i] = nested(t, scalars, depth-1)
		m.Set(rapid.String().Draw(t, "key"), items[i])
	}
	switch kind {
	case "list":
		return items
	case "tuple":
		return value.Tuple(items)
	}
	return m
}

func bigInt(t *rapid.T) *big.Int {
	n := new(big.Int).SetUint64(rapid.Uint64Min(1<<63).Draw(t, "big"))
	return n.Lsh(n, uint(rapid.IntRange(0, 200).Draw(t, "shift")))
}

func instant(t *rapid.T) time.Time {
	zone := time.UTC
	switch offset := rapid.IntRange(-86_399, 86_399).Draw(t, "offset"); {
	case offset == 1:
		zone = value.Naive
	case offset != 0:
		zone = time.FixedZone("", offset)
	}
	seconds := rapid.Int64Range(-60_000_000_000, 250_000_000_000).Draw(t, "seconds")
	return time.Unix(seconds, 1000*rapid.Int64Range(0, 999_999).Draw(t, "micros")).In(zone)
}

func date(t *rapid.T) value.Date {
	d := instant(t)
	return value.Date{Year: d.Year(), Month: int(d.Month()), Day: d.Day()}
}

// same is Equal, for which NaN is not itself.
func same(a, b any) bool { return value.Equal(a, b) || value.Repr(a) == value.Repr(b) }

func TestReprIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := values().Draw(t, "v")
		text := value.Repr(v)
		got, err := value.ParsePython(text)
		if err != nil || !same(got, v) {
			t.Fatalf("ParsePython(%s) = %s, %v", text, value.Repr(got), err)
		}
		if again := value.Repr(got); again != text {
			t.Fatalf("%s printed again: %s", text, again)
		}
	})
}

// FuzzParsePython looks for texts that crash, or that are read as something else when
// printed and read again.
func FuzzParsePython(f *testing.F) {
	for _, seed := range []string{`{'a': [1, -2.5e-08, None, True], "b": ('x',)}`, `datetime.datetime(2024, 5, 6, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=3)))`,
		`Decimal('1.5')`, `r'\d' '\x41\u00e9\101'`, `{1, 2}`, `[[[[`, `0x_1`, `1e400`, `-inf`, `{'a': `} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := value.ParsePython(text)
		if err != nil {
			return
		}
		again, err := value.ParsePython(value.Repr(v))
		if err != nil || !same(again, v) {
			t.Fatalf("%q is %s, printed and read again: %s, %v", text, value.Repr(v), value.Repr(again), err)
		}
	})
}

func TestTextAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 256)
	for _, v := range []any{"disk almost full", int64(95), int64(1) << 60, 3.25, true, nil} {
		if n := testing.AllocsPerRun(100, func() { value.AppendText(dst, v) }); n > 0 {
			t.Errorf("AppendText(%s) allocates %v times", value.Repr(v), n)
		}
	}
}

func BenchmarkAppendText(b *testing.B) {
	dst := make([]byte, 0, 1<<10)
	rows, _ := value.DecodeJSON([]byte(`[{"id": 1, "host": "db-1", "up": true, "load": 0.25}, {"id": 2, "host": "db-2", "up": false, "load": 3.0}]`))
	for b.Loop() {
		value.AppendText(dst, rows)
	}
}
