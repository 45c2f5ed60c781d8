package engine

import (
	"fmt"
	"strings"

	"tocsin/templating/value"
)

// KeepFilters is the CEL that Keep makes of a trigger's filters (spec §2.3.1), a list
// of mappings; "" where none of them says anything. It is what they mean with compat:
// keep.
func KeepFilters(filters any) (string, error) {
	list, _ := filters.([]any)
	var parts []string
	for _, f := range list {
		m, _ := f.(*value.Map)
		field, want := entry(m, "key"), entry(m, "value")
		if !value.Truthy(field) || !value.Truthy(want) {
			continue
		}
		part, err := keepFilter(value.Text(field), want, value.Truthy(entry(m, "exclude")))
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " && "), nil
}

func entry(m *value.Map, key string) any {
	v, _ := m.Get(key)
	return v
}

func keepFilter(field string, want any, exclude bool) (string, error) {
	text, ok := want.(string)
	if !ok {
		return "", fmt.Errorf("only texts are taken there, not %s", value.Text(want))
	}
	if strings.HasPrefix(text, `r"`) {
		return keepPattern(field, text[2:max(2, len(text)-1)], exclude)
	}
	return keepEquals(field, text, exclude), nil
}

// keepEquals is that the field is the text, or for the list of sources, has it.
func keepEquals(field, text string, exclude bool) string {
	switch {
	case field == "source":
		return keepContains(field, text, exclude)
	case exclude:
		return field + ` != "` + text + `"`
	}
	return field + ` == "` + text + `"`
}

func keepContains(field, text string, exclude bool) string {
	not := ""
	if exclude {
		not = "!"
	}
	return not + field + `.contains("` + text + `")`
}

// keepPattern is what Keep makes of a pattern. The order of the cases is Keep's.
func keepPattern(field, pattern string, exclude bool) (string, error) {
	before, ends := strings.CutSuffix(pattern, ".*")
	switch {
	case strings.Contains(pattern, "]^") || strings.Contains(pattern, "]+"):
	case strings.Contains(pattern, "|"):
		return keepAlternatives(field, pattern, exclude), nil
	case pattern == ".*":
		return "(has(" + field + "))", nil
	case pattern == "^$":
		return "(" + keepComparison(exclude, field) + ` "")`, nil
	case ends && strings.HasPrefix(pattern, ".*"):
		return "(" + keepContains(field, strings.TrimPrefix(before, ".*"), exclude) + ")", nil
	case ends:
		return "(" + keepContains(field, before, exclude) + ")", nil
	}
	return "", fmt.Errorf("unsupported regex %s: move to cel", pattern)
}

func keepComparison(exclude bool, field string) string {
	if exclude {
		return field + " !="
	}
	return field + " =="
}

func keepAlternatives(field, pattern string, exclude bool) string {
	var parts []string
	for _, part := range strings.Split(pattern, "|") {
		part = strings.TrimSpace(strings.TrimRight(strings.TrimLeft(part, "("), ")"))
		parts = append(parts, keepEquals(field, part, exclude))
	}
	if exclude {
		return "(" + strings.Join(parts, " && ") + ")"
	}
	return "(" + strings.Join(parts, " || ") + ")"
}
