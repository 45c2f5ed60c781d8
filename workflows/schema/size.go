package schema

import (
	"math"
	"strconv"
	"strings"
)

// A ByteSize is a number of bytes, written as a number or as "64KiB", "32MB". The
// units are B, kB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB (of 1024), in
// upper or lower case.
type ByteSize int64

// units are from the largest to the smallest, and at the same size the binary one
// first.
var units = []struct {
	name string
	size int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12},
	{"GiB", 1 << 30}, {"GB", 1e9},
	{"MiB", 1 << 20}, {"MB", 1e6},
	{"KiB", 1 << 10}, {"kB", 1e3},
	{"B", 1},
}

// ParseByteSize reads a size; false if text is none. Fractions of a byte are cut
// off.
func ParseByteSize(text string) (ByteSize, bool) {
	text = strings.TrimSpace(text)
	unit := int64(1)
	for _, u := range units {
		if n := len(text) - len(u.name); n >= 0 && strings.EqualFold(text[n:], u.name) {
			text, unit = strings.TrimRight(text[:n], " "), u.size
			break
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n < 0 || n > math.MaxInt64/unit {
			return 0, false
		}
		return ByteSize(n * unit), true
	}
	f, ok := finite(text)
	if f *= float64(unit); !ok || f < 0 || f >= math.MaxInt64 {
		return 0, false
	}
	return ByteSize(f), true
}

// String is the size in the largest unit that it is a whole number of: "64KiB",
// "32MB", "1500B".
func (s ByteSize) String() string {
	best, unit := int64(s), "B"
	for _, u := range units {
		if n := int64(s) / u.size; s != 0 && int64(s)%u.size == 0 && abs(n) < abs(best) {
			best, unit = n, u.name
		}
	}
	return strconv.FormatInt(best, 10) + unit
}

// MarshalText is String.
func (s ByteSize) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
