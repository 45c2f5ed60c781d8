package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// bare does the network part of checks, and nothing besides.
func bare(in io.Reader, out io.Writer) error {
	return obey(in, out, func(words string) (any, error) {
		var kind, url string
		var n, ms int
		if _, err := fmt.Sscan(words, &kind, &url, &n, &ms); err != nil {
			return nil, err
		}
		if kind == "late" {
			return late(url, n, time.Duration(ms)*time.Millisecond)
		}
		return asFastAsItCan(url, n, time.Duration(ms)*time.Millisecond)
	})
}

// A tempo is how fast a bare loop was.
type tempo struct {
	Rate float64 // checks a second
	CPU  float64 // µs of the processor for each, of this process
}

// asFastAsItCan has n goroutines check for some time, one check after the other.
func asFastAsItCan(url string, n int, limit time.Duration) (tempo, error) {
	used, err := processorTime("self")
	if err != nil {
		return tempo{}, err
	}
	var all sync.WaitGroup
	var count atomic.Int64
	errs := make(chan error, n)
	begin := time.Now()
	for range n {
		all.Go(func() {
			for time.Since(begin) < limit {
				if err := check(url); err != nil {
					errs <- err
					return
				}
				count.Add(1)
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	close(errs)
	if err := <-errs; err != nil {
		return tempo{}, err
	}
	now, err := processorTime("self")
	checks := float64(count.Load())
	return tempo{checks / took.Seconds(), float64((now - used).Microseconds()) / checks}, err
}

// A delay is how late checks of a bare loop began.
type delay struct {
	Late     []float64 // ms
	Resident int64     // bytes, at most
}

// late has n goroutines check every so often, spread over that time, twice each.
func late(url string, n int, every time.Duration) (delay, error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var d delay
	var failed error
	begin := time.Now()
	for i := range n {
		all.Go(func() {
			due := begin.Add(every * time.Duration(i) / time.Duration(n))
			for range 2 {
				time.Sleep(time.Until(due))
				ms := float64(time.Since(due).Microseconds()) / 1000
				err := check(url)
				mu.Lock()
				d.Late = append(d.Late, ms)
				if err != nil {
					failed = err
				}
				mu.Unlock()
				due = due.Add(every)
			}
		})
	}
	all.Wait()
	u, err := usageOf("self")
	if d.Resident = u.peak; failed == nil {
		failed = err
	}
	return d, failed
}

func check(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.MessageText, []byte("ping")); err != nil {
		return err
	}
	if _, _, err := c.Read(ctx); err != nil {
		return err
	}
	return c.Close(websocket.StatusNormalClosure, "")
}
