package templating

import (
	"context"
	"math"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"tocsin/templating/value"
)

// TestExamples runs the example of every function: what is shown to people works.
func TestExamples(t *testing.T) {
	language := Language{Functions: Builtin()}
	for _, f := range language.Functions.All() {
		t.Run(f.Name, func(t *testing.T) {
			if f.Doc == "" || f.Example == "" || f.Params == "" {
				t.Fatal("a row without Params, Doc or Example")
			}
			e, err := language.ParseExpr(f.Example, If)
			if err != nil {
				t.Fatalf("%s: %v", f.Example, err)
			}
			ok, err := e.Bool(t.Context(), &Scope{Now: monday})
			if err != nil || !ok {
				t.Errorf("%s: %v, %v", f.Example, ok, err)
			}
		})
	}
}

// TestSprigAllowed keeps the list of what is allowed of sprig: a new name is a
// decision about safety (design/decisions.md, sprig).
func TestSprigAllowed(t *testing.T) {
	var names strings.Builder
	for _, f := range Builtin().All() {
		if !strings.HasPrefix(f.Name, "keep.") {
			names.WriteString(f.Name + f.Params + "\n")
		}
	}
	const golden = "testdata/sprig.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(names.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || names.String() != string(want) {
		t.Errorf("%s is not what is allowed now (%v); read the difference, then run with -update:\n%s", golden, err, names.String())
	}
	for _, name := range []string{"env", "expandenv", "getHostByName", "uuidv4", "randAlphaNum", "randInt", "shuffle", "genPrivateKey", "derivePassword", "encryptAES", "bcrypt", "htpasswd", "set", "unset", "merge", "mustMergeOverwrite", "fail", "seq", "untilStep", "typeOf"} {
		if _, ok := Builtin().Lookup(name); ok {
			t.Errorf("%s is allowed", name)
		}
	}
}

func TestFunctionsWith(t *testing.T) {
	one := func(context.Context, *Args) any { return int64(1) }
	var none *Functions
	if _, ok := none.Lookup("keep.len"); ok || len(none.All()) != 0 {
		t.Error("the nil set is not empty")
	}
	more := Builtin().With(Function{Name: "keep.len", Params: "()", Call: one}, Function{Name: "keep.one", Params: "()", Call: one})
	if got, want := len(more.All()), len(Builtin().All())+1; got != want {
		t.Errorf("%d functions, want %d", got, want)
	}
	for _, name := range []string{"keep.one", "keep.len", "trunc", "keep.first"} {
		if f, ok := more.Lookup(name); !ok || f.Name != name {
			t.Errorf("no %s in the larger set", name)
		}
	}
	replaced, _ := more.Lookup("keep.len")
	if got, err := replaced.Do(t.Context(), nil, nil, nil); got != int64(1) || err != nil {
		t.Errorf("the replaced function gives %v, %v", got, err)
	}
	if f, _ := Builtin().Lookup("keep.len"); f.Check(1) != nil {
		t.Error("With changed the set it was called on")
	}
}

// TestCheck has calls that cannot be right, whatever the values are.
func TestCheck(t *testing.T) {
	f := Function{Name: "f", Params: "(text, delimiter=',', *more)"}
	g := Function{Name: "g", Params: "(day=(0, 1), name='a, b')"}
	tests := []struct {
		f          Function
		positional int
		names      []string
		want       string
	}{
		{f, 1, nil, ""},
		{f, 9, nil, ""},
		{f, 0, []string{"text"}, ""},
		{f, 1, []string{"delimiter"}, ""},
		{f, 0, nil, "f: no text given, it takes (text, delimiter=',', *more)"},
		{f, 0, []string{"delimiter"}, "f: no text given, it takes (text, delimiter=',', *more)"},
		{f, 1, []string{"text"}, "f: text is given twice"},
		{f, 1, []string{"delim"}, `f: no parameter "delim", it takes (text, delimiter=',', *more)`},
		{g, 0, nil, ""},
		{g, 0, []string{"name", "day"}, ""},
		{g, 3, nil, "g: 3 arguments, but it takes (day=(0, 1), name='a, b')"},
	}
	for _, tt := range tests {
		got := ""
		if err := tt.f.Check(tt.positional, tt.names...); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s with %d and %v: %q, want %q", tt.f.Name, tt.positional, tt.names, got, tt.want)
		}
	}
}

