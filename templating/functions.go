package templating

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Functions is a set of functions by name. It never changes. The nil set is empty.
type Functions struct {
	rows map[string]Function
	more func() map[string]Function // rows that are only made when asked for
	base *Functions                 // looked at last
}

// With returns a larger set; functions of the same name are replaced. It costs
// little: what f has is not copied.
func (f *Functions) With(more ...Function) *Functions {
	return &Functions{rows: byName(more), base: f}
}

// All lists the functions by name.
func (f *Functions) All() []Function {
	all := map[string]Function{}
	f.collect(all)
	return slices.SortedFunc(maps.Values(all), func(a, b Function) int {
		return strings.Compare(a.Name, b.Name)
	})
}

// Lookup finds a function by name: "keep.len", "trunc".
func (f *Functions) Lookup(name string) (Function, bool) {
	for ; f != nil; f = f.base {
		row, ok := f.rows[name]
		if !ok && f.more != nil {
			row, ok = f.more()[name]
		}
		if ok {
			return row.ready(), true
		}
	}
	return Function{}, false
}

func (f *Functions) collect(all map[string]Function) {
	if f == nil {
		return
	}
	f.base.collect(all)
	if f.more != nil {
		maps.Copy(all, f.more())
	}
	maps.Copy(all, f.rows)
}

func byName(rows []Function) map[string]Function {
	named := make(map[string]Function, len(rows))
	for _, row := range rows {
		named[row.Name] = row
	}
	return named
}

// A Function is one row of the table: name, documentation and code. Example is run
// by the tests: "keep.len([1, 2]) == 2".
type Function struct {
	Name    string // "keep.len", "trunc"
	Params  string // "(text, delimiter=',')": names, and defaults as Python literals; "*more" takes the rest
	Doc     string // one sentence
	Example string // a condition that holds

	// Call computes the result from what a hands out: a value of package value. It
	// may be called from many goroutines at once. What it returns after a mistake
	// does not matter, so that it need not check for one.
	Call func(ctx context.Context, a *Args) any

	params *parameters // Params, read; nil until ready
}

// Named is an argument given by name: the timezone='UTC' of a call.
type Named struct {
	Name  string
	Value any
}

// Do calls f with values of package value: literals as they were written, and the
// value itself for an argument that was exactly one placeholder. named may be nil;
// now is the clock, nil for time.Now. The slices are not kept. The error names the
// function and the argument; a panic inside a function is such an error too.
func (f Function) Do(ctx context.Context, positional []any, named []Named, now func() time.Time) (result any, err error) {
	return f.do(ctx, Args{positional: positional, named: named, now: now})
}

func (f Function) do(ctx context.Context, a Args) (result any, err error) {
	f = f.ready()
	if len(a.named) > 0 || len(a.positional) != len(f.params.list) {
		if err := f.fits(len(a.positional), a.named); err != nil {
			return nil, err
		}
	}
	a.params = f.params
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, fmt.Errorf("%s: %s", f.Name, mishap(p))
		}
	}()
	result = f.Call(ctx, &a)
	if a.err != nil {
		return nil, a.err
	}
	return result, nil
}

// mishap says what a panic was about, without the words of a stack trace.
func mishap(p any) string {
	if err, ok := p.(runtime.Error); ok && strings.HasSuffix(err.Error(), "divide by zero") {
		return "division by zero"
	}
	return "cannot work with these arguments"
}

// Check says whether a call with so many positional arguments and with these names
// can be right: what is known before there are values.
func (f Function) Check(positional int, names ...string) error {
	named := make([]Named, len(names))
	for i, name := range names {
		named[i].Name = name
	}
	return f.ready().fits(positional, named)
}

// fits checks the arguments of a call against the parameters.
func (f Function) fits(positional int, named []Named) error {
	p := f.params
	if p.rest < 0 && positional > len(p.list) {
		return fmt.Errorf("%s: %d arguments, but it takes %s", f.Name, positional, f.Params)
	}
	for _, n := range named {
		i := p.index(n.Name)
		switch {
		case i < 0:
			return fmt.Errorf("%s: no parameter %q, it takes %s", f.Name, n.Name, f.Params)
		case i < positional:
			return fmt.Errorf("%s: %s is given twice", f.Name, n.Name)
		}
	}
	for i := positional; i < len(p.list); i++ {
		if p.list[i].required && !p.givenIn(named, i) {
			return fmt.Errorf("%s: no %s given, it takes %s", f.Name, p.list[i].name, f.Params)
		}
	}
	return nil
}

// givenIn says whether parameter i is among the named arguments.
func (p *parameters) givenIn(named []Named, i int) bool {
	return slices.ContainsFunc(named, func(n Named) bool { return p.index(n.Name) == i })
}

// ready reads Params, unless that was done.
func (f Function) ready() Function {
	if f.params == nil {
		f.params = readParameters(f)
	}
	return f
}
