package schema

import (
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// A decoder walks a value along a plan and collects what is wrong.
type decoder struct {
	what     string // "slack"
	noun     string // "parameter"
	final    func(source.Value) bool
	path     []string // of the mapping or list the decoder is in, each part with its dot or brackets
	problems source.Problems
}

// root fills dst, which is of the plan's type.
func (d *decoder) root(p *plan, dst reflect.Value, v source.Value) {
	switch {
	case p.whole != nil:
		if v.Data != nil && d.known(v) && !p.whole.set(d, dst, v) {
			d.wrongRoot(v)
		}
		return
	case v.Data == nil:
		d.fields(p, dst, nil, v.Pos)
		return
	case !d.known(v):
		return
	}
	m, ok := mapping(v)
	if !ok {
		d.wrongRoot(v)
		return
	}
	d.fields(p, dst, m, v.Pos)
}

func (d *decoder) wrongRoot(v source.Value) {
	d.add(source.Problem{Pos: v.Pos, Code: source.WrongType,
		Message: fmt.Sprintf("%s takes a mapping of %ss, not %s", d.whatOr("this"), d.noun, describe(v))})
}

// known says that v is what it will be: not a template yet to be rendered. Lists
// and mappings always are; what is in them is asked for by itself.
func (d *decoder) known(v source.Value) bool {
	if d.final == nil {
		return true
	}
	switch v.Data.(type) {
	case source.Map, []source.Value:
		return true
	}
	return d.final(v)
}

// fields fills a struct; pos is where its mapping was written.
func (d *decoder) fields(p *plan, dst reflect.Value, m source.Map, pos source.Pos) {
	defaults := p.defaults()
	dst.Set(defaults.zero)
	var index map[string]int
	if len(m) > 0 {
		index = p.index()
	}
	var seen given
	var others []int
	for i := range m {
		at, ok := index[m[i].Key]
		if !ok {
			others = append(others, i)
			continue
		}
		f := p.fields[at]
		if seen.has(at) {
			d.twice(f, &m[i])
			continue
		}
		if m[i].Value.Data == nil && f.codec().typ != Any {
			continue
		}
		seen.add(at)
		d.field(f, dst, &m[i])
	}
	for _, i := range defaults.fresh {
		if f := p.fields[i]; !seen.has(i) {
			f.codec().set(d, f.goes(dst), source.Value{Data: f.value})
		}
	}
	var misspelt given
	if others != nil {
		misspelt = d.others(p, dst, m, others, seen)
	}
	for i := range p.fields {
		if f := p.fields[i]; f.required && !seen.has(i) && !misspelt.has(i) {
			d.missing(f, m, pos)
		}
	}
}

// field fills one field from the entry that names it.
func (d *decoder) field(f placed, dst reflect.Value, e *source.Entry) {
	if !d.known(e.Value) {
		return
	}
	d.item(f.codec(), f.goes(dst), e.Key, e.Value)
}

// item fills dst, which is called name within what the decoder is in.
func (d *decoder) item(c *codec, dst reflect.Value, name string, v source.Value) {
	switch {
	case !d.known(v):
	case !c.deep:
		if v.Data != nil && !c.set(d, dst, v) {
			d.wrong(c, name, v)
		}
	default:
		if len(d.path) > 0 {
			name = "." + name
		}
		d.deep(c, dst, name, v)
	}
}

// index fills the item i of a list.
func (d *decoder) index(c *codec, dst reflect.Value, i int, v source.Value) {
	if !d.known(v) || v.Data == nil && c.typ != Any {
		return
	}
	d.deep(c, dst, "["+strconv.Itoa(i)+"]", v)
}

func (d *decoder) deep(c *codec, dst reflect.Value, part string, v source.Value) {
	if v.Data == nil && c.typ != Any {
		return
	}
	d.path = append(d.path, part)
	ok := c.set(d, dst, v)
	d.path = d.path[:len(d.path)-1]
	if !ok {
		d.wrongAt(c, strings.Join(d.path, "")+part, v)
	}
}

// others takes the keys that no field has, and returns the required fields that
// they are misspellings of.
func (d *decoder) others(p *plan, dst reflect.Value, m source.Map, others []int, seen given) (misspelt given) {
	var free []string // names that were not given
	index := p.index()
	for _, n := range p.names() {
		if !seen.has(index[n]) {
			free = append(free, n)
		}
	}
	var rest source.Map
	for _, i := range others {
		e := &m[i]
		near := ""
		if p.rest == nil || p.rest.warn {
			near = source.Nearest(e.Key, free)
		}
		if near != "" {
			misspelt.add(index[near])
		}
		if near == "" && p.rest != nil {
			rest = append(rest, *e)
		}
		if p.rest == nil || p.rest.warn {
			d.unknown(p, e, near)
		}
	}
	if rest != nil {
		to := dst.FieldByIndex(p.rest.at)
		p.rest.codec.set(d, to, source.Value{Data: rest})
	}
	return misspelt
}

// given is the set of the indexes of fields that were given.
type given struct {
	low  uint64
	high map[int]bool
}

func (g *given) has(i int) bool {
	if i < 64 {
		return g.low&(1<<i) != 0
	}
	return g.high[i]
}

func (g *given) add(i int) {
	switch {
	case i < 64:
		g.low |= 1 << i
	case g.high == nil:
		g.high = map[int]bool{i: true}
	default:
		g.high[i] = true
	}
}

func (d *decoder) add(p source.Problem) { d.problems = append(d.problems, p) }

func (d *decoder) whatOr(other string) string {
	if d.what == "" {
		return other
	}
	return d.what
}

// full is the whole path of the key name, in quotes, and what it belongs to.
func (d *decoder) full(name string) string {
	path := strings.Join(d.path, "")
	if path != "" {
		path += "."
	}
	return strconv.Quote(path+name) + d.ofWhat()
}

func (d *decoder) ofWhat() string {
	if d.what == "" {
		return ""
	}
	return " of " + d.what
}

// listed is up to how many keys a hint lists all of them.
const listed = 15

func (d *decoder) unknown(p *plan, e *source.Entry, near string) {
	problem := source.Problem{
		Pos:     e.Pos,
		Len:     utf8.RuneCountInString(e.Key),
		Code:    source.UnknownKey,
		Message: fmt.Sprintf("unknown %s %s", d.noun, d.full(e.Key)),
		Warning: near == "" && p.rest != nil,
	}
	switch {
	case near != "":
		problem.Hint = fmt.Sprintf("did you mean %q?", near)
		problem.Fix = e.Rename(near)
	case len(p.fields) == 0:
		problem.Hint = fmt.Sprintf("there are no %ss", d.noun)
	case len(p.fields) <= listed:
		problem.Hint = "there are " + and(p.fields)
		if len(p.fields) == 1 {
			problem.Hint = "there is only " + p.fields[0].name
		}
	}
	d.add(problem)
}

// and is "a, b and c".
func and(fields []placed) string {
	var b strings.Builder
	for i, f := range fields {
		switch {
		case i > 0 && i == len(fields)-1:
			b.WriteString(" and ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(f.name)
	}
	return b.String()
}

// missing points at the mapping, or at the key that has nothing behind it.
func (d *decoder) missing(f placed, m source.Map, pos source.Pos) {
	for _, e := range m {
		if e.Key == f.name || slices.Contains(f.aliases, e.Key) {
			pos = e.Pos
		}
	}
	p := source.Problem{
		Pos:     pos,
		Code:    source.MissingKey,
		Message: fmt.Sprintf("missing %s %s", d.noun, d.full(f.name)),
	}
	if doc := f.about().Doc; doc != "" {
		p.Hint = f.name + ": " + doc
	}
	d.add(p)
}

func (d *decoder) twice(f placed, e *source.Entry) {
	d.add(source.Problem{
		Pos:     e.Pos,
		Len:     utf8.RuneCountInString(e.Key),
		Code:    source.SameKey,
		Message: fmt.Sprintf("%s %s is given a second time", d.noun, d.full(e.Key)),
		Hint:    "these are names of one " + d.noun + ": " + strings.Join(append([]string{f.name}, f.aliases...), ", "),
	})
}

func (d *decoder) wrong(c *codec, name string, v source.Value) {
	path := strings.Join(d.path, "")
	if path != "" {
		path += "."
	}
	d.wrongAt(c, path+name, v)
}

func (d *decoder) wrongAt(c *codec, path string, v source.Value) {
	p := source.Problem{Pos: v.Pos, Code: source.WrongType}
	shown := describe(v)
	if c.secret {
		shown = kind(v)
	}
	p.Message = fmt.Sprintf("%q%s takes %s, not %s", path, d.ofWhat(), c.takes, shown)
	if s, isText := v.Data.(string); isText && c.enum != nil {
		if near := source.Nearest(s, c.enum); near != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", near)
		}
	}
	d.add(p)
}

// describe says what v is, and shows it where that is short.
func describe(v source.Value) string {
	switch x := v.Data.(type) {
	case string:
		if utf8.RuneCountInString(x) > 40 {
			x = string([]rune(x)[:40]) + "…"
		}
		return strconv.Quote(x)
	case bool:
		return strconv.FormatBool(x)
	case int64, *big.Int, float64:
		if s := value.Text(x); len(s) <= 40 {
			return s
		}
	}
	return kind(v)
}

func kind(v source.Value) string {
	switch v.Data.(type) {
	case nil:
		return "nothing"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64, *big.Int, float64, int:
		return "a number"
	case time.Time, value.Date:
		return "a date"
	case source.Map, *value.Map, value.Object, map[string]any:
		return "a mapping"
	case []source.Value, []any, value.Tuple:
		return "a list"
	}
	return "something else"
}
