package engine

import (
	"slices"
	"strings"

	"tocsin/providers"
	"tocsin/templating"
	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// mask hides the secrets of the pool in everything that e shows.
func (r *run) mask(e *Event) {
	p := r.Pool
	if e.Reason != "" {
		e.Reason = p.Mask(e.Reason)
	}
	if e.With != nil {
		e.With = p.MaskValue(e.With)
	}
	if e.Output != nil {
		e.Output = p.MaskValue(e.Output)
	}
	if e.Err != nil {
		e.Err = r.maskError(e.Err)
	}
	if e.Check != nil {
		r.maskCheck(e.Check)
	}
}

func (r *run) maskCheck(c *Check) {
	c.Text, c.Words = r.Pool.Mask(c.Text), r.Pool.Mask(c.Words)
	if c.Error != "" {
		c.Error = r.Pool.Mask(c.Error)
	}
	if c.Value != nil {
		c.Value = r.Pool.MaskValue(c.Value)
	}
	if c.Against != nil {
		c.Against = r.Pool.MaskValue(c.Against)
	}
	if c.Tree != nil {
		tree := r.maskTree(*c.Tree)
		c.Tree = &tree
	}
}

func (r *run) maskTree(e templating.Explanation) templating.Explanation {
	e.Text, e.Error = r.Pool.Mask(e.Text), r.Pool.Mask(e.Error)
	e.Value = r.Pool.MaskValue(e.Value)
	e.Parts = slices.Clone(e.Parts)
	for i := range e.Parts {
		e.Parts[i] = r.maskTree(e.Parts[i])
	}
	return e
}

// takesSecrets says that one of the parameters in m is a secret, or has one in it.
func (s *step) takesSecrets(m source.Map) bool {
	return slices.ContainsFunc(m, func(e source.Entry) bool { return anySecret(s.field(e.Key)) })
}

func anySecret(f schema.Field) bool { return f.Secret || slices.ContainsFunc(f.Fields, anySecret) }

// conceal tells the pool of the secrets among the parameters of the call, and returns
// the parameters as they may be shown: what is too short to be found elsewhere is
// hidden here at least.
func (f *frame) conceal(with source.Value, plain any) any {
	f.Pool.AddSecrets(f.s.op.Secrets(with)...)
	return redacted(plain, f.s.op.Params.Fields())
}

// redacted is v with the values of secret fields hidden.
func redacted(v any, fields []schema.Field) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = redacted(v[i], fields)
		}
		return list
	case *value.Map:
		m := value.NewMap(v.Len())
		for k, item := range v.All() {
			f, _ := findField(fields, k)
			switch {
			case f.Secret && value.Truthy(item):
				item = schema.Secret("").String()
			case len(f.Fields) > 0:
				item = redacted(item, f.Fields)
			}
			m.Set(k, item)
		}
		return m
	}
	return v
}

// veil is v without what addresses in it have of secrets. It tells the pool of their
// passwords.
func (f *frame) veil(v any) any {
	if !veils(v) {
		return v
	}
	switch v := v.(type) {
	case string:
		shown, password := providers.ShownAddress(v)
		f.Pool.AddSecrets(password)
		return shown
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = f.veil(v[i])
		}
		return list
	case *value.Map:
		m := value.NewMap(v.Len())
		for k, item := range v.All() {
			m.Set(k, f.veil(item))
		}
		return m
	}
	return v
}

// veils says that there may be an address in v that has something to hide: nearly all
// parameters are shown as they are, and not copied.
func veils(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "://") && strings.ContainsAny(v, "@?")
	case []any:
		return slices.ContainsFunc(v, veils)
	case *value.Map:
		for _, item := range v.All() {
			if veils(item) {
				return true
			}
		}
	}
	return false
}

// maskError is err with its secrets hidden. What it wraps can still be looked at, but
// not printed by accident.
func (r *run) maskError(err error) error {
	text := err.Error()
	if shown := r.Pool.Mask(text); shown != text {
		return &maskedError{shown, err}
	}
	return err
}

type maskedError struct {
	text string
	err  error
}

func (e *maskedError) Error() string { return e.text }
func (e *maskedError) Unwrap() error { return e.err }
