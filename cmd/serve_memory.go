package cmd

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	// spare is how much garbage there may be beside what is in use. Go's own rule is as
	// much again, which is little for a few workflows and a lot for ten thousand.
	spare = 32 << 20
	// thriftEvery is how often it is looked what is in use.
	thriftEvery = 10 * time.Second
)

// thrift keeps the memory that is not in use about the same, however many workflows there
// are, until ctx is done. Where GOGC or GOMEMLIMIT say something it does nothing.
func (f *fleet) thrift(ctx context.Context) error {
	if f.getenv("GOGC") != "" || f.getenv("GOMEMLIMIT") != "" {
		return nil
	}
	debug.FreeOSMemory() // of reading the workflows
	tick := time.NewTicker(thriftEvery)
	defer tick.Stop()
	set := 100
	before := debug.SetGCPercent(set)
	defer debug.SetGCPercent(before)
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		set = percent(m.NextGC * 100 / uint64(100+set)) // of what the last collection left
		debug.SetGCPercent(set)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// percent is what GOGC is to be where so many bytes are in use: spare of it, within
// bounds beyond which garbage would be collected all the time, or hardly ever.
func percent(live uint64) int {
	return int(min(max(100*spare/max(live, 1), 25), 400))
}
