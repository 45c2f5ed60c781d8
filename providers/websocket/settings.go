package websocket

import (
	"net/http"
	"time"

	"tocsin/providers/websocket/format"
	"tocsin/workflows/schema"
)

// settings are checked parameters: what a query does, with all of its limits. They do not
// change, and are those of many queries at once.
type settings struct {
	target target

	timeout          time.Duration
	connectTimeout   time.Duration
	handshakeTimeout time.Duration
	writeTimeout     time.Duration
	receiveTimeout   time.Duration
	closeTimeout     time.Duration

	opening      []turn
	payloads     []payload
	receive      string // required, optional or none
	minMessages  int
	maxMessages  int
	expectStatus []int
	expectClose  closeSet
	maxMessage   int64
	maxResult    int
	script       []act
	reader       *format.Reader // nil: messages are not read as data

	receiveFirst, measurePing, anyUTF8 bool

	expectations
	attempts

	handshake
	auth
	network
	notes
	tls  *tlsSettings // nil: nothing is said of it
	keys *keyring
}

const (
	defaultTimeout = 10 * time.Second
	silence        = 2 * time.Second // how long to listen where no message is needed
	longest        = 24 * time.Hour
	defaultMessage = 32 << 20
	hardMessage    = 256 << 20 // what max_message_size 0 means
	defaultResult  = 256 << 10
	defaultMany    = 100
)

// settings checks p. The error is an *Error of code config_invalid.
func (p Params) settings() (*settings, error) {
	if p.samples() {
		return p.sampled()
	}
	if err := p.placed("query", "a step"); err != nil {
		return nil, err
	}
	if err := belongs(p.Rest,
		elsewhere{schema.Of[Live](), "triggers: in a step nothing stays open"},
		elsewhere{schema.Of[Sifting](), "triggers; a step has wait_for"},
		elsewhere{schema.Of[Sending](), "actions: a step waits for what it asks"},
	); err != nil {
		return nil, err
	}
	s := &settings{
		receiveFirst: or(p.ReceiveFirst, false),
		measurePing:  or(p.MeasurePing, false),
		expectStatus: p.ExpectStatus,
	}
	return s, each(s, p.connect, p.setSampled, p.setReceiveTimeout, p.setPayloads, p.setExpectations, p.setScript, p.setExpected, p.setOutcome,
		func(s *settings) error { return s.readAs(p.Options) })
}

// placed refuses a mode that is not for this place.
func (p Connection) placed(mode, place string) error {
	if written := or(p.Mode, ""); written != "" && written != mode {
		return invalid("mode: %s is for %s; in %s it is %s, or left out", written, places[written], place, mode)
	}
	return nil
}

// places say where each mode is used.
var places = map[string]string{"query": "steps", "send": "actions", "subscribe": "triggers", "sample": "steps and triggers"}

// readAs has messages read in a format.
func (s *settings) readAs(o format.Options) (err error) {
	if s.reader, err = format.New(o, "websocket", s.target.redacted); err != nil {
		return invalid("%v", err)
	}
	return nil
}

// connect checks what every mode has: where to connect, and how.
func (p Connection) connect(s *settings) error {
	if err := p.refuse(); err != nil {
		return err
	}
	s.keys = &keyring{}
	return each(s, p.setTarget, p.setTimes, p.setOpening, p.setLimits, p.setHeaders, p.setAuth, p.setTLS, p.setNetwork)
}

// each takes steps until one is an error.
func each(s *settings, steps ...func(*settings) error) error {
	for _, step := range steps {
		if err := step(s); err != nil {
			return err
		}
	}
	return nil
}

func (p Connection) setTarget(s *settings) error {
	address := or(p.URL, "")
	if err := one("url", &address, "socket_url", or(p.SocketURL, "")); err != nil {
		return err
	}
	if address == "" {
		return invalid("there is no address to connect to; write socket_url: wss://example.com/feed")
	}
	var err error
	s.target, err = parseTarget(address)
	s.hideAddress(s.target.query)
	return err
}

// setTimes reads the limits. Those of the phases can only shorten the whole.
func (p Connection) setTimes(s *settings) error {
	for _, l := range []struct {
		limit
		to       *time.Duration
		fallback time.Duration
	}{
		{limit{name: "timeout", given: p.Timeout}, &s.timeout, defaultTimeout},
		{limit{name: "connect_timeout", given: p.ConnectTimeout}, &s.connectTimeout, longest},
		{limit{name: "handshake_timeout", given: p.HandshakeTimeout}, &s.handshakeTimeout, longest},
		{limit{name: "write_timeout", given: p.WriteTimeout}, &s.writeTimeout, 30 * time.Second},
		{limit{name: "close_timeout", given: p.CloseTimeout, zero: true}, &s.closeTimeout, time.Second},
	} {
		var err error
		if *l.to, err = l.or(l.fallback); err != nil {
			return err
		}
	}
	return nil
}

