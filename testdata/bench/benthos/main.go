// Benthos is a Benthos (Redpanda Connect's engine) that listens to a websocket and drops
// what it hears: what BenchmarkBenthos is measured against. It is a module of its own,
// so that the program has nothing to do with what it needs.
//
//	go run . ws://127.0.0.1:8080
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "benthos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string) error {
	b := service.NewStreamBuilder()
	err := b.SetYAML("input: {websocket: {url: " + strconv.Quote(url) + "}}\noutput: {drop: {}}\nlogger: {level: ERROR}\n")
	if err != nil {
		return err
	}
	stream, err := b.Build()
	if err != nil {
		return err
	}
	return stream.Run(ctx)
}
