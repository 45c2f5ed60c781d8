package cmd_test

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tocsin/engine"
	"tocsin/templating"
	"tocsin/templating/value"
)

// What must come out where a rule of keepChanges changes Keep's answer. It is worked out
// from the rule, by simpler means than the program's: a text piece by piece, each with
// what Keep makes of it, and comparisons of one value with another. An answer is nil
// where these are not enough.

// anError is the answer that there is none.
func anError(message string) *value.Map { return mapOf("error", "Error", "message", message) }

// anyFailure: an error, whatever it says.
var anyFailure = anError("")

// evaluatedBraces is the answer where there are expressions in braces: each stands for
// its value, and {% %} is a mistake.
func (c *keepCase) evaluatedBraces() *value.Map {
	if slices.ContainsFunc(c.texts(), func(s string) bool { return strings.Contains(s, "{%") && strings.Contains(s, "%}") }) {
		return anyFailure
	}
	switch c.op {
	case "render":
		return c.replaced(c.expressionText)
	case "eval_if":
		return c.verdictOf("run", textAt(c.input, "if"), evaluatedTag)
	case "condition":
		return c.verdictOf("result", textAt(mapAt(c.input, "condition"), "assert"), evaluatedTag)
	}
	return nil
}

// eachPlaceholder is the answer where only placeholders count as braces: the rest stays
// as it is written.
func (c *keepCase) eachPlaceholder() *value.Map {
	if c.op != "render" {
		return nil
	}
	return c.replaced(c.keepText)
}

// replaced is the case's template with every tag replaced. Calls outside of braces, and
// what ends in entities, are left to others.
func (c *keepCase) replaced(of func(tag string) (string, bool)) *value.Map {
	template := textAt(c.input, "template")
	if keepCall.MatchString(anyTag.ReplaceAllString(template, "")) || strings.Contains(template, "&") {
		return nil
	}
	known := true
	text := anyTag.ReplaceAllStringFunc(template, func(tag string) string {
		s, ok := of(tag)
		known = known && ok
		return s
	})
	switch fallback := textAt(c.input, "default"); {
	case !known:
		return nil
	case text == "":
		text = fallback
	}
	return mapOf("type", "string", "value", text)
}

// keepText is what Keep makes of a text that is one tag or call; nothing of what is
// missing where that is an error.
func (c *keepCase) keepText(text string) (string, bool) {
	l := templating.Language{Functions: engine.Functions(), Keep: true}
	t, err := l.Parse(text)
	if err != nil {
		return "", false
	}
	s, err := c.scope(likeKeep)
	if err != nil {
		return "", false
	}
	s.Strict = valueAt(c.input, "safe") == true
	v, err := t.Render(context.Background(), s)
	out, isText := v.(string)
	return out, isText && err == nil
}

var (
	bracketedPath = regexp.MustCompile(`^[\w-]+(?:\.[\w-]+|\[-?\d+\]|\['[^'\]]+'\]|\["[^"\]]+"\])+$`)
	brackets      = regexp.MustCompile(`\[['"]?([^'"\]]+)['"]?\]`)
	piped         = regexp.MustCompile(`^([\w.-]+)\s*\|\s*(upper|lower|trim|length)$`)
	comparison    = regexp.MustCompile(`^([\w.-]+)\s*(==|!=|<=|>=|<|>)\s*('[^']*'|"[^"]*"|-?\d+(?:\.\d+)?)$`)
	wholeCall     = regexp.MustCompile(`^keep\.\w+\([^{}]*\)$`)
)

// expressionText is what a tag with an expression, or a plain one, must show.
func (c *keepCase) expressionText(tag string) (string, bool) {
	body := strings.TrimSpace(anyTag.FindStringSubmatch(tag)[1])
	if m := piped.FindStringSubmatch(body); m != nil {
		text, ok := c.keepText("{{ " + m[1] + " }}")
		return map[string]func(string) string{
			"upper": strings.ToUpper, "lower": strings.ToLower, "trim": strings.TrimSpace,
			"length": func(s string) string { return strconv.Itoa(len([]rune(s))) },
		}[m[2]](text), ok && (m[2] != "length" || c.leadsToText(m[1]))
	}
	if m := comparison.FindStringSubmatch(body); m != nil {
		held, ok := c.compares(m[1], m[2], m[3])
		return value.Text(held), ok
	}
	switch {
	case bracketedPath.MatchString(body):
		return c.keepText("{{ " + brackets.ReplaceAllString(body, ".$1") + " }}")
	case wholeCall.MatchString(body):
		return c.keepText(body)
	case keepPath.MatchString(body) && !pathWords.MatchString(body):
		return c.keepText(tag)
	}
	return "", false
}

