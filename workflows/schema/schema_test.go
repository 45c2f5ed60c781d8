package schema_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"

	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

var update = flag.Bool("update", false, "rewrite the golden files")

type level string

type common struct {
	Timeout time.Duration `param:"timeout" default:"10s" doc:"Time for everything."`
	Debug   bool          `param:"debug" doc:"Says more."`
}

type certificate struct {
	KeyFile schema.Secret `param:"key_file,required" doc:"The private key."`
	Format  string        `param:"format" enum:"pem,der" default:"pem" doc:"How it is written."`
}

type tree struct {
	Name     string `param:"name,required" doc:"Name of the node."`
	Children []tree `param:"children" doc:"Nodes below."`
}

// everything has a field of each kind.
type everything struct {
	URL   string        `param:"url,required" alias:"socket_url,address" doc:"Where to." example:"ws://localhost:1"`
	Topic string        `param:"topic,required" doc:"Topic to publish to."`
	Level level         `param:"level" enum:"info,warning,critical" default:"info" doc:"How loud | how bad."`
	Token schema.Secret `param:"token" doc:"Bearer token."`
	common
	Port    uint16            `param:"port" doc:"Port."`
	Offset  int8              `param:"offset" doc:"Hours."`
	Load    float64           `param:"load" default:"0.5" doc:"Limit."`
	Verify  *bool             `param:"verify" default:"true" doc:"Checks the certificate."`
	Size    schema.ByteSize   `param:"size" default:"1MiB" doc:"At most."`
	Codes   []int             `param:"codes" default:"[200, 201]" doc:"What is good."`
	Days    []string          `param:"days" enum:"mon,tue" doc:"When."`
	Headers map[string]string `param:"headers" doc:"More headers."`
	Limits  map[string]int    `param:"limits" doc:"Limits by name."`
	Body    any               `param:"body" doc:"What to send."`
	Raw     source.Value      `param:"raw" doc:"As written."`
	Fields  *value.Map        `param:"fields" doc:"In order."`
	TLS     *security         `param:"tls" doc:"Encryption."`
	Inner   certificate       `param:"inner" doc:"Always there."`
	Tree    tree              `param:"tree" doc:"Contains itself."`
	Text    schema.Lazy       `param:"text" doc:"Rendered by the provider."`
	Ignored string
	Skipped string `param:"-"`
	_       int
}

type security struct {
	Certificates []certificate `param:"client_certs" doc:"Of the client."`
}

type open struct {
	Message string     `param:"message,required" doc:"What to say."`
	Rest    *value.Map `param:"*,warn" doc:"Sent as it is."`
}

type free struct {
	Message string         `param:"message" doc:"What to say."`
	Rest    map[string]any `param:"*" doc:"Sent as it is."`
}

func TestReference(t *testing.T) {
	for name, s := range map[string]*schema.Schema{
		"everything": schema.Of[everything](),
		"open":       schema.Of[open](),
		"empty":      schema.Of[struct{}](),
	} {
		golden(t, name+".md", []byte(s.Markdown()))
		got, err := json.MarshalIndent(s.JSON(), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", append(got, '\n'))
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
	}
}

// TestProblems checks in.yaml of each file in testdata/problems against a schema and
// compares what is printed about it. Texts with "{{" are templates. What Check
// reports as an error of a document without templates, Decode reports too.
func TestProblems(t *testing.T) {
	schemas := map[string]struct {
		s    *schema.Schema
		what string
		into func() any
	}{
		"everything": {schema.Of[everything](), "http", func() any { return new(everything) }},
		"open":       {schema.Of[open](), "slack", func() any { return new(open) }},
		"free":       {schema.Of[free](), "slack", func() any { return new(free) }},
		"key":        {schema.Of[tree]().Named("key"), "", func() any { return new(tree) }},
	}
	files, _ := filepath.Glob("testdata/problems/*.txtar")
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := a.Files[0]
			v, err := source.Parse(in.Name, in.Data)
			if err != nil {
				t.Fatal(err)
			}
			of := schemas[strings.TrimSuffix(in.Name, ".yaml")]
			ps := of.s.Check(v, of.what, final)
			var got bytes.Buffer
			if err := source.Print(&got, fstest.MapFS{in.Name: {Data: in.Data}}, ps); err != nil {
				t.Fatal(err)
			}
			if *update {
				a.Files = append(a.Files[:1], txtar.File{Name: "want", Data: got.Bytes()})
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := a.Files[1].Data; !bytes.Equal(got.Bytes(), want) {
				t.Errorf("got:\n%s\nwant:\n%s", got.Bytes(), want)
			}
			if bytes.Contains(in.Data, []byte("{{")) {
				return
			}
			if err := of.s.Decode(v, of.what, of.into()); fmt.Sprint(err) != fmt.Sprint(ps.Err()) {
				t.Errorf("Decode: %v\nCheck: %v", err, ps.Err())
			}
		})
	}
}

