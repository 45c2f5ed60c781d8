package engine

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows/source"
)

// A filter is one field that an alert must have, and what it must be. A field that is
// not there matches no filter, also none that excludes (spec §2.3.1); that it is there
// may itself be what is asked.
type filter struct {
	path    []string
	exclude bool
	wants   string         // what it must be, in words
	texts   []string       // it must be one of these; nil: something else decides
	pattern *regexp.Regexp // it must match
	part    string         // it must contain
	ask     asked
}

// asked is what a filter asks.
type asked uint8

const (
	isOneOf asked = iota
	isThere
	isEmptyText
	hasPart
	hasPrefix
	hasPattern
)

// maxFilterPattern is how long a pattern may be (design/reliability.md §3).
const maxFilterPattern = 512

// filterList reads filters. What Keep passes over is a warning here.
func (c *compiler) filterList(t *alertTest, list []source.Value) []filter {
	var filters []filter
	for _, v := range list {
		m, _ := v.Data.(source.Map)
		name, named := m.Get("key")
		want, valued := m.Get("value")
		exclude, _ := m.Get("exclude")
		path, _ := name.Data.(string)
		switch {
		case !named || !valued: // package workflows has said so
		case path == "":
			c.warn(v.Pos, source.NoEffect, "such as key: source", "a filter without a key does nothing")
		case want.Data == nil || want.Data == "":
			c.warn(want.Pos, source.NoEffect, `write r"^$" for an empty text`, "a filter without a value does nothing")
		default:
			f := filter{path: strings.Split(path, "."), exclude: exclude.Data == true}
			c.wanted(t, &f, want)
			filters = append(filters, f)
		}
	}
	return filters
}

// wanted reads what a filter's field must be.
func (c *compiler) wanted(t *alertTest, f *filter, v source.Value) {
	text, isText := v.Data.(string)
	switch v.Data.(type) {
	case []source.Value, source.Map:
		c.neverMatches(t, v.Pos, `for one of several write value: r"a|b"`, "a filter's value is a text, a number or a boolean")
		return
	}
	pattern, isPattern := strings.CutPrefix(text, `r"`)
	if !isText || !isPattern {
		f.oneOf(value.Text(v.Plain()))
		c.checkSeverities(f, v)
		return
	}
	pattern = strings.TrimSuffix(pattern, `"`)
	if !f.simple(pattern) {
		c.pattern(t, f, v, pattern)
	}
	c.checkSeverities(f, v)
}

// oneOf makes f ask for one of the texts. Severities are looked up in lower case.
func (f *filter) oneOf(texts ...string) {
	f.ask, f.texts = isOneOf, texts
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = fmt.Sprintf("%q", t)
		if f.isSeverity() {
			texts[i] = severityWord(t)
		}
	}
	f.wants = strings.Join(quoted, " or ")
}

// severityWord is the word of a severity written in capitals or as a number.
func severityWord(text string) string {
	words := [...]string{"low", "info", "warning", "high", "critical"}
	if rank, ok := templating.SeverityRank(text); ok {
		return words[rank-1]
	}
	if len(text) == 1 && text[0] >= '1' && text[0] <= '5' {
		return words[text[0]-'1']
	}
	return text
}

func (f *filter) isSeverity() bool { return len(f.path) == 1 && f.path[0] == "severity" }

// checkSeverities notes words that no severity is.
func (c *compiler) checkSeverities(f *filter, v source.Value) {
	if !f.isSeverity() || f.ask != isOneOf {
		return
	}
	for _, text := range f.texts {
		if _, ok := templating.SeverityRank(text); ok {
			continue
		}
		hint := "severities are critical, high, warning, info and low"
		if near := source.Nearest(text, []string{"critical", "high", "warning", "info", "low"}); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		c.warn(v.Pos, source.ImpossibleComparison, hint, "%q is no severity", text)
	}
}

