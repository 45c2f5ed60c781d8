package schedule

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// idText is Crockford's alphabet, whose order is that of the numbers.
var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewRun is the identity of a run that somebody asks for now. Identities are 26 lower
// case letters and digits, sort by time, to the millisecond, and fit into a URL.
func NewRun(now time.Time) string {
	var b [16]byte
	rand.Read(b[:])
	return runID(now, b)
}

// TickRun is the identity of the run of a trigger's moment: always the same one, so that
// it cannot be started twice, by whomever.
func TickRun(workflow, trigger string, at time.Time) string {
	nanos := binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano()))
	sum := sha256.Sum256([]byte(strings.Join([]string{workflow, trigger, string(nanos)}, "\x00")))
	return runID(at, [16]byte(sum[:16]))
}

// runID is a time of 48 bits, and 80 of b. The first two of its 130 bits are not used.
func runID(at time.Time, b [16]byte) string {
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	return idText.EncodeToString(b[:])
}
