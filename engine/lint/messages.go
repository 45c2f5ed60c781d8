package lint

import (
	"slices"
	"strings"

	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// messages reports actions whose message does not go with the condition that sends it.
// It is a guess: only plain cases are told.
func (c *checker) messages() {
	for _, s := range c.w.Actions {
		if when := c.decider(s); when != nil {
			c.wrongWay(s, when)
			c.otherStep(s, when)
		}
	}
}

// decider is the only condition that s has; nil where there is none, or several.
func (c *checker) decider(s *workflows.Step) *text {
	var found *text
	for i := range c.texts {
		t := &c.texts[i]
		if t.step != s || t.role != guard && t.role != assertion && t.role != limit {
			continue
		}
		if found != nil || t.expr == nil {
			return nil
		}
		found = t
	}
	return found
}

// wrongWay reports a message that says "could not connect" and is sent when connecting
// went well, or the other way round.
func (c *checker) wrongWay(s *workflows.Step, when *text) {
	well, known := goesWell(when)
	if !known {
		return
	}
	sent := "holds"
	if when.role == assertion && !when.fires {
		well, sent = !well, "does not hold"
	}
	said := c.said(s)
	bad, good := find(said.text, badWords), find(said.text, goodWords)
	hint := `an assert in a "workflow:" document fires when it holds; with fires: on_failure it fires when it fails`
	switch {
	case well && bad != "":
		if when.role == guard || when.form == templating.AlertAssert {
			hint = "turn the condition round, or the message"
		}
		c.warn(said.pos, source.WrongWay, hint, "%s says %q, and is sent when %s %s", c.title(s), bad, short(conditionText(when)), sent)
	case !well && good != "" && bad == "":
		c.warn(said.pos, source.WrongWay, "turn the condition round, or the message", "%s says %q, and is sent when %s %s", c.title(s), good, short(conditionText(when)), sent)
	}
}

func conditionText(t *text) string {
	s, _ := t.value.Data.(string)
	return s
}

// goesWell says whether the condition holds when something went well; known is false
// where that cannot be told from its words.
func goesWell(t *text) (well, known bool) {
	if path, not := t.expr.Alone(); path != nil {
		return !not, slices.Contains(wellNames, path[len(path)-1])
	}
	list := t.expr.Comparisons()
	if len(list) != 1 || strings.TrimSpace(list[0].Text) != strings.TrimSpace(conditionText(t)) {
		return false, false
	}
	k := list[0]
	last := k.Path[len(k.Path)-1]
	yes, ok := wellValue(last, k.Literal)
	if !ok || k.Op != "==" && k.Op != "!=" {
		return false, false
	}
	return yes == (k.Op == "=="), true
}

// wellValue says whether the value means that something went well.
func wellValue(name string, v any) (well, known bool) {
	if slices.Contains(wellNames, name) {
		switch v {
		case true, "True", "true":
			return true, true
		case false, "False", "false":
			return false, true
		}
	}
	if (name == "status" || name == "status_code") && v == int64(200) || (name == "return_code" || name == "exit_code") && v == int64(0) {
		return true, true
	}
	return false, false
}

// wellNames are results that are true when something went well.
var wellNames = []string{"connection", "connected", "ok", "up", "success", "succeeded", "healthy", "alive", "reachable", "ready"}

// badWords say that something went wrong.
var badWords = []string{
	"could not", "couldn't", "cannot", "can't", "failed", "failure", "unreachable", "unavailable",
	"not connected", "not reachable", "not responding", "not answering", "not available",
	"is down", "went down", "is broken", "lost connection", "connection lost",
}

// goodWords say that something is well.
var goodWords = []string{
	"is up", "is back", "is fine", "is healthy", "is reachable", "is alive", "is working",
	"recovered", "succeeded", "successfully", "all good",
}

// find returns the first of the words that stand in a text on their own, as they stand
// there, or "". Every run asks: compiling a regular expression would take longer.
func find(text string, words []string) string {
	for i := range len(text) {
		if i > 0 && inWord(text[i-1]) {
			continue
		}
		for _, w := range words {
			end := i + len(w)
			if end <= len(text) && strings.EqualFold(text[i:end], w) && (end == len(text) || !inWord(text[end])) {
				return text[i:end]
			}
		}
	}
	return ""
}

func inWord(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// A saying is the text that an action tells somebody.
type saying struct {
	text string
	pos  source.Pos
}

// said is the message of an action.
func (c *checker) said(s *workflows.Step) saying {
	names := []string{"message", "text", "title", "subject", "body", "summary", "description"}
	if op := c.operation(s); op != nil && op.Message != "" {
		names = append([]string{op.Message}, names...)
	}
	m, _ := s.With.Data.(source.Map)
	for _, name := range names {
		if v, ok := m.Get(name); ok {
			if text, isText := v.Data.(string); isText {
				return saying{text, v.Pos}
			}
		}
	}
	return saying{}
}

// otherStep reports an action whose condition reads one step and whose message another.
func (c *checker) otherStep(s *workflows.Step, when *text) {
	asked := stepsRead(when)
	var told []string
	var at source.Pos
	for i := range c.texts {
		t := &c.texts[i]
		if t.step != s || t.role != parameter {
			continue
		}
		for _, name := range stepsRead(t) {
			if told == nil {
				at = t.value.Pos
			}
			told = append(told, name)
		}
	}
	if len(asked) != 1 || len(told) == 0 || slices.Contains(told, asked[0]) || slices.Contains(told, "this") || asked[0] == "this" {
		return
	}
	c.warn(at, source.OtherStep, "look whether both mean the same step", "%s tells of step %q, but its condition is about %q", c.title(s), told[0], asked[0])
}

// stepsRead are the names of the steps whose results t reads, each once.
func stepsRead(t *text) []string {
	var names []string
	for _, ref := range t.refs {
		if len(ref.Path) > 2 && (ref.Path[0] == "steps" || ref.Path[0] == "actions") && ref.Path[2] == "results" && !slices.Contains(names, ref.Path[1]) {
			names = append(names, ref.Path[1])
		}
	}
	return names
}
