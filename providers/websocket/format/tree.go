package format

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/antchfx/xpath"

	"tocsin/templating/value"
)

// A branch is a node of a tree as XPath walks it: of XML, or of JSON and its kin.
type branch struct {
	kind                     xpath.NodeType
	name, prefix, space      string
	text                     string // of a text or comment
	data                     any    // of JSON and its kin: the value
	null                     bool   // of JSON and its kin: there is none
	attributes               []attribute
	parent                   *branch
	first, last, left, right *branch
}

type attribute struct{ name, prefix, space, text string }

func (b *branch) add(child *branch) {
	child.parent, child.left = b, b.last
	if b.last == nil {
		b.first = child
	} else {
		b.last.right = child
	}
	b.last = child
}

// xmlTree reads XML. Entities other than the five of XML itself are mistakes.
func xmlTree(data []byte) (*branch, error) {
	root := &branch{kind: xpath.RootNode}
	at, depth, elements := root, 0, 0
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = charset
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("no XML: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return nil, errDeep
			}
			child := element(t)
			at.add(child)
			at = child
			elements++
		case xml.EndElement:
			at = at.parent
			depth--
		case xml.CharData:
			if at != root {
				at.add(&branch{kind: xpath.TextNode, text: string(t)})
			}
		case xml.Comment:
			at.add(&branch{kind: xpath.CommentNode, text: string(t)})
		}
	}
	if elements == 0 {
		return nil, errors.New("no XML: there is no element in it")
	}
	return root, nil
}

// charset reads encodings that are UTF-8 by another name, and Latin-1.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return in, nil
	case "iso-8859-1", "latin1", "latin-1":
		text, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		out := make([]rune, len(text))
		for i, c := range text {
			out[i] = rune(c)
		}
		return strings.NewReader(string(out)), nil
	}
	return nil, fmt.Errorf("the encoding %q is not read", label)
}

func element(t xml.StartElement) *branch {
	b := &branch{kind: xpath.ElementNode, name: t.Name.Local, space: t.Name.Space}
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		b.attributes = append(b.attributes, attribute{name: a.Name.Local, space: a.Name.Space, text: a.Value})
	}
	return b
}

// dataTree makes a tree of data: a key is an element, and so, without a name, is an
// item of a list.
func dataTree(v any) *branch {
	root := &branch{kind: xpath.RootNode}
	grow(root, v)
	return root
}

func grow(b *branch, v any) {
	switch v := v.(type) {
	case *value.Map:
		for key, item := range v.All() {
			child := &branch{kind: xpath.ElementNode, name: key, data: item, null: item == nil}
			b.add(child)
			grow(child, item)
		}
	case []any:
		for _, item := range v {
			child := &branch{kind: xpath.ElementNode, data: item, null: item == nil}
			b.add(child)
			grow(child, item)
		}
	case nil:
	default:
		b.add(&branch{kind: xpath.TextNode, text: plainText(v), data: v})
	}
}

// value is the text of all texts within b.
func (b *branch) value() string {
	if b.kind == xpath.TextNode || b.kind == xpath.CommentNode {
		return b.text
	}
	var out strings.Builder
	b.write(&out)
	return out.String()
}

func (b *branch) write(out *strings.Builder) {
	for c := b.first; c != nil; c = c.right {
		switch c.kind {
		case xpath.TextNode:
			out.WriteString(c.text)
		case xpath.ElementNode:
			c.write(out)
		}
	}
}

// A walk is a place in a tree; it is what XPath moves about. How far it may go in all
// is limited, since some paths are searches within searches.
type walk struct {
	root, at *branch
	attr     int // of at's attributes; -1: at itself
	steps    *int
}

// errSteps is what a walk panics with that went on for too long.
var errSteps = errors.New("stopped: the XPath takes too many steps through this message")

func (w *walk) step(n int) {
	if *w.steps -= n; *w.steps < 0 {
		panic(errSteps)
	}
}

func (w *walk) NodeType() xpath.NodeType {
	if w.attr >= 0 {
		return xpath.AttributeNode
	}
	return w.at.kind
}

func (w *walk) LocalName() string {
	if w.attr >= 0 {
		return w.at.attributes[w.attr].name
	}
	return w.at.name
}

func (w *walk) Prefix() string {
	if w.attr >= 0 {
		return w.at.attributes[w.attr].prefix
	}
	return w.at.prefix
}

// NamespaceURL is for names with a prefix.
func (w *walk) NamespaceURL() string {
	if w.attr >= 0 {
		return w.at.attributes[w.attr].space
	}
	return w.at.space
}

func (w *walk) Value() string {
	if w.attr >= 0 {
		return w.at.attributes[w.attr].text
	}
	text := w.at.value()
	w.step(1 + len(text)/16)
	return text
}

func (w *walk) Copy() xpath.NodeNavigator {
	w.step(1)
	c := *w
	return &c
}

func (w *walk) MoveToRoot() { w.at, w.attr = w.root, -1 }

func (w *walk) MoveToParent() bool {
	w.step(1)
	if w.attr >= 0 {
		w.attr = -1
		return true
	}
	return w.to(w.at.parent)
}

func (w *walk) MoveToNextAttribute() bool {
	w.step(1)
	if w.attr+1 >= len(w.at.attributes) {
		return false
	}
	w.attr++
	return true
}

func (w *walk) MoveToChild() bool {
	return w.attr < 0 && w.to(w.at.first)
}

func (w *walk) MoveToFirst() bool {
	if w.attr >= 0 || w.at.left == nil {
		return false
	}
	return w.to(w.at.parent.first)
}

func (w *walk) MoveToNext() bool     { return w.attr < 0 && w.to(w.at.right) }
func (w *walk) MoveToPrevious() bool { return w.attr < 0 && w.to(w.at.left) }

func (w *walk) to(b *branch) bool {
	w.step(1)
	if b == nil {
		return false
	}
	w.at = b
	return true
}

func (w *walk) MoveTo(other xpath.NodeNavigator) bool {
	o, ok := other.(*walk)
	if !ok || o.root != w.root {
		return false
	}
	w.at, w.attr = o.at, o.attr
	return true
}
