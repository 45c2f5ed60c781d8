package cmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// An interruption is the signal that ended a command.
type interruption struct{ os.Signal }

func (i interruption) Error() string { return i.String() + " signal received" }

// Is says that whoever was interrupted was canceled.
func (interruption) Is(target error) bool { return target == context.Canceled }

// heedless is how long a signal ends the process as it ends any other: what takes no
// longer has nothing to bring to an end. To heed signals takes three threads, which a
// short run would wait for longer than for anything else.
const heedless = 20 * time.Millisecond

// untilSignal is a context that ends with SIGINT or SIGTERM, once they are heeded: soon,
// or from when heed is called. Who cannot wait sends it again: then the process ends as
// if nobody had minded.
func untilSignal() (ctx context.Context, heed, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	heed = sync.OnceFunc(func() {
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
		go func() {
			select {
			case s := <-signals:
				signal.Stop(signals)
				cancel(interruption{s})
			case <-ctx.Done():
			}
		}()
	})
	soon := time.AfterFunc(heedless, heed)
	return ctx, heed, func() {
		soon.Stop()
		signal.Stop(signals)
		cancel(nil)
	}
}

// terminated says that ctx ended because somebody, or a supervisor, asked the process to
// come to its end, which is no reason to complain.
func terminated(ctx context.Context) bool {
	i, ok := errors.AsType[interruption](context.Cause(ctx))
	return ok && i.Signal == syscall.SIGTERM
}
