package templating

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/Masterminds/sprig/v3"
	"pgregory.net/rapid"

	"tocsin/templating/value"
)

// TestSprigItself has every function that is written anew give what sprig's own gives,
// for arguments of all kinds, which are the same each time.
func TestSprigItself(t *testing.T) {
	theirs := sprig.GenericFuncMap()
	for _, row := range sprigTable() {
		if row.fn == nil {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			their, ok := theirs["must"+strings.ToUpper(row.name[:1])+row.name[1:]]
			if !ok {
				their = theirs[row.name]
			}
			arguments := rapid.Custom(func(t *rapid.T) []any { return drawArguments(t, row, reflect.TypeOf(row.fn)) })
			for seed := range 300 {
				if args := arguments.Example(seed); !row.differs(args) {
					compareWith(t, row, their, args)
				}
			}
		})
	}
}

func compareWith(t *testing.T, row sprigRow, their any, args []any) {
	got, gotProblem := callWith(row.fn, args)
	want, wantProblem := callWith(their, args)
	switch {
	case gotProblem != "" && wantProblem != "":
	case gotProblem != wantProblem, !reflect.DeepEqual(value.Of(got), value.Of(want)) && !bothNaN(got, want):
		t.Errorf("%s%#v = %#v, %s; sprig: %#v, %s", row.name, args, got, gotProblem, want, wantProblem)
	}
}

// differs says where sprig's own answer is not wanted.
func (row sprigRow) differs(args []any) bool {
	text := fmt.Sprint(args...)
	switch row.name {
	case "initials", "nospace": // takes bytes for letters
		return strings.ContainsFunc(text, func(r rune) bool { return r > 127 })
	case "chunk": // hangs
		return args[0].(int) < 1
	case "semverCompare": // "*" with an operator is any version here
		return strings.ContainsAny(args[0].(string), "xX*") && strings.ContainsAny(args[0].(string), "!<>^")
	}
	return false
}

func bothNaN(a, b any) bool {
	f, ok := a.(float64)
	g, also := b.(float64)
	return ok && also && math.IsNaN(f) && math.IsNaN(g)
}

// callWith calls fn; a panic counts as an error.
func callWith(fn any, args []any) (result any, problem string) {
	defer func() {
		if p := recover(); p != nil {
			result, problem = nil, "an error"
		}
	}()
	v := reflect.ValueOf(fn)
	in := make([]reflect.Value, len(args))
	for i, a := range args {
		typ := parameterType(v.Type(), i)
		if a == nil {
			in[i] = reflect.Zero(typ)
			continue
		}
		in[i] = reflect.ValueOf(copied(a)).Convert(typ)
	}
	out := v.Call(in)
	if len(out) == 2 && !out[1].IsNil() {
		return nil, "an error"
	}
	return out[0].Interface(), ""
}

func copied(v any) any {
	if list, ok := v.([]any); ok {
		return append([]any{}, list...)
	}
	return v
}

func drawArguments(t *rapid.T, row sprigRow, fn reflect.Type) []any {
	n := fn.NumIn()
	if fn.IsVariadic() {
		n += rapid.IntRange(-1, 2).Draw(t, "more")
	}
	args := make([]any, n)
	for i := range args {
		args[i] = drawArgument(t, row, parameterType(fn, i), fmt.Sprint(i))
	}
	return args
}

func drawArgument(t *rapid.T, row sprigRow, typ reflect.Type, label string) any {
	text := rapid.OneOf(rapid.StringN(0, 12, -1), rapid.StringMatching(`[ a-zA-Z0-9_.,/:-]{0,16}`))
	if known := texted[row.name]; known != nil {
		text = rapid.OneOf(rapid.SampledFrom(known), text)
	}
	switch typ.Kind() {
	case reflect.String:
		return text.Draw(t, label)
	case reflect.Int:
		return rapid.IntRange(-3, 20).Draw(t, label)
	case reflect.Float64:
		return rapid.Float64Range(0, 1).Draw(t, label)
	case reflect.Slice:
		return rapid.SliceOfN(drawn(text, row.printed), 0, 5).Draw(t, label)
	case reflect.Map:
		return drawParts(t, text, label)
	}
	return drawn(text, row.printed).Draw(t, label)
}

