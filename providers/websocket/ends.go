package websocket

// ends are where the messages that the guard has seen to their end, and that nobody has
// taken yet, are over: their sizes in order. The library only tells that a message is
// over when it is asked for more of it, which costs as much as reading a short one does:
// whoever knows how long it is need not ask. A nil *ends notes nothing.
type ends struct {
	sizes []int32
	taken int // of sizes
}

// unknown is the size of a message that has to be read until its end is told: one that
// is compressed or fragmented, so that the library may not have seen all of it, or one
// that is so large that it does not matter.
const unknown = -1

// keptEnds is how many sizes there is memory for while none are to be taken.
const keptEnds = 128

// add notes a message that is over.
func (e *ends) add(size int64, whole bool) {
	switch {
	case e == nil:
	case !whole || size > keptBuffer:
		e.sizes = append(e.sizes, unknown)
	default:
		e.sizes = append(e.sizes, int32(size))
	}
}

// size is how long the message being read is; unknown where that is not known yet.
func (e *ends) size() int {
	if e == nil || e.taken == len(e.sizes) {
		return unknown
	}
	return int(e.sizes[e.taken])
}

// at says that the message being read is over where n bytes of it have been.
func (e *ends) at(n int) bool { return e.size() == n }

// take goes on to the next message.
func (e *ends) take() {
	if e == nil {
		return
	}
	if e.taken++; e.taken < len(e.sizes) {
		return
	}
	e.taken = 0
	if e.sizes = e.sizes[:0]; cap(e.sizes) > keptEnds {
		e.sizes = nil
	}
}
