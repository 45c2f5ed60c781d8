package providers

import (
	"strings"

	"tocsin/workflows/schema"
)

// Reference is the documentation of what p takes and returns, as Markdown: the part
// of its README below "<!-- reference -->".
func (p *Provider) Reference() string {
	var b strings.Builder
	if p.Config != nil && (len(p.Config.Fields()) > 0 || p.Config.Open()) {
		section(&b, "Configuration", "What stands under `authentication:`.", p.Config)
	}
	if p.Query != nil && p.Notify != nil && p.Query.same(p.Notify) {
		p.Query.reference(&b, "In a step or an action", "Its results:")
	} else {
		p.Query.reference(&b, "In a step", "Its results:")
		p.Notify.reference(&b, "In an action", "Its results:")
	}
	p.Subscribe.reference(&b, "In a trigger", "Its events, beside what every alert has, below `alert`:")
	return b.String()
}

// same says that both take and return the same.
func (o *Operation) same(other *Operation) bool {
	return markdown(o.Params) == markdown(other.Params) && markdown(o.Result) == markdown(other.Result)
}

// reference is what o takes and gives, nothing for an operation that is not there.
func (o *Operation) reference(b *strings.Builder, title, gives string) {
	if o == nil {
		return
	}
	if len(o.Params.Fields()) == 0 && !o.Params.Open() {
		section(b, title, "It takes nothing under `with:`.", nil)
	} else {
		section(b, title, "What stands under `with:`.", o.Params)
	}
	if o.Result != nil {
		b.WriteString("\n" + gives + "\n\n" + strings.TrimSpace(markdown(o.Result)) + "\n")
	}
}

func section(b *strings.Builder, title, lead string, s *schema.Schema) {
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	b.WriteString("### " + title + "\n\n" + lead + "\n")
	if table := strings.TrimSpace(markdown(s)); table != "" {
		b.WriteString("\n" + table + "\n")
	}
}

func markdown(s *schema.Schema) string {
	if s == nil {
		return ""
	}
	return s.Markdown()
}
