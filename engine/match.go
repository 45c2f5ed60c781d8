package engine

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tocsin/templating"
	"tocsin/templating/value"
)

// A Matched is a program that an arrival starts, by one of its triggers.
type Matched struct {
	Program *Program
	Trigger Trigger
	Arrival Arrival
}

// Match are the programs that a starts, in their order. One with two triggers that
// match is there once; with compat: keep, once for each of its alert triggers (spec
// G-8). A disabled workflow is never started. Who asks often makes a Matcher.
func Match(programs []*Program, a Arrival) []Matched {
	a, err := a.Prepared()
	if err != nil {
		return nil
	}
	var list []Matched
	for _, p := range programs {
		for _, t := range p.triggers {
			if p.starts(t, a.read) {
				list = append(list, Matched{p, t, a})
				if p.once(t) {
					break
				}
			}
		}
	}
	return list
}

func (p *Program) starts(t Trigger, e *event) bool {
	return !p.workflow.Disabled && t.test != nil && t.test.kind() == e.kind && t.test.holds(e)
}

// once says that after t no other trigger of the program matters.
func (p *Program) once(t Trigger) bool { return !p.keep || t.test.kind() == "incident" }

// Why says of each trigger of p why a starts the program by it, or why not, in the
// order of Triggers; "" for triggers that do not wait for events.
func (p *Program) Why(a Arrival) []string {
	list := make([]string, len(p.triggers))
	for i, t := range p.triggers {
		switch {
		case t.test == nil:
		case p.workflow.Disabled:
			list[i] = "the workflow is disabled"
		default:
			_, list[i] = t.Matches(a)
		}
	}
	return list
}

// Input is what a run of the program starts with. An alert says how its severity
// changed where the trigger asks for that (spec §2.3.2).
func (m Matched) Input(run string) Input {
	e := m.Arrival.event()
	in := Input{Run: run, Trigger: m.Trigger.Type}
	fields := make(map[string]any, e.fields.Len()+3)
	for k, v := range e.fields.All() {
		fields[k] = v
	}
	if e.kind == "incident" {
		in.Incident = fields
		return in
	}
	in.Alert = fields
	if t, ok := m.Trigger.test.(*alertTest); ok && t.notable {
		if previous, change := e.severityChange(); change != "" {
			fields["severity_changed"], fields["previous_severity"], fields["severity_change"] = true, previous, change
		}
	}
	return in
}

// A Matcher finds the programs that an arrival starts among many: it looks up those
// whose triggers ask for what the arrival has, and asks only them. It never changes
// and may be used from many goroutines.
type Matcher struct {
	waiting []waiting           // in the order of programs and their triggers
	kinds   map[string]*lookups // of events
	buffers sync.Pool           // of []int32, for candidates
}

// A waiting is a trigger that waits for events.
type waiting struct {
	program *Program
	trigger Trigger
	index   int // of the program
}

// A lookups finds what waits for events of one kind, by what it asks for.
type lookups struct {
	paths []*byPath
	rest  []int32 // those that ask for nothing that can be looked up
}

// A byPath has what asks for certain texts at a path.
type byPath struct {
	path []string
	text map[string][]int32
}

// NewMatcher prepares programs for Match.
func NewMatcher(programs []*Program) *Matcher {
	m := &Matcher{kinds: map[string]*lookups{}}
	m.buffers.New = func() any { return new([]int32) }
	for i, p := range programs {
		for _, t := range p.triggers {
			if t.test != nil && !p.workflow.Disabled {
				m.waiting = append(m.waiting, waiting{p, t, i})
			}
		}
	}
	common := m.frequencies()
	for i, w := range m.waiting {
		m.add(int32(i), w.trigger.test, common)
	}
	return m
}

// frequencies are how many triggers ask for a text at a path.
func (m *Matcher) frequencies() map[string]int {
	n := map[string]int{}
	for _, w := range m.waiting {
		for _, q := range w.trigger.test.equalities() {
			for _, text := range q.Texts {
				n[spot(q.Path, canonicalText(text))]++
			}
		}
	}
	return n
}

