package episode

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Silence keeps messages back for some time: a window of a workflow file, or one that
// somebody made. What was to be told is told when it is over, if it still is so.
type Silence struct {
	ID     string    `json:"id,omitempty"` // "": of a file
	Match  Matcher   `json:"match,omitempty"`
	Reason string    `json:"reason"`
	Owner  string    `json:"owner"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"` // it needs an end
}

// A Matcher has what the labels of an alert must be, all of them; a "*" in it stands for
// any text. Labels are workflow, action, alert, severity, and those of the alert.
type Matcher map[string]string

// Check says what is wrong with a silence that somebody makes.
func (s Silence) Check() error {
	switch {
	case len(s.Match) == 0:
		return errors.New("a silence without a matcher would be for everything: say workflow=* for that")
	case strings.TrimSpace(s.Reason) == "":
		return errors.New("a silence needs a reason")
	case strings.TrimSpace(s.Owner) == "":
		return errors.New("a silence needs an owner")
	case s.Until.IsZero():
		return errors.New("a silence needs an end")
	case !s.Until.After(s.From):
		return fmt.Errorf("a silence from %s until %s is over before it begins", s.From.Format(time.RFC3339), s.Until.Format(time.RFC3339))
	}
	return nil
}

// Covers says that s is in force for an alert with these labels.
func (s Silence) Covers(labels map[string]string, now time.Time) bool {
	return !now.Before(s.From) && now.Before(s.Until) && s.Match.Matches(labels)
}

// Matches says whether the labels are as m wants them.
func (m Matcher) Matches(labels map[string]string) bool {
	for name, pattern := range m {
		if !glob(pattern, labels[name]) {
			return false
		}
	}
	return true
}

// glob matches text against a pattern whose stars stand for any text.
func glob(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	for ok {
		var part string
		if part, rest, star = strings.Cut(rest, "*"); !star {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if ok = i >= 0; ok {
			text = text[i+len(part):]
		}
	}
	return false
}

func (s *Silence) words(now time.Time) string {
	text := "silenced until " + clock(s.Until, now)
	if s.Owner != "" {
		text += " by " + s.Owner
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}
