package enrich

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"tocsin/templating"
	"tocsin/templating/value"
)

// An Extraction adds what the named groups of a pattern match in a text of the alert.
type Extraction struct {
	ID        int64
	Name      string
	Priority  int    // higher ones first
	Attribute string // of which text: message, labels.host, or a text with {{ }}
	Condition string // in CEL; "" or "*": always
	Regex     string // with named groups, (?P<name>...)
	Pre       bool   // of what was delivered, before it is read as alerts
	Disabled  bool
}

// How long the parts of a rule may be, in bytes.
const (
	maxName      = 255
	maxAttribute = 255
	maxCondition = 2000
	maxPattern   = 1024
)

// An extraction is ready.
type extraction struct {
	Extraction
	path      path                 // of the text
	text      *templating.Template // of which it is made, where it is no path
	condition *templating.Expr     // nil: always
	pattern   *regexp.Regexp
}

// Check says what is wrong with the rule.
func (x Extraction) Check() error {
	_, err := x.prepare()
	return err
}

func (x Extraction) prepare() (*extraction, error) {
	switch {
	case strings.TrimSpace(x.Name) == "" || len(x.Name) > maxName:
		return nil, fmt.Errorf("a rule needs a name of at most %d bytes", maxName)
	case strings.TrimSpace(x.Attribute) == "" || len(x.Attribute) > maxAttribute:
		return nil, fmt.Errorf("attribute: which text of the alert is it about, in at most %d bytes?", maxAttribute)
	case len(x.Condition) > maxCondition:
		return nil, fmt.Errorf("condition: longer than %d bytes", maxCondition)
	}
	p := &extraction{Extraction: x}
	var err error
	if strings.Contains(x.Attribute, "{{") || strings.Contains(x.Attribute, "}}") {
		p.text, err = templating.Language{}.Parse(x.Attribute)
	} else {
		p.path = parsePath(x.Attribute)
	}
	if err != nil {
		return nil, fmt.Errorf("attribute: %w", err)
	}
	if text := strings.TrimSpace(x.Condition); text != "" && text != "*" {
		if p.condition, err = (templating.Language{}).ParseCEL(text); err != nil {
			return nil, fmt.Errorf("condition: %w", err)
		}
	}
	p.pattern, err = x.compile()
	return p, err
}

func (x Extraction) compile() (*regexp.Regexp, error) {
	if x.Regex == "" || len(x.Regex) > maxPattern {
		return nil, fmt.Errorf("regex: give a pattern of at most %d bytes", maxPattern)
	}
	re, err := regexp.Compile(x.Regex)
	if err != nil {
		return nil, fmt.Errorf("regex: %s; patterns are those of RE2, which looks neither ahead nor behind and refers to no group", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	named := false
	for _, name := range re.SubexpNames() {
		named = named || name != ""
		if name != "source" && !x.Pre && !Settable(name) {
			return nil, fmt.Errorf("regex: a rule does not set %q of an alert: name the group otherwise", name)
		}
	}
	if !named {
		return nil, errors.New("regex: say what is to be added by named groups: (?P<name>...)")
	}
	return re, nil
}

// fields are what the rule adds to s.
func (x *extraction) fields(s *subject) []value.Entry {
	text := x.of(s)
	if text == "" || !x.holds(s) {
		return nil
	}
	found := x.pattern.FindStringSubmatchIndex(text)
	if found == nil {
		return nil
	}
	var fields []value.Entry
	for i, name := range x.pattern.SubexpNames() {
		if from := found[2*i]; name != "" && from >= 0 {
			fields = append(fields, value.Entry{Key: name, Value: strings.Clone(text[from:found[2*i+1]])})
		}
	}
	return fields
}

// of is the text that the rule is about; "": there is none.
func (x *extraction) of(s *subject) string {
	if x.text == nil {
		v := x.path.in(s.seen)
		if v == nil {
			return ""
		}
		return cut(value.Text(v))
	}
	v, err := x.text.Render(context.Background(), s.data())
	if err != nil {
		return ""
	}
	return cut(value.Text(v))
}

// holds says that the condition does; what cannot be evaluated does not.
func (x *extraction) holds(s *subject) bool {
	if x.condition == nil {
		return true
	}
	held, err := x.condition.Bool(context.Background(), s.data())
	return err == nil && held
}
