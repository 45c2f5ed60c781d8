package providers

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"tocsin/templating/value"
)

// redacted stands where a secret was.
const redacted = "[redacted]"

// shortest is the length from which on a text can be masked: shorter ones are part of
// too many words.
const shortest = 4

// secrets are the texts to hide, by where they come from, and the matcher made of
// them, which is remade when it is next needed after a change.
type secrets struct {
	mu      sync.Mutex
	texts   map[string]bool     // those that were added
	byName  map[string][]string // those of named configurations
	matcher atomic.Pointer[matcher]
}

// set replaces the secrets of a configuration.
func (s *secrets) set(name string, texts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName == nil {
		s.byName = map[string][]string{}
	}
	s.byName[name] = texts
	s.matcher.Store(nil)
}

// add adds texts; where all are known already, nothing is remade.
func (s *secrets) add(texts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range texts {
		if len(t) < shortest || s.texts[t] {
			continue
		}
		if s.texts == nil {
			s.texts = map[string]bool{}
		}
		s.texts[t] = true
		s.matcher.Store(nil)
	}
}

func (s *secrets) current() *matcher {
	if m := s.matcher.Load(); m != nil {
		return m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := sorted(s.texts)
	for _, texts := range s.byName {
		all = append(all, texts...)
	}
	m := newMatcher(all)
	s.matcher.Store(m)
	return m
}

// AddSecrets adds texts to mask, such as values of the environment that templates
// may read. Texts shorter than 4 bytes cannot be masked and are left out.
func (p *Pool) AddSecrets(texts ...string) { p.secrets.add(texts) }

// Mask hides every secret the pool was given, also URL-encoded, base64, hex, JSON-,
// HTML- or Python-escaped: "[redacted]" stands where it was. A secret that is broken
// over lines is not found, except for the lines of one that has several.
func (p *Pool) Mask(text string) string { return p.secrets.current().mask(text) }

// MaskValue is Mask for every string of a value (keys included). It returns v
// unchanged, not copied, where there is nothing to hide. A number whose digits are a
// secret becomes a text.
func (p *Pool) MaskValue(v any) any {
	m := p.secrets.current()
	if len(m.patterns) == 0 {
		return v
	}
	masked, _ := m.value(v)
	return masked
}

// A matcher finds patterns of at least four bytes: a bit for each hash of four bytes
// that one begins with says where it is worth looking them up. Most of a text is not
// even looked at: where four bytes are nowhere in the first bytes of any pattern, none
// begins that would have them there.
type matcher struct {
	begins   grams
	within   grams                // of the first bytes of each pattern, as many as least
	least    int                  // the length of the shortest pattern, or mostLeast
	patterns map[[4]byte][]string // by their beginning, the longest first
	numbers  bool                 // one of them is the text of a number
}

// mostLeast is how much of each pattern is within: of more, too many bits would be set.
const mostLeast = 12

func newMatcher(texts []string) *matcher {
	all := encodings(texts)
	if len(all) == 0 {
		return &noPatterns
	}
	m := &matcher{patterns: map[[4]byte][]string{}, least: mostLeast}
	for _, p := range all {
		m.least = min(m.least, len(p))
	}
	for _, p := range all {
		k := [4]byte([]byte(p[:4]))
		m.patterns[k] = append(m.patterns[k], p)
		m.begins.add(p)
		for i := range m.least - shortest + 1 {
			m.within.add(p[i:])
		}
		m.numbers = m.numbers || strings.Trim(p, "+-.0123456789") == ""
	}
	for _, list := range m.patterns {
		slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	}
	return m
}

// noPatterns is the matcher of nothing, which is most often needed. Nobody looks into it.
var noPatterns matcher

// grams are sets of four bytes, a bit for each hash.
type grams [1 << 10]uint64

// add adds the first four bytes of s.
func (g *grams) add(s string) {
	h := hash(s)
	g[h/64] |= 1 << (h % 64)
}

// may says that the first four bytes of s may be in the set.
func (g *grams) may(s string) bool {
	h := hash(s)
	return g[h/64]&(1<<(h%64)) != 0
}

// hash is 16 bits of the first four bytes.
func hash(s string) uint32 {
	_ = s[3]
	four := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
	return four * 2654435761 >> 16
}

// at is the length of the longest pattern at the beginning of s, or 0.
func (m *matcher) at(s string) int {
	if !m.begins.may(s) {
		return 0
	}
	for _, p := range m.patterns[[4]byte([]byte(s[:4]))] {
		if strings.HasPrefix(s, p) {
			return len(p)
		}
	}
	return 0
}

// next is where the first pattern in s[from:] begins, and its length; 0: there is none.
func (m *matcher) next(s string, from int) (at, length int) {
	for i := from; i+m.least <= len(s); {
		if !m.within.may(s[i+m.least-shortest:]) {
			i += m.least - shortest + 1
			continue
		}
		if n := m.at(s[i:]); n > 0 {
			return i, n
		}
		i++
	}
	return len(s), 0
}

// mask replaces each stretch that patterns cover. Those that overlap are one stretch,
// so that of two secrets with a common part neither shows its other half.
func (m *matcher) mask(s string) string {
	if len(m.patterns) == 0 {
		return s
	}
	var out []byte
	done := 0 // s[:done] is in out
	for {
		i, n := m.next(s, done)
		if n == 0 {
			break
		}
		end := i + n
		for j := i + 1; j < end && j+shortest <= len(s); j++ {
			end = max(end, j+m.at(s[j:]))
		}
		out = append(append(out, s[done:i]...), redacted...)
		done = end
	}
	if done == 0 {
		return s
	}
	return string(append(out, s[done:]...))
}

// value masks the strings of a value; changed is false where it is returned itself.
func (m *matcher) value(same any) (masked any, changed bool) {
	switch v := same.(type) {
	case nil, bool:
		return same, false
	case string:
		if s := m.mask(v); s != v {
			return s, true
		}
		return same, false
	case []any:
		if list, changed := m.list(v); changed {
			return list, true
		}
		return same, false
	case value.Tuple:
		if list, changed := m.list(v); changed {
			return value.Tuple(list), true
		}
		return same, false
	case *value.Map:
		return m.mapping(v)
	case value.Object:
		if mapping, changed := m.mapping(v.Map); changed {
			return value.Object{Map: mapping}, true
		}
		return same, false
	}
	if m.numbers {
		text := value.Text(same)
		if s := m.mask(text); s != text {
			return s, true
		}
	}
	return same, false
}

// list is copied from the first item on that changes.
func (m *matcher) list(list []any) ([]any, bool) {
	var copied []any
	for i, item := range list {
		masked, changed := m.value(item)
		if changed && copied == nil {
			copied = slices.Clone(list)
		}
		if copied != nil {
			copied[i] = masked
		}
	}
	if copied == nil {
		return list, false
	}
	return copied, true
}

// mapping is copied where a key or a value changes.
func (m *matcher) mapping(v *value.Map) (*value.Map, bool) {
	var copied *value.Map
	for i, e := range v.Entries() {
		key := m.mask(e.Key)
		masked, changed := m.value(e.Value)
		if copied == nil && (changed || key != e.Key) {
			copied = value.NewMap(v.Len())
			for _, before := range v.Entries()[:i] {
				copied.Set(before.Key, before.Value)
			}
		}
		if copied != nil {
			copied.Set(key, masked)
		}
	}
	if copied == nil {
		return v, false
	}
	return copied, true
}

// A maskedWriter masks what is written at once: a secret split over two writes passes.
type maskedWriter struct {
	pool *Pool
	to   io.Writer
}

func (w maskedWriter) Write(b []byte) (int, error) {
	if _, err := io.WriteString(w.to, w.pool.Mask(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// masked is log with the texts of its records masked.
func masked(p *Pool, log *slog.Logger) *slog.Logger {
	return slog.New(maskedHandler{p, log.Handler()})
}

type maskedHandler struct {
	pool *Pool
	to   slog.Handler
}

func (h maskedHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.to.Enabled(ctx, l) }

func (h maskedHandler) WithGroup(name string) slog.Handler {
	return maskedHandler{h.pool, h.to.WithGroup(name)}
}

func (h maskedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return maskedHandler{h.pool, h.to.WithAttrs(h.attrs(attrs))}
}

func (h maskedHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.pool.Mask(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.to.Handle(ctx, clean)
}

func (h maskedHandler) attrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attr(a)
	}
	return clean
}

// attr masks a's value. What is neither a number nor a time nor a group is logged as
// its text, since there is no masking inside of other values.
func (h maskedHandler) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(h.attrs(v.Group())...)}
	case slog.KindString, slog.KindAny:
		return slog.String(a.Key, h.pool.Mask(v.String()))
	}
	return slog.Attr{Key: a.Key, Value: v}
}
