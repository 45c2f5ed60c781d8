package templating

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"

	"tocsin/templating/value"
)

// What sprig's functions of lists and regular expressions do. The lists that they get
// are theirs.

func firstItem(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func lastItem(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1]
}

// Without an element there is no list of the others either: nil.

func allButFirst(list []any) []any {
	if len(list) == 0 {
		return nil
	}
	return list[1:]
}

func allButLast(list []any) []any {
	if len(list) == 0 {
		return nil
	}
	return list[:len(list)-1]
}

func prepended(list []any, v any) []any { return slices.Insert(list, 0, v) }

func reversed(list []any) []any {
	slices.Reverse(list)
	return list
}

func contains(v any, list []any) bool {
	return slices.ContainsFunc(list, func(item any) bool { return reflect.DeepEqual(v, item) })
}

func unrepeated(list []any) []any {
	seen := []any{}
	for _, v := range list {
		if !contains(v, seen) {
			seen = append(seen, v)
		}
	}
	return seen
}

func compacted(list []any) []any { return slices.DeleteFunc(list, isEmpty) }

func without(list []any, values ...any) []any {
	return slices.DeleteFunc(list, func(v any) bool { return contains(v, values) })
}

// isEmpty says whether v is nothing, false, zero, or a text or list without anything in
// it. A mapping never is.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case int64:
		return v == 0
	case float64:
		return v == 0
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case value.Tuple:
		return len(v) == 0
	}
	return false
}

// section is the list from a position up to another, or to its end.
func section(list []any, positions ...any) (any, error) {
	if len(list) == 0 {
		return nil, nil
	}
	start, end := 0, len(list)
	if len(positions) > 0 {
		start = int(whole(positions[0]))
	}
	if len(positions) > 1 {
		end = int(whole(positions[1]))
	}
	if start < 0 || end < start || end > len(list) {
		return nil, fmt.Errorf("a list of %d has nothing from %d to %d", len(list), start, end)
	}
	return list[start:end], nil
}

func chunked(size int, list []any) ([][]any, error) {
	if size < 1 {
		return nil, fmt.Errorf("lists of %d", size)
	}
	return slices.AppendSeq([][]any{}, slices.Chunk(list, size)), nil
}

func sorted(list []any) []string {
	all := texts(list)
	slices.Sort(all)
	return all
}

// matching is what do makes of a regular expression.
func matching[T any](regex string, do func(*regexp.Regexp) T) (T, error) {
	r, err := regexp.Compile(regex)
	if err != nil {
		var none T
		return none, err
	}
	return do(r), nil
}

func regexMatches(regex, text string) (bool, error) { return regexp.MatchString(regex, text) }

func regexFound(regex, text string) (string, error) {
	return matching(regex, func(r *regexp.Regexp) string { return r.FindString(text) })
}

func regexFoundAll(regex, text string, count int) ([]string, error) {
	return matching(regex, func(r *regexp.Regexp) []string { return r.FindAllString(text, count) })
}

func regexReplaced(regex, text, replacement string) (string, error) {
	return matching(regex, func(r *regexp.Regexp) string { return r.ReplaceAllString(text, replacement) })
}

func regexReplacedLiterally(regex, text, replacement string) (string, error) {
	return matching(regex, func(r *regexp.Regexp) string { return r.ReplaceAllLiteralString(text, replacement) })
}

func regexParts(regex, text string, count int) ([]string, error) {
	return matching(regex, func(r *regexp.Regexp) []string { return r.Split(text, count) })
}
