package workflows

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// A CatchUp says which moments of a trigger still start a run that passed while nobody
// kept the time: the program was down, the machine slept.
type CatchUp struct {
	Policy CatchUpPolicy
	Runs   int           // of CatchUpAll: at most so many, the last ones
	Window time.Duration // of CatchUpAll: none that is longer ago
}

// A CatchUpPolicy is what the text of a CatchUp begins with.
type CatchUpPolicy string

const (
	CatchUpLatest CatchUpPolicy = "latest" // the last one
	CatchUpSkip   CatchUpPolicy = "skip"   // none
	CatchUpAll    CatchUpPolicy = "all"    // all, within limits
)

// An Overlap says what becomes of a moment whose run would begin while one that the
// clock started before is under way.
type Overlap struct {
	Policy OverlapPolicy
	Runs   int // of OverlapParallel: at most so many at the same time
}

// An OverlapPolicy is what the text of an Overlap begins with.
type OverlapPolicy string

const (
	OverlapSkip     OverlapPolicy = "skip"            // it is left out
	OverlapQueueOne OverlapPolicy = "queue_one"       // it waits, if no other does
	OverlapParallel OverlapPolicy = "parallel"        // it runs, up to a number
	OverlapCancel   OverlapPolicy = "cancel_previous" // it stops the one before
)

const (
	maxCaughtUp = 100
	maxParallel = 10
	maxJitter   = 24 * time.Hour
)

var (
	errCatchUp = errors.New(`not latest, skip or all(N, TIME), where N is 1 to 100`)
	errOverlap = errors.New(`not skip, queue_one, cancel_previous or parallel(N), where N is 1 to 10`)
)

// ParseCatchUp reads "latest", "skip" or "all(10, 1h)"; "" is the first of them.
func ParseCatchUp(text string) (CatchUp, error) {
	name, args := call(text)
	switch p := CatchUpPolicy(name); {
	case text == "":
		return CatchUp{Policy: CatchUpLatest}, nil
	case len(args) == 0 && (p == CatchUpLatest || p == CatchUpSkip):
		return CatchUp{Policy: p}, nil
	case p == CatchUpAll && len(args) == 2:
		n, ok := upTo(args[0], maxCaughtUp)
		window, err := durationText(args[1])
		if ok && err == nil && window > 0 {
			return CatchUp{p, n, window}, nil
		}
	}
	return CatchUp{}, errCatchUp
}

// ParseOverlap reads "skip", "queue_one", "cancel_previous" or "parallel(3)"; "" is the
// first of them.
func ParseOverlap(text string) (Overlap, error) {
	name, args := call(text)
	switch p := OverlapPolicy(name); {
	case text == "":
		return Overlap{Policy: OverlapSkip}, nil
	case len(args) == 0 && (p == OverlapSkip || p == OverlapQueueOne || p == OverlapCancel):
		return Overlap{Policy: p}, nil
	case p == OverlapParallel && len(args) == 1:
		if n, ok := upTo(args[0], maxParallel); ok {
			return Overlap{p, n}, nil
		}
	}
	return Overlap{}, errOverlap
}

// call takes "all(10, 1h)" apart. What is not of that form is a name as it stands.
func call(text string) (name string, args []string) {
	name, rest, ok := strings.Cut(strings.TrimSpace(text), "(")
	inner, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return strings.TrimSpace(text), nil
	}
	for arg := range strings.SplitSeq(inner, ",") {
		args = append(args, strings.TrimSpace(arg))
	}
	return strings.TrimSpace(name), args
}

func upTo(text string, most int) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1 && n <= most
}
