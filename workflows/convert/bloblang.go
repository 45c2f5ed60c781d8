package convert

import (
	"regexp"
	"strings"
	"sync"
)

// A condition says which messages an action is for. Known is false where the
// configuration says it in a way that cannot be carried over.
type condition struct {
	text  string // as if: takes it; "": always
	known bool
}

// always is the condition of what is for every message.
var always = condition{known: true}

// ifText is the condition as if: has it; one that is not known never holds, since an
// action that tells too much is worse than one that has to be looked at.
func (c condition) ifText() string {
	if !c.known {
		return "false"
	}
	return c.text
}

// maxCondition is how long a condition may become: longer ones nobody reads, and they
// grow with every case.
const maxCondition = 2_000

// and is both conditions.
func (c condition) and(d condition) condition {
	switch {
	case c.text == "" || !c.known || !d.known:
		return condition{d.text, c.known && d.known}
	case d.text == "":
		return c
	}
	both := condition{"(" + c.text + ") and (" + d.text + ")", true}
	if len(both.text) > maxCondition {
		return condition{}
	}
	return both
}

// not is the opposite.
func (c condition) not() condition {
	if c.text == "" {
		return condition{"false", c.known}
	}
	return condition{"not (" + c.text + ")", c.known}
}

// comparison is one of Bloblang that is understood: a field and a plain value.
var comparison = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:this\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(content\(\)(?:\.string\(\))?))\s*(==|!=|<=|>=|<|>)\s*("[^"\\{}]*"|-?\d+(?:\.\d+)?|true|false)$`)
})

// check reads the simple ones among Bloblang's queries: comparisons of a field with a
// plain value, joined by && or by ||.
func check(query string) condition {
	query = strings.TrimSpace(query)
	if query == "" {
		return always
	}
	by, word := "&&", " and "
	if strings.Contains(query, "||") {
		by, word = "||", " or "
	}
	var parts []string
	for part := range strings.SplitSeq(query, by) {
		m := comparison().FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return condition{}
		}
		path := "alert.json." + m[1]
		if m[2] != "" {
			path = "alert.data"
		}
		literal := m[4]
		if strings.HasPrefix(literal, `"`) {
			literal = quoteText(literal[1 : len(literal)-1])
		}
		parts = append(parts, "{{ "+path+" }} "+m[3]+" "+literal)
	}
	return condition{strings.Join(parts, word), true}
}
