package episode

import (
	"fmt"
	"time"
)

// Acknowledge is s when somebody says that they know: there are no reminders, and no
// escalations that wait for it. Only what fires can be acknowledged; who does so again
// replaces what was said.
func Acknowledge(s State, a Ack) (State, error) {
	if !s.firing() {
		return s, fmt.Errorf("it does not fire: it is %s", s.Status.words())
	}
	if !a.Until.IsZero() && !a.Until.After(a.At) {
		return s, fmt.Errorf("acknowledged until %s, which is over", a.Until.Format(time.RFC3339))
	}
	s.Status, s.Acked = Acknowledged, &a
	return s, nil
}

// Unacknowledge takes an acknowledgement back. Reminders are counted from the last
// message, as if nobody had known.
func Unacknowledge(s State) (State, error) {
	if s.Acked == nil {
		return s, fmt.Errorf("nobody has acknowledged it")
	}
	s.Status, s.Acked = Firing, nil
	return s, nil
}

func (s Status) words() string {
	if s == Unknown {
		return "unknown"
	}
	return string(s)
}
