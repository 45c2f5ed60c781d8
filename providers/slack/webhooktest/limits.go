package webhooktest

import (
	"encoding/json"
	"unicode/utf8"
)

// Slack's limits, from https://docs.slack.dev/reference/block-kit/blocks
const (
	maxBlocks      = 50
	maxAttachments = 100
	maxSection     = 3000 // characters of a section's text
	maxHeader      = 150  // characters of a header's text
	maxFields      = 10
	maxField       = 2000
)

// wrong is Slack's word for what is wrong with m, "" if nothing is.
func (m Message) wrong() string {
	switch {
	case m.Text == "" && len(m.Blocks) == 0 && len(m.Attachments) == 0:
		return "no_text"
	case len(m.Attachments) > maxAttachments:
		return "too_many_attachments"
	case len(m.Blocks) > maxBlocks:
		return "invalid_blocks"
	}
	for _, text := range m.Blocks {
		if !valid(text) {
			return "invalid_blocks"
		}
	}
	return ""
}

// A section or header, as much of it as is checked.
type block struct {
	Text   *object  `json:"text"`
	Fields []object `json:"fields"`
}

type object struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// valid says that text is a block. Of kinds other than sections and headers only
// the type is looked at: there are many, and more every year.
func valid(text json.RawMessage) bool {
	var kind struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(text, &kind) != nil || kind.Type == "" {
		return false
	}
	var b block
	switch kind.Type {
	case "section":
		return json.Unmarshal(text, &b) == nil && b.validSection()
	case "header":
		return json.Unmarshal(text, &b) == nil && b.validHeader()
	}
	return true
}

func (b block) validHeader() bool {
	return b.Text != nil && b.Text.Type == "plain_text" && b.Text.within(maxHeader)
}

func (b block) validSection() bool {
	if b.Text == nil && len(b.Fields) == 0 {
		return false
	}
	for _, f := range b.Fields {
		if !f.within(maxField) {
			return false
		}
	}
	return len(b.Fields) <= maxFields && (b.Text == nil || b.Text.within(maxSection))
}

// within says that o is a text of at most n characters, and not empty.
func (o object) within(n int) bool {
	known := o.Type == "plain_text" || o.Type == "mrkdwn"
	return known && o.Text != "" && utf8.RuneCountInString(o.Text) <= n
}
