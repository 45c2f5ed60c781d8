package cmd_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"tocsin/templating"
	"tocsin/templating/value"
)

// A keepChange is a rule by which Tocsin answers otherwise than a case of Keep's says.
type keepChange struct {
	rule    string // where it is decided, and how it reads
	modes   []keepMode
	about   func(*keepCase) bool
	instead func(*keepCase) *value.Map // what it gives; nil: not said here
	example string                     // a case of ours that it is about
}

var inBothModes = []keepMode{likeKeep, byDefault}
var inDefaultMode = []keepMode{byDefault}

// keepChanges are all there are. A rule is about what a case has in it, never about
// which case it is.
var keepChanges = []keepChange{
	{
		rule:    "§11.1 B-3: data is never read as a template, in no mode",
		modes:   inBothModes,
		about:   (*keepCase).hasTemplatesInData,
		instead: func(c *keepCase) *value.Map { return c.fix },
		example: `{"op": "render", "class": "quirk", "input": {"template": "{{ steps.q.results }}", "context": {"steps": {"q": {"results": "{{ alert.name }}"}}}}, "expect": {"type": "string", "value": "n"}}`,
	},
	{
		rule:    "decisions.md, inside {{ }}: an expression is one, and {% %} is a mistake",
		modes:   inDefaultMode,
		about:   (*keepCase).hasExpressionInBraces,
		instead: (*keepCase).evaluatedBraces,
		example: `{"op": "render", "class": "must", "input": {"template": "[{{ alert.cpu + 1 }}]"}, "expect": {"type": "string", "value": "[]"}}`,
	},
	{
		rule:    "§11.1 B-5: parentheses need not be balanced",
		modes:   inBothModes,
		about:   (*keepCase).hasLooseParentheses,
		instead: func(c *keepCase) *value.Map { return c.fix },
	},
	{
		rule:    "§11.1 B-5: braces need not be balanced where they are none of ours",
		modes:   inDefaultMode,
		about:   (*keepCase).hasLooseBraces,
		instead: (*keepCase).eachPlaceholder,
		example: `{"op": "render", "class": "must", "input": {"template": "{\"a\": {\"b\": \"{{ alert.name }}\"}}"}, "expect": {"error": "Exception", "message": "Invalid template - number of } and { does not match"}}`,
	},
	{
		rule:    "§11.1 B-7: an argument that is one placeholder is its value",
		modes:   inDefaultMode,
		about:   (*keepCase).hasPlainArgument,
		instead: (*keepCase).calledPlainly,
		example: `{"op": "render", "class": "must", "input": {"template": "keep.len(\"{{ consts.lst }}\")", "context": {"consts": {"lst": ["a"]}}}, "expect": {"type": "string", "value": "5"}}`,
	},
	{
		rule:    "§11.1 B-8, §11.2 G-2: text in a placeholder is a value, and so is nothing",
		modes:   inDefaultMode,
		about:   (*keepCase).comparesTyped,
		instead: (*keepCase).typedVerdict,
		example: `{"op": "condition", "class": "must", "input": {"condition": {"type": "assert", "name": "c", "assert": "{{ word }} == 'up'"}, "context": {"top": {"word": "up"}}}, "expect": {"result": false}}`,
	},
	{
		rule:    "style.md, errors: on-failure says which step it was",
		modes:   inDefaultMode,
		about:   (*keepCase).tellsOfStep,
		instead: (*keepCase).namingTheStep,
		example: `{"op": "run_workflow", "class": "must", "input": {"yaml": "..."}, "expect": {"errors": null, "exception": "ActionError", "exception_message": "boom", "calls": [{"kind": "query", "step": "s", "params": {}}, {"kind": "notify", "step": "on-failure", "params": {"message": "Workflow w failed with errors: boom"}}]}}`,
	},
	{
		rule:    "§11.1 B-16: intervals in seconds and weeks",
		modes:   inDefaultMode,
		about:   func(c *keepCase) bool { return c.op == "parse_interval" && inSecondsOrWeeks(c.interval()) > 0 },
		instead: func(c *keepCase) *value.Map { return mapOf("seconds", inSecondsOrWeeks(c.interval())) },
	},
}

// texts are all the texts in the case's input but its context, and those of the
// context that its author wrote.
func (c *keepCase) texts() []string {
	var all []string
	for k, v := range c.input.All() {
		if k != "context" {
			all = textsIn(all, v)
		}
	}
	return all
}

