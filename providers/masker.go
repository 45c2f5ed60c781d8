package providers

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
