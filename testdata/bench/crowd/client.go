package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	coder "github.com/coder/websocket"

	"tocsin/providers"
	"tocsin/providers/websocket"
	"tocsin/workflows/source"
)

// crowd connects n clients to the server at address, says that they are, and does what
// it is told, until nobody does any more.
func crowd(role, address, size string, in io.Reader, out io.Writer) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	follow, err := follower(ctx, role, "ws://"+address)
	if err != nil {
		return err
	}
	var greeted sync.WaitGroup
	// One more than is counted: what the first takes with it is not theirs.
	greeted.Add(1)
	go follow(ctx, sync.OnceFunc(greeted.Done))
	greeted.Wait()
	before, err := resident()
	if err != nil {
		return err
	}
	// Some at a time, as a program does that starts: the server's queue is not endless.
	gate := make(chan struct{}, 64)
	for range n {
		gate <- struct{}{}
		greeted.Add(1)
		go follow(ctx, sync.OnceFunc(func() { greeted.Done(); <-gate }))
	}
	greeted.Wait()
	fmt.Fprintln(out, "connected")
	for lines := bufio.NewScanner(in); lines.Scan(); {
		time.Sleep(3 * time.Second) // idle
		now, err := resident()
		if err != nil {
			return err
		}
		for range 3 { // each halves the stacks that are larger than they need to be
			debug.FreeOSMemory()
		}
		least, err := resident()
		if err != nil {
			return err
		}
		fmt.Fprintln(out, float64(now-before)/1024/float64(n), float64(least-before)/1024/float64(n))
	}
	return nil
}

// follower is a function that listens to url until ctx is done, and says when it has
// heard something.
func follower(ctx context.Context, role, url string) (func(context.Context, func()), error) {
	if role == "library" {
		return func(ctx context.Context, heard func()) { bare(ctx, url, heard) }, nil
	}
	pool := providers.NewPool(providers.NewRegistry(websocket.Provider), providers.Env{})
	client, err := pool.ClientWith(ctx, "websocket", source.Value{})
	if err != nil {
		return nil, err
	}
	with := source.Of(map[string]any{"url": url, "proxy_url": "direct"})
	return func(ctx context.Context, heard func()) {
		stop(client.Subscribe(ctx, with, func(providers.Alert) error { heard(); return nil }))
	}, nil
}

// bare listens with the library alone.
func bare(ctx context.Context, url string, heard func()) {
	c, _, err := coder.Dial(ctx, url, nil)
	go func() { // with a stack that dialling has not made larger
		for err == nil {
			if _, _, err = c.Read(ctx); err == nil {
				heard()
			}
		}
		if ctx.Err() == nil {
			stop(err)
		}
	}()
}

func stop(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

// resident is how many bytes of the process are in memory.
func resident() (n int64, err error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, pages int64
	_, err = fmt.Sscan(string(text), &size, &pages)
	return pages * int64(os.Getpagesize()), err
}
