package templating

import (
	"testing"
	"time"

	"tocsin/templating/value"
)

// TestParseDate reads times as people and programs write them, on Monday, 6 May 2024,
// on a clock two hours east of Greenwich.
func TestParseDate(t *testing.T) {
	now := time.Date(2024, 5, 6, 12, 0, 0, 0, time.FixedZone("", 2*60*60))
	tests := []struct{ text, want string }{
		// ISO 8601
		{"2024-05-06T07:08:09Z", "2024-05-06 07:08:09+00:00"},
		{"2024-05-06T07:08:09.123456789+05:30", "2024-05-06 07:08:09.123456+05:30"},
		{"2024-05-06T07:08:09,5-0330", "2024-05-06 07:08:09.500000-03:30"},
		{"2024-05-06 07:08", "2024-05-06 07:08:00+02:00"},
		{"2024-05-06 07:08 +00", "2024-05-06 07:08:00+00:00"},
		{"2024-05-06T0708Z", "2024-05-06 07:08:00+00:00"},
		{"2024-05-06", "2024-05-06 00:00:00+02:00"},
		{"20240506T070809Z", "2024-05-06 07:08:09+00:00"},
		{"20240506", "2024-05-06 00:00:00+02:00"},
		{"202405060708", "2024-05-06 07:08:00+02:00"},
		{"20240506070809", "2024-05-06 07:08:09+02:00"},

		// RFC 2822 and what is near it
		{"Mon, 06 May 2024 07:08:09 +0300", "2024-05-06 07:08:09+03:00"},
		{"Mon, 06 May 2024 07:08:09 GMT", "2024-05-06 07:08:09+00:00"},
		{"Monday, 06-May-24 07:08:09 EST", "2024-05-06 07:08:09-05:00"},
		{"Mon May  6 07:08:09 2024", "2024-05-06 07:08:09+02:00"},
		{"Mon May  6 07:08:09 UTC 2024", "2024-05-06 07:08:09+00:00"},

		// people
		{"May 6 2024 5:30 PM", "2024-05-06 17:30:00+02:00"},
		{"May 6th, 2024 at 12:15am", "2024-05-06 00:15:00+02:00"},
		{"the 6th of May 2024, 5 pm", "2024-05-06 17:00:00+02:00"},
		{"6 Sept 2023", "2023-09-06 00:00:00+02:00"},
		{"2024/05/06", "2024-05-06 00:00:00+02:00"},
		{"05/06/2024", "2024-05-06 00:00:00+02:00"},
		{"31/12/2024", "2024-12-31 00:00:00+02:00"},
		{"31.12.99", "1999-12-31 00:00:00+02:00"},
		{"1/2/03 10:30", "2003-01-02 10:30:00+02:00"},
		{"10:30 2024-05-06", "2024-05-06 10:30:00+02:00"},

		// what is not said is today's
		{"10:30", "2024-05-06 10:30:00+02:00"},
		{"May 2023", "2023-05-06 00:00:00+02:00"},
		{"Feb 30 2024", ""},
		{"May", "2024-05-06 00:00:00+02:00"},
		{"2023", "2023-05-06 00:00:00+02:00"},
		{"05/2023", "2023-05-06 00:00:00+02:00"},
		{"Monday", "2024-05-06 00:00:00+02:00"},
		{"Wednesday 10:30", "2024-05-08 10:30:00+02:00"},
		{"3.75", "2024-05-03 00:00:00+02:00"},

		// units of the time of day, and zones that nobody knows
		{"10h36m28.5s", "2024-05-06 10:36:28.500000+02:00"},
		{"2024-05-07 07h08m", "2024-05-07 07:08:00+02:00"},
		{"T07:08", "2024-05-06 07:08:00+02:00"},
		{"2024-05-06 07:08 GMT+3", "2024-05-06 07:08:00-03:00"},
		{"2024-05-06 07:08 BRST", "2024-05-06 07:08:00+02:00"},

		// six digits are the month, day and year, unless they cannot be
		{"050624", "2024-05-06 00:00:00+02:00"},
		{"240506", "2006-05-24 00:00:00+02:00"},

		// no times
		{"", ""},
		{"garbage", ""},
		{"zz", ""},
		{"2024-13-01", ""},
		{"2024-13-45", ""},
		{"2024-05-06T25:00:00Z", ""},
		{"2024-05-06T07:08:09+99:00", ""},
		{"13:00 PM", ""},
		{"1 2 3 4", ""},
		{"10:30 11:30", ""},
		{"1714989600", ""},
		{"123456789012345678901234567890", ""},
		{"2024-05-06 and more", ""},
		{"12345-01-01", ""},
		{"10:", ""},
		{"é", ""},
	}
	for _, tt := range tests {
		got, ok := parseDate(tt.text, now)
		text := value.Text(got)
		if !ok {
			text = ""
		}
		if text != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.text, text, tt.want)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	for _, seed := range []string{"Mon, 06 May 2024 07:08:09.5 +0300", "20240506T070809Z", "May 6th, 2024 at 12:15am", "31/12/99", "10:30"} {
		f.Add(seed)
	}
	now := time.Date(2024, 5, 6, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseDate(text, now)
		if !ok {
			return
		}
		again, ok := parseDate(value.Text(got), now)
		if !ok || !again.Equal(got.Truncate(time.Microsecond)) {
			t.Fatalf("%q is %s, which is read as %s, %v", text, got, again, ok)
		}
	})
}

func TestStrptime(t *testing.T) {
	tests := []struct{ text, format, want string }{
		{"2024-05-06", "%Y-%m-%d", "2024-05-06 00:00:00"},
		{"2024-01-01T00:00:00+0200", "%Y-%m-%dT%H:%M:%S%z", "2024-01-01 00:00:00+02:00"},
		{"2024-01-01T00:00:00.5Z", "%Y-%m-%dT%H:%M:%S.%f%z", "2024-01-01 00:00:00.500000+00:00"},
		{"6 may 24 05:07 pm", "%d %B %y %I:%M %p", "2024-05-06 17:07:00"},
		{"Mon 6 Sep 1999 12:00 AM", "%a %d %b %Y %I:%M %p", "1999-09-06 00:00:00"},
		{"2024   060", "%Y %j", "2024-02-29 00:00:00"},
		{"100% 2024", "100%% %Y", "2024-01-01 00:00:00"},
		{"07:08 UTC", "%H:%M %Z", "1900-01-01 07:08:00"},
		{"01/02/2024", "%Y-%m-%d", `time "01/02/2024" does not match the format: want a number at "01/02/2024"`},
		{"2024-05-06 x", "%Y-%m-%d", `time "2024-05-06 x" does not match the format: " x" is left over`},
		{"2024-02-30", "%Y-%m-%d", `time "2024-02-30" does not match the format: there is no such day or time`},
		{"13 AM", "%I %p", `time "13 AM" does not match the format: want an hour from 1 to 12 at " AM"`},
		{"2024", "%Y %m", `time "2024" does not match the format: want white space at ""`},
		{"2024", "%Q", `time "2024" does not match the format: %Q is no directive that is known here`},
	}
	for _, tt := range tests {
		got, err := strptime(tt.text, tt.format)
		text := value.Text(got)
		if err != nil {
			text = err.Error()
		}
		if text != tt.want {
			t.Errorf("%s as %s\n got %s\nwant %s", tt.text, tt.format, text, tt.want)
		}
	}
}
