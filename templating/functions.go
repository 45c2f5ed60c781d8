package templating

import (
	"context"
	"time"
)

// Functions is a set of functions by name. It never changes.
type Functions struct{}

// Builtin has keep.* and sprig's pure functions: none that reads the environment,
// files, the network, or random values. The table is made when first needed.
func Builtin() *Functions { panic("unwritten") }

// With returns a larger set; functions of the same name are replaced.
func (f *Functions) With(more ...Function) *Functions { panic("unwritten") }

// All lists the functions by name; Lookup finds one ("keep.len", "trunc").
func (f *Functions) All() []Function                     { panic("unwritten") }
func (f *Functions) Lookup(name string) (Function, bool) { panic("unwritten") }

// A Function is one row of the table: name, documentation and code. Example is run
// by the tests: "keep.len([1, 2]) == 2".
type Function struct {
	Name    string // "keep.len", "trunc"
	Params  string // "(text, delimiter=',')"
	Doc     string
	Example string
	Call    func(ctx context.Context, a *Args) any
}

// Args hands out arguments by position or name and remembers the first mistake, so
// that a function reads its arguments without checking each.
type Args struct{}

func (a *Args) Len() int                            { panic("unwritten") }
func (a *Args) String(i int) string                 { panic("unwritten") }
func (a *Args) Number(i int) float64                { panic("unwritten") }
func (a *Args) List(i int) []any                    { panic("unwritten") }
func (a *Args) Any(i int) any                       { panic("unwritten") }
func (a *Args) Named(name string) (any, bool)       { panic("unwritten") }
func (a *Args) Now() time.Time                      { panic("unwritten") }
func (a *Args) Fail(format string, args ...any) any { panic("unwritten") }
