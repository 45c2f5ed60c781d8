package websocket

import (
	"reflect"
	"strings"
	"time"

	"tocsin/providers"
	"tocsin/providers/websocket/format"
	"tocsin/templating/value"
	"tocsin/workflows/schema"
)

// Config is any of the parameters, as defaults for what uses it.
type Config struct {
	Connection
	Payload
	Exchange
	Scripted
	Expected
	format.Options
	Outcome
	Sending
	Live
	Sifting
}

// Params says where to connect, what to send and what to expect. Everything but the
// address has a default; a configuration may give any of it, also the address.
type Params struct {
	Connection
	Payload
	Exchange
	Scripted
	Expected
	format.Options
	Outcome
	Sampled
}

// Review says what is wrong with the parameters of a step.
func (p Params) Review() error {
	_, err := p.settings()
	return err
}

// Connection is what every mode takes: where to connect, and how.
type Connection struct {
	URL              *string        `param:"url" doc:"Address, ws:// or wss://. User info becomes basic authentication." example:"wss://example.com/feed"`
	SocketURL        *string        `param:"socket_url" doc:"Another name for url."`
	Mode             *string        `param:"mode" enum:"query,send,subscribe,sample" doc:"What it does, which follows from where it stands: a step is a query, an action sends, a trigger subscribes, or with trigger_body samples. A step samples if it says so: it asks over a connection that stays open from run to run."`
	Strict           *bool          `param:"strict" doc:"Whether parameters that there are not are errors."`
	Timeout          *time.Duration `param:"timeout" doc:"Time for everything but the closing handshake; 10s if absent or null."`
	ConnectTimeout   *time.Duration `param:"connect_timeout" doc:"Time for DNS, TCP and TLS; as timeout if absent."`
	HandshakeTimeout *time.Duration `param:"handshake_timeout" doc:"Time from the upgrade request to the whole of its answer; what is left of timeout if absent."`
	WriteTimeout     *time.Duration `param:"write_timeout" doc:"Time for writing one message; 30s if absent."`
	CloseTimeout     *time.Duration `param:"close_timeout" doc:"Time to wait for the server's close frame; 1s if absent."`

	MaxMessage *providers.ByteSize `param:"max_message_size" doc:"Larger messages are an error; 32MiB if absent, 0 for the most there is, 256MiB."`
	MaxResult  *providers.ByteSize `param:"max_result_bytes" doc:"How much of the messages is kept in the result; 256KiB if absent."`
	AnyUTF8    *bool               `param:"allow_invalid_utf8" doc:"Take texts that are not UTF-8 for what they are, and show them in base64."`

	OpenMessage     any            `param:"open_message" doc:"Message to send once the connection is open, before anything else; a mapping or list is sent as JSON."`
	OpenMessageType *string        `param:"open_message_type" enum:"binary,text" doc:"Frame type of open_message and open_messages; binary if absent."`
	OpenMessages    []any          `param:"open_messages" doc:"Several such messages, in order."`
	HandshakeBodies []any          `param:"handshake_bodies" doc:"Messages to send as text once the connection is open; an empty one is a pause."`
	HandshakePause  *time.Duration `param:"handshake_pause" doc:"How long such a pause is; 100ms if absent."`
	HandshakeBody   any            `param:"handshake_body" doc:"A single one of handshake_bodies."`

	Handshake
	Credentials
	TLSParams
	Network

	Rest *value.Map `param:"*,warn" doc:"Ignored, with a warning at load; an error with strict."`
}

// Payload is what is sent.
type Payload struct {
	Data          any     `param:"data" doc:"Message to send; a mapping or list is sent as JSON. Nothing is sent for null or an empty text."`
	Message       any     `param:"message" doc:"Another name for data."`
	Messages      []any   `param:"messages" doc:"Several messages to send, in order."`
	DataBase64    *string `param:"data_base64" alias:"message_base64" doc:"Message to send as binary, in base64."`
	MessageType   *string `param:"message_type" enum:"auto,text,binary" doc:"Frame type of what is sent; auto is text, unless the data is not UTF-8 or came in base64."`
	UseTextFrames *bool   `param:"use_text_frames" doc:"Another way to write message_type: true is text, false binary."`
	SendEmpty     *bool   `param:"send_empty" doc:"Send an empty text as a message, too."`
}

// Scripted is what is said and waited for in turns.
type Scripted struct {
	Script []ScriptStep `param:"script" doc:"What to send and to wait for in turns: instead of data, or in a trigger on every opening."`
}

