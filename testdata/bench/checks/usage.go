package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A usage is what a process has.
type usage struct {
	resident, peak int64 // bytes
	descriptors    int
	threads        int
}

// usageOf reads it of the process with that id, or "self".
func usageOf(pid string) (u usage, err error) {
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			u.resident = n << 10
		case "VmHWM":
			u.peak = n << 10
		case "Threads":
			u.threads = int(n)
		}
	}
	open, err := filepath.Glob("/proc/" + pid + "/fd/*")
	u.descriptors = len(open)
	return u, err
}

// tick is the unit of times in /proc: USER_HZ, which is 100 on all that Go runs on.
const tick = 10 * time.Millisecond

// processorTime is what the process used of the processors.
func processorTime(pid string) (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, err
	}
	// The name of the program, which may have spaces, is in parentheses.
	fields := strings.Fields(string(text)[strings.LastIndex(string(text), ")")+1:])
	var sum int64
	for _, i := range []int{11, 12} { // utime and stime
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%s/stat: %w", pid, err)
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}
