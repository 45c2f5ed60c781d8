package templating

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"tocsin/templating/value"
)

// strptime reads a time in Python's format: %Y-%m-%dT%H:%M:%S%z. Without a zone the
// time is naive.
func strptime(text, format string) (time.Time, error) {
	p := &timeParts{rest: text, month: 1, day: 1, year: 1900, zone: value.Naive}
	for format != "" && p.err == nil {
		format = p.next(format)
	}
	if p.err == nil && p.rest != "" {
		p.err = fmt.Errorf("%q is left over", p.rest)
	}
	t, ok := p.time()
	if p.err == nil && !ok {
		p.err = fmt.Errorf("there is no such day or time")
	}
	if p.err != nil {
		return t, fmt.Errorf("time %q does not match the format: %w", text, p.err)
	}
	return t, nil
}

// timeParts are the parts of a time as they are read.
type timeParts struct {
	rest                        string
	year, month, day            int
	hour, minute, second, nanos int
	yearDay                     int
	afternoon, twelve           bool
	zone                        *time.Location
	err                         error
}

// next reads what the format begins with, and returns the rest of the format.
func (p *timeParts) next(format string) string {
	c := format[0]
	switch {
	case unicode.IsSpace(rune(c)):
		trimmed := strings.TrimLeftFunc(p.rest, unicode.IsSpace)
		if trimmed == p.rest {
			p.want("white space")
		}
		p.rest = trimmed
		return strings.TrimLeftFunc(format, unicode.IsSpace)
	case c != '%' || len(format) == 1:
		if p.rest == "" || p.rest[0]|0x20 != c|0x20 {
			p.want(strconv.Quote(format[:1]))
			return ""
		}
		p.rest = p.rest[1:]
		return format[1:]
	}
	switch format[1] {
	case 'c':
		return "%a %b %d %H:%M:%S %Y" + format[2:]
	case 'x':
		return "%m/%d/%y" + format[2:]
	case 'X':
		return "%H:%M:%S" + format[2:]
	}
	p.directive(format[1])
	return format[2:]
}

func (p *timeParts) directive(c byte) {
	switch c {
	case 'Y':
		p.year = p.number(4, 4)
	case 'y':
		p.year = 1900 + p.number(2, 2)
		if p.year < 1969 {
			p.year += 100
		}
	case 'm':
		p.month = p.number(1, 2)
	case 'd':
		p.day = p.number(1, 2)
	case 'j':
		p.yearDay = p.number(1, 3)
	case 'H':
		p.hour = p.number(1, 2)
	case 'I':
		p.hour, p.twelve = p.number(1, 2), true
		if p.hour < 1 || p.hour > 12 {
			p.want("an hour from 1 to 12")
		}
	case 'M':
		p.minute = p.number(1, 2)
	case 'S':
		p.second = p.number(1, 2)
	case 'f':
		digits := digitsIn(p.rest)
		n := p.number(1, 6)
		for i := min(digits, 6); i < 9; i++ {
			n *= 10
		}
		p.nanos = n
	case 'b', 'B', 'h':
		p.month = p.name(months[:])
	case 'a', 'A':
		p.name(weekdays[:])
	case 'p':
		p.afternoon = p.name([]string{"am", "pm"}) == 2
	case 'z':
		p.offset()
	case 'Z':
		p.name([]string{"utc", "gmt"})
	case '%':
		if !strings.HasPrefix(p.rest, "%") {
			p.want(`"%"`)
			return
		}
		p.rest = p.rest[1:]
	default:
		p.err = fmt.Errorf("%%%c is no directive that is known here", c)
	}
}

func digitsIn(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// number reads that many digits.
func (p *timeParts) number(least, most int) int {
	n := min(digitsIn(p.rest), most)
	if n < least {
		p.want("a number")
		return 0
	}
	i, _ := strconv.Atoi(p.rest[:n])
	p.rest = p.rest[n:]
	return i
}

var months = [12]string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}

var weekdays = [7]string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// name reads one of the names, whole or its first three letters; the first is 1.
func (p *timeParts) name(names []string) int {
	for _, whole := range [...]bool{true, false} {
		for i, name := range names {
			if !whole {
				name = name[:min(3, len(name))]
			}
			if len(p.rest) >= len(name) && strings.EqualFold(p.rest[:len(name)], name) {
				p.rest = p.rest[len(name):]
				return i + 1
			}
		}
	}
	p.want("a name such as " + names[0])
	return 0
}

// offset reads Z, +02:00, +0200 or +02.
func (p *timeParts) offset() {
	zone, rest, ok := readOffset(p.rest)
	if !ok {
		p.want("an offset such as +0200")
		return
	}
	p.zone, p.rest = zone, rest
}

// readOffset reads a zone as a number from the front of text.
func readOffset(text string) (zone *time.Location, rest string, ok bool) {
	if rest, ok := strings.CutPrefix(text, "Z"); ok {
		return time.UTC, rest, true
	}
	if text == "" || text[0] != '+' && text[0] != '-' {
		return nil, text, false
	}
	rest = text[1:]
	var parts [3]int
	for i := range parts {
		if i > 0 {
			rest = strings.TrimPrefix(rest, ":")
		}
		if digitsIn(rest) < 2 {
			break
		}
		parts[i], _ = strconv.Atoi(rest[:2])
		rest = rest[2:]
		ok = true
	}
	seconds := parts[0]*3600 + parts[1]*60 + parts[2]
	if !ok || parts[0] > 23 || parts[1] > 59 || parts[2] > 59 {
		return nil, text, false
	}
	if text[0] == '-' {
		seconds = -seconds
	}
	if seconds == 0 {
		return time.UTC, rest, true
	}
	return time.FixedZone("", seconds), rest, true
}

func (p *timeParts) want(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("want %s at %q", what, p.rest)
	}
}

// time is the whole, and whether there is such a day and time.
func (p *timeParts) time() (time.Time, bool) {
	if p.twelve {
		p.hour %= 12
		if p.afternoon {
			p.hour += 12
		}
	}
	if p.yearDay > 0 {
		first := time.Date(p.year, 1, p.yearDay, 0, 0, 0, 0, time.UTC)
		if first.Year() != p.year {
			return first, false
		}
		p.month, p.day = int(first.Month()), first.Day()
	}
	return exactTime(p.year, p.month, p.day, p.hour, p.minute, p.second, p.nanos, p.zone)
}

// exactTime says whether there is such a day and time: no 30 February, no 25:00.
func exactTime(year, month, day, hour, minute, second, nanos int, zone *time.Location) (time.Time, bool) {
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	same := t.Year() == year && int(t.Month()) == month && t.Day() == day &&
		t.Hour() == hour && t.Minute() == minute && t.Second() == second
	return inZone(t, zone), same && 1 <= year && year <= 9999
}
