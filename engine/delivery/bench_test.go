package delivery

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// BenchmarkDeliver is what runs do: 16 at the same time, to a real server, each message
// on disk before it is sent and after.
func BenchmarkDeliver(b *testing.B) {
	l := newLedger(b)
	bench := newBench(b, map[string]*ledger{"ops": l})
	var n atomic.Int64
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := bench.tell(fmt.Sprintf("k%d", n.Add(1)), "ops"); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkBacklog is what the loop does with messages that wait: for 16 destinations.
func BenchmarkBacklog(b *testing.B) {
	l := newLedger(b)
	dests := map[string]*ledger{}
	for i := range 16 {
		dests[number(i)] = l
	}
	bench := newBench(b, dests, func(l *Lane) { l.Digest = -1 })
	for i := range b.N {
		bench.queue(number(i%16), fmt.Sprintf("k%d", i))
	}
	b.ResetTimer()
	stop := bench.running()
	bench.settled()
	b.StopTimer()
	stop()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}
