package server

import (
	"runtime"
	"runtime/debug"
	"time"
)

// readProcess reads what the system knows of the process, under the names by which
// dashboards ask any program. What a system does not tell is left out.
func readProcess(began time.Time) func(*sheet) {
	return func(p *sheet) {
		p.value(gauge, "process_start_time_seconds", "When the process began, in seconds since 1970.", float64(began.UnixMilli())/1000)
		systemFigures(p)
	}
}

// readRuntime reads what Go's runtime knows of itself, under the names by which
// dashboards ask any program in Go. Package runtime/metrics knows more, and has a table
// of it that every start of the program would have to make.
func readRuntime(p *sheet) {
	p.family(gauge, "go_info", "Which Go the program was built with; always 1.", "version").add(1, runtime.Version())
	threads, _ := runtime.ThreadCreateProfile(nil)
	p.value(gauge, "go_threads", "Threads of the system that were made.", float64(threads))
	p.value(gauge, "go_goroutines", "Goroutines that there are.", float64(runtime.NumGoroutine()))
	p.value(gauge, "go_sched_gomaxprocs_threads", "How many threads may run Go at a time (GOMAXPROCS).", float64(runtime.GOMAXPROCS(0)))
	p.value(gauge, "go_gc_gomemlimit_bytes", "What memory Go tries to stay below (GOMEMLIMIT).", float64(debug.SetMemoryLimit(-1)))
	readPauses(p)
	readMemory(p)
}

// readPauses reads for how long the garbage collector stopped everything.
func readPauses(p *sheet) {
	st := debug.GCStats{PauseQuantiles: make([]time.Duration, 5)}
	debug.ReadGCStats(&st)
	f := p.family(summary, "go_gc_duration_seconds", "For how long collections of garbage stopped everything.")
	f.points = []float64{0, 0.25, 0.5, 0.75, 1}
	s := series{sum: st.PauseTotal.Seconds(), count: float64(st.NumGC)}
	for _, q := range st.PauseQuantiles {
		s.at = append(s.at, q.Seconds())
	}
	f.put(s)
}

func readMemory(p *sheet) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for _, f := range []struct {
		kind, name, help string
		value            uint64
	}{
		{gauge, "alloc_bytes", "Memory of objects on the heap.", m.Alloc},
		{counter, "alloc_bytes_total", "Memory that was allocated on the heap, also what is free again.", m.TotalAlloc},
		{counter, "mallocs_total", "Objects that were allocated on the heap.", m.Mallocs},
		{counter, "frees_total", "Objects on the heap that are free again.", m.Frees},
		{gauge, "heap_objects", "Objects on the heap.", m.HeapObjects},
		{gauge, "heap_alloc_bytes", "Memory of objects on the heap, as go_memstats_alloc_bytes.", m.HeapAlloc},
		{gauge, "heap_inuse_bytes", "Memory of the heap that is in use.", m.HeapInuse},
		{gauge, "heap_idle_bytes", "Memory of the heap that waits to be used.", m.HeapIdle},
		{gauge, "heap_released_bytes", "Memory of the heap that was given back.", m.HeapReleased},
		{gauge, "heap_sys_bytes", "Memory of the heap, from the system.", m.HeapSys},
		{gauge, "next_gc_bytes", "Size of the heap at which garbage is collected next.", m.NextGC},
		{gauge, "stack_inuse_bytes", "Memory of goroutines' stacks.", m.StackInuse},
		{gauge, "stack_sys_bytes", "Memory of stacks, from the system.", m.StackSys},
		{gauge, "mspan_inuse_bytes", "Memory of the allocator's spans that are in use.", m.MSpanInuse},
		{gauge, "mspan_sys_bytes", "Memory of the allocator's spans, from the system.", m.MSpanSys},
		{gauge, "mcache_inuse_bytes", "Memory of the allocator's caches that are in use.", m.MCacheInuse},
		{gauge, "mcache_sys_bytes", "Memory of the allocator's caches, from the system.", m.MCacheSys},
		{gauge, "buck_hash_sys_bytes", "Memory of profiles.", m.BuckHashSys},
		{gauge, "gc_sys_bytes", "Memory of the garbage collector.", m.GCSys},
		{gauge, "other_sys_bytes", "Memory of the runtime's other parts.", m.OtherSys},
		{gauge, "sys_bytes", "Memory from the system, all together.", m.Sys},
	} {
		p.value(f.kind, "go_memstats_"+f.name, f.help, float64(f.value))
	}
	p.value(gauge, "go_memstats_last_gc_time_seconds", "When garbage was last collected, in seconds since 1970.", float64(m.LastGC)/1e9)
}
