package providers

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"tocsin/workflows/source"
)

// A Client is a provider opened with one configuration. It is safe for concurrent
// use. Its errors are *Error, those of operations that the provider does not have
// wrap ErrUnsupported. Results are values of package templating/value. A panic of the
// provider's is an error, its stack is in the log.
//
// Calls are made on the caller's goroutine: one that ignores its context holds it.
type Client struct {
	provider *Provider
	log      *slog.Logger
	do       operations
	idle     func()          // closes idle connections of an HTTP client of our own
	note     func(...string) // told of secrets among the parameters; nil: nobody is
	host     func(Use) error // Env.Host
	once     sync.Once
	closed   error
}

// operations are what a provider can do, its client's type forgotten.
type operations struct {
	query, notify func(context.Context, source.Value) (any, error)
	prepare       func(source.Value) (Prepared, error)
	subscribe     func(source.Value) (Stream, error)
	converse      func(context.Context, source.Value, Talk) (any, error)
	pull          func(context.Context) ([]Alert, error)
	check         func(context.Context) error
	close         func() error
}

// Query asks, for a step. Beside an error the result is nil.
func (c *Client) Query(ctx context.Context, with source.Value) (any, error) {
	return c.call(ctx, "query", c.do.query, c.provider.Query, with)
}

// A Prepared is a call of Query with parameters that have been read. It is made as often as
// there is something to ask, also several times at once.
type Prepared func(context.Context) (any, error)

// Prepare reads the parameters of calls that are all the same, so that Query need not read
// them each time; nil: this provider's Query does that, and there is nothing to prepare.
// What the calls return is what Query would.
func (c *Client) Prepare(ctx context.Context, with source.Value) (query Prepared, err error) {
	if c.do.prepare == nil {
		return nil, nil
	}
	var do Prepared
	err = c.guard(ctx, "query", func() (err error) {
		if err := c.admit(c.provider.Query, with); err != nil {
			return err
		}
		do, err = c.do.prepare(with)
		return err
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (result any, err error) {
		err = c.guard(ctx, "query", func() (err error) {
			result, err = do(ctx)
			return err
		})
		return result, err
	}, nil
}

// Notify tells, for an action. Beside an error the result is nil.
func (c *Client) Notify(ctx context.Context, with source.Value) (any, error) {
	return c.call(ctx, "notify", c.do.notify, c.provider.Notify, with)
}

// Subscribe emits alerts as they come, until ctx is done or emit returns an error,
// which it returns.
func (c *Client) Subscribe(ctx context.Context, with source.Value, emit func(Alert) error) error {
	return c.guard(ctx, "subscribe", func() error {
		stream, err := c.stream(with)
		if err != nil {
			return err
		}
		return stream(ctx, emit)
	})
}

// stream reads the parameters of a stream. There may be thousands that listen, and what
// this takes of the stack would stay with each of them.
func (c *Client) stream(with source.Value) (Stream, error) {
	if c.do.subscribe == nil {
		return nil, ErrUnsupported
	}
	return apart(func() (Stream, error) {
		if err := c.admit(c.provider.Subscribe, with); err != nil {
			return nil, err
		}
		return c.do.subscribe(with)
	})
}

// Pull returns the alerts that there are now.
func (c *Client) Pull(ctx context.Context) (alerts []Alert, err error) {
	err = c.guard(ctx, "pull", func() (err error) {
		if c.do.pull == nil {
			return ErrUnsupported
		}
		alerts, err = c.do.pull(ctx)
		return err
	})
	return alerts, err
}

// Check says whether the configuration works, changing nothing at the vendor.
func (c *Client) Check(ctx context.Context) error {
	return c.guard(ctx, "check", func() error {
		if c.do.check == nil {
			return ErrUnsupported
		}
		return c.do.check(ctx)
	})
}

// Close lets go of what the client holds. It may be called twice, and returns the
// same each time; calls under way are not waited for.
func (c *Client) Close() error {
	c.once.Do(func() {
		c.closed = c.guard(context.Background(), "close", func() error {
			if c.do.close == nil {
				return nil
			}
			return c.do.close()
		})
		if c.idle != nil {
			c.idle()
		}
	})
	return c.closed
}

func (c *Client) call(ctx context.Context, op string, fn func(context.Context, source.Value) (any, error), o *Operation, with source.Value) (result any, err error) {
	err = c.guard(ctx, op, func() (err error) {
		if fn == nil {
			return ErrUnsupported
		}
		if err := c.admit(o, with); err != nil {
			return err
		}
		result, err = fn(ctx, with)
		return err
	})
	return result, err
}

// admit says what of the parameters is not permitted, and tells of what in them is secret.
func (c *Client) admit(o *Operation, with source.Value) error {
	if err := c.permits(o, with); err != nil {
		return err
	}
	c.noteSecrets(o, with)
	return nil
}

// guard calls fn unless ctx is done, and makes an *Error of its error or panic.
func (c *Client) guard(ctx context.Context, op string, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("provider panicked", "op", op, "panic", fmt.Sprint(p), "stack", stackOf(p))
			err = &Error{Provider: c.provider.Type, Op: op, Err: fmt.Errorf("bug in the provider: panic: %v", p)}
		}
	}()
	if ctx.Err() != nil {
		return wrap(c.provider.Type, op, Stopped(ctx))
	}
	return wrap(c.provider.Type, op, fn())
}

// stackOf is the stack of a panic that has just been recovered from.
func stackOf(p any) string {
	if elsewhere, ok := p.(*panicked); ok {
		return string(elsewhere.stack)
	}
	return string(debug.Stack())
}
