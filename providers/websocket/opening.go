package websocket

import (
	"context"
	"time"
)

// A turn is one message that is sent when a connection has opened, or a pause.
type turn struct {
	payload payload
	pause   time.Duration // not 0: there is no message
}

// defaultPause is what an empty handshake body stands for.
const defaultPause = 100 * time.Millisecond

// setOpening gathers what is sent on every opening (spec/websocket.md §2.4): Benthos'
// open_message, Bento's list of them, or Telegraf's handshake_bodies, of which only one
// can be given, since nobody could say which comes first.
func (p Connection) setOpening(s *settings) error {
	if given := p.openings(); len(given) > 1 {
		return invalid("only one of %s and %s may be given: which comes first?", given[0], given[1])
	}
	pause := or(p.HandshakePause, defaultPause)
	if pause < 0 || pause > longest {
		return invalid("handshake_pause must be between 0 and 24h")
	}
	typ := or(p.OpenMessageType, "")
	if typ == "" {
		typ = "binary" // as Benthos has it
	}
	for _, m := range append([]any{p.OpenMessage}, p.OpenMessages...) {
		if err := s.addOpening(m, typ); err != nil {
			return err
		}
	}
	bodies := p.HandshakeBodies
	if p.HandshakeBody != nil && p.HandshakeBody != "" {
		bodies = []any{p.HandshakeBody}
	}
	for _, body := range bodies {
		if body == "" || body == nil {
			s.opening = append(s.opening, turn{pause: pause})
			continue
		}
		if err := s.addOpening(body, "text"); err != nil {
			return err
		}
	}
	return nil
}

// openings are the ways that are used to say what is sent on opening.
func (p Connection) openings() (names []string) {
	for _, way := range []struct {
		name string
		used bool
	}{
		{"open_message", p.OpenMessage != nil && p.OpenMessage != ""},
		{"open_messages", len(p.OpenMessages) > 0},
		{"handshake_bodies", len(p.HandshakeBodies) > 0},
		{"handshake_body", p.HandshakeBody != nil && p.HandshakeBody != ""},
	} {
		if way.used {
			names = append(names, way.name)
		}
	}
	return names
}

// addOpening adds a message, none if it is empty.
func (s *settings) addOpening(v any, typ string) error {
	messages := settings{}
	if err := messages.addData(v, typ, false); err != nil {
		return err
	}
	for _, m := range messages.payloads {
		s.opening = append(s.opening, turn{payload: m})
	}
	return nil
}

// silent says that nothing is sent on opening; pauses are not something.
func (s *settings) silent() bool {
	for _, t := range s.opening {
		if t.pause == 0 {
			return false
		}
	}
	return true
}

// pause waits, unless the caller ends everything first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
