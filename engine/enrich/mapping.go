package enrich

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tocsin/templating/value"
)

// A Mapping adds the columns of the row of a table that fits the alert.
type Mapping struct {
	ID       int64
	Name     string
	Priority int // higher ones first
	// Matchers are groups of attributes of alerts, which are columns of the table. A row
	// fits when all of a group do, of any of the groups.
	Matchers [][]string
	Rows     []*value.Map // a column may be left out
	Disabled bool

	// Multi adds rows for each value of a list, under Property; there is one attribute
	// then, and Remove is taken out of each value.
	Multi    bool
	Property string
	Remove   string
}

// How large a table may be.
const (
	maxRows     = 20_000
	maxColumns  = 64
	maxCell     = 1 << 10 // bytes
	maxGroups   = 16
	maxPatterns = 1000 // cells that are patterns
	maxValues   = 100  // of a list
)

// A mapping is ready.
type mapping struct {
	Mapping
	columns  []string
	rows     [][]any // by column; nil: it says nothing
	adds     []int   // columns that are added
	groups   []*group
	patterns map[string]*regexp.Regexp // by their text
}

// Check says what is wrong with the rule.
func (m Mapping) Check() error {
	_, err := m.prepare()
	return err
}

func (m Mapping) prepare() (*mapping, error) {
	switch {
	case strings.TrimSpace(m.Name) == "" || len(m.Name) > maxName:
		return nil, fmt.Errorf("a rule needs a name of at most %d bytes", maxName)
	case len(m.Matchers) == 0 || len(m.Matchers) > maxGroups:
		return nil, fmt.Errorf("matchers: say by which attributes rows are found, in at most %d groups", maxGroups)
	case len(m.Rows) == 0 || len(m.Rows) > maxRows:
		return nil, fmt.Errorf("rows: there are %d: give 1 to %d", len(m.Rows), maxRows)
	case m.Multi && (len(m.Matchers) != 1 || len(m.Matchers[0]) != 1 || !Settable(m.Property) || m.Property == ""):
		return nil, errors.New("a mapping of several levels has one matcher, and a new_property_name for what it adds")
	}
	p := &mapping{Mapping: m, patterns: map[string]*regexp.Regexp{}}
	p.Rows = nil // the table has them
	if err := p.table(m.Rows); err != nil {
		return nil, err
	}
	for _, names := range m.Matchers {
		g, err := p.group(names)
		if err != nil {
			return nil, err
		}
		p.groups = append(p.groups, g)
	}
	matching := slices.Concat(m.Matchers...)
	for i, column := range p.columns {
		if m.Multi || Settable(column) && !slices.Contains(matching, column) {
			p.adds = append(p.adds, i)
		}
	}
	return p, nil
}

// table reads the rows, without the space around names and texts.
func (m *mapping) table(rows []*value.Map) error {
	index := map[string]int{}
	for n, row := range rows {
		cells := make([]any, len(m.columns), max(len(m.columns), row.Len()))
		for name, v := range row.All() {
			name = strings.TrimSpace(name)
			i, known := index[name]
			if !known {
				i = len(m.columns)
				index[name] = i
				m.columns, cells = append(m.columns, name), append(cells, nil)
			}
			if s, ok := v.(string); ok {
				v = strings.TrimSpace(s)
			}
			if len(m.columns) > maxColumns || len(name) > maxName || len(value.Text(v)) > maxCell {
				return fmt.Errorf("rows: row %d: a table has at most %d columns, with names of %d bytes and cells of %d", n+1, maxColumns, maxName, maxCell)
			}
			cells[i] = v
		}
		m.rows = append(m.rows, cells)
	}
	return nil
}

// Attributes are the columns that a mapping adds, in their order.
func (m Mapping) Attributes() []string {
	names := []string{}
	for _, row := range m.Rows {
		for name := range row.All() {
			name = strings.TrimSpace(name)
			if Settable(name) && !slices.Contains(names, name) && !slices.ContainsFunc(m.Matchers, func(g []string) bool { return slices.Contains(g, name) }) {
				names = append(names, name)
			}
		}
	}
	return names
}

// cell is what a row says in a column; nil: nothing.
func (m *mapping) cell(row int32, column int) any {
	if cells := m.rows[row]; column < len(cells) {
		return cells[column]
	}
	return nil
}

// fields are what the rule adds to s.
func (m *mapping) fields(s *subject) []value.Entry {
	if m.Multi {
		return m.levels(s)
	}
	row := m.row(s.seen)
	if row == none {
		return nil
	}
	return m.entries(row)
}

func (m *mapping) entries(row int32) []value.Entry {
	fields := make([]value.Entry, 0, len(m.adds))
	for _, i := range m.adds {
		if v := m.cell(row, i); v != nil {
			fields = append(fields, value.Entry{Key: m.columns[i], Value: v})
		}
	}
	return fields
}

// row is the row that fits the alert: one whose cells are the alert's values comes before
// those whose cells are patterns that are found in them, and the first of either counts.
func (m *mapping) row(alert *value.Map) int32 {
	values := make([][]string, len(m.groups))
	first := none
	for i, g := range m.groups {
		if values[i] = g.values(alert); values[i] == nil {
			continue
		}
		if row, ok := g.exact[key(values[i])]; ok {
			first = min(first, row)
		}
	}
	if first != none {
		return first
	}
	for i, g := range m.groups {
		if values[i] != nil {
			first = g.like(values[i], first, m.patterns)
		}
	}
	return first
}

// levels are the rows of each value of a list, under the property.
func (m *mapping) levels(s *subject) []value.Entry {
	g := m.groups[0]
	found := value.NewMap(4)
	for _, v := range listed(g.paths[0].in(s.seen)) {
		text, ok := scalar(v)
		if m.Remove != "" {
			text = strings.ReplaceAll(text, m.Remove, "")
		}
		row, known := g.exact[strings.TrimSpace(text)]
		if !ok || !known {
			continue
		}
		inner := value.NewMap(len(m.adds))
		for _, e := range m.entries(row) {
			inner.Set(e.Key, e.Value)
		}
		found.Set(text, inner)
	}
	if found.Len() == 0 {
		return nil
	}
	return []value.Entry{{Key: m.Property, Value: found}}
}

// listed is a list, or what JSON of one says; another value is one of itself.
func listed(v any) []any {
	if text, ok := v.(string); ok && strings.HasPrefix(strings.TrimSpace(text), "[") {
		if list, err := value.DecodeJSON([]byte(cut(text))); err == nil {
			v = list
		}
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	return list[:min(len(list), maxValues)]
}
