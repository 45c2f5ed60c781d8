package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"tocsin/engine"
)

// GitHub writes an annotation for each test case that is wrong, on the line of the YAML
// file that says it, and a warning for each that passed only after a retry
// (https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
func GitHub(w io.Writer, runs []*engine.Result) error {
	var b bytes.Buffer
	for _, r := range started(runs) {
		for _, c := range cases(r) {
			switch {
			case bad(c.status):
				annotate(&b, "error", r, c, cmp.Or(c.reason, string(c.status)))
			case len(c.retried) > 0:
				annotate(&b, "warning", r, c, fmt.Sprintf("passed on attempt %d; the first: %v", len(c.retried)+1, c.retried[0]))
			}
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func annotate(b *bytes.Buffer, level string, r *engine.Result, c testCase, message string) {
	if c.tree != nil {
		var tree bytes.Buffer
		Text{}.tree(&tree, *c.tree, 0)
		message += "\n" + strings.TrimRight(tree.String(), "\n")
	}
	fmt.Fprintf(b, "::%s ", level)
	if pos := cmp.Or(c.pos, r.Pos); pos.Line > 0 {
		fmt.Fprintf(b, "file=%s,line=%d,col=%d,", property(pos.File), pos.Line, pos.Col)
	}
	fmt.Fprintf(b, "title=%s::%s\n", property(clean(r.Workflow+": "+c.name)), commandData(message))
}

// commandData and property escape what would end a workflow command or one of its
// properties.
func commandData(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

func property(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(text)
}

// Summary writes a table in Markdown, for GitHub's job summary and for merge requests.
func Summary(w io.Writer, runs []*engine.Result) error {
	var b bytes.Buffer
	list := started(runs)
	var n count
	for _, r := range list {
		n.add(r.Status)
	}
	if n.total == 0 {
		return nil
	}
	fmt.Fprintf(&b, "### Tocsin: %s\n\n| | workflow | check | time | |\n|---|---|---|---|---|\n", Text{}.total(n))
	for _, r := range list {
		for _, c := range cases(r) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", summaryMark(c.status), cell(r.Workflow), cell(c.name), took(c.duration), cell(c.reason))
		}
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

func summaryMark(s engine.Status) string {
	switch s {
	case engine.Done:
		return "✅"
	case engine.Skipped:
		return "➖"
	case engine.Failed:
		return "❌"
	}
	return "💥"
}

// cell is text inside a Markdown table: nothing in it is markup.
func cell(text string) string {
	text = short(clean(strings.ReplaceAll(text, "\n", " ")), 300)
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "@", "&#64;").Replace(text)
}
