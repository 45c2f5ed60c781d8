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
		return "a whole number"
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

// oneLine is a YAML example as part of a sentence.
func oneLine(example string) string {
	line, _, more := strings.Cut(strings.TrimSpace(example), "\n")
	if more {
		line += " ..."
	}
	return line
}
