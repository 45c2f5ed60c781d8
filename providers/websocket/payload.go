package websocket

import (
	"encoding/base64"
	"unicode/utf8"

	"github.com/coder/websocket"

	"tocsin/templating/value"
)

// A payload is one message to send.
type payload struct {
	typ  websocket.MessageType
	data []byte
}

// setPayloads makes messages of what is to be sent.
func (p Payload) setPayloads(s *settings) error {
	given := p.given()
	if given > 1 {
		return invalid("only one of data, message, messages and data_base64 may be given")
	}
	typ, err := p.messageType()
	if err != nil {
		return err
	}
	if coded := or(p.DataBase64, ""); coded != "" {
		return s.addBinary(coded, typ)
	}
	all := p.Messages
	for _, one := range []any{p.Data, p.Message} {
		if one != nil {
			all = []any{one}
		}
	}
	for _, one := range all {
		if err := s.addData(one, typ, or(p.SendEmpty, false)); err != nil {
			return err
		}
	}
	// Nothing else given: send_empty alone is an empty message too.
	if given == 0 && or(p.SendEmpty, false) {
		return s.addData("", typ, true)
	}
	return nil
}

// given is how many of the ways to say what is sent are used.
func (p Payload) given() (n int) {
	for _, has := range []bool{p.Data != nil, p.Message != nil, p.Messages != nil, or(p.DataBase64, "") != ""} {
		if has {
			n++
		}
	}
	return n
}

// messageType is auto, text or binary.
func (p Payload) messageType() (string, error) {
	typ := or(p.MessageType, "")
	if p.UseTextFrames != nil {
		if typ != "" {
			return "", invalid("only one of message_type and use_text_frames may be given")
		}
		typ = "binary"
		if *p.UseTextFrames {
			typ = "text"
		}
	}
	if typ == "" {
		typ = "auto"
	}
	return typ, nil
}

func (s *settings) addBinary(coded, typ string) error {
	data, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		return invalid("data_base64 is not base64")
	}
	if typ == "auto" {
		typ = "binary"
	}
	return s.add(data, typ)
}

// addData adds a message of any value: a text as it is, everything else as JSON.
func (s *settings) addData(v any, typ string, empty bool) error {
	var data []byte
	switch v := v.(type) {
	case nil:
	case string:
		data = []byte(v)
	case []byte: // from Go only
		data = v
		if typ == "auto" {
			typ = "binary"
		}
	default:
		data = value.AppendJSON(nil, value.Of(v))
	}
	if len(data) == 0 && !empty {
		return nil
	}
	return s.add(data, typ)
}

func (s *settings) add(data []byte, typ string) error {
	readable := utf8.Valid(data)
	switch {
	case typ == "text" && !readable:
		return invalid("the message is not UTF-8, which a text message must be; write message_type: binary")
	case typ == "binary", !readable:
		s.payloads = append(s.payloads, payload{websocket.MessageBinary, data})
	default:
		s.payloads = append(s.payloads, payload{websocket.MessageText, data})
	}
	return nil
}
