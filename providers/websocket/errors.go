package websocket

import (
	"fmt"
	"sync"
	"time"
)

// A Code names what went wrong. Codes are stable: workflows compare with them
// (spec/websocket.md §6).
type Code string

const (
	ConfigInvalid Code = "config_invalid"
	Cancelled     Code = "cancelled"
	Internal      Code = "internal"

	BlockedAddress Code = "blocked_address"
	DNSFailed      Code = "dns_failed"

	ProxyConnectFailed Code = "proxy_connect_failed"
	ProxyAuthRequired  Code = "proxy_auth_required"
	ProxyRejected      Code = "proxy_rejected"
	AuthFailed         Code = "auth_failed"

	ConnectRefused     Code = "connect_refused"
	ConnectTimeout     Code = "connect_timeout"
	ConnectUnreachable Code = "connect_unreachable"
	ConnectReset       Code = "connect_reset"

	TLSNotTLS             Code = "tls_not_tls"
	TLSExpired            Code = "tls_expired"
	TLSNotYetValid        Code = "tls_not_yet_valid"
	TLSHostnameMismatch   Code = "tls_hostname_mismatch"
	TLSUnknownAuthority   Code = "tls_unknown_authority"
	TLSPinMismatch        Code = "tls_pin_mismatch"
	TLSClientCertRequired Code = "tls_client_cert_required"
	TLSVersion            Code = "tls_version"
	TLSFailed             Code = "tls_failed"

	HandshakeTimeout   Code = "handshake_timeout"
	NotHTTP            Code = "not_http"
	HandshakeStatus    Code = "handshake_status"
	HandshakeInvalid   Code = "handshake_invalid"
	SubprotocolMissing Code = "subprotocol_missing"

	SendTimeout Code = "send_timeout"
	SendFailed  Code = "send_failed"

	ReplyTimeout      Code = "reply_timeout"
	TooManyMessages   Code = "too_many_messages"
	AssertionFailed   Code = "assertion_failed"
	ClosedByPeer      Code = "closed_by_peer"
	ConnectionLost    Code = "connection_lost"
	TruncatedMessage  Code = "truncated_message"
	MessageTooBig     Code = "message_too_big"
	InvalidUTF8       Code = "invalid_utf8"
	ProtocolViolation Code = "protocol_violation"

	ParseFailed Code = "parse_failed"

	PongTimeout Code = "pong_timeout"
	IdleTimeout Code = "idle_timeout"
	QueueFull   Code = "queue_full"
)

// codes says of each code in which phase it happens, whether trying again can help,
// and with which close code we leave; 0: with 1000, if a closing handshake can be
// had at all.
var codes = sync.OnceValue(func() map[Code]fate {
	return map[Code]fate{
		ConfigInvalid: {phase: "config"},
		Cancelled:     {phase: "", close: 1001}, // whichever phase it was
		Internal:      {phase: "", close: 1011},

		BlockedAddress: {phase: "connect"},
		DNSFailed:      {phase: "dns", retry: true},

		ProxyConnectFailed: {phase: "proxy", retry: true},
		ProxyAuthRequired:  {phase: "proxy"},
		ProxyRejected:      {phase: "proxy", retry: true},
		AuthFailed:         {phase: "auth"}, // retry: by what the token server says

		ConnectRefused:     {phase: "connect", retry: true},
		ConnectTimeout:     {phase: "connect", retry: true},
		ConnectUnreachable: {phase: "connect", retry: true},
		ConnectReset:       {phase: "connect", retry: true},

		TLSNotTLS:             {phase: "tls", retry: true},
		TLSExpired:            {phase: "tls"},
		TLSNotYetValid:        {phase: "tls"},
		TLSHostnameMismatch:   {phase: "tls"},
		TLSUnknownAuthority:   {phase: "tls"},
		TLSPinMismatch:        {phase: "tls"},
		TLSClientCertRequired: {phase: "tls"},
		TLSVersion:            {phase: "tls"},
		TLSFailed:             {phase: "tls", retry: true},

		HandshakeTimeout:   {phase: "upgrade", retry: true},
		NotHTTP:            {phase: "upgrade", retry: true},
		HandshakeStatus:    {phase: "upgrade"}, // retry: by status
		HandshakeInvalid:   {phase: "upgrade"},
		SubprotocolMissing: {phase: "upgrade"},

		SendTimeout: {phase: "send", retry: true},
		SendFailed:  {phase: "send", retry: true},

		ReplyTimeout:      {phase: "receive", retry: true},
		TooManyMessages:   {phase: "receive", retry: true},
		AssertionFailed:   {phase: "receive", retry: true},
		ClosedByPeer:      {phase: "receive"}, // retry: by close code
		ConnectionLost:    {phase: "receive", retry: true},
		TruncatedMessage:  {phase: "receive", retry: true},
		MessageTooBig:     {phase: "receive", close: 1009},
		InvalidUTF8:       {phase: "receive", close: 1007},
		ProtocolViolation: {phase: "receive", close: 1002},

		ParseFailed: {phase: "parse"},

		PongTimeout: {phase: "live", retry: true},
		IdleTimeout: {phase: "live", retry: true},
		QueueFull:   {phase: "live", retry: true, close: 1001},
	}
})

