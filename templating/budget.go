package templating

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/expr-lang/expr/vm"
)

// What a text may be and cost (design/reliability.md §3).
const (
	maxExpression = 4 << 10   // bytes of a condition, or of an expression in braces
	maxTemplate   = 32 << 10  // bytes of a template
	maxNodes      = 500       // parts of a condition
	maxTextNodes  = 8000      // parts of all expressions and calls in a template
	maxDepth      = 64        // levels of brackets or sections
	maxPattern    = 512       // bytes of a regular expression
	maxSteps      = 1_000_000 // operations of an evaluation
	maxRounds     = 10        // texts that lead to texts that lead to texts, with "compat: keep"
	maxPieces     = 200_000   // pieces rendered of a template
	maxStrings    = 4 << 20   // bytes of text that an evaluation makes
	maxElements   = 1_000_000 // elements of the lists that an evaluation makes
	maxOutput     = 256 << 10 // bytes that a template renders to

	expressionTime = 250 * time.Millisecond
	templateTime   = 500 * time.Millisecond
)

var (
	errSteps   = errors.New("stopped after a million operations")
	errPieces  = errors.New("stopped after 200000 pieces of text")
	errTime    = errors.New("stopped: it took too long")
	errStrings = errors.New("stopped: more than 4 MiB of text")
	errList    = errors.New("stopped: lists of more than a million elements")
	errOutput  = errors.New("stopped: more than 256 KiB of text")
)

// A run is one evaluation or rendering: what it sees and what it has cost.
type run struct {
	ctx   context.Context
	scope *Scope
	form  Form // of the condition; If for a template

	exact   bool    // what is not there has no order
	pasting pasting // how placeholders are read with "compat: keep"
	pastes  map[*node]paste
	rounds  int // how deep texts are rendered that texts lead to, then

	strict  bool
	lenient int      // helpers around that make what is missing no mistake
	missing []string // paths that were not there
	at      int      // where the first of them is

	items []any       // values of the sections around, inner ones last
	open  []*Template // texts being rendered, for circles

	cost
	limit time.Duration

	buf      []byte
	machines []*vm.VM // one for each program that waits for another
	depth    int
}

// cost is what has been used of the budgets.
type cost struct {
	steps, checkAt int
	pieces         int
	strings        int
	deadline       time.Time
}

var runs = sync.Pool{New: func() any { return new(run) }}

// begin takes a run from the pool; end gives it back.
func begin(ctx context.Context, s *Scope, form Form, limit time.Duration) *run {
	r := runs.Get().(*run)
	r.ctx, r.scope, r.form, r.limit = ctx, s, form, limit
	r.strict = s.Strict || form == AlertAssert
	r.checkAt, r.rounds = checkEvery, maxRounds
	return r
}

func (r *run) end() {
	const keepBuffer = 16 << 10
	if r.buf = r.buf[:0]; cap(r.buf) > keepBuffer {
		r.buf = nil
	}
	for i, m := range r.machines {
		if i == 2 || cap(m.Scopes) > 0 { // it may hold the lists of its loops
			r.machines = r.machines[:i]
			break
		}
		clear(m.Stack[:cap(m.Stack)])
		clear(m.Variables)
	}
	clear(r.items[:cap(r.items)])
	clear(r.open[:cap(r.open)])
	r.ctx, r.scope, r.missing, r.pastes, r.items, r.open = nil, nil, nil, nil, r.items[:0], r.open[:0]
	r.at, r.lenient, r.depth, r.exact, r.pasting, r.cost = 0, 0, 0, false, typed, cost{}
	runs.Put(r)
}

// checkEvery is how many steps pass between looks at the clock.
const checkEvery = 128

// tick counts n operations.
func (r *run) tick(n int) error {
	if r.steps += n; r.steps < r.checkAt {
		return nil
	}
	r.checkAt = r.steps + checkEvery
	if r.steps > maxSteps {
		return errSteps
	}
	return r.check()
}

// check looks at the clock and at ctx. The time counts from the first look, which
// comes early enough.
func (r *run) check() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	now := time.Now()
	if r.deadline.IsZero() {
		r.deadline = now.Add(r.limit)
	}
	if now.After(r.deadline) {
		return errTime
	}
	return nil
}

// grow counts n bytes of text that were or will be made.
func (r *run) grow(n int) error {
	if r.strings += n; r.strings > maxStrings {
		return errStrings
	}
	return r.tick(1 + n/256)
}

// condition says that this is no template.
func (r *run) condition() bool { return len(r.open) == 0 }

func (r *run) now() func() time.Time { return r.scope.Now }

// machine is a virtual machine that is free; done gives it back.
func (r *run) machine() *vm.VM {
	if r.depth == len(r.machines) {
		r.machines = append(r.machines, &vm.VM{MemoryBudget: maxElements})
	}
	r.depth++
	return r.machines[r.depth-1]
}
