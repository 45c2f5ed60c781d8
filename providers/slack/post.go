package slack

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"tocsin/templating/value"
)

// A post is a message as it goes to Slack: what is empty is left out.
type post struct {
	text, channel, thread, username string
	blocks, attachments             []any
}

var errEmpty = errors.New("nothing to send: give message, blocks or attachments")

// newPost checks m and reads its lists.
func newPost(m Message) (post, error) {
	blocks, err := list("blocks", m.Blocks)
	if err != nil {
		return post{}, err
	}
	attachments, err := list("attachments", m.Attachments)
	if err != nil {
		return post{}, err
	}
	if m.Text == "" && len(blocks) == 0 && len(attachments) == 0 {
		return post{}, errEmpty
	}
	return post{
		text:        cut(m.Text),
		channel:     strings.TrimSpace(m.Channel),
		thread:      timestamp(m.Thread),
		username:    m.Username,
		blocks:      blocks,
		attachments: attachments,
	}, nil
}

// list is v as a list: v is one, or one mapping, or the JSON text of either. What is
// in it stays as the author wrote it, keys in their order and none left out.
func list(name string, v any) ([]any, error) {
	if text, ok := v.(string); ok {
		if strings.TrimSpace(text) == "" {
			return nil, nil
		}
		decoded, err := value.DecodeJSON([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("%s is no JSON: %w", name, err)
		}
		v = decoded
	}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		return v, nil
	case *value.Map:
		if v.Len() > 0 {
			return []any{v}, nil
		}
		return nil, nil
	}
	return nil, fmt.Errorf("%s must be a list", name)
}

// maxText is where Slack cuts a text off or refuses it:
// https://docs.slack.dev/changelog/2018-truncating-really-long-messages
const maxText = 40_000

// cut shortens a text that Slack would not take, and says so: an alert that is cut
// still tells, one that is refused does not.
func cut(text string) string {
	n := utf8.RuneCountInString(text)
	if n <= maxText {
		return text
	}
	note := fmt.Sprintf("\n… (cut here: the text has %d characters, Slack takes %d)", n, maxText)
	keep := maxText - utf8.RuneCountInString(note)
	for i := range text {
		if keep == 0 {
			return text[:i] + note
		}
		keep--
	}
	return text
}

// timestamp is Slack's name for a message, which has six decimals: written without
// quotes in YAML it is a number, and loses the zeros at its end.
func timestamp(text string) string {
	text = strings.TrimSpace(text)
	whole, decimals, ok := strings.Cut(text, ".")
	if !ok || len(whole) != 10 || len(decimals) >= 6 || strings.Trim(whole+decimals, "0123456789") != "" {
		return text
	}
	return text + strings.Repeat("0", 6-len(decimals))
}
