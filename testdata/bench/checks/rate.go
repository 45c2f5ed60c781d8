package main

import (
	"fmt"
	"time"
)

// rate has the bare loop and tocsin check as fast as they can, by turns. Tocsin has as
// many workflows every second as the bare loop made checks in one, so that there is more
// to do than it can.
func (b *bench) rate() error {
	var ratios []float64
	fmt.Printf("%-6s %12s %12s %8s %14s %14s\n", "turn", "bare", "tocsin", "ratio", "bare µs each", "tocsin µs each")
	for turn := range b.turns {
		loop, err := b.loop()
		if err != nil {
			return err
		}
		ours, err := b.flatOut(fmt.Sprint("rate", turn), int(loop.Rate))
		if err != nil {
			return err
		}
		fmt.Printf("%-6d %10.0f/s %10.0f/s %8.2f %14.0f %14.0f\n", turn+1, loop.Rate, ours.Rate, ours.Rate/loop.Rate, loop.CPU, ours.CPU)
		ratios = append(ratios, ours.Rate/loop.Rate)
	}
	b.add(figure{Key: "serve.rate.ratio", What: "checks a second, times a bare loop", Value: middle(ratios), Unit: "x", Goal: 0.8, AtLeast: true})
	return nil
}

// loop is a turn of the bare loop.
func (b *bench) loop() (tempo, error) {
	return askFor[tempo](b.bare, "rate", b.address.Echo, 64, b.time.Milliseconds())
}

// flatOut is a turn of tocsin with n workflows a second.
func (b *bench) flatOut(name string, n int) (t tempo, err error) {
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

// tempo is how many checks a second s does now. What counts is a run that is in the
// store.
func (b *bench) tempo(s *site) (t tempo, err error) {
	runs, err := s.metric("tocsin_runs_total")
	if err != nil {
		return t, err
	}
	used, err := processorTime(s.pid)
	if err != nil {
		return t, err
	}
	begin := time.Now()
	time.Sleep(b.time)
	now, err := processorTime(s.pid)
	if err != nil {
		return t, err
	}
	more, err := s.metric("tocsin_runs_total")
	took := time.Since(begin)
	return tempo{(more - runs) / took.Seconds(), float64((now - used).Microseconds()) / (more - runs)}, err
}
