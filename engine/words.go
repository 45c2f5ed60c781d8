package engine

import (
	"slices"
	"strings"
	"unicode/utf8"

	"tocsin/templating"
	"tocsin/templating/value"
)

// words say how c came out, in a sentence a person reads first.
func (k *check) words(c *Check, v verdict) string {
	switch {
	case c.Error != "":
		return "cannot be decided: " + k.said + ": " + c.Error
	case v.words != "":
		return k.outcome(c) + v.words
	}
	seen := readings(c.Tree, k.said)
	switch {
	case k.typ == "expect":
		return k.outcome(c) + k.said + seen
	case c.Held:
		return k.outcome(c) + k.subject() + k.said + " holds" + seen
	}
	return k.outcome(c) + k.subject() + k.said + " does not hold" + seen
}

// outcome is how the sentence begins.
func (k *check) outcome(c *Check) string {
	switch {
	case k.typ == "expect" && c.Passed:
		return "as expected: "
	case k.typ == "expect":
		return "expected "
	case k.typ == "if" && c.Passed:
		return "runs: "
	case k.typ == "if":
		return "does not run: "
	case c.Passed:
		return "fired: "
	}
	return "did not fire: "
}

// subject is what the sentence calls its text.
func (k *check) subject() string {
	if k.typ == "assert" {
		return "the assertion "
	}
	return ""
}

// bare is a text without the braces around its paths, on one line.
func bare(text string) string {
	if strings.ContainsAny(text, "\n\t") {
		text = strings.Join(strings.Fields(text), " ")
	}
	for _, brace := range [...]string{"{{ ", " }}", "{{", "}}"} {
		text = strings.ReplaceAll(text, brace, "")
	}
	return short(text)
}

// shownReadings is how many values a sentence has room for.
const shownReadings = 4

// readings are the values that a condition read: " (connection is false)". A path is
// named by its last part, unless two would have the same name. That the whole is true
// or false has been said.
func readings(tree *templating.Explanation, whole string) string {
	if tree == nil {
		return ""
	}
	var paths, values []string
	leaves(tree, func(e *templating.Explanation) {
		path := bare(e.Text)
		if path == "" || path == whole && e.Error == "" && !e.Missing && isBool(e.Value) || slices.Contains(paths, path) || len(paths) == shownReadings {
			return
		}
		paths = append(paths, path)
		values = append(values, reading(e))
	})
	var parts []string
	for i, path := range paths {
		parts = append(parts, shortName(path, paths)+" "+values[i])
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func isBool(v any) bool {
	_, ok := v.(bool)
	return ok
}

func reading(e *templating.Explanation) string {
	switch {
	case e.Missing:
		return "is missing"
	case e.Error != "":
		return "is unknown: " + e.Error
	}
	return "is " + short(string(value.AppendJSON(nil, e.Value)))
}

func shortName(path string, all []string) string {
	last := path[strings.LastIndexByte(path, '.')+1:]
	if isIndex(last) {
		return path
	}
	for _, other := range all {
		if other != path && other[strings.LastIndexByte(other, '.')+1:] == last {
			return path
		}
	}
	return last
}

func leaves(e *templating.Explanation, visit func(*templating.Explanation)) {
	if len(e.Parts) == 0 {
		visit(e)
	}
	for i := range e.Parts {
		leaves(&e.Parts[i], visit)
	}
}

// short cuts what is too long for a sentence.
func short(text string) string {
	const room = 120
	if len(text) <= room {
		return text
	}
	cut := room - len("...")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
