package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"tocsin/templating/value"
	"tocsin/workflows"
	"tocsin/workflows/source"
)

// thresholdCondition compares a number or percentage with one limit or with several,
// each with the name of a level (spec §6.4).
func thresholdCondition(c *compiler, p workflows.Part) (check, bool) {
	v, ok := c.required(p, "value")
	limit, ok2 := c.required(p, "compare_to")
	if !ok || !ok2 {
		return check{}, false
	}
	t := &threshold{
		value: c.param(v, ""), limit: c.param(limit, ""),
		below: c.oneOf(p, "compare_type", "gt", "lt") == "lt", keep: c.lang.Keep,
	}
	if level, ok := key(p, "level"); ok {
		t.levels = parts(value.Text(level.Plain()))
	}
	t.known(c, limit)
	sign := ">"
	if t.below {
		sign = "<"
	}
	text := fmt.Sprintf("%s %s %s", value.Text(v.Plain()), sign, value.Text(limit.Plain()))
	return check{text: text, at: v, decide: t.decide}, true
}

type threshold struct {
	value, limit param
	levels       []string
	below, keep  bool
}

// known reports what can be seen to be wrong without data.
func (t *threshold) known(c *compiler, limit source.Value) {
	if t.limit.kind != constant {
		return
	}
	limits := parts(value.Text(limit.Plain()))
	if len(limits) > 1 && len(limits) != len(t.levels) {
		c.problem(limit.Pos, source.BadValue, "give each limit a level: compare_to: 90, 70 and level: critical, warning",
			"%d limits but %d levels", len(limits), len(t.levels))
	}
	for _, l := range limits {
		if _, ok := parseQuantity(l); !ok && !t.keep {
			c.problem(limit.Pos, source.BadValue, "such as 90 or 90%", "%q is neither a number nor a percentage", l)
		}
	}
}

func (t *threshold) decide(ctx context.Context, f *frame) (verdict, error) {
	v, err := t.value.render(ctx, &f.scope)
	if err != nil {
		return verdict{}, err
	}
	limit, err := t.limit.render(ctx, &f.scope)
	if err != nil {
		return verdict{}, err
	}
	text := strings.TrimSpace(value.Text(v.Plain()))
	limits := parts(value.Text(limit.Plain()))
	if len(limits) > 1 && len(limits) != len(t.levels) {
		return verdict{}, fmt.Errorf("the number of levels (%d) and of limits (%d) do not match", len(t.levels), len(limits))
	}
	out := verdict{value: text, against: strings.Join(limits, ", ")}
	for i, l := range limits {
		held, err := t.compare(text, l, v.Data, limit.Data)
		if err != nil {
			return out, err
		}
		if held {
			return t.hit(out, text, l, len(limits), i), nil
		}
	}
	out.words = fmt.Sprintf("%s is not %s %s", text, t.word(), strings.Join(limits, " or "))
	return out, nil
}

// hit is the verdict for the first limit that is passed.
func (t *threshold) hit(out verdict, text, limit string, limits, i int) verdict {
	out.held, out.against = true, limit
	out.words = fmt.Sprintf("%s is %s %s", text, t.word(), limit)
	if limits > 1 {
		out.level = t.levels[i]
		out.words += fmt.Sprintf(" (level %s)", out.level)
	}
	return out
}

func (t *threshold) word() string {
	if t.below {
		return "below"
	}
	return "above"
}

// compare says whether the value is past the limit. Numbers go with numbers and
// percentages with percentages. Keep compares what it takes for neither as text.
func (t *threshold) compare(text, limit string, v, l any) (bool, error) {
	if t.keep && !keepNumeric(text) && !bothPercent(text, limit) {
		_, a := v.(string)
		_, b := l.(string)
		if a && b && !isPercent(text) && !isPercent(limit) {
			return t.past(strings.Compare(text, limit)), nil
		}
	}
	a, ok := parseQuantity(text)
	if !ok {
		return false, fmt.Errorf("%s is neither a number nor a percentage", quoted(text))
	}
	b, ok := parseQuantity(limit)
	if !ok {
		return false, fmt.Errorf("%s is neither a number nor a percentage", quoted(limit))
	}
	if a.percent != b.percent {
		return false, fmt.Errorf("a percentage cannot be compared with a number: %s with %s", text, limit)
	}
	switch {
	case a.n > b.n:
		return t.past(1), nil
	case a.n < b.n:
		return t.past(-1), nil
	}
	return false, nil
}

func (t *threshold) past(order int) bool {
	if t.below {
		return order < 0
	}
	return order > 0
}

// A quantity is a number or a percentage.
type quantity struct {
	n       float64
	percent bool
}

// parseQuantity reads "42", "-1.5", "1e3", "85%". Infinity and NaN are not quantities
// anyone can be told about.
func parseQuantity(text string) (quantity, bool) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	if number == "" || strings.Trim(number, "0123456789+-.eE") != "" {
		return quantity{}, false
	}
	n, err := strconv.ParseFloat(number, 64)
	return quantity{n, percent}, err == nil
}

// keepNumeric is Keep's idea of a number: digits and at most one dot.
func keepNumeric(text string) bool {
	digits := strings.Replace(text, ".", "", 1)
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// isPercent is Keep's idea of a percentage: one between 0 and 100.
func isPercent(text string) bool {
	q, ok := parseQuantity(text)
	return ok && q.percent && q.n >= 0 && q.n <= 100
}

func bothPercent(a, b string) bool { return isPercent(a) && isPercent(b) }

// parts are the items of "90, 70".
func parts(text string) []string {
	list := strings.Split(text, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

func quoted(text string) string {
	if text == "" {
		return "nothing (the data is missing or empty)"
	}
	return strconv.Quote(short(text))
}