func final(v source.Value) bool {
	s, isText := v.Data.(string)
	return !isText || !strings.Contains(s, "{{")
}

// given is a value made by a program, as the engine makes them of rendered texts.
func given(key string, data any) source.Value {
	return source.Value{Data: source.Map{{Key: key, Value: source.Value{Data: data}}}}
}

// TestDecodeIsLenient has what texts and other values become.
func TestDecodeIsLenient(t *testing.T) {
	type kinds struct {
		Text     string            `param:"text"`
		Secret   schema.Secret     `param:"secret"`
		Int      int               `param:"int"`
		Small    int8              `param:"small"`
		Uint     uint              `param:"uint"`
		Float    float64           `param:"float"`
		Bool     bool              `param:"bool"`
		Duration time.Duration     `param:"duration"`
		Size     schema.ByteSize   `param:"size"`
		List     []int             `param:"list"`
		Texts    []string          `param:"texts"`
		Map      map[string]string `param:"map"`
		Ordered  *value.Map        `param:"ordered"`
		Struct   common            `param:"struct"`
		Structs  []common          `param:"structs"`
		Pointer  *int              `param:"pointer"`
		Any      any               `param:"any"`
	}
	one := 1
	ordered := value.MapOf(value.Entry{Key: "b", Value: int64(1)}, value.Entry{Key: "a", Value: []any{nil}})
	tests := []struct {
		key        string
		data, want any // want nil: refused
	}{
		{"text", "a", "a"}, {"text", int64(5), "5"}, {"text", 1.5, "1.5"}, {"text", true, "True"},
		{"text", value.Date{Year: 2024, Month: 5, Day: 6}, "2024-05-06"}, {"text", level("x"), "x"},
		{"text", source.Map{}, nil}, {"text", []source.Value{}, nil}, {"text", schema.Secret("s"), "s"},
		{"secret", "a", schema.Secret("a")}, {"secret", int64(12), schema.Secret("12")},
		{"int", int64(5), 5}, {"int", "5", 5}, {"int", " -5 ", -5}, {"int", 5.0, 5}, {"int", "5.0", 5},
		{"int", 5.5, nil}, {"int", "5.5", nil}, {"int", "five", nil}, {"int", "", nil}, {"int", true, nil},
		{"int", new(big.Int).Lsh(big.NewInt(1), 70), nil}, {"int", math.Inf(1), nil}, {"int", math.NaN(), nil}, {"int", 1e30, nil},
		{"small", int64(-128), int8(-128)}, {"small", int64(128), nil},
		{"uint", int64(5), uint(5)}, {"uint", int64(-1), nil},
		{"float", int64(5), 5.0}, {"float", "2.5", 2.5}, {"float", "1e3", 1000.0}, {"float", "nan", nil}, {"float", "inf", nil},
		{"float", "0x10", nil}, {"float", math.Inf(1), nil},
		{"bool", true, true}, {"bool", "True", true}, {"bool", "no", false}, {"bool", int64(1), true}, {"bool", "0", false},
		{"bool", int64(2), nil}, {"bool", "maybe", nil}, {"bool", "", nil},
		{"duration", int64(90), 90 * time.Second}, {"duration", 0.25, 250 * time.Millisecond}, {"duration", "1m30s", 90 * time.Second},
		{"duration", "10", 10 * time.Second}, {"duration", time.Minute, time.Minute}, {"duration", "soon", nil},
		{"duration", int64(math.MaxInt64), nil}, {"duration", "1e300", nil},
		{"size", int64(1024), schema.ByteSize(1024)}, {"size", "64KiB", schema.ByteSize(65536)}, {"size", "1.5 MB", schema.ByteSize(1_500_000)},
		{"size", "100", schema.ByteSize(100)}, {"size", "-1", nil}, {"size", int64(-1), nil}, {"size", "big", nil}, {"size", "9999999TiB", nil},
		{"list", []any{int64(1), "2"}, []int{1, 2}}, {"list", "[1, 2]", []int{1, 2}}, {"list", int64(1), []int{1}}, {"list", "", []int{}},
		{"list", value.Tuple{int64(1)}, []int{1}}, {"list", "[1, x]", nil}, {"list", "one", nil},
		{"texts", "['a', True]", []string{"a", "True"}}, {"texts", "a b", []string{"a b"}}, {"texts", "[not a list", []string{"[not a list"}},
		{"map", `{"a": 1}`, map[string]string{"a": "1"}}, {"map", "{'a': None}", map[string]string{"a": ""}},
		{"map", ordered, nil}, {"map", "a=b", nil}, {"map", map[string]any{"x": 1}, map[string]string{"x": "1"}},
		{"ordered", ordered, ordered}, {"ordered", `{"b": 1, "a": [null]}`, ordered}, {"ordered", value.Object{Map: ordered}, ordered},
		{"struct", `{"timeout": 5, "debug": "yes"}`, common{5 * time.Second, true}}, {"struct", "{}", common{Timeout: 10 * time.Second}}, {"struct", "x", nil},
		{"structs", `[{"timeout": 5}, {}]`, []common{{Timeout: 5 * time.Second}, {Timeout: 10 * time.Second}}},
		{"structs", `{"debug": true}`, []common{{10 * time.Second, true}}},
		{"pointer", "1", &one}, {"pointer", "x", nil},
		{"any", "[1]", "[1]"}, {"any", []source.Value{{Data: int64(1)}}, []any{int64(1)}}, {"any", ordered, ordered},
	}
	for _, tt := range tests {
		var k kinds
		err := schema.Of[kinds]().Decode(given(tt.key, tt.data), "x", &k)
		if tt.want == nil {
			if err == nil {
				t.Errorf("%s: %#v is taken", tt.key, tt.data)
			}
			continue
		}
		var got any
		for i := range reflect.TypeFor[kinds]().NumField() {
			if reflect.TypeFor[kinds]().Field(i).Tag.Get("param") == tt.key {
				got = reflect.ValueOf(k).Field(i).Interface()
			}
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %#v = %#v, %v; want %#v", tt.key, tt.data, got, err, tt.want)
		}
	}
}