func textsIn(all []string, v any) []string {
	switch v := v.(type) {
	case string:
		return append(all, v)
	case []any:
		for _, item := range v {
			all = textsIn(all, item)
		}
	case *value.Map:
		for _, item := range v.All() {
			all = textsIn(all, item)
		}
	}
	return all
}

// leadsTo are the values that the texts' placeholders lead to in the case's context.
func (c *keepCase) leadsTo(paths ...[]string) []any {
	var found []any
	top := mapAt(c.context, "top")
	for _, path := range paths {
		at := any(c.context)
		if _, ok := top.Get(path[0]); ok {
			at = top
		}
		ok := true
		for _, part := range path {
			if at, ok = value.Member(at, part); !ok {
				break
			}
		}
		if ok {
			found = append(found, at)
		}
	}
	return found
}

// pathsIn are those that a text reads, as Keep does.
func pathsIn(text string) [][]string {
	t, err := templating.Language{Keep: true}.Parse(withoutCalls(text))
	if err != nil {
		return nil
	}
	var paths [][]string
	for _, ref := range t.Refs() {
		paths = append(paths, ref.Path)
	}
	return paths
}

// withoutCalls is text with its calls unmade, so that only placeholders are read.
func withoutCalls(text string) string { return strings.ReplaceAll(text, "keep.", "keep ") }

// authorsRoots are the roots whose texts are the author's.
var authorsRoots = []string{"consts", "vars", "aliases"}

func (c *keepCase) hasTemplatesInData() bool {
	for _, text := range c.texts() {
		for _, path := range pathsIn(text) {
			if slices.Contains(authorsRoots, path[0]) {
				continue
			}
			for _, v := range c.leadsTo(path) {
				if slices.ContainsFunc(textsIn(nil, v), likeTemplate) {
					return c.fix != nil || c.class != "must"
				}
			}
		}
	}
	return false
}

var keepCall = regexp.MustCompile(`keep\.\w+\s*\(`)

func likeTemplate(s string) bool {
	return strings.Contains(s, "{{") || keepCall.MatchString(s)
}

var (
	anyTag    = regexp.MustCompile(`\{\{[&{]?([^{}]*)\}?\}\}`)
	keepPath  = regexp.MustCompile(`^\s*[A-Za-z_@$.][\w@$:/.-]*( [\w@$:/.-]+)*\s*$`)
	pathWords = regexp.MustCompile(`^\s*(True|False|None|true|false|null|none|not .*|.* (and|or|in|is|not|if|else) .*)\s*$`)
)

func (c *keepCase) hasExpressionInBraces() bool {
	return c.op != "provider_ref" && slices.ContainsFunc(c.texts(), func(text string) bool {
		if strings.Contains(text, "{%") && strings.Contains(text, "%}") {
			return true
		}
		for _, m := range anyTag.FindAllStringSubmatch(text, -1) {
			body := strings.TrimSpace(m[1])
			if body != "" && strings.IndexByte("#^/!>=", body[0]) < 0 && (!keepPath.MatchString(body) || pathWords.MatchString(body)) {
				return c.fix == nil
			}
		}
		return false
	})
}

func (c *keepCase) hasLooseParentheses() bool {
	return strings.HasPrefix(textAt(c.expect, "message"), "Invalid template - number of ( and )")
}

func (c *keepCase) hasLooseBraces() bool {
	return strings.HasPrefix(textAt(c.expect, "message"), "Invalid template - number of } and {") &&
		slices.ContainsFunc(c.texts(), func(text string) bool { return strings.Count(text, "}}") > strings.Count(text, "{{") })
}

var (
	bareArgument   = regexp.MustCompile(`keep\.\w+\s*\([^'"]*\{\{`)
	quotedArgument = regexp.MustCompile(`keep\.(?:len|first|last|index|slice|all|diff|join)\s*\(\s*(?:'\{\{[^}]*\}\}'|"\{\{[^}]*\}\}")\s*[,)]`)
)