// drawn are values as texts have them.
func drawn(text *rapid.Generator[string], printed bool) *rapid.Generator[any] {
	if printed {
		return rapid.OneOf(text.AsAny(), rapid.Just[any](nil))
	}
	return rapid.OneOf(
		text.AsAny(), rapid.Int64Range(-40, 40).AsAny(), rapid.Int64().AsAny(), rapid.Float64Range(-1e6, 1e6).AsAny(),
		rapid.Map(rapid.IntRange(-100, 100), func(n int) any { return float64(n) / 10 }),
		rapid.Bool().AsAny(), rapid.Just[any](nil), rapid.SampledFrom([]any{"3.0", "0x1f", "017", "1.5", "1e3", "NaN", []any{}, []any{int64(1)}}),
	)
}

func drawParts(t *rapid.T, text *rapid.Generator[string], label string) any {
	m := map[string]any{}
	for _, key := range []string{"scheme", "host", "path", "query", "opaque", "fragment", "userinfo"} {
		if rapid.Bool().Draw(t, label+key) {
			m[key] = text.Draw(t, label+key)
		}
	}
	return m
}

// texted are texts that mean something to a function.
var texted = map[string][]string{
	"semverCompare": {
		"1.2.3", "v1.2", "2", "1.2.3-beta.1", "1.2.3-beta.2+build", "0.2.3", "0.0.3", "0.0.0", "1.10.0", "01.2.3", "1.2.3-01",
		">=1.2.0", ">= 1.2, < 2", "1.x", "1.2.x", "*", "~1.2.3", "~> 1.2", "^0.2.3", "^0.0", "^0", "^1.2 || >=3", "1.2 - 1.4.5", "1 - 2 || 3.x",
		"!=1.2.3", "!=1.x", "!=1.2.x", ">1", ">1.1", "<=1", "<=1.2", "=1.2.3", "=>1", "=<2.0.0-rc.1", "~0.0.0", ">1.2.3-alpha", "~1.2.3-alpha <1.2.3",
		"", ",", "1,", "1 , 2", ">", "> =1", "==1", "1.2.3.4", "1..2", "1.2.3-", "1.2.3+", "-1", "1.2.3-a..b", "a",
	},
	"regexMatch":             {"a", "(a|b)+", "[", "abab"},
	"regexFind":              {"a", "(a|b)+", "[", "abab"},
	"regexFindAll":           {"a", "(a|b)+", "[", "abab"},
	"regexSplit":             {"a", "(a|b)+", "[", "xabaxb"},
	"regexReplaceAll":        {"a", "(a)(b)", "[", "abab", "${2}$1"},
	"regexReplaceAllLiteral": {"a", "(a)(b)", "[", "abab", "${2}$1"},
	"urlParse":               {"https://u:p@h:80/p?q=1#f", "mailto:a@b", ":", "//h", "http://[::1]:9/%zz", "/a b"},
	"urlJoin":                {"https", "h:80", "/p", "q=1", "f", "u:p", "a b"},
	"durationRound":          {"1h", "61m", "48h1s", "8761h", "721h", "1s", "2s", "-3m", "x"},
	"duration":               {"95", "-1", "3600", "x"},
	"wrap":                   {"a long text that is wrapped", "abcdefghijklmnopqrstuvwxyz", "  a  b  ", "aaaa bbbbbbbbbbbbbbbbbbbbbbbbb cc"},
	"wrapWith":               {"a long text that is wrapped", "abcdefghijklmnopqrstuvwxyz", "  a  b  ", "", "|"},
	"title":                  {"a_b c-d e'f", "ünder Über", "1a b2"},
	"swapcase":               {"aB cD", "Über ünder", "ǅ"},
}
