package templating

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/sprig/v3"

	"tocsin/templating/value"
)

// A sprigRow is a function of sprig's that is allowed here. Its arguments are in
// sprig's order, which puts what is piped in last.
//
// Two names of parameters have a meaning: a list must be one, and a regex is short.
type sprigRow struct {
	name    string
	params  string
	doc     string
	example string
	more    string                // other names, with spaces between
	printed bool                  // prints values: they come as Python text
	size    func(a *Args) float64 // how long the result can get, where that is much
	call    func(a *Args) any     // instead of sprig's own
}

// maxGrown is how long a text may become that is repeated or indented: the limit of
// what a template renders.
const maxGrown = 256 << 10

// maxRegex is how long a regular expression may be.
const maxRegex = 512

// sprigTable has what is allowed of sprig: nothing that reads the environment, the
// network, files or random values, makes keys, changes a mapping, or repeats without
// a bound.
func sprigTable() []sprigRow {
	return slices.Concat(sprigTexts(), sprigNumbers(), sprigLists(), sprigMappings(), sprigChoices(), sprigCodes(), sprigTimes())
}

// sprigFunctions are the rows of sprigTable under all their names.
func sprigFunctions() map[string]Function {
	all := sprig.GenericFuncMap()
	functions := map[string]Function{}
	for _, row := range sprigTable() {
		call := row.function(all)
		for _, name := range append(strings.Fields(row.more), row.name) {
			functions[name] = Function{
				Name: name, Params: row.params, Doc: row.doc, Call: call,
				Example: strings.ReplaceAll(row.example, " "+row.name+" ", " "+name+" "),
			}
		}
	}
	return functions
}

// function is what the row calls. Of sprig's two forms of a function, the one that
// returns its error is taken.
func (row sprigRow) function(all map[string]any) func(context.Context, *Args) any {
	if row.call != nil {
		return func(_ context.Context, a *Args) any {
			if row.tooLarge(a) {
				return a.tooLong()
			}
			return row.call(a)
		}
	}
	fn, ok := all["must"+strings.ToUpper(row.name[:1])+row.name[1:]]
	if !ok {
		fn = all[row.name]
	}
	adapter := adapter{row, reflect.ValueOf(fn)}
	return func(_ context.Context, a *Args) any { return adapter.call(a) }
}

func (row sprigRow) tooLarge(a *Args) bool {
	return row.size != nil && row.size(a) > maxGrown
}

// An adapter calls a Go function with values.
type adapter struct {
	row sprigRow
	fn  reflect.Value
}

func (f adapter) call(a *Args) any {
	in := f.arguments(a)
	if a.err != nil {
		return nil
	}
	if f.row.tooLarge(a) {
		return a.tooLong()
	}
	out := f.fn.Call(in)
	if len(out) == 2 && !out[1].IsNil() {
		return a.Fail("%w", out[1].Interface().(error))
	}
	return f.result(a, out[0].Interface())
}

func (f adapter) arguments(a *Args) []reflect.Value {
	t := f.fn.Type()
	n := t.NumIn()
	if t.IsVariadic() {
		n = max(n-1, a.Len())
	}
	in := make([]reflect.Value, n)
	for i := range in {
		in[i] = f.argument(a, i, parameterType(t, i))
	}
	return in
}

func parameterType(t reflect.Type, i int) reflect.Type {
	if t.IsVariadic() && i >= t.NumIn()-1 {
		return t.In(t.NumIn() - 1).Elem()
	}
	return t.In(i)
}

// argument is argument i as the Go function wants it.
func (f adapter) argument(a *Args, i int, t reflect.Type) reflect.Value {
	name := strings.TrimPrefix(a.params.name(i), "*")
	switch {
	case name == "list" || a.params.text == "(*lists)":
		return reflect.ValueOf(f.list(a, i))
	case name == "regex" && len(a.String(i)) > maxRegex:
		a.Fail("a regular expression of more than %d bytes", maxRegex)
		return reflect.Zero(t)
	}
	switch t.Kind() {
	case reflect.String:
		return reflect.ValueOf(a.String(i)).Convert(t)
	case reflect.Int, reflect.Int64:
		return reflect.ValueOf(a.Int(i)).Convert(t)
	case reflect.Float64:
		return reflect.ValueOf(a.Number(i))
	case reflect.Bool:
		return reflect.ValueOf(a.Bool(i))
	case reflect.Map:
		return reflect.ValueOf(goMap(a.Map(i)))
	case reflect.Interface:
		return f.any(a.Any(i), t)
	}
	a.wrong(i, "something else")
	return reflect.Zero(t)
}

// list is argument i, which must be a list or a text that is one.
func (f adapter) list(a *Args, i int) []any {
	v := a.Any(i)
	if text, ok := v.(string); ok {
		v, _ = collection(text)
	}
	list, ok := items(v)
	if !ok && a.Any(i) != nil {
		a.wrong(i, "a list")
	}
	if f.row.printed {
		return printedItems(list)
	}
	return append([]any{}, list...) // what sprig gets, it may change
}

func printedItems(list []any) []any {
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = printed(item)
	}
	return out
}

func (f adapter) any(v any, t reflect.Type) reflect.Value {
	if f.row.printed && v != nil {
		v = value.Text(v)
	}
	if v == nil {
		return reflect.Zero(t)
	}
	return reflect.ValueOf(v)
}

// goMap is m in Go's own type.
func goMap(m *value.Map) map[string]any {
	out := make(map[string]any, m.Len())
	for key, v := range m.All() {
		out[key] = v
	}
	return out
}

func (f adapter) result(a *Args, v any) any {
	if text, ok := v.(string); ok && len(text) > maxString {
		return a.tooLong()
	}
	switch v := v.(type) {
	case string, bool, int64, float64, time.Time:
		return v
	}
	return value.Of(v)
}
