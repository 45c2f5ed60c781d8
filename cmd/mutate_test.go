package cmd_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/engine"
	"tocsin/engine/lint"
	"tocsin/providers"
	"tocsin/providers/all"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// TestMutations makes one mistake at a time in the text of everything that is right, and
// takes it through all that looks at a document: reading, compiling, linting. Nothing may
// panic. A misspelt key is never passed over in silence, and is told at its line.
func TestMutations(t *testing.T) {
	m := mutator{t: t, lib: engine.Library{
		Providers: all.Registry(), Functions: engine.Functions(), Configured: func(string) bool { return true },
	}}
	texts := rightTexts(t)
	for i, name := range slices.Sorted(maps.Keys(texts)) {
		if !raceDetector || i%10 == 0 { // nothing here runs at the same time
			m.file(name, string(texts[name]))
		}
	}
	if m.misspelt < 2000 && !testing.Short() && !raceDetector {
		t.Errorf("only %d keys were misspelt", m.misspelt)
	}
	share := 100 * float64(m.right) / float64(m.misspelt)
	if share < 95 {
		t.Errorf("%.1f%% of the misspelt keys are told at their line", share)
	}
	fmt.Fprintf(t.Output(), "%d keys misspelt: %.2f%% told at their line, %d as errors, %d in silence\n", m.misspelt, share, m.errors, m.silent)
	fmt.Fprintf(t.Output(), "%d keys dropped, %d values retyped (%d told), %d lines reindented (%d told): no panic\n",
		m.dropped, m.retyped, m.retypedTold, m.reindented, m.reindentedTold)
}

// rightTexts are the examples that ship, and Keep's files where they are there.
func rightTexts(t *testing.T) map[string][]byte {
	t.Helper()
	texts := map[string][]byte{}
	corpus := "../../shared/corpus/keep"
	if _, err := os.Stat(corpus); err != nil && (os.Getenv("CI") != "" || os.Getenv("TOCSIN_CI") != "") {
		t.Fatal(err)
	}
	for _, dir := range []fs.FS{workflows.Examples(), os.DirFS(corpus)} {
		names, err := fs.Glob(dir, "*.y*ml")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(dir, name)
			if err != nil {
				t.Fatal(err)
			}
			texts[filepath.Base(name)] = text
		}
	}
	return texts
}

type mutator struct {
	t   *testing.T
	lib engine.Library

	files                           int
	misspelt, right, errors, silent int
	dropped                         int
	retyped, retypedTold            int
	reindented, reindentedTold      int
}

// A spot is a key of a document that means something.
type spot struct {
	key   string
	pos   source.Pos
	value source.Value
	known []string // the keys that its mapping may have; nil: only the author knows
}

func (m *mutator) file(name, text string) {
	trees, err := source.ParseAll(name, []byte(text))
	if err != nil {
		m.t.Fatal(err)
	}
	var spots []spot
	for _, tree := range trees {
		spots = append(spots, m.spots(tree, "document", "")...)
	}
	if testing.Short() && len(spots) > 12 {
		spots = spots[:12]
	}
	before := m.problems(name, text)
	lines := strings.SplitAfter(text, "\n")
	for i, s := range spots {
		m.misspell(name, lines, s, before)
		if i%3 == m.files%3 { // all files together have every key at every third place
			m.drop(name, lines, s)
			m.retype(name, lines, s, before)
			m.reindent(name, lines, s, before)
		}
	}
	m.files++
}

// problems is all that is said about a document.
func (m *mutator) problems(name, text string) source.Problems {
	file, err := workflows.Parse(name, []byte(text))
	if err != nil {
		var ps source.Problems
		if !errors.As(err, &ps) {
			m.t.Errorf("%s: %v", name, err)
		}
		return ps
	}
	ps := file.Problems
	for _, w := range file.Workflows {
		_, warnings, err := engine.Compile(w, m.lib)
		ps = append(ps, warnings...)
		if more, ok := err.(source.Problems); ok {
			ps = append(ps, more...)
		}
	}
	return append(ps, lint.Check(file, m.lib)...)
}

// news are the problems that were not there before.
func news(before, after source.Problems) source.Problems {
	return slices.DeleteFunc(slices.Clone(after), func(p source.Problem) bool {
		return slices.ContainsFunc(before, func(q source.Problem) bool {
			return p.Code == q.Code && p.Message == q.Message && p.Pos == q.Pos
		})
	})
}

