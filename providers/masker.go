package providers

import "strings"

// A Masker hides given texts, for a provider that knows of secrets that must not stand
// in its own words: errors, headers of an answer, a reason. It masks as Pool.Mask does.
// Its nil hides nothing.
type Masker struct{ matcher *matcher }

// NewMasker makes a Masker of secrets. Those shorter than 4 bytes cannot be masked and
// are left out; where none is left it is nil.
func NewMasker(secrets ...string) *Masker {
	m := newMatcher(secrets)
	if len(m.patterns) == 0 {
		return nil
	}
	return &Masker{m}
}

// Mask hides the secrets in text, also in the encodings that Pool.Mask knows.
func (m *Masker) Mask(text string) string {
	if m == nil {
		return text
	}
	return m.matcher.mask(text)
}

// Value is Mask for every text in a value, as Pool.MaskValue has it.
func (m *Masker) Value(v any) any {
	if m == nil {
		return v
	}
	masked, _ := m.matcher.value(v)
	return masked
}

// MaskCut is Mask for the beginning of a longer text: where it ends in the midst of a
// secret, that part of it is hidden as well.
func (m *Masker) MaskCut(text string) string {
	if m == nil {
		return text
	}
	text = m.matcher.mask(text)
	at := len(text)
	for _, patterns := range m.matcher.patterns {
		for _, p := range patterns {
			for n := min(len(p)-1, len(text)); n >= shortest && n > len(text)-at; n-- {
				if strings.HasSuffix(text, p[:n]) {
					at = len(text) - n
				}
			}
		}
	}
	if at < len(text) {
		text = text[:at] + redacted
	}
	return text
}
