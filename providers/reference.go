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
		p.Query.reference(&b, "In a step or an action")
		return b.String()
	}
	if p.Query != nil {
		p.Query.reference(&b, "In a step")
	}
	if p.Notify != nil {
		p.Notify.reference(&b, "In an action")
	}
	if p.Subscribe != nil {
		p.Subscribe.reference(&b, "As a stream of alerts")
	}
	return b.String()
}

// same says that both take and return the same.
func (o *Operation) same(other *Operation) bool {
	return markdown(o.Params) == markdown(other.Params) && markdown(o.Result) == markdown(other.Result)
}

func (o *Operation) reference(b *strings.Builder, title string) {
	if len(o.Params.Fields()) == 0 && !o.Params.Open() {
		section(b, title, "It takes nothing under `with:`.", nil)
	} else {
		section(b, title, "What stands under `with:`.", o.Params)
	}
	if o.Result != nil {
		b.WriteString("\nIts results:\n\n" + strings.TrimSpace(markdown(o.Result)) + "\n")
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
