package websocket

import (
	"compress/flate"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/coder/websocket"
)

// compressionMode is the library's name for a value of compression.
func compressionMode(name string) websocket.CompressionMode {
	switch name {
	case "no_context_takeover":
		return websocket.CompressionNoContextTakeover
	case "context_takeover":
		return websocket.CompressionContextTakeover
	}
	return websocket.CompressionDisabled
}

// checkExtensions says whether the server chose what was offered: nothing, or
// permessage-deflate with parameters that it may choose by itself (RFC 7692 §7.1).
func (t *transport) checkExtensions(h http.Header) (deflate bool, err error) {
	lines := h["Sec-Websocket-Extensions"]
	if len(lines) == 0 {
		return false, nil
	}
	chosen := strings.Join(lines, ", ")
	parts := strings.Split(chosen, ";")
	if t.set.compression == "off" || strings.TrimSpace(parts[0]) != "permessage-deflate" {
		return false, fault(HandshakeInvalid, nil, "the server chose an extension that was not asked for: %s", chosen)
	}
	var seen []string
	for _, part := range parts[1:] {
		name, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		bits, err := strconv.Atoi(strings.Trim(v, `"`))
		switch {
		case slices.Contains(seen, name):
		case (name == "server_no_context_takeover" || name == "client_no_context_takeover") && v == "":
			seen = append(seen, name)
			continue
		case name == "server_max_window_bits" && err == nil && bits >= 8 && bits <= 15:
			seen = append(seen, name)
			continue
		}
		return false, fault(HandshakeInvalid, nil, "the server chose permessage-deflate with parameters that were not asked for: %s", chosen)
	}
	return true, nil
}

// compressed is a limit of messages for their compressed form, which is longer where
// there is nothing to compress. The library keeps to the limit itself.
func compressed(limit int64) int64 { return limit + limit/16 + 1024 }

// unpackFault is the error of a message that was compressed, nil if it is another's.
func unpackFault(err error, limit int64) *Error {
	if errors.Is(err, websocket.ErrMessageTooBig) {
		return fault(MessageTooBig, nil, "the server sent a message larger than %d bytes", limit)
	}
	if _, corrupt := errors.AsType[flate.CorruptInputError](err); corrupt {
		return fault(ProtocolViolation, err, "the server broke the WebSocket protocol: it sent a message that cannot be decompressed")
	}
	return nil
}
