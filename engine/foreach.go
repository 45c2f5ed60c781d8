package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// maxItems is how many items a foreach may go over.
const maxItems = 1000

// A loop is one text of a foreach.
type loop struct {
	text *templating.Template // nil: going over it is err
	err  error
}

// loops reads a foreach: a path with or without braces, or any {{ }} expression;
// several, separated by &&, are zipped (spec §7.3).
func (c *compiler) loops(t workflows.Text) []loop {
	if t.S == "" {
		return nil
	}
	v := asValue(t)
	pieces := splitLoops(t.S)
	loops := make([]loop, 0, len(pieces))
	for _, p := range pieces {
		if l, ok := c.loop(v, p); ok {
			loops = append(loops, l)
		}
	}
	return loops
}

// A loopText is a part of a foreach's text, and where in it that starts.
type loopText struct {
	start int
	text  string
}

// splitLoops cuts at every && that is outside of braces.
func splitLoops(text string) []loopText {
	var out []loopText
	start, depth := 0, 0
	for i := 0; i+1 < len(text); i++ {
		switch text[i : i+2] {
		case "{{":
			depth++
			i++
		case "}}":
			depth--
			i++
		case "&&":
			if depth == 0 {
				out = append(out, loopText{start, text[start:i]})
				start = i + 2
				i++
			}
		}
	}
	return append(out, loopText{start, text[start:]})
}

// loop reads one text of a foreach. The text keeps its place, so that problems point
// into the line it stands in.
func (c *compiler) loop(v source.Value, l loopText) (loop, bool) {
	text := strings.TrimSpace(l.text)
	if text == "" {
		c.problem(v.At(l.start), source.BadForeach, `write foreach: "{{ steps.NAME.results }}"`, "nothing to go over here")
		return loop{}, false
	}
	shift := l.start + strings.Index(l.text, text)
	if !strings.Contains(text, "{{") {
		text = "{{ " + text + " }}"
		shift -= len("{{ ")
	}
	t, err := c.lang.Parse(text)
	if err != nil {
		return loop{err: c.badText(v, shifted(err, shift), c.inKeep(text))}, true
	}
	for _, n := range t.Notes() {
		n.Offset += shift
		c.notes(v, []templating.Note{n})
	}
	refs := append([]templating.Ref(nil), t.Refs()...)
	for i := range refs {
		refs[i].Offset += shift
	}
	c.refs(v, refs)
	return loop{text: t}, true
}

func shifted(err error, by int) error {
	if e, ok := err.(*templating.Error); ok {
		moved := *e
		moved.Offset = max(0, e.Offset+by)
		return &moved
	}
	return err
}

// items are what the step goes over: the elements of a list, the keys of a mapping,
// the characters of a text; tuples of them where several are zipped.
func (r *run) items(ctx context.Context, s *step, scope *templating.Scope) ([]any, error) {
	columns := make([][]any, len(s.foreach))
	rows := -1
	for i, l := range s.foreach {
		if l.err != nil {
			return nil, l.err
		}
		v, err := r.looped(ctx, l.text, scope)
		if err != nil {
			return nil, &textError{s.Foreach.Pos, err}
		}
		if columns[i], err = elements(v, r.p.keep); err != nil {
			return nil, &textError{s.Foreach.Pos, err}
		}
		if rows < 0 || len(columns[i]) < rows {
			rows = len(columns[i])
		}
	}
	if rows > maxItems {
		return nil, &textError{s.Foreach.Pos, fmt.Errorf("foreach over %d items, more than %d", rows, maxItems)}
	}
	if len(columns) == 1 {
		return columns[0], nil
	}
	return zip(columns, rows), nil
}

// looped is what one text of a foreach leads to. For Keep there is nothing to go over
// in what is missing, while null is an error; here both are nothing.
func (r *run) looped(ctx context.Context, text *templating.Template, scope *templating.Scope) (any, error) {
	if !r.p.keep {
		return text.Value(ctx, scope)
	}
	strict := *scope
	strict.Strict = true
	v, err := text.Value(ctx, &strict)
	var e *templating.Error
	if errors.As(err, &e) && len(e.Missing) > 0 {
		return []any{}, nil
	}
	return v, err
}

func zip(columns [][]any, rows int) []any {
	out := make([]any, rows)
	for i := range out {
		t := make(value.Tuple, len(columns))
		for j := range columns {
			t[j] = columns[j][i]
		}
		out[i] = t
	}
	return out
}

