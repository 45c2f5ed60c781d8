package value_test

import (
	"testing"

	"tocsin/templating/value"
)

// What a check over a websocket finds out, in the shape that its provider has it.
type (
	checked struct {
		Connection   bool            `param:"connection" doc:"Whether all was done."`
		Data         *string         `param:"data" doc:"The first message."`
		Error        *checkedFailure `param:"error" doc:"What went wrong."`
		Connected    bool            `param:"connected" doc:"Whether the handshake was completed."`
		Type         *string         `param:"type" doc:"Frame type."`
		DataEncoding *string         `param:"data_encoding" doc:"How data is written."`
		JSON         any             `param:"json" doc:"Data read as JSON."`
		Parsed       []any           `param:"parsed" doc:"What was read out of data."`
		Messages     []received      `param:"messages" doc:"All messages."`
		URL          string          `param:"url" doc:"The address."`
		Status       *int            `param:"status" doc:"HTTP status."`
		Headers      *value.Map      `param:"headers" doc:"Headers."`
		Body         string          `param:"body" doc:"First bytes."`
		Location     *string         `param:"location" doc:"Where a redirect points to."`
		Subprotocol  string          `param:"subprotocol" doc:"Subprotocol."`
		Compression  bool            `param:"compression" doc:"Whether messages were compressed."`
		RemoteAddr   *string         `param:"remote_addr" doc:"Their address."`
		LocalAddr    *string         `param:"local_addr" doc:"Our address."`
		IPVersion    *int            `param:"ip_version" doc:"4 or 6."`
		Proxy        *string         `param:"proxy" doc:"Proxy."`
		TLS          *checkedFailure `param:"tls" doc:"What the server showed of itself."`
		Close        *checkedClose   `param:"close" doc:"How it was closed."`
		Sent         checkedSent     `param:"sent" doc:"What was sent."`
		Received     checkedReceived `param:"received" doc:"What was received."`
		Attempts     int             `param:"attempts" doc:"How often it was tried."`
		Timings      checkedTimings  `param:"timings" doc:"How long it took."`
	}
	checkedFailure struct {
		Code    string `param:"code" doc:"A name."`
		Message string `param:"message" doc:"A sentence."`
	}
	received struct {
		Data         string  `param:"data" doc:"Its content."`
		Type         string  `param:"type" doc:"Frame type."`
		DataEncoding string  `param:"data_encoding" doc:"How data is written."`
		Size         int     `param:"size" doc:"Bytes it had."`
		At           float64 `param:"at_ms" doc:"When it came."`
		Truncated    bool    `param:"truncated" doc:"Whether data is only its beginning."`
		SHA256       *string `param:"sha256" doc:"Of the whole message."`

		json any
	}
	checkedClose struct {
		Code   *int    `param:"code" doc:"Close code."`
		Reason string  `param:"reason" doc:"Reason."`
		By     *string `param:"by" doc:"Who."`
		Clean  bool    `param:"clean" doc:"Whether both said goodbye."`
	}
	checkedSent struct {
		Messages int   `param:"messages" doc:"Messages."`
		Bytes    int64 `param:"bytes" doc:"Bytes."`
	}
	checkedReceived struct {
		Messages int   `param:"messages" doc:"Messages."`
		Bytes    int64 `param:"bytes" doc:"Bytes."`
		Pings    int   `param:"pings" doc:"Pings."`
	}
	checkedTimings struct {
		DNS          *float64 `param:"dns_ms" doc:"Resolving."`
		Connect      *float64 `param:"connect_ms" doc:"Connecting."`
		Proxy        *float64 `param:"proxy_ms" doc:"Proxy."`
		TLS          *float64 `param:"tls_ms" doc:"TLS."`
		Handshake    *float64 `param:"handshake_ms" doc:"Upgrade."`
		FirstMessage *float64 `param:"first_message_ms" doc:"First message."`
		Reply        *float64 `param:"reply_ms" doc:"Reply."`
		Ping         *float64 `param:"ping_ms" doc:"Ping."`
		Total        float64  `param:"total_ms" doc:"Everything."`
	}
)

// aCheck is one that sent a word and was answered.
func aCheck() checked {
	m := received{Data: `{"status": "ok", "n": 12345}`, Type: "text", DataEncoding: "utf8", Size: 28, At: 1.375}
	m.json, _ = value.DecodeJSON([]byte(m.Data))
	headers := value.NewMap(4)
	for _, e := range [][2]string{{"Connection", "Upgrade"}, {"Date", "Fri, 20 Nov 2026 10:00:00 GMT"}, {"Sec-Websocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, {"Upgrade", "websocket"}} {
		headers.Set(e[0], e[1])
	}
	return checked{
		Connection: true, Connected: true, Data: &m.Data, Type: &m.Type, DataEncoding: &m.DataEncoding, JSON: m.json,
		Messages: []received{m}, URL: "wss://echo.example.com:8443/live?channel=prices", Status: new(101), Headers: headers,
		RemoteAddr: new("192.0.2.17:8443"), LocalAddr: new("198.51.100.4:51234"), IPVersion: new(4),
		Close: &checkedClose{Code: new(1000), By: new("us"), Clean: true},
		Sent:  checkedSent{1, 300}, Received: checkedReceived{1, 28, 0}, Attempts: 1,
		Timings: checkedTimings{Connect: new(0.25), Handshake: new(0.875), FirstMessage: new(0.25), Reply: new(0.25), Total: 1.5},
	}
}

func BenchmarkOf(b *testing.B) {
	check := aCheck()
	b.ReportAllocs()
	for b.Loop() {
		value.Of(check)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	v := value.Of(aCheck())
	dst := value.AppendJSON(nil, v)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = value.AppendJSON(dst[:0], v)
	}
}

func BenchmarkMap(b *testing.B) {
	keys := []string{"connection", "data", "error", "connected", "type", "data_encoding", "json", "parsed", "messages", "url", "status", "headers", "body", "location", "subprotocol", "compression"}
	for _, n := range []struct {
		name string
		keys int
	}{{"4", 4}, {"8", 8}, {"12", 12}, {"16", 16}} {
		b.Run(n.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m := value.NewMap(n.keys)
				for _, key := range keys[:n.keys] {
					m.Set(key, true)
				}
				if v, _ := m.Clone().Get(keys[n.keys-1]); v != true {
					b.Fatal(v)
				}
			}
		})
	}
}
