package server

import (
	"syscall"
	"unsafe"
)

// memoryCounters is PROCESS_MEMORY_COUNTERS_EX of psapi.h.
type memoryCounters struct {
	size, faults               uint32
	peakWorkingSet, workingSet uintptr
	peakPagedPool, pagedPool   uintptr
	peakNonPaged, nonPaged     uintptr
	pagefile, peakPagefile     uintptr
	private                    uintptr
}

func systemFigures(p *sheet) {
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return
	}
	var made, ended, kernel, user syscall.Filetime
	if syscall.GetProcessTimes(self, &made, &ended, &kernel, &user) == nil {
		p.value(counter, "process_cpu_seconds_total", "Time of processors that was used.", used(kernel)+used(user))
	}
	kernel32 := syscall.NewLazyDLL("kernel32.dll")
	var handles uint32
	if ok, _, _ := kernel32.NewProc("GetProcessHandleCount").Call(uintptr(self), uintptr(unsafe.Pointer(&handles))); ok != 0 {
		p.value(gauge, "process_open_fds", "Handles that are open.", float64(handles))
	}
	memory := memoryCounters{size: uint32(unsafe.Sizeof(memoryCounters{}))}
	if ok, _, _ := kernel32.NewProc("K32GetProcessMemoryInfo").Call(uintptr(self), uintptr(unsafe.Pointer(&memory)), uintptr(memory.size)); ok != 0 {
		p.value(gauge, "process_virtual_memory_bytes", "Memory that is the process's alone.", float64(memory.private))
		p.value(gauge, "process_resident_memory_bytes", "Memory that is used.", float64(memory.workingSet))
	}
}

// used is a duration in units of 100 ns, in seconds.
func used(t syscall.Filetime) float64 {
	return float64(uint64(t.HighDateTime)<<32|uint64(t.LowDateTime)) / 1e7
}
