package source

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// What a file may at most be. See reliability.md, section 3.
const (
	MaxSize    = 256 << 10 // bytes
	MaxDepth   = 64        // lists and mappings within each other
	MaxNodes   = 20_000    // keys, values, lists and mappings, aliases counted as what they stand for
	MaxKeys    = 1_000     // of one mapping
	MaxAliases = 100
)

// Parse reads a file of exactly one YAML document. Bad syntax and what cannot be
// read as plain data are problems; the error is a Problems. An empty file is the
// value nil. What is merely suspicious, such as a key given twice, only Read tells.
func Parse(file string, text []byte) (Value, error) {
	docs, ps := Read(file, text)
	if len(docs) > 1 {
		ps = append(ps, Problem{
			Pos:     docs[1].Pos,
			Code:    SeveralDocuments,
			Message: "a second document begins here",
			Hint:    `remove the "---" line, or put the document into a file of its own`,
		})
	}
	if err := ps.Err(); err != nil {
		return Value{}, err
	}
	if len(docs) == 0 {
		return Value{Pos: Pos{File: file, Line: 1, Col: 1}}, nil
	}
	return docs[0], nil
}

// ParseAll reads every document of a file ("---" between them). Documents with
// nothing in them are left out.
func ParseAll(file string, text []byte) ([]Value, error) {
	docs, ps := Read(file, text)
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return docs, nil
}

// Read is ParseAll that also returns what is suspicious but works, such as a key
// given twice (Keep takes the last, and so do we). If one of the problems is an
// error, there are no values.
func Read(file string, raw []byte) ([]Value, Problems) {
	t, ps := admit(file, raw)
	if ps != nil {
		return nil, ps
	}
	nodes, err := parseNodes(strings.NewReader(t.raw))
	if err != nil {
		nodes, ps = t.syntaxProblems(err)
	}
	c := converter{text: t}
	docs := make([]Value, 0, len(nodes))
	for _, n := range nodes {
		if v := c.document(n); v.Data != nil {
			docs = append(docs, v)
		}
	}
	for _, p := range c.problems {
		if err == nil || !p.Warning { // of a repaired text, only what is certain
			ps = append(ps, p)
		}
	}
	ps.Sort()
	if ps.Err() != nil {
		return nil, ps
	}
	return docs, ps
}

// parseNodes returns the nodes of the documents before the first error, and that
// error. A panic of the parser is one too: no file may stop the program.
func parseNodes(r io.Reader) (nodes []*yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	for dec := yaml.NewDecoder(r); ; {
		n := new(yaml.Node)
		switch err := dec.Decode(n); {
		case errors.Is(err, io.EOF):
			return nodes, nil
		case err != nil:
			return nodes, err
		}
		nodes = append(nodes, n)
		if len(nodes) > MaxNodes {
			return nodes, nil // the converter says so
		}
	}
}
