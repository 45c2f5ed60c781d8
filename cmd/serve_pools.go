package cmd

import (
	"sync"

	"tocsin/engine"
	"tocsin/providers"
	"tocsin/workflows/source"
)

// A poolShare has one pool for all workflow files that read the same file of provider
// configurations and have none of their own: of thousands of files each would have the
// same secrets to mask, connections of its own, and a copy of all that. What their programs
// have in common they have once too. nil shares nothing.
type poolShare struct {
	programs engine.Shared

	mu   sync.Mutex
	made map[string]*sharedPool // by the name and text of that file
	of   map[*providers.Pool]*sharedPool
}

type sharedPool struct {
	pool     *providers.Pool
	problems source.Problems
	key      string
	users    int
}

// common is what programs of all files have in common.
func (p *poolShare) common() *engine.Shared {
	if p == nil {
		return nil
	}
	return &p.programs
}

// pool is that of d, made or shared. Whoever asked for it closes it with close.
func (p *poolShare) pool(s *setup, d *document, env providers.Env) (*providers.Pool, source.Problems, error) {
	if p == nil || d.guest || len(d.file.Providers) > 0 {
		return s.pool(d, env)
	}
	name, text, err := s.providersText(d.name)
	if err != nil {
		return s.pool(d, env)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := name + "\x00" + string(text)
	if have := p.made[key]; have != nil {
		have.users++
		return have.pool, have.problems, nil
	}
	pool, problems, err := s.pool(d, env)
	if err == nil {
		p.add(&sharedPool{pool, problems, key, 1})
	}
	return pool, problems, err
}

func (p *poolShare) add(shared *sharedPool) {
	if p.made == nil {
		p.made, p.of = map[string]*sharedPool{}, map[*providers.Pool]*sharedPool{}
	}
	p.made[shared.key], p.of[shared.pool] = shared, shared
}

// close closes a pool when nobody uses it any more.
func (p *poolShare) close(pool *providers.Pool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if shared := p.of[pool]; shared != nil {
		if shared.users--; shared.users > 0 {
			return nil
		}
		delete(p.made, shared.key)
		delete(p.of, pool)
	}
	return pool.Close()
}