// Exchange is what a query takes besides: what it does, and what has to come back.
type Exchange struct {
	QueryResponse  []QueryResponse `param:"query_response" doc:"The same as blackbox_exporter writes it."`
	ReceiveFirst   *bool           `param:"receive_first" doc:"Wait for a message before sending."`
	Receive        *string         `param:"receive" enum:"auto,required,optional,none" doc:"Whether a message must come; auto: if something is sent or waited for, or min_messages is set."`
	ReceiveTimeout *time.Duration  `param:"receive_timeout" doc:"Time for receiving; if absent what is left of timeout, but 2s where no message is needed."`
	MinMessages    *int            `param:"min_messages" doc:"How many messages to wait for; 1 if absent."`
	MaxMessages    *int            `param:"max_messages" doc:"How many messages to read at most; 100 if absent."`
	ExpectStatus   []int           `param:"expect_status" doc:"HTTP statuses that are right; 101 (upgraded) if absent. With 401 it is success to be refused so."`
	ExpectClose    []string        `param:"expect_close" doc:"Codes that the server has to close with, also as ranges (4000-4999): for an answer to what is sent, or if nothing is, to our own close."`
	MeasurePing    *bool           `param:"measure_ping" doc:"Send a ping before closing and time its answer."`
}

// refuse is the error for parameters that there are not, where they are not only ignored.
func (p Connection) refuse() error {
	if !or(p.Strict, false) {
		return nil
	}
	for key := range p.Rest.All() {
		return invalid("%s: there is no such parameter", key)
	}
	return nil
}

// An elsewhere is a set of parameters that this place does not have, and what they are for.
type elsewhere struct {
	schema *schema.Schema
	where  string
}

// belongs is the error for the first key of rest that is for another place.
func belongs(rest *value.Map, others ...elsewhere) error {
	for key, v := range rest.All() {
		for _, other := range others {
			if _, has := other.schema.Field(key); has && asksFor(v, "") {
				return invalid("%s is for %s", key, other.where)
			}
		}
	}
	return nil
}

// asksFor says whether v differs from leaving the key out.
func asksFor(v any, harmless string) bool {
	if block, ok := v.(*value.Map); ok {
		if enabled, has := block.Get("enabled"); has {
			return asksFor(enabled, "")
		}
	}
	if text, ok := v.(string); ok && strings.EqualFold(text, "false") {
		return false
	}
	return value.Truthy(v) && (harmless == "" || value.Text(v) != harmless)
}

// over is p with what it leaves out taken from defaults, field by field.
func (p Params) over(defaults Config) Params {
	p.Connection = p.Connection.over(defaults.Connection)
	if p.samples() { // what is said and waited for otherwise is not for it
		defaults.Payload, defaults.Exchange, defaults.Scripted = Payload{}, Exchange{}, Scripted{}
	}
	p.Payload = p.Payload.over(defaults.Payload)
	if len(p.Script)+len(p.QueryResponse) > 0 {
		defaults.Script, defaults.QueryResponse = nil, nil
	}
	p.Expected = p.Expected.over(defaults.Expected)
	fill(reflect.ValueOf(&p.Exchange).Elem(), reflect.ValueOf(defaults.Exchange))
	fill(reflect.ValueOf(&p.Scripted).Elem(), reflect.ValueOf(defaults.Scripted))
	fill(reflect.ValueOf(&p.Options).Elem(), reflect.ValueOf(defaults.Options))
	fill(reflect.ValueOf(&p.Outcome).Elem(), reflect.ValueOf(defaults.Outcome))
	return p
}

// over is the same for what is sent: the message is one field under several names.
func (p Payload) over(defaults Payload) Payload {
	if p.given() > 0 {
		defaults.Data, defaults.Message, defaults.Messages, defaults.DataBase64 = nil, nil, nil, nil
	}
	if p.MessageType != nil || p.UseTextFrames != nil {
		defaults.MessageType, defaults.UseTextFrames = nil, nil
	}
	fill(reflect.ValueOf(&p).Elem(), reflect.ValueOf(defaults))
	return p
}

// over is the same for what every mode has. The address is one field under several
// names, and so is what is said on opening.
func (p Connection) over(defaults Connection) Connection {
	if p.URL != nil || p.SocketURL != nil {
		defaults.URL, defaults.SocketURL = nil, nil
	}
	if len(p.openings()) > 0 {
		defaults.OpenMessage, defaults.OpenMessages, defaults.HandshakeBodies, defaults.HandshakeBody = nil, nil, nil, nil
	}
	defaults = shadowed(p, defaults)
	fill(reflect.ValueOf(&p).Elem(), reflect.ValueOf(defaults))
	return p
}

// fill gives mine what it leaves out from theirs, which is of the same type; of a block
// that both have, it does so within.
func fill(mine, theirs reflect.Value) {
	for i := range mine.NumField() {
		field, other := mine.Field(i), theirs.Field(i)
		switch {
		case field.Kind() == reflect.Struct && mine.Type().Field(i).Anonymous:
			fill(field, other)
		case field.IsZero():
			field.Set(other)
		case field.Kind() == reflect.Pointer && field.Type().Elem().Kind() == reflect.Struct && field.Type() != mapType && !other.IsNil():
			fill(field.Elem(), other.Elem())
		}
	}
}

var mapType = reflect.TypeFor[*value.Map]()
