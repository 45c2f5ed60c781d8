package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A limit is what context.WithTimeoutCause would give, whether somebody waits for it
// before it ends or looks at it afterwards.
func TestLimitIsATimeout(t *testing.T) {
	cause := errors.New("the call took too long")
	ends := map[string]func(stop func(), above context.CancelFunc){
		"its time is over":            func(func(), context.CancelFunc) { time.Sleep(time.Minute) },
		"it is stopped":               func(stop func(), _ context.CancelFunc) { stop() },
		"what is above it is stopped": func(_ func(), above context.CancelFunc) { above() },
		"it is stopped too late":      func(stop func(), _ context.CancelFunc) { time.Sleep(time.Hour); stop() },
		"nothing happens":             func(func(), context.CancelFunc) {},
	}
	for name, end := range ends {
		for _, waited := range []string{"nobody waits", "somebody waits", "somebody waits below"} {
			t.Run(name+", "+waited, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					got := outcomeOf(t, waited, end, func(ctx context.Context) (context.Context, func()) { return limited(ctx, time.Minute, cause) })
					want := outcomeOf(t, waited, end, func(ctx context.Context) (context.Context, func()) {
						return context.WithTimeoutCause(ctx, time.Minute, cause)
					})
					if got != want {
						t.Errorf("got %+v, want %+v", got, want)
					}
				})
			})
		}
	}
}

// An outlook is what can be seen of a context.
type outlook struct {
	err, cause error
	done       bool
	below      error // of a context that was made of it
	left       time.Duration
	value      any
}

func outcomeOf(t *testing.T, waited string, end func(func(), context.CancelFunc), of func(context.Context) (context.Context, func())) outlook {
	type key struct{}
	above, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
	defer cancel()
	ctx, stop := of(above)
	defer stop()
	deadline, _ := ctx.Deadline()
	s := outlook{left: time.Until(deadline)}
	below := ctx
	switch waited {
	case "somebody waits":
		ctx.Done()
	case "somebody waits below":
		var done context.CancelFunc
		below, done = context.WithCancel(ctx)
		defer done()
	}
	end(stop, cancel)
	synctest.Wait()
	s.err, s.cause, s.below, s.value = ctx.Err(), context.Cause(ctx), below.Err(), ctx.Value(key{})
	select {
	case <-ctx.Done():
		s.done = true
	default:
	}
	return s
}

// A limit ends no later than what is above it, for that one's reason.
func TestLimitBelowALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sooner, later := errors.New("the run"), errors.New("the call")
		run, stop := limited(t.Context(), time.Minute, sooner)
		defer stop()
		call, stop := limited(run, time.Hour, later)
		defer stop()
		if end, ok := call.Deadline(); !ok || time.Until(end) != time.Minute {
			t.Errorf("it ends in %v", time.Until(end))
		}
		<-call.Done()
		if got := context.Cause(call); got != sooner {
			t.Errorf("it ended because of %v", got)
		}
	})
}
