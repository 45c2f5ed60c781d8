package main

import (
	"fmt"
	"time"
)

// refusal is how long it takes from when an endpoint refuses until Slack has the
// message. Each of some endpoints refuses every other time, so that each alert fires
// anew.
func (b *bench) refusal() (err error) {
	const endpoints = 20
	var workflows []string
	for i := range endpoints {
		name := fmt.Sprintf("flip-%02d", i)
		workflows = append(workflows, checkOf(name, every("1s"), b.address.Flip+name))
	}
	s, err := b.site("refusal", workflows...)
	if err != nil {
		return err
	}
	if _, err := b.serve(s); err != nil {
		return err
	}
	defer b.ends(s, &err)
	if err := b.settled(s, endpoints); err != nil {
		return err
	}
	if _, err := askFor[[]float64](b.server, "told"); err != nil {
		return err
	}
	time.Sleep(max(10*time.Second, b.time))
	ms, err := askFor[[]float64](b.server, "told")
	if err != nil {
		return err
	}
	if len(ms) < 3*endpoints {
		return fmt.Errorf("%d messages to Slack are too few of %d endpoints", len(ms), endpoints)
	}
	fmt.Printf("%d refusals: p50 %.1f ms, p99 %.1f ms, most %.1f ms\n", len(ms), at(ms, 0.5), at(ms, 0.99), at(ms, 1))
	b.add(figure{Key: "serve.refusal.p50", What: "from refusal to Slack's server, half of them within", Value: at(ms, 0.5), Unit: "ms"})
	b.add(figure{Key: "serve.refusal.p99", What: "from refusal to Slack's server, p99", Value: at(ms, 0.99), Unit: "ms", Goal: 150})
	return nil
}
