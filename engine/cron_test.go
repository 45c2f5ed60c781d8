package engine

import (
	"errors"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestCron(t *testing.T) {
	tests := []struct{ name, cron, zone, from, want string }{
		{
			name: "a list, a range, a step and names",
			cron: "0,30 9-10 * jan-mar mon,wed", from: "2026-03-30T09:00",
			want: "03-30 09:30, 03-30 10:00, 03-30 10:30, 2027-01-04 09:00",
		},
		{name: "every quarter of an hour", cron: "*/15 * * * *", from: "2026-01-01T23:31", want: "01-01 23:45, 01-02 00:00"},
		{name: "a step from a number on", cron: "50/5 3 * * *", from: "2026-01-01T00:00", want: "01-01 03:50, 01-01 03:55, 01-02 03:50"},
		{name: "the moment itself is over", cron: "@hourly", from: "2026-01-01T05:00", want: "01-01 06:00"},
		{name: "Sunday is 0 and 7", cron: "0 0 * * 5-7", from: "2026-01-01T00:00", want: "01-02 00:00, 01-03 00:00, 01-04 00:00, 01-09 00:00"},
		{name: "a day of the month or of the week", cron: "0 0 13 * fri", from: "2026-02-01T00:00", want: "02-06 00:00, 02-13 00:00, 02-20 00:00, 02-27 00:00, 03-06 00:00, 03-13 00:00"},
		{name: "a step of days and a day of the week", cron: "0 0 */2 * mon", from: "2026-06-01T12:00", want: "06-15 00:00, 06-29 00:00"},
		{name: "months without the day are left out", cron: "0 0 31 * *", from: "2026-01-31T00:00", want: "03-31 00:00, 05-31 00:00"},
		{name: "the 29th of February waits", cron: "0 0 29 feb *", from: "2097-01-01T00:00", want: "2104-02-29 00:00"},
		{name: "words", cron: " @Yearly ", from: "2026-01-01T00:00", want: "2027-01-01 00:00"},

		{
			name: "a time that spring leaves out comes right after",
			cron: "30 2 * * *", zone: "America/New_York", from: "2026-03-07T00:00",
			want: "03-07 02:30, 03-08 03:00, 03-09 02:30",
		},
		{
			name: "several of them come as one",
			cron: "*/20 2,3 * * *", zone: "Europe/Vienna", from: "2026-03-29T00:00",
			want: "03-29 03:00, 03-29 03:20, 03-29 03:40, 03-30 02:00",
		},
		{
			name: "a time that autumn repeats comes once",
			cron: "30 1 * * *", zone: "America/New_York", from: "2026-10-31T12:00",
			want: "11-01 01:30, 11-02 01:30",
		},
		{
			name: "where every hour is meant, the repeated one counts twice",
			cron: "30 * * * *", zone: "America/New_York", from: "2026-11-01T00:00",
			want: "11-01 00:30, 11-01 01:30, 11-01 01:30, 11-01 02:30",
		},
		{
			name: "and the one left out does not",
			cron: "0 * * * *", zone: "Europe/Vienna", from: "2026-03-29T00:30",
			want: "03-29 01:00, 03-29 03:00",
		},
		{
			name: "a midnight that does not exist",
			cron: "@daily", zone: "Africa/Cairo", from: "2026-04-23T12:00",
			want: "04-24 01:00, 04-25 00:00",
		},
		{
			name: "half an hour",
			cron: "15 2 * * *", zone: "Australia/Lord_Howe", from: "2026-10-03T12:00",
			want: "10-04 02:30, 10-05 02:15",
		},
		{
			name: "a day that does not exist",
			cron: "0 12 * * *", zone: "Pacific/Apia", from: "2011-12-29T00:00",
			want: "12-29 12:00, 12-31 00:00, 12-31 12:00",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			zone := zoneOf(t, tt.zone)
			s, err := parseCron(tt.cron, zone)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.ParseInLocation("2006-01-02T15:04", tt.from, zone)
			if err != nil {
				t.Fatal(err)
			}
			year := at.Year()
			var got []string
			for range strings.Count(tt.want, ",") + 1 {
				at = s.next(at)
				layout := "01-02 15:04"
				if at.Year() != year {
					layout = "2006-01-02 15:04"
				}
				got = append(got, at.Format(layout))
			}
			if s := strings.Join(got, ", "); s != tt.want {
				t.Errorf("%s\nwant %s", s, tt.want)
			}
		})
	}
}