func (c *keepCase) leadsToText(path string) bool {
	found := c.leadsTo(strings.Split(path, "."))
	return len(found) == 1 && slices.ContainsFunc(found, isText)
}

func isText(v any) bool { _, ok := v.(string); return ok }

var (
	evaluatedTag = regexp.MustCompile(`^\{\{\s*([\w.-]+)\s*(==|!=|<=|>=|<|>)\s*('[^']*'|"[^"]*"|-?\d+(?:\.\d+)?)\s*\}\}$`)
	comparedTag  = regexp.MustCompile(`^\{\{\s*([\w.-]+)\s*\}\}\s*(==|!=|<=|>=|<|>)\s*('[^']*'|"[^"]*"|-?\d+(?:\.\d+)?)$`)
)

// typedVerdict is the answer to a comparison of a placeholder with a literal.
func (c *keepCase) typedVerdict() *value.Map {
	if text := textAt(c.input, "if"); text != "" {
		return c.verdictOf("run", text, comparedTag)
	}
	return c.verdictOf("result", textAt(mapAt(c.input, "condition"), "assert"), comparedTag)
}

// verdictOf is the answer to a condition of the form, a path, an operator and a literal.
func (c *keepCase) verdictOf(key, text string, form *regexp.Regexp) *value.Map {
	m := form.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return nil
	}
	held, ok := c.compares(m[1], m[2], m[3])
	if !ok {
		return nil
	}
	return mapOf(key, held)
}

// compares says whether the value that path leads to compares so with a literal. Values
// that both are numbers, be it as text, compare as numbers, texts as texts (spec §11.2,
// G-2); of all others nothing is said.
func (c *keepCase) compares(path, op, literal string) (held, ok bool) {
	found := c.leadsTo(strings.Split(path, "."))
	if len(found) != 1 {
		return false, false
	}
	right, err := value.ParsePython(literal)
	if err != nil {
		return false, false
	}
	order := 0
	x, xNumber := asNumber(found[0])
	y, yNumber := asNumber(right)
	switch {
	case xNumber && yNumber && !(isText(found[0]) && isText(right)):
		order = cmp.Compare(x, y)
	case isText(found[0]) && isText(right):
		order = strings.Compare(found[0].(string), right.(string))
	case op == "==" || op == "!=":
		return op == "!=", isText(found[0]) != isText(right) && !isFlag(found[0]) && found[0] != nil
	default:
		return false, false
	}
	return map[string]bool{"==": order == 0, "!=": order != 0, "<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0}[op], true
}

func isFlag(v any) bool { _, ok := v.(bool); return ok }

// asNumber is v as a number, if it is one or writes one.
func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return n, err == nil
	}
	return 0, false
}

var plainCall = regexp.MustCompile(`^keep\.(\w+)\(\s*['"]?\{\{\s*([\w.-]+)\s*\}\}['"]?\s*(?:,\s*'([^']*)'\s*)?\)$`)

// calledPlainly is the answer to a template that is one call with one placeholder in it:
// what the function gives for the value itself.
func (c *keepCase) calledPlainly() *value.Map {
	m := plainCall.FindStringSubmatch(strings.TrimSpace(textAt(c.input, "template")))
	if m == nil || c.op != "render" {
		return nil
	}
	found := c.leadsTo(strings.Split(m[2], "."))
	if len(found) != 1 {
		return nil
	}
	f, ok := engine.Functions().Lookup("keep." + m[1])
	if !ok {
		return nil
	}
	args := found
	if strings.Contains(m[0], ",") {
		args = append(args, m[3])
	}
	v, err := f.Do(context.Background(), args, nil, nil)
	if err != nil {
		return anyFailure
	}
	switch v := v.(type) {
	case *value.Map:
		return mapOf("type", "object", "value", v)
	case nil:
		return mapOf("type", "string", "value", "None")
	}
	return mapOf("type", "string", "value", value.Text(v))
}

