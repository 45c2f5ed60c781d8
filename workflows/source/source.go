// Package source reads YAML into values that know where they were written, and
// prints problems that point there. It does not know what a workflow is.
//
// The dialect is YAML 1.1 as Keep's files are read (spec §1.1): gopkg.in/yaml.v3
// makes the nodes, this package decides what a plain scalar is. What is too large
// or too deep is refused, most of it before the parser sees it. Start reading at
// Read.
package source

import "strconv"

// A Pos is a place in a file; Line and Col count from 1, Col in characters. The
// zero Pos is nowhere: a value made by a program.
type Pos struct {
	File      string
	Line, Col int
}

// String is "file:line:col", or "" for the zero Pos.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return string(p.append(make([]byte, 0, len(p.File)+12)))
}

func (p Pos) append(b []byte) []byte {
	b = append(b, p.File...)
	if p.File != "" {
		b = append(b, ':')
	}
	b = strconv.AppendInt(b, int64(p.Line), 10)
	b = append(b, ':')
	return strconv.AppendInt(b, int64(p.Col), 10)
}

// A Value is one node of a document and where it was written. Data is nil, bool,
// int64, *big.Int, float64, string, time.Time, value.Date, []Value or Map, or, in
// a value made by a program, any other Go value, which is then passed on as it is.
type Value struct {
	Pos  Pos
	Data any
	// Style tells a quoted or block string from a plain one.
	Style Style

	text *text // the file it was read from; nil: made by a program
}

// Whole is the text of the file that v was read from, without a byte order mark; "" where
// a program made it.
func (v Value) Whole() string {
	if v.text == nil {
		return ""
	}
	return v.text.raw
}

// A Style is how a scalar was written.
type Style uint8

const (
	Plain Style = iota
	Quoted
	Block
)

// A Map keeps its entries in the order in which they were written. No key is there
// twice.
type Map []Entry

// An Entry is one "key: value". Pos is the key's.
type Entry struct {
	Key   string
	Pos   Pos
	Value Value
}

// Get returns the value of key; the zero Value and false where there is none.
func (m Map) Get(key string) (Value, bool) {
	for i := range m {
		if m[i].Key == key {
			return m[i].Value, true
		}
	}
	return Value{}, false
}
