package providers

import (
	"context"

	"tocsin/workflows/source"
)

// A Stream emits alerts as they come, until ctx is done or emit returns an error, which
// it returns. It is called once.
type Stream func(ctx context.Context, emit func(Alert) error) error

// Streams is Listen for a provider of which there may be thousands that listen: fn reads
// the parameters, and what it returns listens. While that waits, the parameters are not
// on its stack any more, which they would double more than once.
func Streams[C, Params any](fn func(C, Params) (Stream, error)) Listener[C] {
	s, decode := decoder[Params]()
	begin := func(c C, what string, with source.Value) (Stream, error) {
		params, err := decode(what, with)
		if err != nil {
			return nil, err
		}
		return fn(c, params)
	}
	return Listener[C]{
		params: s,
		listen: func(c C, ctx context.Context, what string, with source.Value, emit func(Alert) error) error {
			stream, err := begin(c, what, with)
			if err != nil {
				return err
			}
			return stream(ctx, emit)
		},
	}
}
