package templating

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// parseDate reads the many ways in which people and programs write times: ISO 8601,
// RFC 2822, "May 6 2024 5:30 PM", "06/05/2024 17:30" (the month first, unless it
// cannot be one), "20240506T073000". What is not said is today's, the time of day
// midnight. A time without a zone is one of now's zone.
func parseDate(text string, now time.Time) (time.Time, bool) {
	d := readDate(text, now)
	if d.bad || !d.said {
		return time.Time{}, false
	}
	return d.time()
}

// parseTime is parseDate for a text that says which day it means, all of it: what a
// time is compared with. Without a zone it is in UTC.
func parseTime(text string) (time.Time, bool) {
	d := readDate(text, time.Unix(0, 0).UTC())
	if d.bad || !d.wholeDay() {
		return time.Time{}, false
	}
	return d.time()
}

func readDate(text string, now time.Time) *dateReader {
	const longest = 100
	d := &dateReader{rest: strings.TrimSpace(text), hour: -1, zone: now.Location(), now: now}
	if len(text) > longest {
		d.bad = true
	}
	for d.rest != "" && !d.bad {
		d.token()
	}
	return d
}

// wholeDay says that day, month and year were read.
func (d *dateReader) wholeDay() bool {
	return d.n == 3 || d.n == 2 && d.month > 0
}

// dateReader collects the parts of a date from left to right.
type dateReader struct {
	rest    string
	now     time.Time
	zone    *time.Location
	zoned   bool
	said    bool // something of a date or time was read
	bad     bool
	clocked bool // the time of day was the last thing read: + or - is its offset
	dotted  bool // a dot was the last separator

	numbers [3]dateNumber // of the day, month and year, in the order they stand
	n       int
	month   int // by name
	weekday int // by name, Monday is 1

	hour, minute, second, nanos int // hour is -1 until there is one
}

// A dateNumber is a number of a date; a long one is a year.
type dateNumber struct {
	n    int
	long bool
}

// token reads a number, a name, or a separator.
func (d *dateReader) token() {
	c := d.rest[0]
	switch {
	case c >= '0' && c <= '9':
		d.number()
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		d.word()
	case (c == '+' || c == '-') && d.clocked:
		d.offset()
	case strings.IndexByte(" \t,./-;()", c) >= 0:
		d.dotted = c == '.'
		d.rest = d.rest[1:]
	default:
		d.bad = true
	}
}

func (d *dateReader) offset() {
	zone, rest, ok := readOffset(d.rest)
	d.bad = !ok
	d.rest = rest
	d.clocked = false
	d.setZone(zone)
}

func (d *dateReader) setZone(zone *time.Location) { d.zone, d.zoned = zone, true }

func (d *dateReader) number() {
	digits := d.rest[:digitsIn(d.rest)]
	after := d.rest[len(digits):]
	switch {
	case strings.HasPrefix(after, ":"):
		d.clock()
		return
	case len(digits) >= 6:
		d.compact(digits)
	case d.hour < 0 && isHalf(after):
		d.hour, _ = strconv.Atoi(digits)
		d.said = true
	case d.unit(digits, after):
		return
	default:
		d.dateNumber(digits)
		if !d.dotted {
			after = withoutFraction(after)
		}
	}
	d.rest = after
}

// unit reads the h, m or s behind a number, as in 10h36m28.5s.
func (d *dateReader) unit(digits, after string) bool {
	fraction := len(after) - len(withoutFraction(after))
	end := fraction
	for end < len(after) && unicode.IsLetter(rune(after[end])) {
		end++
	}
	n, _ := strconv.Atoi(digits)
	switch strings.ToLower(after[fraction:end]) {
	case "h", "hour", "hours":
		d.hour = n
	case "m", "minute", "minutes":
		d.minute = n
	case "s", "second", "seconds":
		d.second = n
		d.rest = after
		d.fraction()
	default:
		return false
	}
	d.hour, d.said, d.rest = max(d.hour, 0), true, after[end:]
	return true
}

// withoutFraction is text without the .5 that it begins with. In 6.5.2024 there is none.
func withoutFraction(text string) string {
	rest, ok := strings.CutPrefix(text, ".")
	n := digitsIn(rest)
	if !ok || n == 0 || strings.HasPrefix(rest[n:], ".") {
		return text
	}
	return rest[n:]
}