// What is refused, at which place, and what to write (design/reliability.md, S5).
func TestBadCron(t *testing.T) {
	tests := []struct {
		cron          string
		offset        int
		message, hint string
	}{
		{"TZ=0 * * * * *", 0, "a schedule has no time zone in it", "timezone: Europe/Vienna"},
		{"CRON_TZ=UTC 0 0 * * *", 0, "a schedule has no time zone in it", "timezone"},
		{"*/0 * * * *", 2, `a step of "0"`, "1 to 59"},
		{"*/60 * * * *", 2, `a step of "60"`, "1 to 59"},
		{"*/ * * * *", 2, `a step of ""`, "1 to 59"},
		{"0 0 30 2 *", 4, "such a day never comes", "fewer days"},
		{"0 0 31 4,6,sep,nov *", 4, "such a day never comes", "fewer days"},
		{"@every -1h", 0, "@every is no schedule", "every: 1h30m"},
		{"  @every 5m", 2, "@every is no schedule", "type interval"},
		{"@reboot", 0, `no schedule "@reboot"`, "@hourly"},
		{"", 0, "an empty schedule", "0 9 * * mon-fri"},
		{"* * * *", 0, "a schedule has five fields, not 4", "minute, hour"},
		{"* * * * * *", 0, "a schedule has five fields, not 6", "seconds are not taken"},
		{"60 * * * *", 0, `"60" is no minute`, "0 to 59"},
		{"0  24 * * *", 3, `"24" is no hour`, "0 to 23"},
		{"0 0 0 * *", 4, `"0" is no day of the month`, "1 to 31"},
		{"0 0 1 13 *", 6, `"13" is no month`, "jan to dec"},
		{"0 0 * * 1,8", 10, `"8" is no day of the week`, "sun to sat"},
		{"0 0 * * mon-fry", 12, `"fry" is no day of the week`, "sun to sat"},
		{"0 22-2 * * *", 2, `"22-2" goes backwards`, "22-23,0-2"},
		{"1,,2 * * * *", 2, `"" is no minute`, ""},
		{"+5 * * * *", 0, `"+5" is no minute`, ""},
		{"0 0 L * *", 4, `"L" is no day of the month`, ""},
		{"0 0 ? * mon", 4, `"?" is no day of the month`, ""},
		{strings.Repeat("*", 300), 0, "a schedule of more than 256 bytes", ""},
	}
	for _, tt := range tests {
		t.Run(tt.cron, func(t *testing.T) {
			_, err := parseCron(tt.cron, time.UTC)
			var e *cronError
			if !errors.As(err, &e) || e.message != tt.message || e.offset != tt.offset || !strings.Contains(e.hint, tt.hint) {
				t.Errorf("%+v", e)
			}
		})
	}
}

// cronZones change their clocks in all the ways there are: by an hour, by half of one,
// at midnight, to the south of the equator, in a month of fasting, never.
var cronZones = []string{
	"UTC", "Europe/Vienna", "Europe/Dublin", "America/New_York", "America/St_Johns", "America/Santiago",
	"Australia/Lord_Howe", "Asia/Kolkata", "Asia/Kathmandu", "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Pacific/Apia",
}

// A fixed time comes once on every date of a year, whatever the clocks do (S1).
func TestCronOnceADay(t *testing.T) {
	for _, name := range cronZones {
		for _, cron := range []string{"0 0 * * *", "30 1 * * *", "30 2 * * *", "59 23 * * *"} {
			s, err := parseCron(cron, zoneOf(t, name))
			if err != nil {
				t.Fatal(err)
			}
			at := time.Date(2026, 1, 1, 0, 0, 0, 0, s.zone).Add(-time.Second)
			date := at
			for range 366 {
				at = s.next(at)
				date = date.AddDate(0, 0, 1)
				if got, want := at.Format(time.DateOnly), date.Format(time.DateOnly); got != want {
					t.Fatalf("%s in %s comes on %s, not on %s", cron, name, got, want)
				}
			}
		}
	}
}

// Where every hour is meant, next is the first minute whose time on the wall fits.
func TestCronModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cron := rapid.SampledFrom([]string{"*", "0", "*/7", "5,35", "10-20/3"}).Draw(t, "minute") + " * " +
			rapid.SampledFrom([]string{"*", "1-31/5", "28-31"}).Draw(t, "day") + " " +
			rapid.SampledFrom([]string{"*", "3,4", "oct-nov"}).Draw(t, "month") + " " +
			rapid.SampledFrom([]string{"*", "0", "mon-fri", "6,7"}).Draw(t, "weekday")
		zone, err := time.LoadLocation(rapid.SampledFrom(cronZones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseCron(cron, zone)
		if err != nil {
			t.Fatal(err)
		}
		from := time.Unix(rapid.Int64Range(1767225600, 1798761600).Draw(t, "from"), 0)
		want := from.Truncate(time.Minute).Add(time.Minute)
		for range 200 * 24 * 60 {
			w := want.In(zone)
			if s.minutes&(1<<w.Minute()) != 0 && s.onDay(time.Date(w.Year(), w.Month(), w.Day(), 0, 0, 0, 0, time.UTC)) {
				break
			}
			want = want.Add(time.Minute)
		}
		if got := s.next(from); !got.Equal(want) && want.Sub(from) < 200*24*time.Hour {
			t.Fatalf("%s in %s after %v: %v, want %v", cron, zone, from.In(zone), got, want.In(zone))
		}
	})
}

func FuzzCron(f *testing.F) {
	for _, text := range []string{"0 9 * * mon-fri", "*/15 1-5/2 1,31 jan,feb 7", "@daily", "TZ=0 * * * * *", "0 0 30 2 *", "59 23 31 12 6", "0 0 29 2 *"} {
		f.Add(text, int64(1772928000), uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, from int64, zone uint8) {
		s, err := parseCron(text, zoneOf(t, cronZones[int(zone)%len(cronZones)]))
		if err != nil {
			var e *cronError
			if !errors.As(err, &e) || e.message == "" || e.offset < 0 || e.offset > len(text) {
				t.Fatalf("%q: %+v", text, err)
			}
			return
		}
		at := time.Unix(from%253402300800, 0)
		for range 5 {
			next := s.next(at)
			if next.IsZero() || !next.After(at) || next.Second() != 0 && next.Year() > 1980 {
				t.Fatalf("%q: %v comes after %v", text, next, at)
			}
			at = next
		}
	})
}

func BenchmarkCron(b *testing.B) {
	for _, cron := range []string{"*/5 * * * *", "0 9 * * mon-fri", "0 0 29 2 *"} {
		b.Run(cron, func(b *testing.B) {
			s, err := parseCron(cron, zoneOf(b, "Europe/Vienna"))
			if err != nil {
				b.Fatal(err)
			}
			at := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
			b.ReportAllocs()
			for b.Loop() {
				s.next(at)
			}
		})
	}
}
