package websocket

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"tocsin/templating/value"
)

// A Result is what a query found out (spec/websocket.md §5.1). Every key is always
// there, and null where the thing did not happen.
type Result struct {
	Connection   bool      `param:"connection" doc:"Whether everything that the query had to do was done: true exactly if error is null."`
	Data         *string   `param:"data" doc:"The first message, or the one that was waited for; null if none came."`
	Error        *Failure  `param:"error" doc:"What went wrong; null if nothing did."`
	Connected    bool      `param:"connected" doc:"Whether the opening handshake was completed."`
	Type         *string   `param:"type" doc:"Frame type of data: text or binary."`
	DataEncoding *string   `param:"data_encoding" doc:"How data is written: utf8 or base64."`
	JSON         any       `param:"json" doc:"Data read as JSON; null if it is none."`
	Parsed       []any     `param:"parsed" doc:"What data_format reads out of data, or out of all messages if it is the first of several that is waited for: a list of metrics of {name, tags, fields, time}, or of values, such as parsed.0.fields.price. Null without data_format. Of a message longer than max_result_bytes there is nothing."`
	Messages     []Message `param:"messages" doc:"All messages that were read, oldest first."`
	URL          string    `param:"url" doc:"The address, without secrets."`

	Status      *int       `param:"status" doc:"HTTP status of the upgrade's answer."`
	Headers     *value.Map `param:"headers" doc:"Headers of that answer; cookies are not shown."`
	Body        string     `param:"body" doc:"First 4 KiB of an answer that was no upgrade."`
	Location    *string    `param:"location" doc:"Where a redirect points to."`
	Subprotocol string     `param:"subprotocol" doc:"Subprotocol that the server chose."`
	Compression bool       `param:"compression" doc:"Whether messages were compressed."`

	RemoteAddr *string   `param:"remote_addr" doc:"Address that was connected to."`
	LocalAddr  *string   `param:"local_addr" doc:"Address that was connected from."`
	IPVersion  *int      `param:"ip_version" doc:"4 or 6."`
	Proxy      *string   `param:"proxy" doc:"Proxy that was gone through, without user and password."`
	TLS        *TLSFacts `param:"tls" doc:"What the server showed of itself; null for ws://."`

	Close    *Close  `param:"close" doc:"How the connection was closed; null if it was not opened, or is kept open."`
	Sent     Traffic `param:"sent" doc:"What was sent."`
	Received Arrived `param:"received" doc:"What was received."`
	Attempts int     `param:"attempts" doc:"How often it was tried."`
	Timings  Timings `param:"timings" doc:"How long each phase took, in milliseconds."`
}

// A Failure is an Error as workflows see it.
type Failure struct {
	Code       string   `param:"code" doc:"What went wrong, as a stable name."`
	Message    string   `param:"message" doc:"The same as a sentence."`
	Phase      string   `param:"phase" doc:"Where: dns, connect, tls, upgrade, send, receive, parse, live."`
	Retryable  bool     `param:"retryable" doc:"Whether trying again can help."`
	Status     *int     `param:"status" doc:"HTTP status, if the upgrade was answered otherwise than expected."`
	CloseCode  *int     `param:"close_code" doc:"Code that the server closed with."`
	Detail     *string  `param:"detail" doc:"What sort of failure, or the server's own words."`
	RetryAfter *float64 `param:"retry_after_ms" doc:"How long the server asked to be left alone."`
}

// A Message is one that was received.
type Message struct {
	Data         string  `param:"data" doc:"Its content, as far as it is kept."`
	Type         string  `param:"type" doc:"Frame type: text or binary."`
	DataEncoding string  `param:"data_encoding" doc:"How data is written: utf8 or base64."`
	Size         int     `param:"size" doc:"Bytes it had."`
	At           float64 `param:"at_ms" doc:"When it came, from the start."`
	Truncated    bool    `param:"truncated" doc:"Whether data is only its beginning."`
	SHA256       *string `param:"sha256" doc:"Of the whole message; null unless truncated."`

	json any // only of a whole message
}

