package workflows

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// describe says what v is, to somebody who wrote it.
func describe(v source.Value) string {
	switch d := v.Data.(type) {
	case nil:
		return "nothing"
	case bool:
		return fmt.Sprint(d)
	case int64, *big.Int, float64:
		return "the number " + value.Text(d)
	case string:
		return fmt.Sprintf("%q", shorten(d))
	case time.Time:
		return "a time"
	case value.Date:
		return "a date"
	case []source.Value:
		return "a list"
	case source.Map:
		return "a mapping"
	}
	return "what it is"
}

// shorten keeps a message on one line.
func shorten(s string) string {
	const most = 40
	if line, _, more := strings.Cut(s, "\n"); more {
		s = line + "..."
	}
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return s
}

// typeName is t with its article, as in "is a list".
func typeName(t schema.Type) string {
	switch t {
	case schema.String:
		return "a text"
	case schema.Boolean:
		return "true or false"
	case schema.Integer:
		return "a whole number, 0 or more"
	}
	return article(string(t))
}

func article(noun string) string {
	if noun != "" && strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// list joins names as in a sentence: "a, b and c".
func list(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}

// types lists the types of a part as a hint.
func types(kinds []kind) string {
	if len(kinds) == 1 {
		return "the only type is " + kinds[0].name
	}
	return "types are " + list(kindNames(kinds), "and")
}

// sample is k with the value it has in its example, in one line, as a hint.
func sample(k *row) string {
	v, err := source.Parse("", []byte(k.example))
	m, ok := v.Data.(source.Map)
	if err != nil || !ok {
		return ""
	}
	return "such as " + k.name + ": " + flow(get(m, k.name))
}

// flow is v as YAML in one line. It is for examples, whose texts need no escapes.
func flow(v source.Value) string {
	var parts []string
	switch d := v.Data.(type) {
	case source.Map:
		for _, e := range d {
			parts = append(parts, e.Key+": "+flow(e.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []source.Value:
		for _, item := range d {
			parts = append(parts, flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if v.Style != source.Plain {
		return `"` + text(v).S + `"`
	}
	return text(v).S
}
