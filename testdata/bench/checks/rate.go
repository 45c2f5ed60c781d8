package main

import (
	"fmt"
	"time"
)

// rate has the bare loop and tocsin check as fast as they can, by turns. What one gets of
// a machine that others use too says little, and so what each takes of the processor,
// the server's part included, is set beside it: that is what they would do alone.
func (b *bench) rate() error {
	var ratios, alone []float64
	fmt.Printf("%-6s %12s %12s %8s %14s %14s %8s\n", "turn", "bare", "tocsin", "ratio", "bare µs each", "tocsin µs each", "ratio")
	for turn := range b.turns {
		loop, err := b.loop()
		if err != nil {
			return err
		}
		ours, err := b.flatOut(fmt.Sprint("rate", turn), loop.Rate)
		if err != nil {
			return err
		}
		ratios = append(ratios, ours.Rate/loop.Rate)
		alone = append(alone, loop.CPU/ours.CPU)
		fmt.Printf("%-6d %10.0f/s %10.0f/s %8.2f %14.0f %14.0f %8.2f\n", turn+1, loop.Rate, ours.Rate, ratios[turn], loop.CPU, ours.CPU, alone[turn])
	}
	b.add(figure{Key: "serve.rate.ratio", What: "checks a second, times a bare loop", Value: middle(ratios), Unit: "x", Goal: 0.8, AtLeast: true})
	b.add(figure{Key: "serve.rate.alone", What: "the same by what each takes of the processor", Value: middle(alone), Unit: "x", Goal: 0.8, AtLeast: true})
	return nil
}

// loop is a turn of the bare loop.
func (b *bench) loop() (tempo, error) {
	served, err := processorTime(b.server.pid())
	if err != nil {
		return tempo{}, err
	}
	t, err := askFor[tempo](b.bare, "rate", b.address.Echo, 64, b.time.Milliseconds())
	if err != nil {
		return t, err
	}
	now, err := processorTime(b.server.pid())
	t.CPU += float64((now - served).Microseconds()) / (t.Rate * b.time.Seconds())
	return t, err
}

// flatOut is a turn of tocsin at the most that it can: with more workflows every second
// each time, from a part of what the bare loop made of checks in one, until a tenth of them
// are left out. What there is no time for is recorded too, and so it is not to be much.
func (b *bench) flatOut(name string, loop float64) (best tempo, err error) {
	for n := 0.4 * loop; ; n *= 1.2 {
		t, err := b.flatOutOf(name, int(n))
		if err != nil {
			return t, err
		}
		if t.Rate > best.Rate {
			best = t
		}
		if t.Rate < 0.9*n {
			return best, nil
		}
	}
}

// flatOutOf is a turn with n workflows a second.
func (b *bench) flatOutOf(name string, n int) (t tempo, err error) {
	s, err := b.site(name, checksOf(n, every("1s"), b.address.Echo)...)
	if err != nil {
		return t, err
	}
	if _, err := b.serve(s); err != nil {
		return t, err
	}
	defer b.ends(s, &err)
	time.Sleep(2 * time.Second) // each runs once at the start
	return b.tempo(s)
}

// tempo is how many checks a second s does now, and what each takes of the processor,
// with what the server does for it. What counts is a run that is in the store.
func (b *bench) tempo(s *site) (t tempo, err error) {
	begin := time.Now()
	before, err := b.account(s)
	if err != nil {
		return t, err
	}
	time.Sleep(b.time)
	after, err := b.account(s)
	runs := after.runs - before.runs
	used := after.used - before.used
	return tempo{runs / time.Since(begin).Seconds(), float64(used.Microseconds()) / runs}, err
}

// An account is what a site did so far, and what that took.
type account struct {
	runs float64
	used time.Duration
}

func (b *bench) account(s *site) (a account, err error) {
	if a.runs, err = s.metric("tocsin_runs_total"); err != nil {
		return a, err
	}
	for _, pid := range []string{s.pid, b.server.pid()} {
		used, err := processorTime(pid)
		if err != nil {
			return a, err
		}
		a.used += used
	}
	return a, nil
}