// isHalf says that "am" or "pm" comes next.
func isHalf(s string) bool {
	s = strings.TrimLeft(s, " ")
	if len(s) < 2 || s[1]|0x20 != 'm' || s[0]|0x20 != 'a' && s[0]|0x20 != 'p' {
		return false
	}
	return len(s) == 2 || !unicode.IsLetter(rune(s[2]))
}

func (d *dateReader) dateNumber(digits string) {
	if d.n == len(d.numbers) {
		d.bad = true
		return
	}
	n, _ := strconv.Atoi(digits)
	d.clocked = false
	d.numbers[d.n] = dateNumber{n, len(digits) > 2 || n > 31}
	d.n++
	d.said = true
}

// clock reads 10:30, 10:30:15 or 10:30:15.25.
func (d *dateReader) clock() {
	if d.hour >= 0 {
		d.bad = true
		return
	}
	d.said, d.clocked = true, true
	d.hour = d.digits(2)
	d.rest = d.rest[1:]
	d.minute = d.digits(2)
	if rest, ok := strings.CutPrefix(d.rest, ":"); ok {
		d.rest = rest
		d.second = d.digits(2)
		d.fraction()
	}
}

// digits reads one to so many digits.
func (d *dateReader) digits(most int) int {
	n := digitsIn(d.rest)
	if n == 0 || n > most {
		d.bad = true
		n = min(n, most)
	}
	i, _ := strconv.Atoi(d.rest[:n])
	d.rest = d.rest[n:]
	return i
}

func (d *dateReader) fraction() {
	if len(d.rest) < 2 || d.rest[0] != '.' && d.rest[0] != ',' || digitsIn(d.rest[1:]) == 0 {
		return
	}
	n := digitsIn(d.rest[1:])
	text := (d.rest[1:1+n] + "000000")[:6]
	micros, _ := strconv.Atoi(text)
	d.nanos = micros * int(time.Microsecond)
	d.rest = d.rest[1+n:]
}

// compact reads 20240506, 240506, 202405060730, 20240506073015, and, behind a date,
// 073015.
func (d *dateReader) compact(digits string) {
	if len(digits)%2 == 1 || len(digits) > 14 {
		d.bad = true
		return
	}
	d.said = true
	if d.n > 0 {
		d.compactTime(digits)
		return
	}
	year := 4
	if len(digits) == 6 || len(digits) == 10 {
		year = 2
	}
	d.dateNumber(digits[:year])
	d.dateNumber(digits[year : year+2])
	d.dateNumber(digits[year+2 : year+4])
	if rest := digits[year+4:]; rest != "" {
		d.compactTime(rest)
	}
}

func (d *dateReader) compactTime(digits string) {
	if d.hour >= 0 || len(digits) > 6 {
		d.bad = true
		return
	}
	d.clocked = true
	parts := []*int{&d.hour, &d.minute, &d.second}
	for i := 0; i+2 <= len(digits); i += 2 {
		*parts[i/2], _ = strconv.Atoi(digits[i : i+2])
	}
}

// letterZones are the zones that RFC 2822 gives a meaning.
var letterZones = map[string]int{
	"z": 0, "utc": 0, "gmt": 0, "ut": 0,
	"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
}

// word reads the name of a month, day or zone, am or pm, and words without meaning.
func (d *dateReader) word() {
	end := strings.IndexFunc(d.rest, func(r rune) bool { return !unicode.IsLetter(r) })
	if end < 0 {
		end = len(d.rest)
	}
	written := d.rest[:end]
	name := strings.ToLower(written)
	d.rest = d.rest[end:]
	hours, zone := letterZones[name]
	switch {
	case name == "t" && (d.n > 0 || digitsIn(d.rest) > 0):
		d.timeBehindT()
	case name == "am" || name == "pm":
		d.half(name == "pm")
	case zone && (d.hour >= 0 || d.n > 0):
		d.setZone(hoursZone(hours))
		d.fromZone()
	case nameIn(months[:], name) > 0 && d.month == 0:
		d.month, d.said = nameIn(months[:], name), true
	case nameIn(weekdays[:], name) > 0:
		d.weekday, d.said = nameIn(weekdays[:], name), true
	case d.n > 0 && (name == "st" || name == "nd" || name == "rd" || name == "th"):
	case name == "at" || name == "on" || name == "of" || name == "and" || name == "the":
	case d.hour >= 0 && !d.zoned && isZoneName(written):
	default:
		d.bad = true
	}
}

