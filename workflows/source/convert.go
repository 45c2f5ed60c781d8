package source

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"tocsin/templating/value"
)

// A converter turns nodes into values, within the limits.
type converter struct {
	text     *text
	problems Problems
	errors   int // of the problems
	nodes    int
	aliases  int
	depth    int
	open     []*yaml.Node // what aliases stand for, around the current node
	stopped  bool         // a limit was exceeded: what follows is not looked at
}

// maxProblems is how many warnings, and how many errors, are kept.
const maxProblems = 100

func (c *converter) problem(p Problem) {
	n := c.errors
	if p.Warning {
		n = len(c.problems) - c.errors
	}
	if n >= maxProblems {
		return
	}
	if !p.Warning {
		c.errors++
	}
	c.problems = append(c.problems, p)
}

// stop reports an exceeded limit and ends the conversion.
func (c *converter) stop(n *yaml.Node, code, message, hint string) {
	if !c.stopped {
		c.problem(Problem{Pos: c.pos(n), Code: code, Message: message, Hint: hint})
	}
	c.stopped = true
}

func (c *converter) pos(n *yaml.Node) Pos {
	return Pos{File: c.text.file, Line: n.Line, Col: n.Column}
}

func (c *converter) document(n *yaml.Node) Value {
	if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
		return c.value(n.Content[0])
	}
	return Value{}
}

func (c *converter) value(n *yaml.Node) Value {
	if c.nodes++; c.nodes > MaxNodes {
		c.stop(n, TooLarge, fmt.Sprintf("the file has more than %d values", MaxNodes),
			"split it into several files")
	}
	if c.stopped {
		return Value{}
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return c.scalar(n)
	case yaml.AliasNode:
		return c.alias(n)
	}
	if c.depth++; c.depth > MaxDepth {
		c.stop(n, TooLarge, tooDeepMessage, tooDeepHint)
	}
	defer func() { c.depth-- }()
	switch {
	case c.stopped:
		return Value{}
	case n.Kind == yaml.SequenceNode:
		return c.sequence(n)
	}
	return c.mapping(n)
}

func (c *converter) sequence(n *yaml.Node) Value {
	c.tag(n, "!!seq")
	list := make([]Value, len(n.Content))
	for i, item := range n.Content {
		list[i] = c.value(item)
	}
	return Value{Pos: c.pos(n), Data: list, text: c.text}
}

// alias is the value that *name stands for, with the positions of where it was
// written.
func (c *converter) alias(n *yaml.Node) Value {
	if c.aliases++; c.aliases > MaxAliases {
		c.stop(n, TooLarge, fmt.Sprintf("the file has more than %d aliases", MaxAliases),
			"write some of the values out")
		return Value{}
	}
	if slices.Contains(c.open, n.Alias) {
		c.stop(n, EndlessAlias, fmt.Sprintf("alias %q stands for a value that contains it", n.Value), "")
		return Value{}
	}
	c.open = append(c.open, n.Alias)
	v := c.value(n.Alias)
	c.open = c.open[:len(c.open)-1]
	return v
}

func (c *converter) mapping(n *yaml.Node) Value {
	c.tag(n, "!!map")
	if len(n.Content)/2 > MaxKeys {
		c.tooManyKeys(n)
		return Value{}
	}
	m := keys{Map: make(Map, 0, len(n.Content)/2)}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Tag == mergeTag {
			c.merge(&m, n.Content[i+1])
		}
	}
	merged := len(m.Map)
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Tag != mergeTag {
			c.entry(&m, n, i, merged)
		}
	}
	if len(m.Map) > MaxKeys {
		c.tooManyKeys(n)
	}
	return Value{Pos: c.pos(n), Data: m.Map, text: c.text}
}

const mergeTag = "!!merge"

func (c *converter) tooManyKeys(n *yaml.Node) {
	c.stop(n, TooLarge, fmt.Sprintf("the mapping has more than %d keys", MaxKeys), "")
}

// entry adds the key and value at index i of the mapping n. The first merged
// entries of m come from "<<" and yield to it.
func (c *converter) entry(m *keys, n *yaml.Node, i, merged int) {
	key, ok := c.key(n, n.Content[i])
	if !ok {
		return
	}
	e := Entry{Key: key, Pos: c.pos(n.Content[i]), Value: c.value(n.Content[i+1])}
	at, twice := m.find(key)
	if !twice {
		m.add(e)
		return
	}
	first := m.Map[at]
	if at >= merged {
		c.problem(Problem{
			Pos:     e.Pos,
			Code:    DuplicateKey,
			Message: fmt.Sprintf("key %q is given twice", key),
			Hint:    fmt.Sprintf("the first is in line %d; only the last one counts", first.Pos.Line),
			Warning: true,
			Fix:     c.text.remove(first.Pos, fmt.Sprintf("remove the first %q, which does not count", key)),
		})
	}
	m.Map[at] = e
}

