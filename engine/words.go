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
	what := v.words
	if what == "" {
		what = statement(k, c)
	}
	if c.Error != "" {
		return "cannot be decided: " + k.said + ": " + c.Error
	}
	switch {
	case k.typ == "expect" && c.Passed:
		return "as expected: " + what
	case k.typ == "expect":
		return "expected " + what
	case k.typ == "if" && c.Passed:
		return "runs: " + what
	case k.typ == "if":
		return "does not run: " + what
	case c.Passed:
		return "fired: " + what
	}
	return "did not fire: " + what
}

// statement says whether the text holds, and where that decided, what it read.
func statement(k *check, c *Check) string {
	text := k.said
	if k.typ == "assert" {
		text = "the assertion " + text
	}
	seen := readings(c.Tree, k.said)
	switch {
	case k.typ == "expect":
		return text + seen
	case c.Held:
		return text + " holds" + seen
	}
	return text + " does not hold" + seen
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