// TestArgs reads arguments as functions do.
func TestArgs(t *testing.T) {
	tests := []struct {
		name       string
		positional []any
		named      []Named
		read       func(a *Args) any
		want       string
	}{
		{"by position", []any{"x"}, nil, func(a *Args) any { return a.String(0) }, "'x'"},
		{"by name", []any{"x"}, []Named{{Name: "n", Value: "7"}}, func(a *Args) any { return int64(a.Int(1)) }, "7"},
		{"a default", []any{"x"}, nil, func(a *Args) any { return a.Number(1) }, "5.0"},
		{"null is the default", []any{"x", nil}, nil, func(a *Args) any { return a.Any(1) }, "5"},
		{"beyond the parameters", []any{"x", int64(1), "rest"}, nil, func(a *Args) any { return a.String(2) }, "'rest'"},
		{"further than there are arguments", []any{"x"}, nil, func(a *Args) any { return a.Any(9) }, "None"},
		{"the name of what is given by position", []any{"x"}, nil, func(a *Args) any { v, ok := a.Named("x"); return []any{v, ok} }, "['x', True]"},
		{"a name that is not given", []any{"x"}, nil, func(a *Args) any { v, ok := a.Named("n"); return []any{v, ok, a.Has(1)} }, "[None, False, False]"},
		{"a tuple is a list", []any{value.Tuple{int64(1)}}, nil, func(a *Args) any { return a.List(0) }, "[1]"},
		{"a text is its characters", []any{"né"}, nil, func(a *Args) any { return a.List(0) }, "['n', 'é']"},
		{"also when it looks like a list", []any{"[a"}, nil, func(a *Args) any { return a.List(0) }, "['[', 'a']"},
		{"a mapping is its keys", []any{value.MapOf(value.Entry{Key: "k"})}, nil, func(a *Args) any { return a.List(0) }, "['k']"},
		{"a text is the mapping it says", []any{`{'a': None}`}, nil, func(a *Args) any { return a.Map(0) }, "{'a': None}"},
		{"truth", []any{""}, nil, func(a *Args) any { return a.Bool(0) }, "False"},
		{"the first mistake counts", []any{"x"}, nil, func(a *Args) any { a.Int(0); a.Map(0); return a.Fail("later") }, "f: x is 'x', want a number"},
		{"too large for an int", []any{"98765432109876543210"}, nil, func(a *Args) any { return int64(a.Int(0)) }, "f: x is '98765432109876543210', want a whole number"},
		{"a panic", []any{"x"}, nil, func(a *Args) any { return []any{}[a.Len()] }, "f: cannot work with these arguments"},
		{"a division by zero", []any{"x"}, nil, func(a *Args) any { return a.Len() / (a.Len() - 1) }, "f: division by zero"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := Function{Name: "f", Params: "(x, n=5, *more)", Call: func(_ context.Context, a *Args) any { return tt.read(a) }}
			v, err := f.Do(t.Context(), tt.positional, tt.named, monday)
			got := value.Repr(v)
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// TestHostileArguments calls every function with arguments that are large, strange or
// of the wrong kind: it answers or fails, in time and within its limits.
func TestHostileArguments(t *testing.T) {
	long := strings.Repeat("a ", 50_000)
	hostile := []any{nil, true, int64(0), int64(-1), int64(1 << 62), math.NaN(), math.Inf(1), "", "\xff\x00", "-1", "(a+)+$", "$0$0$0", long,
		strings.Repeat("[", 1000), []any{}, []any{nil, []any{}, "a"}, value.Tuple{int64(1)}, value.NewMap(0),
		value.MapOf(value.Entry{Key: "a", Value: []any{int64(1)}}), monday(), value.Date{Year: 2024, Month: 5, Day: 6}}
	for _, f := range Builtin().All() {
		t.Run(f.Name, func(t *testing.T) {
			for i, x := range hostile {
				for n := range 4 {
					args := []any{x, hostile[(i+7*n)%len(hostile)], hostile[(i+11*n)%len(hostile)]}[:min(n, 3)]
					if f.Check(len(args)) != nil {
						continue
					}
					got, err := f.Do(t.Context(), args, nil, monday)
					if err != nil && regexp.MustCompile(`\b(interface|int64|float64|\[\]|map\[|reflect|runtime)\b`).MatchString(strings.TrimPrefix(err.Error(), f.Name)) {
						t.Errorf("an error for Go's eyes: %v", err)
					}
					if text, ok := got.(string); ok && len(text) > 4<<20 {
						t.Errorf("a text of %d bytes", len(text))
					}
					if again := value.Of(got); !reflect.DeepEqual(again, got) && got == got {
						t.Errorf("no value: %#v", got)
					}
				}
			}
		})
	}
}

// TestBounds has functions that could make much out of little.
func TestBounds(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	tests := []struct {
		name string
		args []any
	}{
		{"repeat", []any{int64(1 << 40), "ab"}},
		{"repeat", []any{int64(3), long}},
		{"indent", []any{int64(1 << 40), "ab"}},
		{"nindent", []any{int64(4), strings.Repeat("\n", 1<<20)}},
		{"until", []any{int64(10_001)}},
		{"until", []any{int64(-10_001)}},
		{"replace", []any{"a", long, long}},
		{"join", []any{long, "['a','b','c','d','e','f']"}},
		{"wrapWith", []any{int64(1), long, "a b c"}},
		{"regexReplaceAll", []any{"a", long, strings.Repeat("$0", 1000)}},
		{"regexMatch", []any{strings.Repeat("a", 513), "a"}},
		{"keep.replace", []any{long, "a", long}},
		{"keep.join", []any{[]any{"a", "b", "c", "d", "e", "f"}, long}},
		{"keep.join", []any{[]any{"a", "b", "c", "d", "e", "f"}, "", long}},
		{"keep.exp", []any{int64(10), int64(1 << 40)}},
		{"keep.exp", []any{int64(10), int64(2000), int64(2000)}},
	}
	for _, tt := range tests {
		f, _ := Builtin().Lookup(tt.name)
		if _, err := f.Do(t.Context(), tt.args, nil, nil); err == nil {
			t.Errorf("%s has no bound", tt.name)
		}
	}
}

// TestOrderOfKeys has mappings pass through sprig's functions with their order.
func TestOrderOfKeys(t *testing.T) {
	language := Language{Functions: Builtin()}
	rows, err := value.DecodeJSON([]byte(`[{"b": 1, "a": [2, 2.0, 98765432109876543210]}]`))
	if err != nil {
		t.Fatal(err)
	}
	scope := &Scope{Data: map[string]any{"rows": rows}}
	const want = "{'b': 1, 'a': [2, 2.0, 98765432109876543210]}"
	for _, text := range []string{"{{ rows | first }}", "{{ rows | reverse | last }}", "{{ rows | first | default 0 }}", "{{ rows | toJson | fromJson | first }}"} {
		if got := rendered(t, language, scope, text); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	list := []any{"a", "b"}
	for name, args := range map[string][]any{
		"keep.len":       {list},
		"keep.uppercase": {"disk full"},
		"keep.join":      {list, ", "},
		"trunc":          {int64(4), "disk full"},
	} {
		b.Run(name, func(b *testing.B) {
			f, _ := Builtin().Lookup(name)
			for b.Loop() {
				if _, err := f.Do(b.Context(), args, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