// key is the text of a key: what PyYAML would have as a boolean or number is
// written in one way.
func (c *converter) key(n, k *yaml.Node) (string, bool) {
	c.nodes++
	if k.Kind == yaml.AliasNode {
		c.aliases++
		k = k.Alias
	}
	if k.Kind != yaml.ScalarNode {
		c.problem(c.text.notAKey(c.pos(n), c.pos(k)))
		return "", false
	}
	switch d := c.scalar(k).Data.(type) {
	case string:
		return d, true
	case nil:
		return "null", true
	case bool:
		return strconv.FormatBool(d), true
	case int64:
		return strconv.FormatInt(d, 10), true
	case *big.Int:
		return d.String(), true
	}
	return k.Value, true
}

// merge adds what "<<" stands for: a mapping, or a list of them, of which the first
// that has a key wins.
func (c *converter) merge(m *keys, n *yaml.Node) {
	v := c.value(n)
	if c.stopped {
		return
	}
	maps, isList := v.Data.([]Value)
	if !isList {
		maps = []Value{v}
	}
	for _, v := range slices.Backward(maps) {
		from, ok := v.Data.(Map)
		if !ok {
			c.problem(Problem{Pos: v.Pos, Code: BadMerge, Message: `"<<" takes a mapping or a list of mappings`,
				Hint: "such as <<: *name, where &name stands before a mapping"})
			return
		}
		for _, e := range from {
			if at, there := m.find(e.Key); there {
				m.Map[at] = e
			} else {
				m.add(e)
			}
		}
	}
}

func (c *converter) scalar(n *yaml.Node) Value {
	v := Value{Pos: c.pos(n), Style: styleOf(n.Style), text: c.text}
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		v.Data = c.tagged(n)
	case v.Style != Plain:
		v.Data = c.text.own(n.Value, v.Pos, 1)
	default:
		v.Data = resolve(c.text.own(n.Value, v.Pos, 0))
		c.calendar(v)
	}
	return v
}

// calendar warns of a text that was meant to be a date.
func (c *converter) calendar(v Value) {
	s, isText := v.Data.(string)
	if !isText || len(s) != len("2006-01-02") || s[4] != '-' || s[7] != '-' || !all(s[:4]+s[5:7]+s[8:], isDigit) {
		return
	}
	c.problem(Problem{
		Pos:     v.Pos,
		Code:    BadDate,
		Message: s + " is not a day of the calendar and is taken as a text",
		Hint:    "quote it if it is one",
		Warning: true,
	})
}

func styleOf(s yaml.Style) Style {
	switch {
	case s&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return Quoted
	case s&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return Block
	}
	return Plain
}

// tagged is a scalar whose type was written before it, as in !!str 010.
func (c *converter) tagged(n *yaml.Node) any {
	data, ok := resolve(n.Value), false
	switch n.Tag {
	case "!!str":
		return n.Value
	case "!!null":
		ok = data == nil
	case "!!bool":
		_, ok = data.(bool)
	case "!!int":
		_, small := data.(int64)
		_, large := data.(*big.Int)
		ok = small || large
	case "!!float":
		if i, isInt := data.(int64); isInt {
			data = float64(i)
		}
		_, ok = data.(float64)
	case "!!timestamp":
		_, day := data.(value.Date)
		_, moment := data.(time.Time)
		ok = day || moment
	default:
		c.unknownTag(n)
		return n.Value
	}
	if !ok {
		c.problem(Problem{Pos: c.pos(n), Code: BadTag, Message: fmt.Sprintf("%q is not what the tag %s says", n.Value, n.Tag)})
	}
	return data
}

// tag reports a list or mapping that has another tag than the one it may have.
func (c *converter) tag(n *yaml.Node, want string) {
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != want {
		c.unknownTag(n)
	}
}

func (c *converter) unknownTag(n *yaml.Node) {
	c.problem(Problem{
		Pos:     c.pos(n),
		Code:    UnknownTag,
		Message: fmt.Sprintf("unknown tag %q", n.Tag),
		Hint:    `remove it, or quote the text if it is to begin with "!"`,
	})
}

// keys is a Map under construction that finds its keys in constant time.
type keys struct {
	Map
	index map[string]int // nil while there are few
}

// few keys are searched one by one.
const few = 16

func (k *keys) find(key string) (int, bool) {
	if k.index != nil {
		i, ok := k.index[key]
		return i, ok
	}
	for i := range k.Map {
		if k.Map[i].Key == key {
			return i, true
		}
	}
	return 0, false
}

func (k *keys) add(e Entry) {
	k.Map = append(k.Map, e)
	switch n := len(k.Map); {
	case k.index != nil:
		k.index[e.Key] = n - 1
	case n > few:
		k.index = make(map[string]int, cap(k.Map))
		for i := range k.Map {
			k.index[k.Map[i].Key] = i
		}
	}
}
