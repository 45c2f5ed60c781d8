package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/engine"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows"
)

// Text writes results for a person: a line for each workflow, one for each step, and
// the values of a condition that decided against.
type Text struct {
	Style
	Quiet   bool // only workflows in which something is wrong
	Explain bool // every condition, with the value of each part
}

// Write is a Format.
func (t Text) Write(w io.Writer, runs []*engine.Result) error {
	var b bytes.Buffer
	var n count
	var total time.Duration
	for _, r := range started(runs) {
		n.add(r.Status)
		total = max(total, r.Duration)
		if t.Quiet && !bad(r.Status) {
			continue
		}
		t.run(&b, r)
	}
	if n.total > 1 && !(t.Quiet && n.failed+n.broken == 0) {
		fmt.Fprintf(&b, "\n%s\n", t.total(n))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// total is the last line of a report about several workflows.
func (t Text) total(n count) string {
	var parts []string
	for _, p := range []struct {
		n     int
		word  string
		color string
	}{{n.passed, "ok", green}, {n.failed, "failed", red}, {n.broken, "broken", red}, {n.skipped, "skipped", grey}} {
		if p.n > 0 {
			parts = append(parts, t.paint(p.color, fmt.Sprintf("%d %s", p.n, p.word)))
		}
	}
	return plural(n.total, "workflow") + ": " + strings.Join(parts, ", ")
}

func (t Text) run(b *bytes.Buffer, r *engine.Result) {
	fmt.Fprintf(b, "%s %s %s\n", t.mark(r.Status), t.paint(bold, clean(r.Workflow)), t.paint(grey, took(r.Duration)))
	if r.Reason != "" && (len(r.Steps) == 0 || !stepsSay(r)) {
		t.lines(b, markWidth+1, "", r.Reason)
	}
	width := 0
	for i := range r.Steps {
		width = max(width, utf8.RuneCountInString(stepName(&r.Steps[i])))
	}
	for i := range r.Steps {
		t.step(b, r, &r.Steps[i], width)
	}
}

// stepsSay says that what is wrong with r stands at one of its steps.
func stepsSay(r *engine.Result) bool {
	return slices.ContainsFunc(r.Steps, func(s engine.StepResult) bool { return bad(s.Status) || s.Alerting })
}

func (t Text) step(b *bytes.Buffer, r *engine.Result, s *engine.StepResult, width int) {
	mark := t.mark(s.Status)
	if s.Alerting && s.Status == engine.Done {
		mark = t.paint(red, pad("fired", markWidth))
	} else if s.Fired && s.Status == engine.Done && s.Kind == workflows.Notify {
		mark = t.paint(yellow, pad("fired", markWidth))
	}
	line := fmt.Sprintf("  %s %s", mark, pad(clean(stepName(s)), width))
	if s.Duration > 0 {
		line += " " + t.paint(grey, took(s.Duration))
	}
	if note := note(s); note != "" {
		line += "  " + t.paint(grey, note)
	}
	fmt.Fprintln(b, strings.TrimRight(line, " "))
	if bad(s.Status) {
		t.lines(b, markWidth+3, "", s.Reason)
		if pos := s.Pos.String(); pos != "" && s.Status != engine.Failed {
			t.lines(b, markWidth+3, grey, "at "+pos)
		}
	}
	for _, c := range s.Checks {
		t.check(b, s, c)
	}
	if r.DryRun && s.Kind == workflows.Notify && s.Status == engine.Done {
		t.parameters(b, s.With)
	}
}

// note is what stands behind a step's name.
func note(s *engine.StepResult) string {
	var parts []string
	if n := len(s.Items); n > 0 {
		parts = append(parts, plural(n, "item"))
	}
	if s.Retries > 0 {
		parts = append(parts, fmt.Sprintf("%d retried", s.Retries))
	}
	if !bad(s.Status) && s.Reason != "" {
		parts = append(parts, clean(s.Reason))
	}
	return strings.Join(parts, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// check shows a condition that decided against something, or fired an alert; with
// Explain, every one.
func (t Text) check(b *bytes.Buffer, s *engine.StepResult, c engine.Check) {
	decided := c.Type == "expect" && !c.Passed || s.Alerting && c.Passed && c.Type != "expect"
	if !decided && !t.Explain {
		return
	}
	if c.Words != "" && c.Words != s.Reason {
		t.lines(b, markWidth+3, "", c.Words)
	}
	if c.Tree != nil {
		t.tree(b, *c.Tree, markWidth+5)
	}
}

// Tree writes a condition and the value of each of its parts.
func Tree(w io.Writer, tree templating.Explanation, style Style) error {
	var b bytes.Buffer
	Text{Style: style}.tree(&b, tree, 0)
	_, err := w.Write(b.Bytes())
	return err
}

// maxTree is how many lines of a tree are shown.
const maxTree = 40

func (t Text) tree(b *bytes.Buffer, tree templating.Explanation, margin int) {
	type row struct {
		depth int
		e     templating.Explanation
	}
	var rows []row
	var walk func(e templating.Explanation, depth int)
	walk = func(e templating.Explanation, depth int) {
		rows = append(rows, row{depth, e})
		for _, p := range e.Parts {
			walk(p, depth+1)
		}
	}
	walk(tree, 0)
	width := 0
	for _, r := range rows[:min(len(rows), maxTree)] {
		width = max(width, 2*r.depth+utf8.RuneCountInString(short(clean(r.e.Text), 80)))
	}
	for _, r := range rows[:min(len(rows), maxTree)] {
		text := strings.Repeat("  ", r.depth) + short(clean(r.e.Text), 80)
		fmt.Fprintf(b, "%*s%s  %s\n", margin, "", pad(text, width), t.outcome(r.e))
	}
	if len(rows) > maxTree {
		fmt.Fprintf(b, "%*s… and %d more parts\n", margin, "", len(rows)-maxTree)
	}
}

// outcome is the value of a part, or why there is none.
func (t Text) outcome(e templating.Explanation) string {
	switch {
	case e.Missing:
		return t.paint(yellow, "missing")
	case e.Error != "":
		return t.paint(red, short(clean(e.Error), maxShown))
	case e.Value == false:
		return t.paint(red, shown(e.Value))
	case e.Value == true:
		return t.paint(green, shown(e.Value))
	}
	return shown(e.Value)
}

// parameters shows what a dry run would have sent.
func (t Text) parameters(b *bytes.Buffer, with any) {
	m, ok := with.(*value.Map)
	if !ok {
		return
	}
	for key, v := range m.All() {
		text, ok := v.(string)
		if !ok {
			text = string(value.AppendJSON(nil, v))
		}
		t.lines(b, markWidth+3, "", key+": "+text)
	}
}

// lines writes text of several lines, each with the margin.
func (t Text) lines(b *bytes.Buffer, margin int, color, text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		fmt.Fprintf(b, "%*s%s\n", margin, "", t.paint(color, clean(line)))
	}
}
