package cmd

import "testing"

func TestPercent(t *testing.T) {
	for _, tt := range []struct {
		name string
		live uint64
		want int
	}{
		{"nothing is in use", 0, 400}, {"a few workflows", 4 << 20, 400}, {"some", 32 << 20, 100},
		{"ten thousand", 80 << 20, 40}, {"far more", 10 << 30, 25},
	} {
		if got := percent(tt.live); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
