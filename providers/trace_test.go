package providers

import (
	"net/http"
	"strings"
	"testing"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// What others send is passed on where it is valid, and not there where it is not
// (W3C Trace Context §3.2 and §3.3).
func TestParseTrace(t *testing.T) {
	tests := []struct {
		name          string
		parent, state string
		want          Trace
	}{
		{"as it stands in the recommendation", parent, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", Trace{parent, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}},
		{"without a state", parent, "", Trace{parent, ""}},
		{"white space around members and empty ones", parent, " a=1 ,, b=2,", Trace{parent, "a=1,b=2"}},
		{"a later version is read as ours", "cc" + parent[2:] + "-what-comes", "", Trace{parent, ""}},
		{"a later version that goes on in one piece", "cc" + parent[2:] + "what", "", Trace{}},
		{"this version is not longer", parent + "-x", "", Trace{}},
		{"version ff", "ff" + parent[2:], "", Trace{}},
		{"capitals", strings.ToUpper(parent), "", Trace{}},
		{"no trace", "00-" + strings.Repeat("0", 32) + parent[35:], "", Trace{}},
		{"no span", parent[:36] + strings.Repeat("0", 16) + "-01", "", Trace{}},
		{"too short", parent[:54], "", Trace{}},
		{"other separators", strings.ReplaceAll(parent, "-", "_"), "", Trace{}},
		{"nothing", "", "a=1", Trace{}},
		{"a state without a value", parent, "a=1,b", Trace{parent, ""}},
		{"a state with a line break", parent, "a=1\r\nX: y", Trace{parent, ""}},
		{"a state that is too long", parent, "a=" + strings.Repeat("x", 600), Trace{parent, ""}},
		{"33 members", parent, strings.Repeat("a=1,", 33), Trace{parent, ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ParseTrace(tt.parent, tt.state); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestTraceHeaders(t *testing.T) {
	h := http.Header{}
	Trace{}.Set(h)
	if len(h) > 0 {
		t.Errorf("no trace sets %v", h)
	}
	Trace{parent, "a=1"}.Set(h)
	if got := TraceOf(h); got != (Trace{parent, "a=1"}) {
		t.Errorf("%+v", got)
	}
	own := http.Header{"Traceparent": {"the author's"}}
	Trace{parent, "a=1"}.Set(own)
	if own.Get("Traceparent") != "the author's" || own.Get("Tracestate") != "" {
		t.Errorf("the author's header became %v", own)
	}
	if got := TraceOf(http.Header{"Traceparent": {parent, parent}}); got != (Trace{}) {
		t.Errorf("two parents are %+v", got)
	}
}

func FuzzParseTrace(f *testing.F) {
	f.Add(parent, "a=1")
	f.Add("cc"+parent[2:]+"-x", " a=1 , b=2")
	f.Fuzz(func(t *testing.T, p, state string) {
		got := ParseTrace(p, state)
		if again := ParseTrace(got.Parent, got.State); again != got {
			t.Errorf("%+v is read as %+v", got, again)
		}
		if strings.ContainsAny(got.Parent+got.State, "\r\n\x00") {
			t.Errorf("%+q can end a header", got)
		}
	})
}
