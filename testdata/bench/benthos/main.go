// Benthos is a Benthos (Redpanda Connect's engine) that listens to a websocket and drops
// what it hears: what BenchmarkBenthos is measured against. It is a module of its own,
// so that the program has nothing to do with what it needs.
//
//	go run . ws://127.0.0.1:8080
//
// Given the file of a configuration it runs that instead: then it is a peer to talk to.
//
//	go run . peer.yaml
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"

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

func run(ctx context.Context, what string) error {
	config := "input: {websocket: {url: " + strconv.Quote(what) + "}}\noutput: {drop: {}}\nlogger: {level: ERROR}\n"
	if !strings.Contains(what, "://") {
		text, err := os.ReadFile(what)
		if err != nil {
			return err
		}
		config = string(text)
	}
	b := service.NewStreamBuilder()
	if err := b.SetYAML(config); err != nil {
		return err
	}
	stream, err := b.Build()
	if err != nil {
		return err
	}
	return stream.Run(ctx)
}