// misspell writes a key wrongly in several ways. Keys that only the author knows, such
// as those of a constant or of a header, are not misspelt.
func (m *mutator) misspell(name string, lines []string, s spot, before source.Problems) {
	if s.known == nil {
		return
	}
	for _, wrong := range slips(s.key) {
		if slices.Contains(s.known, wrong) {
			continue
		}
		text, ok := replaced(lines, s.pos, s.key, wrong)
		if !ok {
			continue
		}
		m.misspelt++
		told := news(before, m.problems(name, text))
		switch {
		case len(told) == 0:
			m.silent++
			m.t.Errorf("%v: %q for %q is passed over", s.pos, wrong, s.key)
		case slices.ContainsFunc(told, func(p source.Problem) bool { return p.Pos.Line == s.pos.Line }):
			m.right++
		default:
			fmt.Fprintf(m.t.Output(), "%v: %q for %q is told elsewhere: %v\n", s.pos, wrong, s.key, told[0].Error())
		}
		if told.Err() != nil {
			m.errors++
		}
	}
}

// slips are ways in which fingers miss a key: a letter twice, left out, swapped, a
// neighbour's.
func slips(key string) []string {
	mid := len(key) / 2
	list := []string{
		key[:mid] + key[mid:mid+1] + key[mid:], // doubled
		key[:mid] + key[mid+1:],                // left out
		strings.ToUpper(key[:1]) + key[1:],
	}
	if len(key) > 1 {
		list = append(list, key[:mid-1]+key[mid:mid+1]+key[mid-1:mid]+key[mid+1:]) // swapped
	}
	if len(key) > 3 {
		list = append(list, key[:mid]+"q"+key[mid+1:], strings.ReplaceAll(key, "_", "-"), strings.ReplaceAll(key, "-", "_"))
	}
	slices.Sort(list)
	list = slices.Compact(list)
	return slices.DeleteFunc(list, func(wrong string) bool { return wrong == key || wrong == "" })
}

