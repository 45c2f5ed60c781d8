package templating

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/templating/value"
)

// equal is loose equality (design/decisions.md): 71 == '71', True == 'True', '91%'
// == 91, and nothing ({{ x }} of null) == ”. What is text in a workflow is often a
// number in the data and the other way round; two texts are equal only if they are
// the same.
func equal(a, b any) bool {
	as, aText := a.(string)
	bs, bText := b.(string)
	switch {
	case aText && bText:
		return as == bs
	case aText:
		return equalText(as, b)
	case bText:
		return equalText(bs, a)
	}
	return value.Equal(a, b) || equalNumbers(a, b) || equalTimes(a, b) || equalLists(a, b)
}

// equalText says whether v, which is no text, is what s says.
func equalText(s string, v any) bool {
	switch x := v.(type) {
	case nil:
		return s == ""
	case bool:
		return s == "True" && x || s == "False" && !x || s == "true" && x || s == "false" && !x
	case []any:
		return s == "" && len(x) == 0 || s == value.Text(v)
	case *value.Map:
		return s == "" && x.Len() == 0 || s == value.Text(v)
	case time.Time:
		t, ok := parseTime(s)
		return ok && t.Equal(x) || s == value.Text(v)
	}
	if n, ok := textNumber(s); ok {
		return value.Equal(n, v)
	}
	return s == value.Text(v)
}

// equalNumbers compares True with 1, as Python does.
func equalNumbers(a, b any) bool {
	_, aBool := a.(bool)
	_, bBool := b.(bool)
	if aBool == bBool {
		return false
	}
	x, xOK := number(a)
	y, yOK := number(b)
	return xOK && yOK && value.Equal(x, y)
}

func equalTimes(a, b any) bool {
	order, ok := compareTimes(a, b)
	return ok && order == 0
}

// equalLists compares a list with a tuple.
func equalLists(a, b any) bool {
	x, ok := items(a)
	y, also := items(b)
	return ok && also && value.Equal(x, y)
}

// order compares a and b, loosely as equal does, with an error for what has no order.
func order(a, b any) (int, error) {
	as, aText := a.(string)
	bs, bText := b.(string)
	x, xOK := number(a)
	y, yOK := number(b)
	if xOK && yOK {
		if o, ok := value.Compare(x, y); ok {
			return o, nil
		}
		return 0, incomparable(a, b)
	}
	if aText && bText {
		return strings.Compare(as, bs), nil
	}
	if o, ok := compareTimes(a, b); ok {
		return o, nil
	}
	if o, ok := value.Compare(a, b); ok {
		return o, nil
	}
	return 0, incomparable(a, b)
}

// ordering says whether a op b holds, for <, <=, > and >=. In an if, nothing is less or
// more than nothing (spec §11.3, 2), nor is a number less or more than what shows
// nothing, "" and [] among it: the action does not run. Elsewhere it is an error.
func (r *run) ordering(op string, a, b any) (bool, error) {
	lenient := r.form == If && !r.exact
	if (a == nil || b == nil) && lenient {
		return false, r.tick(1)
	}
	o, err := r.order(a, b)
	if err != nil {
		if lenient && r.pasting == typed && (tagText(a) == "" || tagText(b) == "") {
			return false, r.tick(1)
		}
		return false, err
	}
	switch op {
	case "<":
		return o < 0, r.tick(weight(a))
	case "<=":
		return o <= 0, r.tick(weight(a))
	case ">":
		return o > 0, r.tick(weight(a))
	}
	return o >= 0, r.tick(weight(a))
}

func incomparable(a, b any) error {
	return &Error{
		Message: fmt.Sprintf("cannot compare %s with %s", described(a), described(b)),
		Hint:    "check first that the value is there and what kind it is",
		refused: true,
	}
}

// described is what v is, for people.
func described(v any) string {
	switch x := v.(type) {
	case nil:
		return "nothing (null)"
	case string:
		return fmt.Sprintf("the text %q", around(x, 0))
	case float64:
		if math.IsNaN(x) {
			return "not a number (NaN)"
		}
		return value.Text(v)
	case []any, value.Tuple:
		return "a list"
	case *value.Map, value.Object:
		return "a mapping"
	case time.Time:
		return "the time " + value.Text(v)
	}
	return value.Text(v)
}

// compareTimes orders times, and a time and a text that writes one.
func compareTimes(a, b any) (int, bool) {
	x, xTime := asTime(a)
	y, yTime := asTime(b)
	if !xTime && !yTime {
		return 0, false
	}
	if s, ok := a.(string); ok {
		x, xTime = parseTime(s)
	}
	if s, ok := b.(string); ok {
		y, yTime = parseTime(s)
	}
	return x.Compare(y), xTime && yTime
}

// asTime is v as a time; a date is its midnight.
func asTime(v any) (time.Time, bool) {
	switch x := v.(type) {
	case time.Time:
		return x, true
	case value.Date:
		return time.Date(x.Year, time.Month(x.Month), x.Day, 0, 0, 0, 0, time.UTC), true
	}
	return time.Time{}, false
}

// number is v as int64, *big.Int or float64, if it is one or writes one.
func number(v any) (any, bool) {
	switch x := v.(type) {
	case bool:
		if x {
			return int64(1), true
		}
		return int64(0), true
	case string:
		return textNumber(x)
	case nil, []any, *value.Map:
		return nil, false
	}
	if isNumber(v) {
		return v, true
	}
	return nil, false
}

// textNumber is the number that s writes: "71", "-0.5", "1e3", "91%".
func textNumber(s string) (any, bool) {
	const longest = 400
	s = strings.TrimSpace(s)
	s = strings.TrimSpace(strings.TrimSuffix(s, "%"))
	if s == "" || len(s) > longest {
		return nil, false
	}
	digits := s
	if s[0] == '-' || s[0] == '+' {
		digits = s[1:]
	}
	if digits == "" || !isDigit(digits[0]) && digits[0] != '.' {
		return nil, false
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, true
	}
	if strings.ContainsAny(digits, "_xXoObBpP") {
		return nil, false
	}
	n, ok := parseNumber(digits)
	if f, isFloat := n.(float64); isFloat && math.IsInf(f, 0) {
		return nil, false
	}
	if s[0] == '-' && ok {
		n, ok = negated(&node{kind: literalNode, value: n})
	}
	return n, ok
}

// contains is needle in container: an element of a list, a key of a mapping, a part
// of a text.
func (r *run) contains(container, needle any) (bool, error) {
	if r.pasting != typed {
		if err := strictContainer(container, needle); err != nil {
			return false, err
		}
	}
	switch c := container.(type) {
	case nil:
		return false, nil
	case string:
		return strings.Contains(c, tagText(needle)), r.tick(1 + len(c)/256)
	case *value.Map, value.Object:
		_, ok := value.Member(c, tagText(needle))
		return ok, nil
	}
	list, ok := items(container)
	if !ok {
		return false, &Error{Message: described(container) + " contains nothing", refused: true}
	}
	if err := r.tick(1 + len(list)); err != nil {
		return false, err
	}
	return slices.ContainsFunc(list, func(e any) bool { return r.equal(e, needle) }), nil
}

// items are the elements of a list or tuple.
func items(v any) ([]any, bool) {
	switch x := v.(type) {
	case []any:
		return x, true
	case value.Tuple:
		return x, true
	}
	return nil, false
}