// elements are what one goes over in v. There are none in null, which is an error in
// Keep.
func elements(v any, keep bool) ([]any, error) {
	switch v := v.(type) {
	case nil:
		if keep {
			return nil, fmt.Errorf("foreach needs a list, not null")
		}
		return nil, nil
	case []any:
		return v, nil
	case value.Tuple:
		return v, nil
	case *value.Map:
		return mapKeys(v), nil
	case value.Object:
		return mapKeys(v.Map), nil
	case string:
		out := make([]any, 0, len(v))
		for _, c := range v {
			out = append(out, string(c))
		}
		return out, nil
	}
	return nil, fmt.Errorf("foreach needs a list, not %s", value.Text(v))
}

func mapKeys(m *value.Map) []any {
	out := make([]any, 0, m.Len())
	for k := range m.All() {
		out = append(out, k)
	}
	return out
}

// each runs the items of s and returns how the step ended. Results are in the order
// of the items, of those that ran.
func (r *run) each(ctx context.Context, s *step, entry *value.Map, before *record) Event {
	first := r.frame(s, entry)
	items, err := r.items(ctx, s, &first.scope)
	if err != nil {
		return failedWith(err)
	}
	var ends []Event
	if s.Parallel > 1 && len(items) > 1 {
		ends = r.together(ctx, first, items, before)
	} else {
		ends = r.oneByOne(ctx, first, items, before)
	}
	if r.remembers(s) && len(ends) == len(items) && ctx.Err() == nil {
		ends = r.gone(ctx, first, ends, before)
	}
	out := r.gather(entry, ends, max(len(items), len(ends)))
	if out.Err == nil && len(ends) < len(items) {
		out.Err = stopped(ctx, nil)
		out.Status = statusOf(out.Err)
	}
	return out
}

// oneByOne runs the items in turn. Each sees the results of those before it.
func (r *run) oneByOne(ctx context.Context, f *frame, items []any, before *record) []Event {
	ends := make([]Event, 0, len(items))
	var results []any
	for i, item := range items {
		if ctx.Err() != nil {
			break
		}
		f.begin(i, item, items)
		e := f.one(ctx, before)
		if e.Status == Done {
			results = append(results, e.Output)
			f.entry.Set("results", results[:len(results):len(results)])
		}
		ends = append(ends, e)
	}
	return ends
}

// together runs up to Parallel items at a time, each in a scope of its own, and
// waits for them all.
func (r *run) together(ctx context.Context, first *frame, items []any, before *record) []Event {
	ends := make([]Event, len(items))
	frames := make([]*frame, len(items))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(first.s.Parallel, len(items)) {
		wg.Go(func() {
			for i := range next {
				ends[i] = frames[i].one(ctx, before)
			}
		})
	}
	started := 0
	for i, item := range items {
		if ctx.Err() != nil {
			break
		}
		frames[i] = r.frame(first.s, first.entry).apart()
		frames[i].begin(i, item, items)
		next <- i
		started++
	}
	close(next)
	wg.Wait()
	for _, f := range frames[:started] {
		r.join(f)
	}
	return ends[:started]
}

// gather sums up the items. Their errors are collected: none is swallowed, and one
// that failed does not keep the others from running (design/decisions.md).
func (r *run) gather(entry *value.Map, ends []Event, items int) Event {
	out := Event{Status: Skipped, Reason: "no item was to be run"}
	if items == 0 {
		out.Reason = "there is nothing to go over"
	}
	results := []any{}
	var failed []string
	var worst error
	for i, e := range ends {
		out.Fired = out.Fired || e.Fired
		switch e.Status {
		case Done:
			results = append(results, e.Output)
			if out.Status == Skipped {
				out.Status, out.Reason = Done, e.Reason
			}
		case Skipped:
		default:
			failed = append(failed, fmt.Sprintf("item %d: %v", i+1, unwrapped(e.Err)))
			if worst == nil || worse(statusOf(worst), e.Status) != statusOf(worst) {
				worst = unwrapped(e.Err)
			}
		}
	}
	entry.Set("results", results)
	out.Output = results
	if worst != nil && !r.p.keep { // Keep swallows them (spec §11.2 G-5)
		out.Status = statusOf(worst)
		out.Err = &itemsError{failed: failed, items: items, worst: worst}
	}
	return out
}

// An itemsError is what went wrong with items of a foreach.
type itemsError struct {
	failed []string
	items  int
	worst  error
}

// shownItems is how many failed items are quoted in full.
const shownItems = 5

func (e *itemsError) Error() string {
	text := strings.Join(e.failed[:min(len(e.failed), shownItems)], "; ")
	if more := len(e.failed) - shownItems; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return fmt.Sprintf("%d of %d items failed: %s", len(e.failed), e.items, text)
}

func (e *itemsError) Unwrap() error { return e.worst }
