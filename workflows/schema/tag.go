package schema

import (
	"reflect"
	"strconv"
	"strings"
)

// tags are what a struct field says about its key, as far as it is needed to find it.
type tags struct {
	given        bool // there is a param tag
	param, alias string
	value        string // by default
}

// readTags reads a struct tag in one pass: asking for each key takes several. What is
// no tag by the rules of reflect.StructTag is not read: vet finds that.
func readTags(tag reflect.StructTag) tags {
	var t tags
	for rest := string(tag); ; {
		key, after, ok := strings.Cut(strings.TrimLeft(rest, " "), ":")
		quoted, err := strconv.QuotedPrefix(after)
		if !ok || err != nil {
			return t
		}
		switch key {
		case "param":
			t.param, _ = strconv.Unquote(quoted)
			t.given = true
		case "alias":
			t.alias, _ = strconv.Unquote(quoted)
		case "default":
			t.value, _ = strconv.Unquote(quoted)
		}
		rest = after[len(quoted):]
	}
}
