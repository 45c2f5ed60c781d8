package providers

import (
	"context"
	"fmt"
	"runtime/debug"

	"tocsin/workflows/source"
)

// A Stream emits alerts as they come, until ctx is done or emit returns an error, which
// it returns. It is called once.
type Stream func(ctx context.Context, emit func(Alert) error) error

// Streams is Listen for a provider of which there may be thousands that listen: fn reads
// the parameters, and what it returns listens, without having them any more.
func Streams[C, Params any](fn func(C, Params) (Stream, error)) Listener[C] {
	s, decode := decoder[Params]()
	return Listener[C]{
		params: s,
		review: reviewer(decode),
		begin: func(c C, what string, with source.Value) (Stream, error) {
			params, err := decode(what, with)
			if err != nil {
				return nil, err
			}
			return fn(c, params)
		},
	}
}

// apart calls fn with a stack of its own, which is given back at once. A panic of fn's is
// the caller's.
func apart[T any](fn func() (T, error)) (result T, err error) {
	over := make(chan *panicked)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				over <- &panicked{p, debug.Stack()}
			}
			close(over)
		}()
		result, err = fn()
	}()
	if p := <-over; p != nil {
		panic(p)
	}
	return result, err
}

// panicked is a panic of another goroutine, with the stack that it had.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) String() string { return fmt.Sprint(p.value) }