// hasPlainArgument: Keep cannot read the text of one without quotes, or takes a list in
// quotes for a text, in the functions that lists and texts both go to.
func (c *keepCase) hasPlainArgument() bool {
	_, fails := c.expect.Get("error")
	return slices.ContainsFunc(c.texts(), func(text string) bool {
		if fails && bareArgument.MatchString(text) {
			return c.fix == nil && textAt(c.expect, "error") == "Exception"
		}
		for _, argument := range quotedArgument.FindAllString(text, -1) {
			for _, v := range c.leadsTo(pathsIn(argument)...) {
				switch v.(type) {
				case []any, *value.Map:
					return c.fix == nil && !fails
				}
			}
		}
		return false
	})
}

var bareTag = regexp.MustCompile(`(?:^|[^'"{])\{\{\s*([^{}]*?)\s*\}\}(?:[^'"}]|$)`)

// comparesTyped: Keep pastes words and nothing into an assert, which makes it no Python,
// and to it 71 is not '71', nor is what is missing None.
func (c *keepCase) comparesTyped() bool {
	text := textAt(c.input, "if") + textAt(mapAt(c.input, "condition"), "assert")
	denied := valueAt(c.expect, "result") == false || valueAt(c.expect, "run") == false
	if c.fix != nil || !denied {
		return false
	}
	for _, m := range bareTag.FindAllStringSubmatch(text, -1) {
		for _, v := range c.leadsTo(strings.Split(m[1], ".")) {
			s, isText := v.(string)
			if c.op == "condition" && (isText && !pythonLiteral(s) || !isText && strings.ContainsAny(text, `'"`)) {
				return true
			}
		}
	}
	return strings.Contains(text, "None")
}

func pythonLiteral(s string) bool {
	_, err := value.ParsePython(s)
	return err == nil
}

// tellsOfStep: a step failed, which ends the run, and on-failure told of it.
func (c *keepCase) tellsOfStep() bool {
	calls := listAt(c.expect, "calls")
	return c.op == "run_workflow" && textAt(c.expect, "exception") != "" && len(calls) > 1 &&
		textAt(calls[len(calls)-1].(*value.Map), "step") == "on-failure"
}

// namingTheStep is what the case expects, with the name of the step that was called
// before in the message.
func (c *keepCase) namingTheStep() *value.Map {
	const said = " failed with errors: "
	calls := slices.Clone(listAt(c.expect, "calls"))
	last := calls[len(calls)-1].(*value.Map).Clone()
	params := mapAt(last, "params").Clone()
	step := textAt(calls[len(calls)-2].(*value.Map), "step")
	params.Set("message", strings.Replace(textAt(params, "message"), said, said+"Failed to run step "+step+": ", 1))
	last.Set("params", params)
	calls[len(calls)-1] = last
	expect := c.expect.Clone()
	expect.Set("calls", calls)
	return expect
}

// interval is how often the case's workflow says that it runs.
func (c *keepCase) interval() string {
	w := mapAt(c.input, "workflow")
	if text := textAt(w, "interval"); text != "" {
		return text
	}
	for _, t := range listAt(w, "triggers") {
		if m, ok := t.(*value.Map); ok && textAt(m, "type") == "interval" {
			return textAt(m, "value")
		}
	}
	return ""
}

var wholeNumber = regexp.MustCompile(`^\s*(\d+)\s*([sw])$`)

// inSecondsOrWeeks is an interval with one of these units, in seconds, or 0.
func inSecondsOrWeeks(text string) int64 {
	m := wholeNumber.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	v, err := value.ParsePython(m[1])
	n, _ := v.(int64)
	if err != nil {
		return 0
	}
	if m[2] == "w" {
		n *= 7 * 24 * 60 * 60
	}
	return n
}

// TestKeepChanges: each rule is about a case, or at least about one of ours, and no rule
// lets a fix be forgotten.
func TestKeepChanges(t *testing.T) {
	cases := readKeepCases(t, keepCasesFile)
	for _, ch := range keepChanges {
		about := ch.example != "" && ch.about(exampleCase(t, ch.example))
		if ch.example != "" && !about {
			t.Errorf("its own example is not about %s", ch.rule)
		}
		for _, c := range cases {
			if !ch.about(&c) {
				continue
			}
			about = true
			if c.fix != nil && ch.instead(&c) == nil {
				t.Errorf("%s has a fix, but %s leaves it open", c.id, ch.rule)
			}
		}
		if !about {
			t.Errorf("no case is about %s", ch.rule)
		}
	}
}

func exampleCase(t *testing.T, text string) *keepCase {
	v, err := value.DecodeJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c := newKeepCase(v.(*value.Map), nil)
	return &c
}
