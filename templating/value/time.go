package value

import (
	"strconv"
	"time"
)

// Naive is the location of a time that was written without a zone: it prints
// without an offset and counts as UTC where an instant is needed.
var Naive = time.FixedZone("naive", 0)

// ISO is t as Python's isoformat prints it: 2024-05-06T07:08:09.123456+00:00, the
// fraction only where there is one, the offset unless t is Naive.
func ISO(t time.Time) string { return string(appendTime(nil, t, 'T')) }

// appendTime has microseconds, as Python's times do.
func appendTime(dst []byte, t time.Time, between byte) []byte {
	dst = t.AppendFormat(dst, "2006-01-02")
	dst = append(dst, between)
	dst = t.AppendFormat(dst, "15:04:05")
	if micros(t) != 0 {
		dst = t.AppendFormat(dst, ".000000")
	}
	if t.Location() == Naive {
		return dst
	}
	_, offset := t.Zone()
	if offset%60 != 0 {
		return t.AppendFormat(dst, "-07:00:00")
	}
	return t.AppendFormat(dst, "-07:00")
}

func micros(t time.Time) int { return t.Nanosecond() / int(time.Microsecond) }

func appendDate(dst []byte, d Date) []byte {
	return time.Date(d.Year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC).AppendFormat(dst, time.DateOnly)
}

// appendTimeRepr leaves out what Python leaves out: zero microseconds, and then
// zero seconds.
func appendTimeRepr(dst []byte, t time.Time) []byte {
	parts := [...]int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), micros(t)}
	n := len(parts)
	for n > 5 && parts[n-1] == 0 {
		n--
	}
	dst = appendCall(dst, "datetime.datetime", parts[:n]...)
	if t.Location() == Naive {
		return dst
	}
	dst = append(dst[:len(dst)-1], ", tzinfo="...)
	return append(appendZone(dst, t), ')')
}

func appendZone(dst []byte, t time.Time) []byte {
	_, offset := t.Zone()
	switch {
	case offset == 0:
		return append(dst, "datetime.timezone.utc"...)
	case offset < 0:
		dst = append(dst, "datetime.timezone(datetime.timedelta(days=-1, seconds="...)
		offset += 24 * 60 * 60
	default:
		dst = append(dst, "datetime.timezone(datetime.timedelta(seconds="...)
	}
	return append(strconv.AppendInt(dst, int64(offset), 10), "))"...)
}

func appendCall(dst []byte, name string, args ...int) []byte {
	dst = append(append(dst, name...), '(')
	for i, arg := range args {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = strconv.AppendInt(dst, int64(arg), 10)
	}
	return append(dst, ')')
}
