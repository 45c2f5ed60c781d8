package providers

import (
	"context"
	"net/http"
	"time"

	"tocsin/templating/value"
	"tocsin/workflows/schema"
	"tocsin/workflows/source"
)

// A Frame is what goes over a connection that somebody talks over: a message, a sign of
// life, or the end.
type Frame struct {
	At      time.Time
	Sent    bool          // by us; else it was received
	Kind    string        // text, binary, ping, pong, close; or open, with Facts, before all others
	Data    []byte        // its content; of a close frame nothing
	Size    int           // bytes of it, those of a close frame's code and reason too
	Code    int           // of a close frame; 1005: it has none
	Reason  string        // of a close frame
	Round   time.Duration // of a pong: since the ping that it answers; 0: it answers none
	Parsed  []any         // what the provider reads out of it, where it was told to
	Facts   *value.Map    // of open: what is known by then, as the result has it
	Session int           // of a Mirror: which connection, from 1
}

// A Talk is whoever is at the other end of a provider's conversation: a person at a
// terminal, or a script's pipe.
type Talk struct {
	// See is told of every frame in both directions, in their order, one at a time. What it
	// gets it may keep.
	See func(Frame)
	// Say has what to send: frames of the kind text, binary, ping and close, of which the
	// last one ends the conversation. Closed, there is nothing more to say.
	Say <-chan Frame
	// Quiet is how long nothing may come, once there is nothing more to say, until the
	// conversation ends. 0: it ends at once; negative: it does not.
	Quiet time.Duration
	// Refuse is told of what is not sent because it could not be: a close code that there is
	// not, a text that is no UTF-8.
	Refuse func(problem string)
}

// A Converser is a conversation, Converse describes one.
type Converser[C any] struct {
	params   *schema.Schema
	converse func(c C, ctx context.Context, what string, with source.Value, talk Talk) (any, error)
}

// Converse describes a conversation: decode the parameters, call fn, which returns when it
// is over. How it went is in the result; an error is for parameters that are wrong.
func Converse[C, Params, Result any](fn func(C, context.Context, Params, Talk) (Result, error)) Converser[C] {
	s, decode := decoder[Params]()
	return Converser[C]{
		params: s,
		converse: func(c C, ctx context.Context, what string, with source.Value, talk Talk) (any, error) {
			params, err := decode(what, with)
			if err != nil {
				return nil, err
			}
			result, err := fn(c, ctx, params, talk)
			if err != nil {
				return nil, err
			}
			return value.Of(result), nil
		},
	}
}

func (t Converser[C]) bind(c C, what string) func(context.Context, source.Value, Talk) (any, error) {
	if t.converse == nil {
		return nil
	}
	return func(ctx context.Context, with source.Value, talk Talk) (any, error) {
		return t.converse(c, ctx, what, with, talk)
	}
}

// Converse talks, and returns when that is over. That it went wrong is in the result.
func (c *Client) Converse(ctx context.Context, with source.Value, talk Talk) (result any, err error) {
	err = c.guard(ctx, "converse", func() (err error) {
		if c.do.converse == nil {
			return ErrUnsupported
		}
		if err := c.permits(c.provider.Converse, with); err != nil {
			return err
		}
		c.noteSecrets(c.provider.Converse, with)
		result, err = c.do.converse(ctx, with, talk)
		return err
	})
	return result, err
}

// A Mirror is a server that shows what clients of a provider's kind say.
type Mirror struct {
	// See is told of every frame of every connection, one at a time. The open frame's Facts
	// are the request: method, url, remote_addr and headers, without secrets.
	See func(Frame)
	// Silent clients get no answer; others get back what they send.
	Silent bool
	// Close is a code to close with behind the first message, or where there is to be none,
	// at once; 0: the client closes.
	Close  int
	Reason string
	// Done ends the connections that are open.
	Done <-chan struct{}
}

// A Mirroring makes the server of a Mirror, to be served over HTTP or HTTPS. The error is
// for a Mirror that is wrong.
type Mirroring func(Mirror) (http.Handler, error)