// setReceiveTimeout reads the limit of receiving; 0 is none of its own.
func (p Exchange) setReceiveTimeout(s *settings) (err error) {
	s.receiveTimeout, err = limit{name: "receive_timeout", given: p.ReceiveTimeout}.or(0)
	return err
}

// A limit is a time as it was given.
type limit struct {
	name  string
	given *time.Duration
	zero  bool // whether 0 means something
}

// or is the limit, or fallback where none was given.
func (l limit) or(fallback time.Duration) (time.Duration, error) {
	d := or(l.given, fallback)
	switch {
	case d < 0:
		return 0, invalid("%s must not be negative", l.name)
	case d > longest:
		return 0, invalid("%s must not be longer than 24h", l.name)
	case l.given != nil && d == 0 && !l.zero:
		return 0, invalid("%s must not be 0: a check has to end", l.name)
	}
	return d, nil
}

// setScript reads what is said and waited for in turns.
func (p Params) setScript(s *settings) (err error) {
	if s.script, err = readScript(p.Script, p.QueryResponse); err != nil || s.script == nil {
		return err
	}
	switch {
	case len(s.payloads) > 0:
		return invalid("a script sends its own messages; leave out data, or make it the first step")
	case s.receiveFirst:
		return invalid("receive_first is not for a script: make it begin with expect")
	}
	return nil
}

// setExpected decides what has to come back.
func (p Exchange) setExpected(s *settings) (err error) {
	if err := p.setCounts(s); err != nil {
		return err
	}
	if s.expectClose, err = closeCodes(p.ExpectClose); err != nil {
		return err
	}
	s.receive = or(p.Receive, "auto")
	if s.receive == "auto" || s.receive == "" {
		s.receive = s.receiving(p.MinMessages != nil)
	}
	if s.receive == "none" {
		switch {
		case s.receiveFirst:
			return invalid("receive_first waits for a message, and receive: none for none")
		case s.wait != nil || s.failIf != nil:
			return invalid("wait_for and fail_if are about messages, and receive: none reads none")
		case hearing(s.script):
			return invalid("the script waits for messages, and receive: none for none")
		}
	}
	if s.receiveTimeout == 0 && s.receive == "optional" {
		s.receiveTimeout = silence
	} else if s.receiveTimeout == 0 {
		s.receiveTimeout = longest
	}
	return nil
}

// receiving is what receive: auto means.
func (s *settings) receiving(counted bool) string {
	asked := len(s.payloads) > 0 || !s.silent() || len(s.script) > 0
	switch {
	case asked || counted || s.wait != nil:
		return "required"
	case s.expectClose != nil:
		return "none"
	}
	return "optional"
}

func (p Exchange) setCounts(s *settings) error {
	s.minMessages = or(p.MinMessages, 1)
	s.maxMessages = or(p.MaxMessages, max(defaultMany, s.minMessages))
	switch {
	case s.minMessages < 1:
		return invalid("min_messages must be at least 1; with receive: none nothing is read")
	case s.maxMessages < s.minMessages:
		return invalid("max_messages (%d) must not be less than min_messages (%d)", s.maxMessages, s.minMessages)
	}
	if len(s.expectStatus) == 0 {
		s.expectStatus = []int{http.StatusSwitchingProtocols}
	}
	for _, status := range s.expectStatus {
		if status < 100 || status > 599 {
			return invalid("expect_status: %d is no HTTP status", status)
		}
	}
	return nil
}

func (p Connection) setLimits(s *settings) error {
	s.maxMessage = int64(or(p.MaxMessage, defaultMessage))
	result := int64(or(p.MaxResult, defaultResult))
	switch {
	case s.maxMessage < 0:
		return invalid("max_message_size must not be negative")
	case result < 0:
		return invalid("max_result_bytes must not be negative")
	case s.maxMessage == 0 || s.maxMessage > hardMessage:
		s.maxMessage = hardMessage
	}
	s.maxResult = int(min(result, hardMessage))
	s.anyUTF8 = or(p.AnyUTF8, false)
	return nil
}

// one takes a setting that has two names: both may be given if they agree.
func one(name string, to *string, alias, given string) error {
	if *to != "" && given != "" && *to != given {
		return differ(name, alias)
	}
	if given != "" {
		*to = given
	}
	return nil
}

// or is what p points to, or fallback where it was left out.
func or[T any](p *T, fallback T) T {
	if p == nil {
		return fallback
	}
	return *p
}
