package source

import (
	"embed"
	"strings"

	"golang.org/x/tools/txtar"
)

// texts has a file for each rule, by its name: what is wrong, why, how to write it; a
// document that has the problem, one that has not, and what is printed for the first.
//
//go:embed codes/*.txtar
var texts embed.FS

// An Explanation is all there is to say about a rule.
type Explanation struct {
	Text      string    // paragraphs: what is wrong, why that matters, what to write
	Bad, Good []Example // the files of a document that has the problem, and of one that has not
}

// An Example is a file. Those called "env" and "flags" are no files, but variables of
// the environment and arguments of the command line.
type Example struct{ Name, Text string }

// Explain is r's explanation. It is read when it is asked for.
func (r Rule) Explain() Explanation {
	raw, err := texts.ReadFile("codes/" + r.Name + ".txtar")
	if err != nil {
		return Explanation{}
	}
	a := txtar.Parse(raw)
	x := Explanation{Text: strings.TrimSpace(string(a.Comment))}
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, "bad/"); ok {
			x.Bad = append(x.Bad, Example{name, string(f.Data)})
		}
		if name, ok := strings.CutPrefix(f.Name, "good/"); ok {
			x.Good = append(x.Good, Example{name, string(f.Data)})
		}
	}
	return x
}
