package main

import (
	"fmt"
	"time"
)

// cost is what a check takes of the processor where a hundred are to be made a second,
// by how many workflows they are of.
func (b *bench) cost() error {
	sizes := []struct {
		n      int
		period string
	}{
		{100, "1s"}, {1000, "10s"}, {10_000, "100s"},
	}
	each := make([][]float64, len(sizes))
	for turn := range b.turns {
		for i, size := range sizes {
			t, err := b.steady(fmt.Sprint("cost", turn, "-", size.n), checksOf(size.n, every(size.period), b.address.Echo))
			if err != nil {
				return err
			}
			fmt.Printf("%6d workflows: %5.0f checks a second, %5.0f µs each\n", size.n, t.Rate, t.CPU)
			each[i] = append(each[i], t.CPU)
		}
	}
	few, many := middle(each[0]), middle(each[len(each)-1])
	b.add(figure{Key: "serve.check.cpu", What: "processor time of a check, of 10,000 workflows", Value: many, Unit: "µs"})
	b.add(figure{Key: "serve.check.ratio", What: "the same, times that of a check of 100 workflows", Value: many / few, Unit: "x", Goal: 1.25})
	return nil
}

// steady is the tempo of a site once the runs of its start are over.
func (b *bench) steady(name string, workflows []string) (t tempo, err error) {
	s, err := b.site(name, workflows...)
	if err != nil {
		return t, err
	}
	if _, err := b.serve(s); err != nil {
		return t, err
	}
	defer b.ends(s, &err)
	if err := b.settled(s, len(workflows)); err != nil {
		return t, err
	}
	return b.tempo(s)
}

// settled waits until n runs are over and nothing is behind: all workflows that are new
// run at once.
func (b *bench) settled(s *site, n int) error {
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(100 * time.Millisecond) {
		runs, err := s.metric("tocsin_runs_total")
		if err != nil {
			return err
		}
		behind, err := s.metric("tocsin_queue_jobs")
		if err != nil {
			return err
		}
		if runs >= float64(n) && behind == 0 {
			time.Sleep(time.Second)
			return nil
		}
	}
	return fmt.Errorf("%d workflows have not all run within a minute", n)
}