// TLSFacts is what a server showed of itself, whether or not that was good enough.
type TLSFacts struct {
	Version     string             `param:"version" doc:"TLS 1.2 or 1.3."`
	Cipher      string             `param:"cipher" doc:"Cipher suite."`
	ServerName  string             `param:"server_name" doc:"Name that was asked for and verified."`
	ALPN        string             `param:"alpn" doc:"Protocol agreed on, http/1.1 or none."`
	Verified    bool               `param:"verified" doc:"Whether the certificate is good."`
	VerifyError *string            `param:"verify_error" doc:"What is wrong with it."`
	NotAfter    *string            `param:"not_after" doc:"When the first certificate of the chain expires."`
	DaysLeft    *float64           `param:"days_left" doc:"Days until then; negative if it has."`
	Chain       []CertificateFacts `param:"chain" doc:"The certificates, the server's own first."`
}

// CertificateFacts is what one asks of a certificate.
type CertificateFacts struct {
	Subject     string   `param:"subject" doc:"Whose it is."`
	Issuer      string   `param:"issuer" doc:"Who signed it."`
	Serial      string   `param:"serial" doc:"Serial number, in hex."`
	NotBefore   string   `param:"not_before" doc:"Valid from."`
	NotAfter    string   `param:"not_after" doc:"Valid until."`
	DNSNames    []string `param:"dns_names" doc:"Names it is for."`
	IPAddresses []string `param:"ip_addresses" doc:"Addresses it is for."`
	SHA256      string   `param:"sha256" doc:"Fingerprint."`
	Key         string   `param:"key" doc:"Sort of key, such as ECDSA P-256."`
}

// A Close is how a connection ended.
type Close struct {
	Code   *int    `param:"code" doc:"Close code of whoever closed first; 1005: it gave none."`
	Reason string  `param:"reason" doc:"Reason that the server gave."`
	By     *string `param:"by" doc:"Who closed first: us or peer; null if the connection just ended."`
	Clean  bool    `param:"clean" doc:"Whether both sides said goodbye."`
}

// Traffic counts data messages of one direction, Arrived also pings.
type (
	Traffic struct {
		Messages int   `param:"messages" doc:"Messages."`
		Bytes    int64 `param:"bytes" doc:"Bytes in them."`
	}
	Arrived struct {
		Messages int   `param:"messages" doc:"Messages."`
		Bytes    int64 `param:"bytes" doc:"Bytes in them."`
		Pings    int   `param:"pings" doc:"Pings."`
	}
)

// since is what came after before.
func (a Arrived) since(before Arrived) Arrived {
	return Arrived{a.Messages - before.Messages, a.Bytes - before.Bytes, a.Pings - before.Pings}
}

// Timings are durations of phases in milliseconds, nil where there was no such phase.
// Those up to Handshake follow one another, and FirstMessage them.
type Timings struct {
	DNS          *float64 `param:"dns_ms" doc:"Resolving the name; null for an IP address."`
	Connect      *float64 `param:"connect_ms" doc:"Connecting."`
	Proxy        *float64 `param:"proxy_ms" doc:"Asking the proxy for the connection."`
	TLS          *float64 `param:"tls_ms" doc:"TLS handshake."`
	Handshake    *float64 `param:"handshake_ms" doc:"From the upgrade request to its answer."`
	FirstMessage *float64 `param:"first_message_ms" doc:"From that answer to the first message."`
	Reply        *float64 `param:"reply_ms" doc:"From the last message sent to the one that ended the wait."`
	Ping         *float64 `param:"ping_ms" doc:"Round trip of a ping."`
	Total        float64  `param:"total_ms" doc:"Everything but the closing handshake."`
}

