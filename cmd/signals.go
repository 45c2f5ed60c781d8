package cmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// An interruption is the signal that ended a command.
type interruption struct{ os.Signal }

func (i interruption) Error() string { return i.String() + " signal received" }

// Is says that whoever was interrupted was canceled.
func (interruption) Is(target error) bool { return target == context.Canceled }

// untilSignal is a context that ends with SIGINT or SIGTERM. Who cannot wait sends it
// again: then the process ends as if nobody had minded.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(interruption{s})
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, func() { cancel(nil) }
}

// terminated says that ctx ended because somebody, or a supervisor, asked the process to
// come to its end, which is no reason to complain.
func terminated(ctx context.Context) bool {
	i, ok := errors.AsType[interruption](context.Cause(ctx))
	return ok && i.Signal == syscall.SIGTERM
}
