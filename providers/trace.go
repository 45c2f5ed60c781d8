package providers

import (
	"net/http"
	"strings"
)

// A Trace is where something stands in a trace of several programs: the headers of W3C
// Trace Context (https://www.w3.org/TR/trace-context/). The zero Trace: in none.
type Trace struct {
	Parent string `json:"parent"`          // traceparent, always of version 00
	State  string `json:"state,omitempty"` // tracestate
}

const (
	maxTraceState   = 512 // bytes that have to be passed on (§3.3.1.5)
	maxTraceMembers = 32
	traceParent     = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
)

// ParseTrace reads the two headers, or what else has their text, such as the variables
// TRACEPARENT and TRACESTATE. What is not valid counts as not there, as §3.2 demands: a
// wrong tracestate alone leaves the parent.
func ParseTrace(parent, state string) Trace {
	parent = strings.TrimSpace(parent)
	if len(parent) < traceParent {
		return Trace{}
	}
	version, rest, more := parent[:2], parent[2:traceParent], parent[traceParent:]
	switch {
	case !isLowerHex(version) || version == "ff":
		return Trace{}
	case version == "00" && more != "", more != "" && more[0] != '-':
		return Trace{}
	case !isLowerHex(rest[1:33]+rest[34:50]+rest[51:]) || rest[0] != '-' || rest[33] != '-' || rest[50] != '-':
		return Trace{}
	case strings.Trim(rest[1:33], "0") == "", strings.Trim(rest[34:50], "0") == "":
		return Trace{}
	}
	return Trace{"00" + rest, traceState(state)}
}

func isLowerHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// traceState is a list of members that may be passed on, or "".
func traceState(text string) string {
	var members []string
	for member := range strings.SplitSeq(text, ",") {
		member = strings.Trim(member, " \t")
		if member == "" {
			continue
		}
		key, v, ok := strings.Cut(member, "=")
		if !ok || key == "" || v == "" || strings.ContainsFunc(member, func(r rune) bool { return r < ' ' || r > '~' }) {
			return ""
		}
		members = append(members, member)
	}
	state := strings.Join(members, ",")
	if len(members) > maxTraceMembers || len(state) > maxTraceState {
		return ""
	}
	return state
}

// TraceOf is where the sender of a request says that it stands. Two parents are none.
func TraceOf(h http.Header) Trace {
	if len(h.Values("Traceparent")) != 1 {
		return Trace{}
	}
	return ParseTrace(h.Get("Traceparent"), strings.Join(h.Values("Tracestate"), ","))
}

// Set puts t into the headers of a request, unless its author wrote others.
func (t Trace) Set(h http.Header) {
	if t.Parent == "" || len(h.Values("Traceparent")) > 0 {
		return
	}
	h.Set("Traceparent", t.Parent)
	if t.State != "" {
		h.Set("Tracestate", t.State)
	}
}
