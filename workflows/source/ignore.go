package source

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// ignoreWord begins a comment that says which problems to leave out.
const ignoreWord = "tocsin:ignore"

// Ignore leaves out of ps, the problems of the file, the warnings that a comment in its
// text asks to:
//
//	cel: severity > 3 # tocsin:ignore TOC012, unknown-key -- reason
//
// is about the line and the text that begins in it; in a line of its own it is about
// the next one, and "tocsin:ignore-file" about the whole file. Errors stay. Added are
// codes that nobody knows and comments that ignore nothing.
func Ignore(file string, raw []byte, ps Problems) Problems {
	if !bytes.Contains(raw, []byte(ignoreWord)) {
		return ps
	}
	docs, broken := Read(file, raw)
	if broken.Err() != nil {
		return ps
	}
	list := ignores(docs, &text{file: file, raw: strings.TrimPrefix(string(raw), bom)})
	kept := make(Problems, 0, len(ps))
	for _, p := range ps {
		if !list.match(p) {
			kept = append(kept, p)
		}
	}
	for _, p := range list.problems() {
		if !list.match(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// An ignore is one code in a comment.
type ignore struct {
	pos      Pos    // of the word
	word     string // as written
	code     string // "": there is none of that name
	from, to int    // lines; to 0: the whole file
	used     bool
	error    bool    // it was about an error
	comment  *remark // that it stands in
}

// A remark is a comment to us.
type remark struct {
	pos    Pos // of the "#"
	remove Fix
}

type ignoreList []*ignore

// match reports whether p is ignored, and remembers by what.
func (list ignoreList) match(p Problem) bool {
	found := false
	for _, i := range list {
		if i.code == "" || i.code != p.Code || i.pos.File != p.Pos.File {
			continue
		}
		if i.to > 0 && (p.Pos.Line < i.from || p.Pos.Line > i.to) {
			continue
		}
		if !p.Warning {
			i.error = true
			continue
		}
		i.used, found = true, true
	}
	return found
}

// problems are about the comments themselves.
func (list ignoreList) problems() Problems {
	var ps Problems
	for _, i := range list {
		switch {
		case i.code == "":
			ps = append(ps, i.unknown())
		case !i.used:
			ps = append(ps, i.unused(list))
		}
	}
	return ps
}

func (i *ignore) unknown() Problem {
	p := Problem{Pos: i.pos, Len: max(1, utf8.RuneCountInString(i.word)), Code: UnknownCode, Warning: true, Message: fmt.Sprintf("no code %q to ignore", i.word)}
	if i.word == "" {
		p.Message = "which code is to be ignored?"
		p.Hint = "write # " + ignoreWord + " " + UnknownReference + " -- the reason"
		return p
	}
	p.Hint = `"tocsin explain --codes" lists them; a reason comes after "--"`
	if near := Nearest(strings.ToLower(i.word), ruleNames()); near != "" {
		p.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return p
}

func ruleNames() []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.Name
	}
	return names
}

func (i *ignore) unused(list ignoreList) Problem {
	p := Problem{
		Pos: i.pos, Len: utf8.RuneCountInString(i.word), Code: UnusedIgnore, Warning: true,
		Message: fmt.Sprintf("there is no %s here to ignore", i.word), Hint: "remove the comment",
	}
	if i.error {
		p.Message, p.Hint = fmt.Sprintf("%s is an error here, which cannot be ignored", i.word), ""
		return p
	}
	alone := !slices.ContainsFunc(list, func(o *ignore) bool { return o.comment == i.comment && (o.used || o.error || o.code == "") })
	if alone {
		p.Fix = i.comment.remove
	}
	return p
}

// ignores finds the comments in t. What only looks like one, within a text, is in docs.
func ignores(docs []Value, t *text) ignoreList {
	texts := extents{ends: map[int]int{}, within: map[int]bool{}}
	for _, v := range docs {
		texts.add(v)
	}
	var list ignoreList
	for n := range len(t.lines()) {
		line := n + 1
		at := commentIn(t.line(line))
		if at < 0 || texts.within[line] {
			continue
		}
		list = append(list, parseIgnore(t, line, at, texts)...)
	}
	return list
}

// commentIn is the offset of the "#" of a comment to us in a line, or -1.
func commentIn(line string) int {
	at := strings.Index(line, ignoreWord)
	if at < 0 {
		return -1
	}
	before := strings.TrimRight(line[:at], " \t")
	if !strings.HasSuffix(before, "#") {
		return -1
	}
	before = strings.TrimRight(before, "#")
	if before != "" && !strings.HasSuffix(before, " ") && !strings.HasSuffix(before, "\t") {
		return -1
	}
	return len(before)
}

// parseIgnore reads the comment at an offset of a line.
func parseIgnore(t *text, line, at int, texts extents) ignoreList {
	s := t.line(line)
	c := &remark{pos: t.pos(t.lines()[line-1] + at)}
	c.remove = c.removal(t, s[:at], s[at:])
	words := strings.Index(s, ignoreWord) + len(ignoreWord)
	all := strings.HasPrefix(s[words:], "-file")
	if all {
		words += len("-file")
	}
	end := len(s)
	if i := strings.Index(s[words:], "--"); i >= 0 {
		end = words + i
	}
	from, to := line, line
	if strings.TrimSpace(s[:at]) == "" {
		from = nextLine(t, line)
		to = from
	}
	if to = max(to, texts.ends[from]); all {
		from, to = 0, 0
	}
	var list ignoreList
	for _, w := range fieldsOf(s[:end], words) {
		i := &ignore{pos: t.pos(t.lines()[line-1] + w.at), word: w.s, from: from, to: to, comment: c}
		if r, ok := RuleOf(w.s); ok {
			i.code = r.Code
		}
		list = append(list, i)
	}
	if list == nil {
		list = ignoreList{{pos: c.pos, from: from, to: to, comment: c}}
	}
	return list
}

// removal is the fix that takes the comment away, with its line if that has nothing
// else.
func (c *remark) removal(t *text, before, comment string) Fix {
	f := Fix{Pos: c.pos, Old: comment, What: "remove the comment"}
	code := strings.TrimRight(before, " \t")
	if code != "" {
		f.Pos.Col -= len(before) - len(code)
		f.Old = before[len(code):] + comment
		return f
	}
	start, end := t.lines()[c.pos.Line-1], len(t.raw)
	if c.pos.Line < len(t.lines()) {
		end = t.lines()[c.pos.Line]
	}
	f.Pos.Col, f.Old = 1, t.raw[start:end]
	return f
}

// nextLine is the first line below n that has more than a comment.
func nextLine(t *text, n int) int {
	for n++; n <= len(t.lines()); n++ {
		if s := strings.TrimSpace(t.line(n)); s != "" && s[0] != '#' {
			return n
		}
	}
	return n
}

type wordAt struct {
	s  string
	at int
}

// fieldsOf are the words of s from an offset on, with commas or blanks between them.
func fieldsOf(s string, from int) []wordAt {
	var list []wordAt
	for i := from; i < len(s); {
		if strings.IndexByte(" \t,", s[i]) >= 0 {
			i++
			continue
		}
		n := strings.IndexAny(s[i:], " \t,")
		if n < 0 {
			n = len(s) - i
		}
		list = append(list, wordAt{s[i : i+n], i})
		i += n
	}
	return list
}

// extents are the lines that texts take.
type extents struct {
	ends   map[int]int  // by the line a text of several begins in, its last
	within map[int]bool // lines in which ignoreWord is part of a text
}

func (e extents) add(v Value) {
	switch d := v.Data.(type) {
	case string:
		e.text(v, d)
	case []Value:
		for _, item := range d {
			e.add(item)
		}
	case Map:
		for _, entry := range d {
			if strings.Contains(entry.Key, ignoreWord) {
				e.within[entry.Pos.Line] = true
			}
			e.add(entry.Value)
		}
	}
}

func (e extents) text(v Value, s string) {
	if end := v.At(len(s)).Line; end > v.Pos.Line {
		e.ends[v.Pos.Line] = max(e.ends[v.Pos.Line], end)
	}
	for from := 0; ; {
		i := strings.Index(s[from:], ignoreWord)
		if i < 0 {
			return
		}
		e.within[v.At(from+i).Line] = true
		from += i + len(ignoreWord)
	}
}