// TestKeepAnswers works out answers for cases of ours, and has the program give the same.
func TestKeepAnswers(t *testing.T) {
	const context = `{"steps": {"q": {"results": {"rows": [{"host": "a"}], "n": 42, "word": "up", "phrase": "node is down", "list": ["x", "y"]}}}, "consts": {"lst": ["a"]}, "alert": {"name": "Disk", "severity": "critical", "cpu": 71}}`
	tests := []struct {
		name, input, want string
		answer            func(*keepCase) *value.Map
	}{
		{"brackets", `{"template": "[{{ steps.q.results.rows[0].host }}] {{ alert.name }}"}`, `{"type": "string", "value": "[a] Disk"}`, (*keepCase).evaluatedBraces},
		{"quoted brackets", `{"template": "{{ steps['q'].results.n }}"}`, `{"type": "string", "value": "42"}`, (*keepCase).evaluatedBraces},
		{"pipes", `{"template": "{{ alert.name | upper }}{{ steps.q.results.word | length }}"}`, `{"type": "string", "value": "DISK2"}`, (*keepCase).evaluatedBraces},
		{"comparisons", `{"template": "{{ alert.cpu > 70 }} {{ alert.severity == 'low' }}"}`, `{"type": "string", "value": "True False"}`, (*keepCase).evaluatedBraces},
		{"calls", `{"template": "[{{ keep.len('abc') }}]"}`, `{"type": "string", "value": "[3]"}`, (*keepCase).evaluatedBraces},
		{"statements", `{"template": "{% if x %}a{% endif %}"}`, `{"error": "Error", "message": ""}`, (*keepCase).evaluatedBraces},
		{"a condition in braces", `{"if": "{{ alert.severity == 'critical' }}"}`, `{"run": true}`, (*keepCase).evaluatedBraces},
		{"loose braces", `{"template": "{\"a\": {\"b\": \"{{ alert.name }}\"}}"}`, `{"type": "string", "value": "{\"a\": {\"b\": \"Disk\"}}"}`, (*keepCase).eachPlaceholder},
		{"a list in quotes", `{"template": "keep.len(\"{{ consts.lst }}\")"}`, `{"type": "string", "value": "1"}`, (*keepCase).calledPlainly},
		{"a sentence without quotes", `{"template": "keep.len({{ steps.q.results.phrase }})"}`, `{"type": "string", "value": "12"}`, (*keepCase).calledPlainly},
		{"a list in quotes, joined", `{"template": "keep.join('{{ steps.q.results.list }}', '+')"}`, `{"type": "string", "value": "x+y"}`, (*keepCase).calledPlainly},
		{"a word asserted", `{"condition": {"type": "assert", "name": "c", "assert": "{{ alert.name }} == 'Disk'"}}`, `{"result": true}`, (*keepCase).typedVerdict},
		{"a number asserted", `{"condition": {"type": "assert", "name": "c", "assert": "{{ alert.cpu }} != '71'"}}`, `{"result": false}`, (*keepCase).typedVerdict},
		{"a word in an if", `{"if": "{{ alert.severity }} == 71"}`, `{"run": false}`, (*keepCase).typedVerdict},
	}
	ops := map[byte]string{'t': "render", 'i': "eval_if", 'c': "condition"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			op := ops[tt.input[2]]
			c := exampleCase(t, `{"op": "`+op+`", "input": `+strings.TrimSuffix(tt.input, "}")+`, "context": `+context+`}, "expect": `+tt.want+`}`)
			if got := tt.answer(c); !value.Equal(likeJSON(got), likeJSON(c.expect)) {
				t.Errorf("the answer is %s, want %s", value.AppendJSON(nil, got), tt.want)
			}
			got, err := keepOperations[op](c, t, byDefault)
			if wrong := differsFromKeep(c.expect, got, err); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}