// isZoneName says that a word could be the abbreviation of a zone, which nobody knows:
// the time is read as if there were none.
func isZoneName(word string) bool {
	return len(word) >= 3 && len(word) <= 5 && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// fromZone reads the +3 of GMT+3, by which GMT is three hours later.
func (d *dateReader) fromZone() {
	if len(d.rest) < 2 || d.rest[0] != '+' && d.rest[0] != '-' || digitsIn(d.rest[1:]) == 0 {
		return
	}
	n := digitsIn(d.rest[1:])
	hours, _ := strconv.Atoi(d.rest[1 : 1+n])
	if n > 2 || hours > 23 {
		d.bad = true
		return
	}
	if d.rest[0] == '+' {
		hours = -hours
	}
	d.rest = d.rest[1+n:]
	d.setZone(hoursZone(hours))
}

func hoursZone(hours int) *time.Location {
	if hours == 0 {
		return time.UTC
	}
	return time.FixedZone("", hours*60*60)
}

// nameIn is the position, from 1, of a name or of its first three or four letters.
func nameIn(names []string, name string) int {
	for i, n := range names {
		if name == n || len(name) >= 3 && len(name) <= 4 && strings.HasPrefix(n, name) {
			return i + 1
		}
	}
	return 0
}

// timeBehindT reads the 0730 of 2024-05-06T0730; anything else is read as always.
func (d *dateReader) timeBehindT() {
	n := digitsIn(d.rest)
	if n != 2 && n != 4 || strings.HasPrefix(d.rest[n:], ":") {
		return
	}
	d.compactTime(d.rest[:n])
	d.rest = d.rest[n:]
}

func (d *dateReader) half(afternoon bool) {
	if d.hour < 1 || d.hour > 12 {
		d.bad = true
		return
	}
	d.hour %= 12
	if afternoon {
		d.hour += 12
	}
}

// time puts the parts together.
func (d *dateReader) time() (time.Time, bool) {
	year, month, day, ok := d.date()
	if !ok {
		return time.Time{}, false
	}
	return exactTime(year, month, day, max(d.hour, 0), d.minute, d.second, d.nanos, d.zone)
}

// date decides which number is the year, the month and the day.
func (d *dateReader) date() (year, month, day int, ok bool) {
	year, month, day = d.now.Year(), int(d.now.Month()), d.now.Day()
	order, ok := d.order()
	if d.month > 0 {
		month = d.month
	}
	dayGiven := false
	for i, what := range order {
		n := d.numbers[i]
		switch what {
		case 'y':
			year = d.century(n)
		case 'm':
			month = n.n
		case 'd':
			day, dayGiven = n.n, true
		}
	}
	if last := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day(); !dayGiven {
		day = min(day, last)
	}
	if d.weekday > 0 && !dayGiven {
		t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
		t = t.AddDate(0, 0, (d.weekday-int(t.Weekday())+7)%7)
		return t.Year(), int(t.Month()), t.Day(), ok
	}
	return year, month, day, ok
}

// order says what each number is: a letter of y, m, d each.
func (d *dateReader) order() (string, bool) {
	a, b := d.numbers[0], d.numbers[1]
	switch {
	case d.n == 0:
		return "", true
	case d.month > 0 && d.n == 1 && a.long:
		return "y", true
	case d.n == 1 && a.long:
		return "y", true
	case d.n == 1:
		return "d", true
	case d.month > 0 && d.n == 2 && a.long:
		return "yd", true
	case d.month > 0 && d.n == 2:
		return "dy", true
	case d.month > 0:
		return "", false
	case a.long:
		return "ymd"[:d.n], true
	case d.n == 2 && b.long:
		return "my", true
	case a.n > 12:
		return "dmy"[:d.n], true
	}
	return "mdy"[:d.n], true
}

// century is the year that is meant by one of two digits: the nearest to now.
func (d *dateReader) century(n dateNumber) int {
	if n.n > 99 {
		return n.n
	}
	year := d.now.Year() - d.now.Year()%100 + n.n
	switch {
	case year >= d.now.Year()+50:
		year -= 100
	case year < d.now.Year()-50:
		year += 100
	}
	return year
}