// result puts together what q has found out; e is why it did not succeed, nil if it
// did.
func (q *query) result(e *Error) Result {
	t := q.transport
	r := Result{
		Connection:  e == nil,
		Error:       failure(e),
		Connected:   t.upgraded,
		Messages:    q.messages,
		URL:         q.set.target.redacted,
		Body:        t.body,
		RemoteAddr:  hostPort(t.remote),
		LocalAddr:   hostPort(t.local),
		TLS:         t.tls,
		Compression: t.deflate,
		Close:       q.closed,
		Sent:        q.sent,
		Received:    q.received,
		Attempts:    q.tried,
		Timings:     t.timings,
	}
	if t.stream != nil && !q.kept {
		r.Received.Pings = t.stream.guard.pings
	}
	if t.response != nil {
		answer(&r, t.response)
		r.Headers = q.set.attempts.wanted(r.Headers)
	}
	if t.via != nil {
		r.Proxy = &t.via.shown
	}
	if t.remote != nil {
		r.IPVersion = new(ipVersion(*r.RemoteAddr))
	}
	if q.set.reader != nil {
		r.Parsed = append([]any{}, q.parsed...)
	}
	if q.answer < len(q.messages) {
		m := q.messages[q.answer]
		r.Data, r.Type, r.DataEncoding, r.JSON = &m.Data, &m.Type, &m.DataEncoding, m.json
	}
	return r
}

// wanted are the headers that the result is to have.
func (a *attempts) wanted(all *value.Map) *value.Map {
	if a.headers == nil {
		return all
	}
	some := value.NewMap(len(a.headers))
	for name, v := range all.All() {
		if slices.Contains(a.headers, strings.ToLower(name)) {
			some.Set(name, v)
		}
	}
	return some
}

// answer adds what the upgrade's answer said.
func answer(r *Result, response *http.Response) {
	r.Status = &response.StatusCode
	if to := response.Header.Get("Location"); to != "" {
		r.Location = new(redactText(to))
	}
	r.Subprotocol = response.Header.Get("Sec-WebSocket-Protocol")
	r.Headers = value.NewMap(len(response.Header))
	for _, name := range slices.Sorted(maps.Keys(response.Header)) {
		lines := response.Header[name]
		switch name {
		case "Set-Cookie":
			lines = []string{"***"}
		case "Location":
			lines = []string{*r.Location}
		}
		r.Headers.Set(name, strings.ToValidUTF8(strings.Join(lines, ", "), "\uFFFD"))
	}
}

func ipVersion(address string) int {
	if strings.HasPrefix(address, "[") {
		return 6
	}
	return 4
}

// failure is e as workflows see it.
func failure(e *Error) *Failure {
	if e == nil {
		return nil
	}
	f := &Failure{Code: string(e.Code), Message: e.Error(), Phase: e.Phase, Retryable: e.Retryable}
	if e.Status != 0 {
		f.Status = &e.Status
	}
	if e.CloseCode != 0 {
		f.CloseCode = &e.CloseCode
	}
	if e.Detail != "" {
		f.Detail = &e.Detail
	}
	if e.RetryAfter != 0 {
		f.RetryAfter = new(milliseconds(e.RetryAfter))
	}
	return f
}

// message keeps at most room bytes of what was received.
func message(typ websocket.MessageType, data []byte, at time.Duration, room int) Message {
	m := Message{Type: typeName(typ), DataEncoding: "utf8", Size: len(data), At: milliseconds(at)}
	readable := isText(typ, data)
	if len(data) > room {
		sum := sha256.Sum256(data)
		m.Truncated, m.SHA256 = true, new(hex.EncodeToString(sum[:]))
		data = cut(data, room, readable)
	}
	if !readable {
		m.Data, m.DataEncoding = base64.StdEncoding.EncodeToString(data), "base64"
		return m
	}
	m.Data = string(data)
	if !m.Truncated && couldBeJSON(data) {
		m.json, _ = value.DecodeJSON(data) // nil where it is none
	}
	return m
}

// cut shortens data to n bytes, and to whole characters if it is text.
func cut(data []byte, n int, text bool) []byte {
	data = data[:n]
	for text && len(data) > 0 && !utf8.Valid(data[max(0, len(data)-utf8.UTFMax):]) && !utf8.RuneStart(data[len(data)-1]) {
		data = data[:len(data)-1]
	}
	if r, size := utf8.DecodeLastRune(data); text && r == utf8.RuneError && size == 1 {
		data = data[:len(data)-1]
	}
	return data
}

// couldBeJSON saves most texts the parser.
func couldBeJSON(data []byte) bool {
	text := strings.TrimLeft(string(data[:min(len(data), 32)]), " \t\r\n")
	return text == "" || strings.ContainsAny(text[:1], `{["-0123456789tfn`)
}
