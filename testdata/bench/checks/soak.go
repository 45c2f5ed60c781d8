package main

import (
	"fmt"
	"time"
)

// soak is what of the program grows over ten thousand runs. Before them it has a fifth
// as many, which fill what is kept and used again. All workflows run when a second
// begins, so that nothing is under way when it ends.
func (b *bench) soak() (err error) {
	const workflows, runs = 250, 10_000
	s, err := b.site("soak", checksOf(workflows, "{type: interval, every: 1s, jitter: 0s}", b.address.Echo)...)
	if err != nil {
		return err
	}
	if _, err := b.serve(s); err != nil {
		return err
	}
	defer b.ends(s, &err)
	before, err := b.after(s, runs/5)
	if err != nil {
		return err
	}
	now, err := b.after(s, runs)
	if err != nil {
		return err
	}
	fmt.Printf("%-8s %10s %11s %10s\n", "", "goroutines", "descriptors", "heap")
	for _, row := range []struct {
		name string
		holdings
	}{{"before", before}, {"after", now}} {
		fmt.Printf("%-8s %10.0f %11.0f %6.1f MiB\n", row.name, row.goroutines, row.descriptors, row.heap/(1<<20))
	}
	b.add(figure{Key: "serve.soak.goroutines", What: "goroutines more after 10,000 runs", Value: max(0, now.goroutines-before.goroutines), Goal: 0.5})
	b.add(figure{Key: "serve.soak.descriptors", What: "descriptors more after 10,000 runs", Value: max(0, now.descriptors-before.descriptors), Goal: 0.5})
	b.add(figure{Key: "serve.soak.heap", What: "growth of the heap over 10,000 runs", Value: 100 * (now.heap/before.heap - 1), Unit: "%", Goal: 5})
	return nil
}

// Holdings are what a program has when nothing is under way.
type holdings struct{ goroutines, descriptors, heap float64 }

// after waits for so many runs more, and says what is held then: the least of some
// looks over three seconds.
func (b *bench) after(s *site, more float64) (least holdings, err error) {
	begun, err := s.metric("tocsin_runs_total")
	if err != nil {
		return least, err
	}
	for runs := begun; runs < begun+more; {
		time.Sleep(200 * time.Millisecond)
		if runs, err = s.metric("tocsin_runs_total"); err != nil {
			return least, err
		}
	}
	for i := range 60 {
		time.Sleep(50 * time.Millisecond)
		h, err := s.holds()
		if err != nil {
			return least, err
		}
		if i == 0 {
			least = h
		}
		least = holdings{min(least.goroutines, h.goroutines), min(least.descriptors, h.descriptors), min(least.heap, h.heap)}
	}
	return least, nil
}

// holds is what s has now. The heap is what the last collection left, which Go doubles
// to say when the next is due.
func (s *site) holds() (h holdings, err error) {
	for name, into := range map[string]*float64{
		"go_goroutines": &h.goroutines, "process_open_fds": &h.descriptors, "go_memstats_next_gc_bytes": &h.heap,
	} {
		if *into, err = s.metric(name); err != nil {
			return h, err
		}
	}
	return h, nil
}
