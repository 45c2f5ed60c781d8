package engine

import (
	"strings"

	"tocsin/templating"
	"tocsin/workflows/source"
)

// fixOf is the change that mends what the note is about, where there is only one.
func fixOf(v source.Value, n templating.Note) source.Fix {
	text, _ := v.Data.(string)
	if n.Code != templating.NoteJS || n.Offset >= len(text) {
		return source.Fix{}
	}
	for _, op := range []struct{ js, python string }{{"&&", "and"}, {"||", "or"}, {"!", "not "}} {
		if strings.HasPrefix(text[n.Offset:], op.js) {
			return source.Fix{Pos: v.At(n.Offset), Old: op.js, Text: apart(text, n.Offset, op.js, op.python), What: "write " + strings.TrimSpace(op.python)}
		}
	}
	return source.Fix{}
}

// apart is the word for what stands in text at an offset, with spaces where there are
// none around it.
func apart(text string, at int, old, word string) string {
	if strings.HasSuffix(word, " ") {
		return word
	}
	if at > 0 && text[at-1] != ' ' {
		word = " " + word
	}
	if end := at + len(old); end < len(text) && text[end] != ' ' {
		word += " "
	}
	return word
}

// configFix turns a bare name into a reference to the configuration.
func configFix(v source.Value, name string) source.Fix {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		return source.Fix{}
	}
	f := source.Fix{Pos: v.Pos, Old: name, Text: `"{{ providers.` + name + ` }}"`, What: "write {{ providers." + name + " }}"}
	if v.Style == source.Quoted {
		f.Old, f.Text = `"`+name, f.Text[:len(f.Text)-1]
	}
	return f
}