func TestDefaults(t *testing.T) {
	s := schema.Of[everything]()
	decode := func(text string) everything {
		t.Helper()
		v, err := source.Parse("in.yaml", []byte("{url: u, topic: t, inner: {key_file: k}, tree: {name: n}, "+text+"}"))
		if err != nil {
			t.Fatal(err)
		}
		e := everything{Ignored: "what was there"}
		if err := s.Decode(v, "http", &e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := decode("timeout: , codes: ~")
	if e.Level != "info" || e.Timeout != 10*time.Second || e.Load != 0.5 || !*e.Verify || e.Size != 1<<20 ||
		!reflect.DeepEqual(e.Codes, []int{200, 201}) || e.Inner.Format != "pem" || e.TLS != nil || e.Headers != nil || e.Ignored != "" {
		t.Errorf("defaults: %+v", e)
	}
	e.Codes[0], *e.Verify = 500, false
	if again := decode(""); again.Codes[0] != 200 || !*again.Verify {
		t.Error("a default was changed by whoever got it")
	}
	if e := decode("verify: no, inner: {key_file: k, format: der}, tls: {}"); *e.Verify || e.Inner.Format != "der" || e.TLS == nil {
		t.Errorf("given: %+v", e)
	}
}

func TestSpecialFields(t *testing.T) {
	lazy := func(more map[string]any) (any, error) { return more["n"], nil }
	tests := []struct {
		name string
		text any
		want any
	}{
		{"a function of the engine", lazy, 7},
		{"a Lazy", schema.Lazy(lazy), 7},
		{"a constant", "as it is", "as it is"},
		{"a list", []source.Value{{Data: "x"}}, []any{"x"}},
	}
	for _, tt := range tests {
		var e struct {
			Text schema.Lazy `param:"text"`
		}
		err := schema.Of[struct {
			Text schema.Lazy `param:"text"`
		}]().Decode(given("text", tt.text), "x", &e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Text(map[string]any{"n": 7}); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}

	v, err := source.Parse("in.yaml", []byte("message: hi\nzeta: 1\nalpha: [x]\n"))
	if err != nil {
		t.Fatal(err)
	}
	var o open
	if err := schema.Of[open]().Decode(v, "slack", &o); err != nil || fmt.Sprint(value.Text(o.Rest)) != "{'zeta': 1, 'alpha': ['x']}" {
		t.Errorf("the other keys are %v, %v", value.Text(o.Rest), err)
	}
	var f free
	if err := schema.Of[free]().Decode(v, "slack", &f); err != nil || !reflect.DeepEqual(f.Rest, map[string]any{"zeta": int64(1), "alpha": []any{"x"}}) {
		t.Errorf("the other keys are %v, %v", f.Rest, err)
	}
	var raw source.Value
	if err := schema.Of[source.Value]().Decode(v, "x", &raw); err != nil || raw.Pos != v.Pos || !schema.Of[source.Value]().Open() {
		t.Errorf("a value as it is: %v, %v", raw, err)
	}
}

func TestFields(t *testing.T) {
	s := schema.Of[everything]()
	if s != schema.Of[everything]() {
		t.Error("two schemas for one type")
	}
	f, ok := s.Field("socket_url")
	if !ok || f.Name != "url" || !f.Required || f.Example != "ws://localhost:1" {
		t.Errorf("by alias: %+v", f)
	}
	if f, _ := s.Field("token"); !f.Secret || f.Type != schema.String {
		t.Errorf("a secret: %+v", f)
	}
	if f, _ := s.Field("text"); !f.Lazy || f.Type != schema.Any {
		t.Errorf("a lazy field: %+v", f)
	}
	if f, _ := s.Field("tls"); len(f.Fields) != 1 || len(f.Fields[0].Fields) != 2 {
		t.Errorf("nested fields: %+v", f)
	}
	if _, ok := s.Field("Ignored"); ok || s.Open() || !schema.Of[open]().Open() {
		t.Error("fields without a tag, or Open")
	}
	if s := schema.Of[common](); s.Fields()[0].Name != "timeout" || s.Fields()[0].Default != "10s" {
		t.Errorf("fields: %+v", s.Fields())
	}
}

func TestWrongTagsPanic(t *testing.T) {
	tests := []struct {
		fields func() []schema.Field
		want   string
	}{
		{func() []schema.Field {
			return schema.Of[struct {
				A chan int `param:"a"`
			}]().Fields()
		}, "no key can have the type chan int"},
		{func() []schema.Field {
			return schema.Of[struct {
				A int `param:",required"`
			}]().Fields()
		}, "no name"},
		{func() []schema.Field {
			return schema.Of[struct {
				A int `param:"a,reqired"`
			}]().Fields()
		}, `unknown option "reqired"`},
		{func() []schema.Field {
			return schema.Of[struct {
				A int `param:"a" default:"x"`
			}]().Fields()
		}, `the default "x" is not an integer`},
		{func() []schema.Field {
			return schema.Of[struct {
				A int `param:"a,required" default:"1"`
			}]().Fields()
		}, "needs no default"},
		{func() []schema.Field {
			return schema.Of[struct {
				A int `param:"a" enum:"1,2"`
			}]().Fields()
		}, "only a text"},
		{func() []schema.Field {
			return schema.Of[struct {
				A string `param:"a" enum:"x,y" default:"z"`
			}]().Fields()
		}, "is not x or y"},
		{func() []schema.Field {
			return schema.Of[struct {
				A, B int `param:"a"`
			}]().Fields()
		}, `"a" is taken`},
		{func() []schema.Field {
			return schema.Of[struct {
				A int `param:"*"`
			}]().Fields()
		}, `"*" has to be`},
		{func() []schema.Field {
			return schema.Of[struct {
				a int `param:"a"`
			}]().Fields()
		}, "exported"},
	}
	for _, tt := range tests {
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), tt.want) {
					t.Errorf("panic %v, want one with %q", p, tt.want)
				}
			}()
			tt.fields()
		}()
	}
}