func spot(path []string, text string) string { return strings.Join(path, "\x00") + "\x00\x00" + text }

// add files a trigger under what it asks for that is asked for most rarely.
func (m *Matcher) add(id int32, test eventTest, common map[string]int) {
	kind := m.kinds[test.kind()]
	if kind == nil {
		kind = &lookups{}
		m.kinds[test.kind()] = kind
	}
	rarest, fewest := -1, 0
	all := test.equalities()
	for i, q := range all {
		n := 0
		for _, text := range q.Texts {
			n += common[spot(q.Path, canonicalText(text))]
		}
		if rarest < 0 || n < fewest {
			rarest, fewest = i, n
		}
	}
	if rarest < 0 {
		kind.rest = append(kind.rest, id)
		return
	}
	kind.add(id, all[rarest])
}

func (l *lookups) add(id int32, q templating.Equality) {
	i := slices.IndexFunc(l.paths, func(p *byPath) bool { return slices.Equal(p.path, q.Path) })
	if i < 0 {
		i = len(l.paths)
		l.paths = append(l.paths, &byPath{path: q.Path, text: map[string][]int32{}})
	}
	for _, text := range q.Texts {
		text = canonicalText(text)
		l.paths[i].text[text] = append(l.paths[i].text[text], id)
	}
}

// Match are the programs that a starts, as the function of that name has them.
func (m *Matcher) Match(a Arrival) []Matched {
	a, err := a.Prepared()
	kind := m.kinds[a.Kind]
	if err != nil || kind == nil {
		return nil
	}
	buffer := m.buffers.Get().(*[]int32)
	defer m.buffers.Put(buffer)
	*buffer = kind.candidates((*buffer)[:0], a.read)
	var list []Matched
	done := -1 // the program that needs no other trigger
	for _, id := range *buffer {
		w := &m.waiting[id]
		if w.index == done || !w.trigger.test.holds(a.read) {
			continue
		}
		list = append(list, Matched{w.program, w.trigger, a})
		if w.program.once(w.trigger) {
			done = w.index
		}
	}
	return list
}

// candidates are the triggers that e can meet, each once and in order.
func (l *lookups) candidates(ids []int32, e *event) []int32 {
	ids = append(ids, l.rest...)
	for _, p := range l.paths {
		if v, ok := e.get(p.path); ok {
			ids = p.candidates(ids, v)
		}
	}
	slices.SortFunc(ids, cmp.Compare[int32])
	return slices.Compact(ids)
}

func (p *byPath) candidates(ids []int32, v any) []int32 {
	if list, ok := v.([]any); ok {
		for _, item := range list {
			ids = p.candidates(ids, item)
		}
		return ids
	}
	if text, ok := canonical(v); ok {
		ids = append(ids, p.text[text]...)
	}
	return ids
}

// canonical is one text for all values that a filter takes for the same: 93, 93.0 and
// "93". What is a mapping or nothing has none.
func canonical(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return canonicalText(v), true
	case nil, *value.Map, value.Object, []any:
		return "", false
	case bool:
		return strconv.FormatBool(v), true
	}
	if n, ok := number(v); ok {
		return canonicalNumber(n), true
	}
	return value.Text(v), true
}

func canonicalText(s string) string {
	if s == "" {
		return s
	}
	switch c := s[0]; {
	case c|0x20 == 't' && strings.EqualFold(s, "true"), c|0x20 == 'f' && strings.EqualFold(s, "false"):
		return strings.ToLower(s)
	case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == ' ':
		if q, ok := parseQuantity(s); ok && !q.percent {
			return canonicalNumber(q.n)
		}
	}
	return s
}

func canonicalNumber(n float64) string {
	if n == 0 {
		n = 0 // not -0
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}
