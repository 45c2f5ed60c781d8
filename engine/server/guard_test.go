package server

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"
)

// Behind a proxy an address is what the proxy says, which is the last word of the last
// header: what is before it, the sender may have written.
func TestAddress(t *testing.T) {
	tests := []struct {
		name      string
		remote    string
		forwarded []string
		proxy     bool
		want      string
	}{
		{name: "without a proxy nobody is believed", remote: "203.0.113.1:5", forwarded: []string{"198.51.100.7"}, want: "203.0.113.1"},
		{name: "the proxy is", remote: "127.0.0.1:5", forwarded: []string{"198.51.100.7"}, proxy: true, want: "198.51.100.7"},
		{name: "only its own word", remote: "127.0.0.1:5", forwarded: []string{"1.1.1.1, 198.51.100.7"}, proxy: true, want: "198.51.100.7"},
		{name: "in a header of its own", remote: "127.0.0.1:5", forwarded: []string{"1.1.1.1", "198.51.100.7"}, proxy: true, want: "198.51.100.7"},
		{name: "it says nothing", remote: "127.0.0.1:5", proxy: true, want: "127.0.0.1"},
		{name: "it says nonsense", remote: "127.0.0.1:5", forwarded: []string{"x"}, proxy: true, want: "unknown"},
		{name: "a network of IPv6 counts as one", remote: "[2001:db8:1:2:3:4:5:6]:5", want: "2001:db8:1:2::/64"},
		{name: "IPv4 in IPv6 is IPv4", remote: "[::ffff:203.0.113.1]:5", want: "203.0.113.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.remote
			for _, f := range tt.forwarded {
				r.Header.Add("X-Forwarded-For", f)
			}
			g := &guard{s: &Server{Listen: Listen{BehindProxy: tt.proxy}}}
			if got := g.address(r); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// However many names there are, what is known of them is bounded, and who is over the
// limit is not forgotten first.
func TestBuckets(t *testing.T) {
	b := &buckets{rate: 1, burst: 2}
	for range 2 {
		if wait := b.take("a", noon); wait != 0 {
			t.Fatal(wait)
		}
	}
	if wait := b.take("a", noon); wait != time.Second {
		t.Error(wait)
	}
	if wait := b.left("a", noon.Add(500*time.Millisecond)); wait != 500*time.Millisecond {
		t.Error(wait)
	}
	later := noon.Add(time.Minute)
	for i := range 3 * maxBuckets {
		b.take(fmt.Sprint(i), later)
	}
	if len(b.of) > maxBuckets {
		t.Error(len(b.of))
	}
	if wait := b.take("a", later); wait != 0 {
		t.Error(wait)
	}
}
