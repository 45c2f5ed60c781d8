//go:build unix

package server

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

func systemFigures(p *sheet) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		p.value(counter, "process_cpu_seconds_total", "Time of processors that was used.", float64(usage.Utime.Nano()+usage.Stime.Nano())/1e9)
	}
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		p.value(gauge, "process_max_fds", "How many files and sockets may be open.", float64(files.Cur))
	}
	if open, err := os.ReadDir("/dev/fd"); err == nil {
		p.value(gauge, "process_open_fds", "Files and sockets that are open.", float64(len(open)-1)) // but for that folder
	}
	// proc(5): size and resident, in pages. Only Linux has it.
	pages, _ := os.ReadFile("/proc/self/statm")
	if fields := bytes.Fields(pages); len(fields) > 1 {
		size, _ := strconv.ParseInt(string(fields[0]), 10, 64)
		resident, _ := strconv.ParseInt(string(fields[1]), 10, 64)
		p.value(gauge, "process_virtual_memory_bytes", "Addresses that are mapped.", float64(size*int64(os.Getpagesize())))
		p.value(gauge, "process_resident_memory_bytes", "Memory that is used.", float64(resident*int64(os.Getpagesize())))
	}
}
