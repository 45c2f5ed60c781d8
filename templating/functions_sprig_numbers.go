package templating

import (
	"math"
	"time"
)

// sprigNumbers calculate; those that end in f with fractions.
func sprigNumbers() []sprigRow {
	return []sprigRow{
		{
			name: "int", params: "(value)",
			doc:     "The value as an integer; 0 if it is none.",
			example: `{{ "3" | int }} == 3`,
		},
		{
			name: "int64", params: "(value)",
			doc:     "The value as an integer; 0 if it is none.",
			example: `{{ "3" | int64 }} == 3`,
		},
		{
			name: "float64", params: "(value)",
			doc:     "The value as a number; 0 if it is none.",
			example: `{{ "1.5" | float64 }} == 1.5`,
		},
		{
			name: "toDecimal", params: "(octal)",
			doc:     "The integer that an octal number says.",
			example: `{{ "0777" | toDecimal }} == 511`,
		},
		{
			name: "add", params: "(*numbers)",
			doc:     "The sum of the integers.",
			example: "{{ 2 | add 1 }} == 3",
		},
		{
			name: "add1", params: "(number)",
			doc:     "The integer and one.",
			example: "{{ 2 | add1 }} == 3",
		},
		{
			name: "sub", params: "(first, second)",
			doc:     "The first integer less the second.",
			example: "{{ 2 | sub 5 }} == 3",
		},
		{
			name: "mul", params: "(first, *numbers)",
			doc:     "The product of the integers.",
			example: "{{ 2 | mul 3 }} == 6",
		},
		{
			name: "div", params: "(first, second)",
			doc:     "The first integer divided by the second, without the fraction.",
			example: "{{ 2 | div 7 }} == 3",
		},
		{
			name: "mod", params: "(first, second)",
			doc:     "The remainder of the division of the first integer by the second.",
			example: "{{ 2 | mod 7 }} == 1",
		},
		{
			name: "max", params: "(first, *numbers)",
			doc:     "The largest of the integers.",
			example: "{{ 2 | max 1 }} == 2",
			more:    "biggest",
		},
		{
			name: "min", params: "(first, *numbers)",
			doc:     "The smallest of the integers.",
			example: "{{ 2 | min 1 }} == 1",
		},
		{
			name: "addf", params: "(*numbers)",
			doc:     "The sum of the numbers.",
			example: "{{ 2 | addf 1.5 }} == 3.5",
		},
		{
			name: "add1f", params: "(number)",
			doc:     "The number and one.",
			example: "{{ 1.5 | add1f }} == 2.5",
		},
		{
			name: "subf", params: "(first, *numbers)",
			doc:     "The first number less the others.",
			example: "{{ 2 | subf 7.5 }} == 5.5",
		},
		{
			name: "mulf", params: "(first, *numbers)",
			doc:     "The product of the numbers.",
			example: "{{ 2 | mulf 1.5 }} == 3",
		},
		{
			name: "divf", params: "(first, *numbers)",
			doc:     "The first number divided by the others.",
			example: "{{ 2 | divf 5 }} == 2.5",
		},
		{
			name: "maxf", params: "(first, *numbers)",
			doc:     "The largest of the numbers.",
			example: "{{ 2.5 | maxf 1 }} == 2.5",
		},
		{
			name: "minf", params: "(first, *numbers)",
			doc:     "The smallest of the numbers.",
			example: "{{ 2.5 | minf 1 }} == 1",
		},
		{
			name: "ceil", params: "(number)",
			doc:     "The number rounded up.",
			example: "{{ 1.2 | ceil }} == 2",
		},
		{
			name: "floor", params: "(number)",
			doc:     "The number rounded down.",
			example: "{{ 1.8 | floor }} == 1",
		},
		{
			name: "round", params: "(number, places, *up)",
			doc:     "The number rounded to so many places; from which fraction on up is 0.5 unless given.",
			example: "{{ 2 | round 1.256 }} == 1.26",
		},
		{
			name: "until", params: "(count)",
			doc:     "The integers from 0 up to the count, at most 10,000.",
			example: "{{ 3 | until }} == [0, 1, 2]",
			size:    func(a *Args) float64 { return math.Abs(float64(a.Int(0))) / 10_000 * maxGrown },
		},
	}
}

// sprigTimes work on times, texts that say one, and seconds since 1970, in the zone that
// they are given in. Layouts are Go's: 2006-01-02 15:04:05.
func sprigTimes() []sprigRow {
	return []sprigRow{
		{
			name: "now", params: "()",
			doc:     "The time.",
			example: "{{ now() | unixEpoch | int }} > 1700000000",
			call:    func(a *Args) any { return a.Now() },
		},
		{
			name: "date", params: "(layout, time)",
			doc:     "The time in a layout.",
			example: `{{ "2024-05-06T07:08:09Z" | date "02.01.2006 15:04" }} == "06.05.2024 07:08"`,
			call:    func(a *Args) any { return a.moment(1).Format(a.String(0)) },
		},
		{
			name: "dateInZone", params: "(layout, time, zone)",
			doc:     "The time in a layout and a zone.",
			example: `{{ dateInZone("15:04", "2024-05-06T07:08:09Z", "Asia/Tokyo") }} == "16:08"`,
			more:    "date_in_zone",
			call:    func(a *Args) any { return a.zoned(1, 2).Format(a.String(0)) },
		},
		{
			name: "htmlDate", params: "(time)",
			doc:     "The day, as 2006-01-02.",
			example: `{{ "May 6 2024 5:30 PM" | htmlDate }} == "2024-05-06"`,
			call:    func(a *Args) any { return a.moment(0).Format(time.DateOnly) },
		},
		{
			name: "htmlDateInZone", params: "(time, zone)",
			doc:     "The day in a zone, as 2006-01-02.",
			example: `{{ htmlDateInZone("2024-05-06T22:00:00Z", "Asia/Tokyo") }} == "2024-05-07"`,
			call:    func(a *Args) any { return a.zoned(0, 1).Format(time.DateOnly) },
		},
		{
			name: "dateModify", params: "(duration, time)",
			doc:     "The time so much later; earlier for -1h30m.",
			example: `{{ "2024-05-06T07:08:09Z" | dateModify "-1h" | date "15:04" }} == "06:08"`,
			more:    "date_modify mustDateModify must_date_modify",
			call:    dateModified,
		},
		{
			name: "toDate", params: "(layout, text)",
			doc:     "The time that a text in this layout says.",
			example: `{{ "06.05.2024" | toDate "02.01.2006" | htmlDate }} == "2024-05-06"`,
			more:    "mustToDate",
			call:    toDate,
		},
		{
			name: "ago", params: "(time)",
			doc:     "How long ago the time was, in seconds.",
			example: `{{ now() | ago }} == "0s"`,
			call:    ago,
		},
		{
			name: "unixEpoch", params: "(time)",
			doc:     "The time in seconds since 1970, as text.",
			example: `{{ "2024-05-06T10:00:00Z" | unixEpoch }} == "1714989600"`,
			call:    unixEpoch,
		},
		{
			name: "duration", params: "(seconds)",
			doc:     "So many seconds as a duration.",
			example: `{{ 95 | duration }} == "1m35s"`,
			printed: true,
		},
		{
			name: "durationRound", params: "(duration)",
			doc:     "The duration in its largest unit.",
			example: `{{ "2h10m5s" | durationRound }} == "2h"`,
			printed: true,
		},
	}
}
