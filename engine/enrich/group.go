package enrich

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"sort"
	"strings"

	"tocsin/templating/value"
)

// none is behind all rows.
const none = int32(math.MaxInt32)

// A group is attributes that must all fit, and the rows of a table by what they say there.
// A cell that is empty or * fits anything, another is a pattern that is to be found in the
// value, as in Keep; without signs of patterns, but for dots, it is a text.
type group struct {
	paths []path
	cells []string         // of each row, those of the group; see at
	exact map[string]int32 // the first row of these values
	words []words          // by attribute: rows that have a text there which is found in the value
	rest  []int32          // rows that have no text to be found by
}

// group files the rows under what they say in the columns of these names.
func (m *mapping) group(names []string) (*group, error) {
	g := &group{exact: map[string]int32{}, words: make([]words, len(names))}
	columns := make([]int, len(names))
	for i, name := range names {
		name = strings.TrimSpace(name)
		if columns[i] = slices.Index(m.columns, name); columns[i] < 0 {
			return nil, fmt.Errorf("matchers: the rows have no column %q: they have %s", name, strings.Join(m.columns[:min(len(m.columns), 10)], ", "))
		}
		g.paths = append(g.paths, parsePath(name))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("matchers: a group is empty")
	}
	filed, err := m.read(g, columns)
	if err == nil {
		g.file(filed, m.patterns)
	}
	return g, err
}

// read reads the cells of all rows, and returns the rows that can be found other than by
// their values. A row that says nothing in one of the columns fits nothing.
func (m *mapping) read(g *group, columns []int) (rows []int32, err error) {
	g.cells = make([]string, 0, len(m.rows)*len(columns))
	for n := range m.rows {
		row, whole, values := int32(n), true, true
		for _, column := range columns {
			text, ok := scalar(m.cell(row, column))
			g.cells = append(g.cells, text)
			whole = whole && ok
			values = values && !anything(text)
			if err := m.pattern(text); err != nil {
				return nil, err
			}
		}
		if !whole {
			continue
		}
		if values {
			k := key(g.at(row))
			if _, had := g.exact[k]; had {
				continue // the first counts, however it is found
			}
			g.exact[k] = row
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// anything says that a cell fits any value.
func anything(cell string) bool { return cell == "" || cell == "*" }

// pattern keeps the pattern of a cell that is one. What cannot be one is a text.
func (m *mapping) pattern(cell string) error {
	if anything(cell) || !strings.ContainsAny(cell, `\^$*+?()[]{}|`) || m.patterns[cell] != nil {
		return nil
	}
	re, err := regexp.Compile(cell)
	if err != nil {
		return nil
	}
	if len(m.patterns) == maxPatterns {
		return fmt.Errorf("rows: more than %d cells are patterns: leave out the signs of patterns, or use several rules", maxPatterns)
	}
	m.patterns[cell] = re
	return nil
}

// file files rows under the text of theirs that is the rarest.
func (g *group) file(rows []int32, patterns map[string]*regexp.Regexp) {
	text := func(cell string) bool { return !anything(cell) && patterns[cell] == nil }
	counts := make([]map[string]int, len(g.paths))
	for i := range counts {
		counts[i] = map[string]int{}
		for _, row := range rows {
			counts[i][g.at(row)[i]]++
		}
	}
	under := make([]map[string][]int32, len(g.paths))
	for _, row := range rows {
		rarest := -1
		for i, cell := range g.at(row) {
			if text(cell) && (rarest < 0 || counts[i][cell] < counts[rarest][g.at(row)[rarest]]) {
				rarest = i
			}
		}
		if rarest < 0 {
			g.rest = append(g.rest, row)
			continue
		}
		if under[rarest] == nil {
			under[rarest] = map[string][]int32{}
		}
		cell := g.at(row)[rarest]
		under[rarest][cell] = append(under[rarest][cell], row)
	}
	for i, rows := range under {
		g.words[i] = newWords(rows)
	}
}

// at are the cells of a row.
func (g *group) at(row int32) []string {
	n := len(g.paths)
	return g.cells[int(row)*n : int(row)*n+n]
}

// values are those of the alert; nil: one is not there.
func (g *group) values(alert *value.Map) []string {
	values := make([]string, len(g.paths))
	for i, p := range g.paths {
		var ok bool
		if values[i], ok = p.plain(alert); !ok {
			return nil
		}
	}
	return values
}

// key is one text for several.
func key(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values, "\x00")
}

// like is the first row before that one whose cells are found in values.
func (g *group) like(values []string, before int32, patterns map[string]*regexp.Regexp) int32 {
	try := func(rows []int32) {
		for _, row := range rows {
			if row >= before {
				return
			}
			if g.fits(row, values, patterns) {
				before = row
			}
		}
	}
	for i := range g.words {
		g.words[i].in(values[i], try)
	}
	try(g.rest)
	return before
}

func (g *group) fits(row int32, values []string, patterns map[string]*regexp.Regexp) bool {
	for i, cell := range g.at(row) {
		re := patterns[cell]
		switch {
		case anything(cell):
		case re != nil && re.MatchString(values[i]), re == nil && strings.Contains(values[i], cell):
		case cell == values[i]:
		default:
			return false
		}
	}
	return true
}

// words finds which of many texts are part of another without trying each: they are
// sorted, and those that go on as the other does are found by halves.
type words struct {
	texts []string
	rows  [][]int32 // of each text
}

func newWords(rows map[string][]int32) (w words) {
	for text := range rows {
		w.texts = append(w.texts, text)
	}
	slices.Sort(w.texts)
	for _, text := range w.texts {
		w.rows = append(w.rows, rows[text])
	}
	return w
}

// in calls found with the rows of each text that is in s, some more than once.
func (w words) in(s string, found func(rows []int32)) {
	if len(w.texts) == 0 {
		return
	}
	for i := range len(s) {
		from, to := 0, len(w.texts) // those that begin with s[i:i+n]
		for n := 0; from < to; n++ {
			if len(w.texts[from]) == n {
				found(w.rows[from])
				from++
			}
			if i+n == len(s) || from == to {
				break
			}
			c, part := s[i+n], w.texts[from:to]
			low := sort.Search(len(part), func(k int) bool { return part[k][n] >= c })
			high := low + sort.Search(len(part)-low, func(k int) bool { return part[low+k][n] > c })
			from, to = from+low, from+high
		}
	}
}
