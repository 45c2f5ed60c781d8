package lint

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/templating"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// keep reports what "compat: keep" reads as Keep does, and an author would not.
func (c *checker) keep() {
	if !c.keepMode {
		return
	}
	for i := range c.texts {
		t := &c.texts[i]
		c.keepPaths(t)
		c.keepNumbers(t)
	}
	for _, s := range c.steps() {
		c.keepConditions(s)
	}
}

// keepPaths: what stands in braces is a path to Keep, operators, filters and all.
func (c *checker) keepPaths(t *text) {
	for _, ref := range t.refs {
		whole := strings.Join(ref.Path, ".")
		switch {
		case len(ref.Path) > 0 && ref.Path[0] == "providers" && t.role != configuration && t.role != loop:
			p := c.warn(t.at(ref), source.KeepDiffers, "write what it says into a constant", "Keep does not let a text read providers")
			p.Len = len("providers")
		case strings.ContainsAny(whole, "=<>!&|()[]'\" +*"):
			p := c.warn(t.at(ref), source.KeepDiffers, keepHint(t, whole), "Keep looks for something called %q and finds nothing", short(whole))
			p.Len = len([]rune(whole))
			p.Fix = c.outside(t, ref, whole)
		}
	}
}

func keepHint(t *text, whole string) string {
	switch {
	case strings.Contains(whole, "["):
		return "write indexes with dots: results.0.name"
	case strings.Contains(whole, "|"):
		return "use a function: keep.len({{ path }})"
	case t.expr != nil:
		return "close the braces behind the path: {{ path }} == 'value'"
	}
	return "Keep has paths in braces, and functions outside of them: keep.len({{ path }})"
}

// outside moves what follows the path out of the braces, where the whole condition is
// one comparison in braces.
func (c *checker) outside(t *text, ref templating.Ref, whole string) source.Fix {
	s, _ := t.value.Data.(string)
	body, ok := strings.CutPrefix(strings.TrimSpace(s), "{{")
	body, ok2 := strings.CutSuffix(body, "}}")
	body = strings.TrimSpace(body)
	if t.expr == nil || !ok || !ok2 || body != whole || strings.ContainsAny(body, "|&!()[]{}") {
		return source.Fix{}
	}
	for _, op := range []string{"==", "!=", ">=", "<=", ">", "<"} {
		path, right, found := strings.Cut(body, op)
		path, right = strings.TrimSpace(path), strings.TrimSpace(right)
		if !found || !plainName(strings.ReplaceAll(path, ".", "")) || strings.ContainsAny(right, "=<>") {
			continue
		}
		start := strings.Index(s, "{{")
		return source.Fix{
			Pos: t.value.At(start), Old: strings.TrimSpace(s),
			Text: fmt.Sprintf("{{ %s }} %s %s", path, op, right), What: "close the braces behind the path",
		}
	}
	return source.Fix{}
}

// keepNumbers: a lone placeholder is a text to Keep, which equals no number (spec
// §11.2 G-2).
func (c *checker) keepNumbers(t *text) {
	if t.expr == nil || t.role != guard {
		return
	}
	for _, k := range t.expr.Comparisons() {
		if k.Op != "==" && k.Op != "!=" {
			continue
		}
		switch k.Literal.(type) {
		case bool, int64, float64:
			held := k.Op == "!="
			p := c.warn(t.value.At(k.Offset), source.KeepDiffers, "put the value in quotes", "to Keep the left side is a text: %s %s", short(k.Text), always(held))
			p.Len = len([]rune(k.Text))
		}
	}
}

// keepConditions: of several conditions the last decides (G-1), and "if: false" is no
// condition (G-4).
func (c *checker) keepConditions(s *workflows.Step) {
	if n := len(s.Conditions); n > 1 && s.If.S == "" {
		last := s.Conditions[n-1]
		var names []string
		for _, p := range s.Conditions {
			names = append(names, "'{{ "+p.Alias+" }}' == 'True'")
		}
		c.warn(s.Conditions[0].Pos, source.KeepDiffers, "write if: \""+strings.Join(slices.Compact(names), " and ")+`"`,
			"of several conditions Keep asks only the last, %q", last.Name)
	}
	if s.If.Value.Data == false {
		c.warn(s.If.Pos, source.KeepDiffers, `write if: "False"`, "Keep takes false for no condition at all: %s runs", c.title(s))
	}
}
