//go:build !linux

package dial

import "time"

func setUserTimeout(uintptr, time.Duration) error { return nil }
