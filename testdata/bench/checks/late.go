package main

import (
	"fmt"
	"time"

	"tocsin/engine/store"
)

// late is how late checks begin where there are as many workflows as a large site has,
// every ten seconds, and what memory that takes; and how late those of a bare loop do.
func (b *bench) late() error {
	const period = 10 * time.Second
	bare, err := start("-role", "bare")
	if err != nil {
		return err
	}
	loop, err := askFor[delay](bare, "late", b.address.Echo, b.workflows, period.Milliseconds())
	bare.end()
	if err != nil {
		return err
	}
	runs, most, err := b.onTime(period)
	if err != nil {
		return err
	}
	var ours []float64
	for _, r := range runs {
		ours = append(ours, float64(r.Started.Sub(r.Due).Microseconds())/1000)
	}
	fmt.Printf("%-8s %9s %9s %9s %9s %9s %12s\n", "ms late", "checks", "p50", "p95", "p99", "most", "resident")
	row := func(name string, list []float64, resident int64) {
		fmt.Printf("%-8s %9d %9.2f %9.2f %9.2f %9.2f %8.0f MiB\n", name, len(list), at(list, 0.5), at(list, 0.95), at(list, 0.99), at(list, 1), float64(resident)/(1<<20))
	}
	row("bare", loop.Late, loop.Resident)
	row("tocsin", ours, most)
	b.add(figure{Key: "serve.late.p99", What: "lateness, p99", Value: at(ours, 0.99), Unit: "ms", Goal: 15})
	b.add(figure{Key: "serve.late.bare", What: "lateness of the bare loop, p99", Value: at(loop.Late, 0.99), Unit: "ms"})
	b.add(figure{Key: "serve.late.ratio", What: "lateness, p99, times that of the bare loop", Value: at(ours, 0.99) / at(loop.Late, 0.99), Unit: "x"})
	b.add(figure{Key: "serve.late.memory", What: "resident memory", Value: float64(most) / (1 << 20), Unit: "MiB", Goal: 200})
	return nil
}

// onTime are the runs of two periods, and the most memory that was resident then.
func (b *bench) onTime(period time.Duration) (runs []store.Run, most int64, err error) {
	s, err := b.site("late", checksOf(b.workflows, every(period.String()), b.address.Echo)...)
	if err != nil {
		return nil, 0, err
	}
	if _, err := b.serve(s); err != nil {
		return nil, 0, err
	}
	err = b.settled(s, b.workflows)
	from := time.Now()
	for err == nil && time.Since(from) < 2*period {
		time.Sleep(period / 20)
		var u usage
		u, err = usageOf(s.pid)
		most = max(most, u.resident)
	}
	to := time.Now()
	b.ends(s, &err)
	if err != nil {
		return nil, 0, err
	}
	runs, err = s.runs(from, to)
	if want := 2 * b.workflows; err == nil && len(runs) < want*95/100 {
		err = fmt.Errorf("%d runs in two periods of %d workflows", len(runs), b.workflows)
	}
	return runs, most, err
}