// literal is what a pattern may consist of to mean the text itself.
var literal = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^\\.+*?()|\[\]{}^$]*$`) })

// simple reads the patterns that Keep knows (spec §2.3.1): alternatives, anything,
// nothing, a part, and, as it is written, a beginning. Their letters mean themselves.
func (f *filter) simple(pattern string) bool {
	middle, anywhere := strings.CutPrefix(pattern, ".*")
	start, _ := strings.CutSuffix(pattern, ".*")
	middle, both := strings.CutSuffix(middle, ".*")
	switch {
	case strings.Contains(pattern, "|"):
		return f.alternatives(pattern)
	case pattern == ".*":
		f.ask, f.wants = isThere, "a field of that name"
	case pattern == "^$":
		f.ask, f.wants = isEmptyText, "an empty text"
	case anywhere && both && literal().MatchString(middle):
		f.ask, f.part, f.wants = hasPart, middle, fmt.Sprintf("a text with %q in it", middle)
	case !anywhere && start != pattern && literal().MatchString(start):
		f.ask, f.part, f.wants = hasPrefix, start, fmt.Sprintf("a text that begins with %q", start)
	default:
		return false
	}
	return true
}

// alternatives reads a|b and (a|b): the field is one of them as a whole.
func (f *filter) alternatives(pattern string) bool {
	var texts []string
	for _, part := range strings.Split(pattern, "|") {
		part = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(part, "("), ")"))
		if !literal().MatchString(part) {
			return false
		}
		texts = append(texts, part)
	}
	f.oneOf(texts...)
	return true
}

// pattern makes f ask for any other pattern: somewhere in the text, except that
// alternatives are the whole text and x.* its beginning, as their simple forms are.
func (c *compiler) pattern(t *alertTest, f *filter, v source.Value, pattern string) {
	if len(pattern) > maxFilterPattern {
		c.neverMatches(t, v.Pos, "", "a pattern of %d bytes, more than %d", len(pattern), maxFilterPattern)
		return
	}
	text := pattern
	switch {
	case strings.Contains(pattern, "|"):
		text = "^(?:" + pattern + ")$"
	case strings.HasSuffix(pattern, ".*") && !strings.HasPrefix(pattern, "."):
		text = "^(?:" + pattern + ")"
	}
	re, err := regexp.Compile(text)
	if err != nil {
		c.neverMatches(t, v.Pos, "patterns are those of RE2", "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return
	}
	f.ask, f.pattern, f.wants = hasPattern, re, "a text that matches "+pattern
}

func (f *filter) holds(e *event) bool {
	v, ok := e.get(f.path)
	if f.ask == isThere {
		return ok != f.exclude
	}
	if !ok || f.ask > isEmptyText && !isScalar(v) {
		return false
	}
	return f.met(v) != f.exclude
}

// isScalar says that v has a text, or is a list, whose elements may have one.
func isScalar(v any) bool {
	switch v.(type) {
	case nil, *value.Map, value.Object:
		return false
	}
	return true
}

// met says whether v is what f asks for; of a list, whether one of its elements is.
func (f *filter) met(v any) bool {
	list, ok := v.([]any)
	if !ok {
		return f.is(v)
	}
	for _, item := range list {
		if f.is(item) {
			return true
		}
	}
	return false
}

func (f *filter) is(v any) bool {
	switch f.ask {
	case isOneOf:
		for _, text := range f.texts {
			if saysSame(text, v) {
				return true
			}
		}
		return false
	case isEmptyText:
		return v == ""
	}
	if !isScalar(v) {
		return false
	}
	text, ok := v.(string)
	if !ok {
		text = value.Text(v)
	}
	switch f.ask {
	case hasPart:
		return strings.Contains(text, f.part)
	case hasPrefix:
		return strings.HasPrefix(text, f.part)
	}
	return f.pattern.MatchString(text)
}

// saysSame says whether v is what the text says: 93 is "93", true is "true".
func saysSame(text string, v any) bool {
	switch v := v.(type) {
	case string:
		return v == text
	case bool:
		return strings.EqualFold(text, fmt.Sprint(v))
	case nil:
		return false
	}
	n, isNumber := number(v)
	q, ok := parseQuantity(text)
	return isNumber && ok && !q.percent && q.n == n
}

// words say what the field is, and where that is not it, what it should be.
func (f *filter) words(e *event) string {
	name := strings.Join(f.path, ".")
	v, ok := e.get(f.path)
	if !ok && f.ask != isThere {
		return fmt.Sprintf("there is no field %q", name)
	}
	wants := f.wants
	if f.exclude {
		wants = "anything but " + wants
	}
	is := "missing"
	if ok {
		is = short(string(value.AppendJSON(nil, v)))
	}
	if f.holds(e) {
		return fmt.Sprintf("%s is %s", name, is)
	}
	return fmt.Sprintf("%s is %s, the filter wants %s", name, is, wants)
}