// drop leaves a key out, with what is below it.
func (m *mutator) drop(name string, lines []string, s spot) {
	i := s.pos.Line - 1
	if strings.TrimLeft(lines[i][:min(s.pos.Col-1, len(lines[i]))], " ") != "" {
		return // it has no lines to itself
	}
	end := i + 1
	for end < len(lines) && (strings.TrimSpace(lines[end]) == "" || indentation(lines[end]) >= s.pos.Col) {
		end++
	}
	m.dropped++
	m.problems(name, strings.Join(lines[:i], "")+strings.Join(lines[end:], ""))
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// retype puts a value of another type behind a key.
func (m *mutator) retype(name string, lines []string, s spot, before source.Problems) {
	written, ok := s.value.Data.(string)
	if !ok || s.value.Style != source.Plain || s.value.Pos.Line != s.pos.Line {
		return
	}
	for _, other := range []string{"[1, a]", "{a: 1}", "17", "true", "~", "2024-05-06", `""`, "-1", "1.5", "{{ a }}", "*nowhere"} {
		text, ok := replaced(lines, s.value.Pos, written, other)
		if !ok {
			return
		}
		m.retyped++
		if len(news(before, m.problems(name, text))) > 0 {
			m.retypedTold++
		}
	}
}

// reindent moves a line.
func (m *mutator) reindent(name string, lines []string, s spot, before source.Problems) {
	i := s.pos.Line - 1
	for _, by := range []int{-2, -1, 1, 2, 4} {
		line := lines[i]
		switch {
		case by > 0:
			line = strings.Repeat(" ", by) + line
		case indentation(line) >= -by:
			line = line[-by:]
		default:
			continue
		}
		moved := slices.Clone(lines)
		moved[i] = line
		m.reindented++
		if len(news(before, m.problems(name, strings.Join(moved, "")))) > 0 {
			m.reindentedTold++
		}
	}
}

// replaced is the text with what stands at a place written otherwise; false where it
// does not stand there as such.
func replaced(lines []string, at source.Pos, old, other string) (string, bool) {
	line := lines[at.Line-1]
	runes := []rune(line)
	from := len(string(runes[:min(at.Col-1, len(runes))]))
	if !strings.HasPrefix(line[from:], old) {
		return "", false
	}
	changed := slices.Clone(lines)
	changed[at.Line-1] = line[:from] + other + line[from+len(old):]
	return strings.Join(changed, ""), true
}

// below says which mapping is below a key of another; "" is one of the author's.
var below = map[string]map[string]string{
	"document": {"workflow": "workflow", "alert": "workflow", "workflows": "workflow", "alerts": "workflow", "actions": "step", "providers": ""},
	"workflow": {
		"id": "", "name": "", "description": "", "disabled": "", "debug": "", "compat": "", "triggers": "trigger", "interval": "",
		"inputs": "input", "consts": "", "strategy": "", "timeout": "", "permissions": "", "owners": "", "services": "", "tags": "",
		"providers": "", "steps": "step", "actions": "step", "on-failure": "step",
	},
	"trigger": {
		"type": "", "value": "", "filters": "filter", "cel": "", "only_on_change": "", "severity_changed": "", "events": "",
		"cron": "", "every": "", "timezone": "", "jitter": "", "catch_up": "", "overlap": "",
	},
	"filter": {"key": "", "value": "", "exclude": ""},
	"input":  {"name": "", "type": "", "description": "", "default": "", "required": "", "options": ""},
	"step": {
		"name": "", "id": "", "provider": "provider", "if": "", "condition": "condition", "foreach": "", "parallel": "", "vars": "",
		"alias": "", "expect": "", "timeout": "", "retry": "retry", "on-failure": "on-failure", "continue": "",
		"continue_on_error": "", "throttle": "throttle", "use": "",
	},
	"provider":   {"type": "", "config": "", "with": "with", "on-failure": "on-failure"},
	"on-failure": {"retry": "retry"},
	"retry":      {"count": "", "interval": "", "backoff": "", "jitter": ""},
	"throttle":   {"type": "", "with": ""},
	"condition": {
		"name": "", "type": "", "alias": "", "assert": "", "fires": "", "value": "", "compare_to": "", "compare_type": "", "level": "", "pivot_column": "",
	},
	"enrichment": {"key": "", "value": "", "disposable": ""},
}

// spots are the keys of v, a mapping or list of them, that mean something, and those
// below. typ is the provider's.
func (m *mutator) spots(v source.Value, level, typ string) []spot {
	var list []spot
	switch data := v.Data.(type) {
	case []source.Value:
		for _, item := range data {
			list = append(list, m.spots(item, level, typ)...)
		}
	case source.Map:
		if level == "document" && !wrapped(data) {
			level = "workflow" // what a file without a wrapper is
		}
		if level == "provider" {
			typ = providerType(data)
		}
		known := m.known(level, typ)
		for _, e := range data {
			s := spot{key: e.Key, pos: e.Pos, value: e.Value}
			if slices.Contains(known, e.Key) {
				s.known = known
			}
			list = append(list, s)
			list = append(list, m.spots(e.Value, m.level(level, e.Key), typ)...)
		}
	}
	return list
}

func wrapped(m source.Map) bool {
	return slices.ContainsFunc(m, func(e source.Entry) bool {
		return below["document"][e.Key] == "workflow" || e.Key == "providers" || e.Key == "actions"
	})
}

func providerType(m source.Map) string {
	v, _ := m.Get("type")
	typ, _ := v.Data.(string)
	return typ
}

func (m *mutator) level(level, key string) string {
	if level == "with" && strings.HasPrefix(key, "enrich_") {
		return "enrichment"
	}
	return below[level][key]
}

// known are the keys that a mapping may have, the provider's parameters where it takes
// no others.
func (m *mutator) known(level, typ string) []string {
	var names []string
	for name := range below[level] {
		names = append(names, name)
	}
	if level != "with" {
		return names
	}
	names = []string{"enrich_alert", "enrich_incident"}
	p, ok := m.lib.Providers.Lookup(typ)
	if !ok {
		return names
	}
	for _, op := range []*providers.Operation{p.Query, p.Notify} {
		if op != nil && op.Params.Open() {
			return []string{"enrich_alert", "enrich_incident"}
		}
		if op != nil {
			names = append(names, op.Params.Names()...)
		}
	}
	return names
}