// YAML 1.1 takes off for false. Where a key takes the word, that is what was meant.
func TestWordsThatYAMLTakesForBooleans(t *testing.T) {
	type modes struct {
		Mode  string   `param:"mode" enum:"off,low,high" doc:"How much."`
		Other *string  `param:"other" enum:"on,auto" doc:"Whether."`
		Days  []string `param:"days" enum:"yes,no,off" doc:"Which."`
		Plain string   `param:"plain" enum:"true,x" doc:"No such word."`
	}
	v, err := source.Parse("in.yaml", []byte("{mode: off, other: on, days: [no, off, 'yes'], plain: x}"))
	if err != nil {
		t.Fatal(err)
	}
	var m modes
	if err := schema.Of[modes]().Decode(v, "x", &m); err != nil {
		t.Fatal(err)
	}
	// Of two words for one thing the first counts: YAML does not tell which it was.
	if m.Mode != "off" || *m.Other != "on" || strings.Join(m.Days, " ") != "no no yes" {
		t.Errorf("%+v, other %s", m, *m.Other)
	}
	for text, want := range map[string]string{
		"mode: on":   `in.yaml:1:7: "mode" of x takes off, low or high, not true`,
		"other: off": `in.yaml:1:8: "other" of x takes on or auto, not false`,
		"plain: off": `in.yaml:1:8: "plain" of x takes true or x, not false`,
	} {
		v, err := source.Parse("in.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Of[modes]().Decode(v, "x", &m); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
