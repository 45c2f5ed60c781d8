package engine

import (
	"testing"
	"time"
)

func TestCronNote(t *testing.T) {
	tests := []struct {
		name, cron, zone, after, at, want string
	}{
		{"a time that is left out", "30 2 * * *", "Europe/Vienna", "2027-03-27T12:00:00Z", "2027-03-28T03:00:00+02:00", "02:30 does not exist on 2027-03-28: runs at 03:00"},
		{"several of them are one start", "*/20 2 * * *", "Europe/Vienna", "2027-03-27T12:00:00Z", "2027-03-28T03:00:00+02:00", "02:00, 02:20 and 02:40 do not exist on 2027-03-28: runs at 03:00"},
		{"and many", "*/5 2 * * *", "Europe/Vienna", "2027-03-27T12:00:00Z", "2027-03-28T03:00:00+02:00", "02:00, 02:05, 02:10 and 9 more do not exist on 2027-03-28: runs at 03:00"},
		{"a time that comes twice", "30 2 * * *", "Europe/Vienna", "2027-10-30T12:00:00Z", "2027-10-31T02:30:00+02:00", "02:30 comes twice on 2027-10-31: runs at the first"},
		{"every hour passes twice", "30 * * * *", "Europe/Vienna", "2027-10-31T00:00:00Z", "2027-10-31T02:30:00+02:00", "02:30 comes twice on 2027-10-31: this is the first"},
		{"the second time", "30 * * * *", "Europe/Vienna", "2027-10-31T00:45:00Z", "2027-10-31T02:30:00+01:00", "02:30 comes twice on 2027-10-31: this is the second"},
		{"every hour leaves nothing out", "0 * * * *", "Europe/Vienna", "2027-03-28T00:30:00Z", "2027-03-28T03:00:00+02:00", ""},
		{"midnight does not exist", "30 0 * * *", "America/Santiago", "2027-09-04T16:00:00Z", "2027-09-05T01:00:00-03:00", "00:30 does not exist on 2027-09-05: runs at 01:00"},
		{"an ordinary day", "30 2 * * *", "Europe/Vienna", "2027-06-01T00:00:00Z", "2027-06-01T02:30:00+02:00", ""},
		{"a zone that never turns", "30 2 * * *", "UTC", "2027-06-01T00:00:00Z", "2027-06-01T02:30:00Z", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			zone, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parseCron(tt.cron, zone)
			if err != nil {
				t.Fatal(err)
			}
			after, _ := time.Parse(time.RFC3339, tt.after)
			at := s.next(after)
			if got := at.Format(time.RFC3339); got != tt.at {
				t.Fatalf("after %s comes %s, want %s", tt.after, got, tt.at)
			}
			if got := s.note(at); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.at, got, tt.want)
			}
		})
	}
}