type fate struct {
	phase string
	retry bool
	close int
}

// An Error is why a query did not succeed (spec/websocket.md §6). Nothing in it is
// secret: Target has no user info, and no query value whose name looks secret.
type Error struct {
	Code      Code
	Phase     string // config, auth, dns, connect, proxy, tls, upgrade, send, receive, live
	Target    string // the address, redacted; "" if it could not be read
	Problem   string // what went wrong, in words
	Retryable bool
	Status    int    // of the HTTP answer; 0 if there was none
	CloseCode int    // that the peer closed with; 0 if it did not
	Detail    string // the other side's own words, or what sort of failure it was
	// RetryAfter is how long the server asked to be left alone (429, 503); 0: it did not.
	RetryAfter time.Duration
	Err        error // the cause; may be nil
}

// Error is one sentence: the target and what went wrong there. A mistake in the
// parameters is none of the target's.
func (e *Error) Error() string {
	if e.Target == "" || e.Code == ConfigInvalid {
		return e.Problem
	}
	return e.Target + ": " + e.Problem
}

// Unwrap returns the cause, so that errors.Is finds context.Canceled and the like.
func (e *Error) Unwrap() error { return e.Err }

// fault makes the error of a code; what is known only here comes with the words.
func fault(code Code, cause error, format string, args ...any) *Error {
	kind := codes()[code]
	return &Error{
		Code:      code,
		Phase:     kind.phase,
		Retryable: kind.retry,
		Problem:   fmt.Sprintf(format, args...),
		Err:       cause,
	}
}

// invalid is a mistake in the parameters.
func invalid(format string, args ...any) *Error {
	return fault(ConfigInvalid, nil, format, args...)
}

// about says which target e is about, unless it says so already.
func (e *Error) about(t target) {
	if e.Target == "" {
		e.Target = t.redacted
	}
}

func (e *Error) detailed(format string, args ...any) *Error {
	e.Detail = fmt.Sprintf(format, args...)
	return e
}

func (e *Error) in(phase string) *Error {
	e.Phase = phase
	return e
}

// closeNames are the close codes in words (RFC 6455 §7.4.1 and IANA's registry).
var closeNames = sync.OnceValue(func() map[int]string {
	return map[int]string{
		1000: "normal", 1001: "going away", 1002: "protocol error", 1003: "unsupported data",
		1005: "no code given", 1007: "bad payload", 1008: "policy violation", 1009: "message too big",
		1010: "extension needed", 1011: "server error", 1012: "service restart", 1013: "try again later",
		1014: "bad gateway", 3000: "unauthorized", 3003: "forbidden", 3008: "timeout",
	}
})

// closeName says what a close code means: `1011 (server error)`.
func closeName(code int) string {
	if name, ok := closeNames()[code]; ok {
		return fmt.Sprintf("%d (%s)", code, name)
	}
	return fmt.Sprint(code)
}

// closeRetry says whether a peer that closed with code may do better next time.
func closeRetry(code int) bool {
	return code == 1001 || code >= 1011 && code <= 1014
}
