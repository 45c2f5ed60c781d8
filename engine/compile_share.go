package engine

import (
	"runtime"
	"sync"
	"weak"

	"tocsin/templating"
)

// Shared are the conditions of all workflows of a process: ten thousand checks that assert
// the same have it read, and made a program of, once. It keeps none that no program has any
// more. Its zero value is empty; all that use one have the same Functions. It may be used
// from many goroutines.
type Shared struct {
	mu    sync.Mutex
	exprs map[exprKey]weak.Pointer[templating.Expr]
}

type exprKey struct {
	text string
	form templating.Form
	keep bool
}

// expr is the condition that l reads in a text. nil shares nothing.
func (s *Shared) expr(l templating.Language, text string, form templating.Form) (*templating.Expr, error) {
	if s == nil {
		return l.ParseExpr(text, form)
	}
	key := exprKey{text, form, l.Keep}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.exprs[key].Value(); e != nil {
		return e, nil
	}
	e, err := l.ParseExpr(text, form)
	if err != nil {
		return nil, err
	}
	if s.exprs == nil {
		s.exprs = map[exprKey]weak.Pointer[templating.Expr]{}
	}
	s.exprs[key] = weak.Make(e)
	runtime.AddCleanup(e, s.forget, key)
	return e, nil
}

// forget is called when nobody has the condition any more, unless it was read again.
func (s *Shared) forget(key exprKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exprs[key].Value() == nil {
		delete(s.exprs, key)
	}
}
