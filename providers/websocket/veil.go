package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tocsin/providers"
	"tocsin/templating/value"
)

// notes are what is learnt while settings are made: what to warn of, and which texts
// must not be shown.
type notes struct {
	warnings []string
	secrets  []string
}

func (n *notes) warn(format string, args ...any) {
	n.warnings = append(n.warnings, fmt.Sprintf(format, args...))
}

func (n *notes) hide(texts ...string) {
	for _, text := range texts {
		if text != "" {
			n.secrets = append(n.secrets, text)
		}
	}
}

// hideAddress hides the parts of an address's query that are not shown either.
func (n *notes) hideAddress(query string) {
	for part := range strings.SplitSeq(query, "&") {
		if name, v, _ := strings.Cut(part, "="); looksSecret(name) {
			n.hide(v, unescape(v))
		}
	}
}

// shared is what the connections of one client have in common. Its nil is of use: it
// forgets, and logs nothing.
type shared struct {
	log     *slog.Logger
	conceal func(...string) // tells whoever masks; nil: nobody does
	tokens  tokens

	mu     sync.Mutex
	warned map[string]bool
}

// manyWarnings is how many different warnings are kept from being repeated.
const manyWarnings = 1000

// warn logs a warning, once.
func (s *shared) warn(text string) {
	if s == nil || s.log == nil {
		return
	}
	s.mu.Lock()
	again := s.warned[text]
	if s.warned == nil || len(s.warned) > manyWarnings {
		s.warned = map[string]bool{}
	}
	s.warned[text] = true
	s.mu.Unlock()
	if !again {
		s.log.Warn("a parameter may not do what it is meant to", "why", text)
	}
}

// A veil hides secrets in what comes from the other side, and in our own words, which
// may quote it.
type veil struct {
	words *providers.Masker // all secrets
	// made are those that were made or fetched for this connection. They are hidden in
	// messages too. What the parameters have is not: it may be a word that a message has
	// for other reasons, and who shows messages hides it there.
	made *providers.Masker
}

func (v *veil) text(text string) string { return v.words.Mask(text) }

// start is text for the beginning of a longer one.
func (v *veil) start(text string) string { return v.words.MaskCut(text) }

// begins shows the beginning of what came and was not expected. The server may have
// sent back what it was told.
func (v *veil) begins(text []byte) string {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return strconv.QuoteToASCII(v.start(string(line[:min(len(line), 60)])))
}

// error hides what an error quotes. Its cause is replaced where that shows a secret. What
// is said of the parameters quotes nobody, and says "wrong password" whatever that is.
func (v *veil) error(e *Error) {
	if e == nil || v.words == nil || e.Code == ConfigInvalid {
		return
	}
	e.Target, e.Problem, e.Detail = v.text(e.Target), v.text(e.Problem), v.text(e.Detail)
	for cause := e.Err; cause != nil; cause = errors.Unwrap(cause) {
		if text := cause.Error(); v.text(text) != text {
			e.Err = errors.New(v.text(e.Err.Error()))
			return
		}
	}
}

// result hides what the other side may have sent back to us.
func (v *veil) result(r *Result) {
	if v.words == nil {
		return
	}
	r.Body, r.Subprotocol = v.text(r.Body), v.text(r.Subprotocol)
	if r.Location != nil {
		r.Location = new(v.text(*r.Location))
	}
	for name, lines := range r.Headers.All() {
		if text, ok := lines.(string); ok {
			r.Headers.Set(name, v.text(text))
		}
	}
	if r.Close != nil {
		r.Close.Reason = v.text(r.Close.Reason)
	}
	r.Parsed = hidden(v.made, r.Parsed)
}

// hidden is what was read out of messages without what was made for the connection.
func hidden(mask *providers.Masker, list []any) []any {
	if mask == nil || len(list) == 0 {
		return list
	}
	clean := make([]any, len(list))
	for i := range list {
		clean[i] = mask.Value(value.Of(list[i]))
	}
	return clean
}

// hide hides what was made for the connection in a message that has it in it.
func (m *Message) hide(mask *providers.Masker) {
	text := mask.Mask(m.Data)
	if m.Truncated {
		text = mask.MaskCut(m.Data)
	}
	if text == m.Data {
		return
	}
	if m.Data = text; m.json != nil {
		m.json, _ = value.DecodeJSON([]byte(text)) // nil where it is none any more
	}
}

// hiding are the secrets of one connection: those of the parameters, those made for it, and
// those read for it.
type hiding struct{ given, made, concealed []string }

// veil is made when there is something to show. Nil hides nothing.
func (h *hiding) veil() *veil {
	if h == nil || len(h.given)+len(h.concealed)+len(h.made) == 0 {
		return &veil{}
	}
	v := &veil{words: providers.NewMasker(slices.Concat(h.given, h.concealed, h.made)...)}
	if len(h.made) > 0 {
		v.made = providers.NewMasker(h.made...)
	}
	return v
}

// hiding is what there is to hide by now, nil if that is nothing.
func (t *transport) hiding() *hiding {
	h := &hiding{made: t.made, concealed: t.concealed}
	if t.set != nil {
		h.given = t.set.secrets
	}
	if len(h.given)+len(h.made)+len(h.concealed) == 0 {
		return nil
	}
	return h
}

func (t *transport) veil() *veil { return t.hiding().veil() }

// hide keeps what was made for this connection out of everything that is shown.
func (t *transport) hide(text string) {
	if text != "" {
		t.made = append(t.made, text)
	}
}

// conceal keeps what was read for this connection from being shown, by others too.
func (t *transport) conceal(texts ...string) {
	t.concealed = append(t.concealed, texts...)
	if t.shared != nil && t.shared.conceal != nil {
		t.shared.conceal(texts...)
	}
}

func (t *transport) warn(text string) { t.shared.warn(text) }
