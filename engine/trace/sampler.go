package trace

import "encoding/binary"

// A Sampler decides which traces are kept. The zero Sampler keeps those whose parent is
// kept, and all that have no parent, as OpenTelemetry does where nobody says otherwise.
type Sampler struct {
	None  bool    // of those that the sampler decides on, none is kept
	Some  bool    // a part is
	Part  float64 // that part, from 0 to 1
	Alone bool    // it decides on those with a parent too
}

// keeps decides on a trace. parent has the flags of who asked for it; ok: somebody did.
func (s Sampler) keeps(id ID, parent byte, ok bool) bool {
	switch {
	case ok && !s.Alone:
		return parent&sampled != 0
	case s.None:
		return false
	case s.Some:
		// The same 63 bits that other programs look at, so that they keep the same traces.
		return binary.BigEndian.Uint64(id[8:])>>1 < uint64(s.Part*(1<<63))
	}
	return true
}
